"""Weights of others: read without running their code, recognised, and the same network."""

import collections
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import flyroom as fr
from flyroom.cli import app
from flyroom.interop import CheckpointError, read, read_pytorch


def test_a_published_transformer_has_its_published_measures(published: Path):
    found = read(published / "pizza_model_a.pt")
    assert found.layout.startswith("pizza")
    network: Any = found.network
    pairs = np.stack(np.divmod(np.arange(59 * 59), 59), 1)
    logits = np.asarray(network.table(jnp.asarray(pairs)))
    assert (logits.argmax(1) == pairs.sum(1) % 59).all()
    measure = fr.measures
    assert measure.distance_irrelevance(logits.reshape(3 * (59,))) == pytest.approx(
        0.1717, abs=1e-4
    )
    embed = np.asarray(network.embed)
    assert measure.circularity(embed) == pytest.approx(0.9978, abs=1e-4)


def test_a_published_transformer_is_what_its_weights_say(published: Path):
    """Its attention rate is 0: a plain sum over positions. In NumPy, from the file alone."""
    raw = read_pytorch(published / "pizza_model_a.pt")
    w = {name.replace("blocks.0.", ""): value.astype(np.float64) for name, value in raw.items()}
    network = read(published / "pizza_model_a.pt").network
    for a, b in ((0, 0), (7, 50), (58, 1)):
        x = w["embed.W_E"].T[[a, b]] + w["pos_embed.W_pos"]
        values = np.einsum("hcr,pr->phc", w["attn.W_V"], x).sum(0)
        residual = x[1] + w["attn.W_O"] @ values.ravel()
        hidden = np.maximum(w["mlp.W_in"] @ residual + w["mlp.b_in"], 0)
        residual = residual + w["mlp.W_out"] @ hidden + w["mlp.b_out"]
        found = network(jnp.array([a, b]))
        np.testing.assert_allclose(found, residual @ w["unembed.W_U"], atol=2e-4)


def lens(seed: int, biased: bool) -> dict[str, np.ndarray]:
    """A state dict as TransformerLens names it."""
    random = np.random.default_rng(seed)
    p, d, heads, channel, neurons = 8, 12, 3, 4, 10

    def draw(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32) / 3

    block = "blocks.0."
    tensors = {
        "embed.W_E": draw(p, d),
        "pos_embed.W_pos": draw(3, d),
        "unembed.W_U": draw(d, p),
        f"{block}attn.W_O": draw(heads, channel, d),
        f"{block}mlp.W_in": draw(d, neurons),
        f"{block}mlp.W_out": draw(neurons, d),
        f"{block}mlp.b_in": draw(neurons),
        f"{block}mlp.b_out": draw(d),
    }
    tensors |= {f"{block}attn.W_{kind}": draw(heads, d, channel) for kind in "QKV"}
    if biased:
        tensors |= {f"{block}attn.b_{kind}": draw(heads, channel) for kind in "QKV"}
        tensors |= {f"{block}attn.b_O": draw(d), "unembed.b_U": draw(p)}
    return tensors


def by_hand(tensors: dict[str, np.ndarray], row: list[int]) -> np.ndarray:
    """Its logits at the last position, with every bias, in NumPy."""
    w = collections.defaultdict(
        lambda: np.zeros(()), {k: v.astype(np.float64) for k, v in tensors.items()}
    )
    at = "blocks.0.attn."
    x = w["embed.W_E"][row] + w["pos_embed.W_pos"][: len(row)]
    q, k, v = (np.einsum("pr,hrc->phc", x, w[f"{at}W_{n}"]) + w[f"{at}b_{n}"] for n in "QKV")
    scores = np.einsum("hc,phc->hp", q[-1], k) / 2
    pattern = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    mixed = np.einsum("hp,phc->hc", pattern, v)
    residual = x[-1] + np.einsum("hc,hcr->r", mixed, w[f"{at}W_O"]) + w[f"{at}b_O"]
    hidden = np.maximum(residual @ w["blocks.0.mlp.W_in"] + w["blocks.0.mlp.b_in"], 0)
    residual = residual + hidden @ w["blocks.0.mlp.W_out"] + w["blocks.0.mlp.b_out"]
    return residual @ w["unembed.W_U"] + w["unembed.b_U"]


@pytest.mark.parametrize("biased", [False, True])
def test_a_transformer_with_every_bias_gives_its_logits(tmp_path: Path, biased: bool):
    tensors = lens(0, biased)
    safetensors.numpy.save_file(tensors, tmp_path / "model.safetensors")
    found = read(tmp_path / "model.safetensors")
    assert found.layout == "TransformerLens"
    network = found.network
    rows = [[1, 5, 7], [0, 0, 2]]
    expected = [by_hand(tensors, row) for row in rows]
    np.testing.assert_allclose([network(jnp.array(r)) for r in rows], expected, atol=1e-5)
    np.testing.assert_allclose(network.table(jnp.array(rows)), expected, atol=1e-5)


def torch_file(path: Path, *, pickled: bytes, data: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, content in data.items():
            archive.writestr(f"archive/data/{name}", content)
    return path


def parts_of(path: Path) -> tuple[bytes, dict[str, bytes]]:
    """The pickle and the data of a file that `torch_file` could have written."""
    with zipfile.ZipFile(path) as archive:
        parts = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    data = {name[5:]: content for name, content in parts.items() if name.startswith("data/")}
    return parts["data.pkl"], data


class Wicked:
    def __reduce__(self):
        return print, ("this must never be said",)


def test_code_in_a_pickle_is_refused_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = torch_file(tmp_path / "x.pt", pickled=pickle.dumps({"a": Wicked()}), data={})
    with pytest.raises(CheckpointError, match="which is code and not a tensor; it was not run"):
        read_pytorch(path)
    assert capsys.readouterr().out == ""


def test_what_a_config_in_the_file_names_is_no_code(tmp_path: Path):
    """A type and a device, as PyTorch pickles them, beside a tensor of two numbers."""
    words = b"X\x01\x00\x00\x00"  # a string of one letter
    config = b"}(" + words + b"tctorch\nfloat32\n" + words + b"dctorch\ndevice\n(" + words + b"ctRu"
    storage = b"(" + words + b"sctorch\nFloatStorage\n" + words + b"0" + words + b"cK\x02tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00(K\x02t(K\x01t\x89NtR"
    pickled = b"\x80\x02}(" + words + b"w" + tensor + words + b"k" + config + b"u."
    values = np.array([1.5, -2.0], np.float32)
    path = torch_file(tmp_path / "x.pt", pickled=pickled, data={"0": values.tobytes()})
    found = read_pytorch(path)
    assert list(found) == ["w"]
    np.testing.assert_array_equal(found["w"], values)


class HookedConfig:
    """One that says how a network is made, as an object of a class that is not to be imported."""

    def __init__(self) -> None:
        self.act_fn, self.attn_scale, self.losses = "gelu", np.float64(0.5), np.arange(3.0)

    def __setstate__(self, state: dict) -> None:
        raise AssertionError("its code was run")


def test_the_attributes_of_a_config_are_read_and_its_class_is_not_run(
    tmp_path: Path, published: Path
):
    """As TransformerLens's demonstration saves it, beside the weights."""
    weights, data = parts_of(published / "pizza_model_a.pt")
    config = pickle.dumps(HookedConfig(), protocol=2)
    # Each without what begins and what ends a pickle of its own.
    config, weights = config[2:-1], weights[2:-1]
    word = {name: b"X" + len(name).to_bytes(4, "little") + name for name in (b"model", b"config")}
    pickled = b"\x80\x02}(" + word[b"model"] + weights + word[b"config"] + config + b"u."
    path = torch_file(tmp_path / "run.pt", pickled=pickled, data=data)
    found = read(path)
    assert found.layout == "pizza transformer"
    assert isinstance(found.network, fr.models.TransformerNetwork)
    assert found.network.activation is fr.models.gelu
    plain = read(published / "pizza_model_a.pt").network
    assert isinstance(plain, fr.models.TransformerNetwork)
    ratio = found.network.blocks[0].query / plain.blocks[0].query
    channels = plain.blocks[0].query.shape[2]
    np.testing.assert_allclose(ratio, channels**0.5 / 0.5, rtol=1e-6)


# Python's own unpickler allocates what such a word asks for: 64 GB here.
@pytest.mark.parametrize("word", [b"r\xff\xff\xff\xff", b"B\xff\xff\xff\x7f", b"g9\n", b"b", b"R"])
def test_a_damaged_pickle_is_refused_at_no_cost(tmp_path: Path, word: bytes):
    for pickled in (b"\x80\x02}" + word, b"\x80\x02}(K\x01K\x02u" + word + b"."):
        path = torch_file(tmp_path / "x.pt", pickled=pickled, data={})
        with pytest.raises(CheckpointError, match=r"not a whole file|holds no tensors"):
            read_pytorch(path)


def test_an_array_that_no_memory_holds_is_refused(tmp_path: Path):
    """A header that promises 3.6 TiB, and 64 bytes."""
    promise = b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 10000000), }"
    header = promise.ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    (tmp_path / "x.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("embed.npy", content)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(CheckpointError, match="no whole file of NumPy arrays"):
            read(tmp_path / name)


def test_a_published_file_with_changed_bytes_is_read_or_refused(tmp_path: Path, published: Path):
    whole, data = parts_of(published / "pizza_model_a.pt")
    random, refused = np.random.default_rng(0), 0
    for _ in range(60):
        changed = bytearray(whole)
        changed[random.integers(len(whole))] = random.integers(256)
        path = torch_file(tmp_path / "x.pt", pickled=bytes(changed), data=data)
        try:
            read_pytorch(path)
        except CheckpointError:
            refused += 1
    assert 0 < refused < 60


def test_what_is_cut_short_is_said(tmp_path: Path, published: Path):
    whole = (published / "pizza_model_a.pt").read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 10):
        (tmp_path / "cut.pt").write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="not a whole file"):
            read(tmp_path / "cut.pt")


def test_what_is_no_network_that_we_know_is_said(tmp_path: Path):
    tensors = lens(0, False)
    embed = tensors.pop("embed.W_E")
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(tensors, path)
    with pytest.raises(CheckpointError, match=r"Looked for: TransformerLens: embed\.W_E") as said:
        read(path)
    assert str(said.value).endswith("Nearest is TransformerLens; missing: embed.W_E.")
    safetensors.numpy.save_file({"weight": embed}, path)
    with pytest.raises(CheckpointError, match=r"embed, hidden, out\.$"):
        read(path)
    safetensors.numpy.save_file(tensors | {"embed.W_E": embed * np.nan}, path)
    with pytest.raises(CheckpointError, match=r"embed\.W_E has numbers that are not finite"):
        read(path)
    with pytest.raises(CheckpointError, match="there is no such file"):
        read(tmp_path / "nothing.pt")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        read(path)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit status of `flyroom explain`, and what it said."""
    code = 0
    try:
        app(["explain", *words], result_action="return_value")
    except SystemExit as exit:
        code = int(exit.code or 0)
    seen = capsys.readouterr()
    return code, seen.out, seen.err


def test_a_file_is_explained_from_the_shell(published: Path, capsys: pytest.CaptureFixture[str]):
    model = str(published / "pizza_model_a.pt")
    code, out, _ = told(capsys, model, "--task", "modular-addition", "--p", "59", "--json")
    assert code == 0
    found = json.loads(out.splitlines()[-1])
    assert found["layout"].startswith("pizza")
    assert found["key_frequencies"] == [3, 15, 17]
    assert found["mechanism"] == "pizza"
    assert found["gradient_symmetricity"] == pytest.approx(0.9937, abs=5e-4)
    assert found["circularity"] == pytest.approx(0.9978, abs=1e-4)
    assert min(found[name] for name in ("sufficient", "necessary", "predictive")) > 0.99
    assert "0.1717" in out


def test_the_explorable_is_explained_from_the_shell(
    published: Path, capsys: pytest.CaptureFixture[str]
):
    model = str(published / "pair_mod67_mlp.npz")
    code, out, _ = told(capsys, model, "--p", "67", "--json")
    assert code == 0
    found = json.loads(out.splitlines()[-1])
    assert (found["accuracy"], found["key_frequencies"]) == (1.0, [1, 15, 23])
    assert found["neurons_by_frequency"] == {"1": 12, "15": 6, "23": 6}
    assert [one["frequency"] for one in found["circles"]] == [1, 15, 23]
    assert [one["mechanism"] for one in found["others"]] == ["quadrature", "memorised table"]
    assert "or quadrature" in out
    # its inputs meet in a sum
    assert found["gradient_symmetricity"] == pytest.approx(1)


def test_what_a_wrong_file_or_modulus_is_told(
    tmp_path: Path, published: Path, capsys: pytest.CaptureFixture[str]
):
    for words, said in (
        (["nothing.pt", "--p", "59"], "there is no such file"),
        ([str(published / "pizza_model_a.pt"), "--p", "61"], "not pairs of 61 elements. Was it"),
        ([str(published / "pizza_model_a.pt"), "--group", "S5"], "not pairs of 120 elements"),
        ([str(published / "pizza_model_a.pt"), "--group", "A5"], "allowed: S2 to S5"),
        ([str(published / "pizza_model_a.pt")], "say what the network was trained on"),
    ):
        code, out, error = told(capsys, *words, "--json")
        assert code == 2
        assert said in error
        assert said in json.loads(out)["error"]


def test_a_modulus_that_is_one_too_small_is_asked_about(
    published: Path, capsys: pytest.CaptureFixture[str]
):
    """A network may know one token more than there are elements, which it was never asked about."""
    code, out, _ = told(capsys, str(published / "pizza_model_a.pt"), "--p", "58", "--json")
    found = json.loads(out.splitlines()[-1])
    assert (code, found["mechanism"]) == (0, "no explanation")
    assert found["verdict"].endswith("It knows 59 tokens: was it trained modulo 59?")


def test_two_layers_and_narrow_embeddings_are_told_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    random = np.random.default_rng(0)
    shapes = {
        "embed.weight": (11, 2), "l1.weight": (16, 2), "l1.bias": (16,), "l2.weight": (9, 16),
        "l2.bias": (9,), "unembed.weight": (11, 9),
    }  # fmt: skip
    path = tmp_path / "model_b.npz"
    np.savez(path, **{k: random.normal(size=v).astype(np.float32) for k, v in shapes.items()})
    code, out, _ = told(capsys, str(path), "--p", "11", "--json")
    found = json.loads(out.splitlines()[-1])
    assert (code, found["layout"]) == (0, "pizza linear model")
    assert found["idealised"] is None
    assert 0 < found["circularity"] <= 1


def test_what_is_no_number_is_null_to_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A network of zeros has no gradients, and so no angle between them."""
    shapes = {"embed": (11, 2), "hidden": (2, 6), "out": (6, 2)}
    zeros: dict[str, Any] = {k: np.zeros(v, np.float32) for k, v in shapes.items()}
    np.savez(tmp_path / "zeros.npz", **zeros)
    _, out, _ = told(capsys, str(tmp_path / "zeros.npz"), "--p", "11", "--json")
    found = json.loads(out.splitlines()[-1], parse_constant=pytest.fail)
    assert found["gradient_symmetricity"] is None


def test_logits_and_stores_are_explained_from_the_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    np.save(tmp_path / "clock.npy", fr.models.constructed.clock_logits(31, {3: 1.0, 7: 2.0}))
    code, out, _ = told(capsys, str(tmp_path / "clock.npy"), "--p", "31", "--json")
    found = json.loads(out.splitlines()[-1])
    assert (code, found["layout"], found["mechanism"]) == (0, "logits", "clock")
    assert found["key_frequencies"] == [3, 7]
    assert found["circularity"] is None  # nothing but logits
    task = fr.tasks.GroupOperation(degree=3, train_fraction=0.5)
    experiment = fr.Experiment(task, fr.models.MLP(widths=(8,)), steps=2)
    store = tmp_path / "x.zarr"
    fr.train(experiment, store=store, machine=fr.Machine(devices=1, progress=False))
    code, out, _ = told(capsys, str(store), "--json")
    found = json.loads(out.splitlines()[-1])
    assert (code, found["layout"]) == (0, "store, run 0")
    assert set(found["irreps"]) <= {"(2, 1)", "(1, 1, 1)"}
    assert found["neurons"].endswith(" of 8")
    assert found["left_over"] in ("noise", "structure", "memorised examples")
    both = tmp_path / "both.zarr"
    over = {"optimizer.learning_rate": [1e-3, 1e30]}
    fr.train(experiment, over=over, store=both, machine=fr.Machine(devices=1, progress=False))
    code, out, _ = told(capsys, str(both), "--json")
    rows = json.loads(out.splitlines()[-1])
    assert [row["mechanism"] for row in rows] == ["no explanation", ""]
    assert rows[1]["accuracy"] is None
    for words, said in (
        (["--step", "1"], "not at 1"),
        (["--run", "9"], "got run 9; allowed: 0 to 0"),
    ):
        code, _, error = told(capsys, str(store), *words)
        assert code == 2
        assert said in error
