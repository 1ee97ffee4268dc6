"""Layouts of other code bases: networks that were read compute what theirs do, in NumPy."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import flyroom as fr
from flyroom.algebra import numbering, symmetric
from flyroom.interop import CheckpointError, read, read_logits, write

P, D, N = 7, 6, 10
PAIRS = np.stack(np.divmod(np.arange(P * P), P), 1)

Tensors = dict[str, np.ndarray]


def draw(seed: int, **shapes: tuple[int, ...]) -> Tensors:
    """Random tensors; two underscores in a name stand for a dot."""
    random = np.random.default_rng(seed)
    return {
        name.replace("__", "."): random.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def saved(folder: Path, tensors: Tensors, name: str = "model_x", **config: Any) -> Path:
    path = folder / f"{name}.safetensors"
    safetensors.numpy.save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, path)
    if config:
        (folder / "config_x.json").write_text(json.dumps(config))
    return path


def logits(path: Path, size: int = P) -> np.ndarray:
    """What a file's network says to every pair, one by one and all at once."""
    found = read(path)
    inputs = jnp.asarray(found.reading(size).inputs)
    table = np.asarray(found.network.table(inputs))
    np.testing.assert_allclose(table[3], found.network(inputs[3]), atol=1e-6 * np.abs(table).max())
    return table[:, :size]


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def linear(kind: str, w: Tensors, a: int, b: int) -> np.ndarray:
    """The pizza repository's linear models, at one pair."""
    x, y = w["embed.weight"][a], w["embed.weight"][b]
    one, bias = w["l1.weight"], w["l1.bias"]
    if kind == "D":
        value = one @ np.concatenate([x, y]) + bias
    else:
        value = one @ (x + y) + bias * (2 if kind == "C" else 1)
    value = relu(value)
    if kind in "BC":
        value = relu(w["l2.weight"] @ value + w["l2.bias"])
    return w["unembed.weight"] @ value


@pytest.mark.parametrize("kind", "ABCD")
def test_linear_models_of_the_pizza_repository(tmp_path: Path, kind: str):
    wide = 2 * D if kind == "D" else D
    shapes = {"embed__weight": (P, D), "unembed__weight": (P, N), "l1__weight": (N, wide)}
    second = {"l2__weight": (N, N), "l2__bias": (N,)} if kind in "BC" else {}
    w = draw(0, **shapes, l1__bias=(N,), **second)
    path = saved(tmp_path, w, model_type=kind)
    assert read(path).layout == "pizza linear model"
    expected = [linear(kind, w, a, b) for a, b in PAIRS]
    np.testing.assert_allclose(logits(path), expected, rtol=1e-4, atol=1e-4)


def test_a_linear_model_of_another_type_than_its_config_says_is_refused(tmp_path: Path):
    shapes = {"embed__weight": (P, D), "unembed__weight": (P, N), "l1__weight": (N, 2 * D)}
    path = saved(tmp_path, draw(0, **shapes, l1__bias=(N,)), model_type="A")
    with pytest.raises(CheckpointError, match="a model of type 'A', which these tensors are not"):
        read(path)


def test_two_embeddings_of_the_pizza_repository(tmp_path: Path):
    w = draw(
        1,
        embed1__weight=(P, D),
        embed2__weight=(P, D),
        unembed__weight=(P, N),
        l1__weight=(N, D),
        l1__bias=(N,),
    )
    path = saved(tmp_path, w)
    expected = [
        w["unembed.weight"]
        @ relu(w["l1.weight"] @ (w["embed1.weight"][a] + w["embed2.weight"][b]) + w["l1.bias"])
        for a, b in PAIRS
    ]
    np.testing.assert_allclose(logits(path), expected, rtol=1e-4, atol=1e-4)
    assert not read(path).shared


def test_nets_of_groups(tmp_path: Path):
    w = draw(2, W_x=(P, D), W_y=(P, D), W=(2 * D, N), W_U=(N, P))
    path = saved(tmp_path, w)
    assert read(path).layout == "rep-theory perceptron"
    expected = [relu(np.r_[w["W_x"][a], w["W_y"][b]] @ w["W"]) @ w["W_U"] for a, b in PAIRS]
    np.testing.assert_allclose(logits(path), expected, rtol=1e-4, atol=1e-4)
    del w["W"]
    w["W_U"] = w["W_U"][:D]
    path = saved(tmp_path, w)
    assert read(path).layout == "rep-theory bilinear"
    expected = [(w["W_x"][a] * w["W_y"][b]) @ w["W_U"] for a, b in PAIRS]
    np.testing.assert_allclose(logits(path), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("biased", [False, True])
def test_nets_of_permutations(tmp_path: Path, biased: bool):
    sizes = {"lembed__weight": (P, D), "rembed__weight": (P, D)}
    sizes |= {"linear__weight": (N, 2 * D), "unembed__weight": (P, N)}
    w = draw(4, **sizes, **({"linear__bias": (N,), "unembed__bias": (P,)} if biased else {}))
    path = saved(tmp_path, w)
    assert read(path).layout == "sn-grok perceptron"
    into, out = (w.get(f"{name}.bias", 0) for name in ("linear", "unembed"))
    both = [np.r_[w["lembed.weight"][a], w["rembed.weight"][b]] for a, b in PAIRS]
    hidden = [relu(w["linear.weight"] @ x + into) for x in both]
    expected = [w["unembed.weight"] @ h + out for h in hidden]
    np.testing.assert_allclose(logits(path), expected, rtol=1e-4, atol=1e-4)


HEADS, CHANNEL = 2, 3


def blocks(seed: int, layers: int, tokens: int, positions: int, classes: int) -> Tensors:
    """Tensors of the pizza repository's transformer."""
    shapes: dict[str, tuple[int, ...]] = {
        "embed__W_E": (D, tokens),
        "pos_embed__W_pos": (positions, D),
        "unembed__W_U": (D, classes),
    }
    for n in range(layers):
        at, mlp = f"blocks__{n}__attn__", f"blocks__{n}__mlp__"
        shapes |= {f"{at}W_{kind}": (HEADS, CHANNEL, D) for kind in "QKV"}
        shapes |= {f"{at}W_O": (D, HEADS * CHANNEL), f"{at}mask": (positions, positions)}
        shapes |= {f"{mlp}W_in": (N, D), f"{mlp}b_in": (N,)}
        shapes |= {f"{mlp}W_out": (D, N), f"{mlp}b_out": (D,)}
    return draw(seed, **shapes)


def attends(w: Tensors, row: np.ndarray, rate: float, causal: bool) -> np.ndarray:
    """Its logits at the last position."""
    x = w["embed.W_E"].T[row] + w["pos_embed.W_pos"]
    layers = sum(name.endswith("attn.W_Q") for name in w)
    for n in range(layers):
        at, mlp = f"blocks.{n}.attn.", f"blocks.{n}.mlp."
        q, k, v = (np.einsum("hcr,pr->phc", w[f"{at}W_{kind}"], x) for kind in "QKV")
        scores = np.einsum("qhc,khc->hqk", q, k) / CHANNEL**0.5
        if causal:
            scores = np.where(np.tri(len(row)) > 0, scores, -np.inf)
        scores = np.exp(scores - scores.max(2, keepdims=True))
        pattern = rate * scores / scores.sum(2, keepdims=True) + 1 - rate
        mixed = np.einsum("hqk,khc->qhc", pattern, v)
        x = x + mixed.reshape(len(row), -1) @ w[f"{at}W_O"].T
        hidden = relu(x @ w[f"{mlp}W_in"].T + w[f"{mlp}b_in"])
        x = x + hidden @ w[f"{mlp}W_out"].T + w[f"{mlp}b_out"]
    return x[-1] @ w["unembed.W_U"]


def close(found: np.ndarray, expected: list[np.ndarray] | np.ndarray) -> None:
    wanted = np.asarray(expected)[:, :P]
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_deep_transformers_of_the_pizza_repository_see_all_positions(tmp_path: Path, rate: float):
    w = blocks(3, 2, P, 2, P)
    path = saved(tmp_path, w, attn_coeff=rate, act_fn="ReLU")
    assert read(path).layout == "pizza transformer"
    close(logits(path), [attends(w, row, rate, causal=False) for row in PAIRS])


def test_second_operands_may_have_tokens_of_their_own(tmp_path: Path):
    w = blocks(4, 1, 2 * P + 1, 3, 2 * P + 1)
    path = saved(tmp_path, w, attn_coeff=0.5, act_fn="ReLU")
    rows = [np.array([a, P + b, 2 * P]) for a, b in PAIRS]
    close(logits(path), [attends(w, row, 0.5, causal=False) for row in rows])
    found = read(path)
    assert found.reading(P).tokens.tolist() == [list(range(P)), list(range(P, 2 * P))]
    with pytest.raises(CheckpointError, match=f"not pairs of {P + 1} elements"):
        found.reading(P + 1)


def test_deep_transformers_of_progress_measures_do_not_look_ahead(tmp_path: Path):
    w = blocks(5, 2, P + 1, 3, P + 1)
    path = saved(tmp_path, w)
    assert read(path).layout == "progress-measures transformer"
    close(logits(path), [attends(w, np.r_[row, P], 1.0, causal=True) for row in PAIRS])
    for name, neurons in (("ReLU", fr.models.relu), ("GeLU", fr.models.gelu)):
        network = read(saved(tmp_path, w, act_type=name)).network
        assert isinstance(network, fr.models.TransformerNetwork)
        assert network.activation is neurons


def test_the_last_of_many_snapshots_is_read_and_masks_are_no_weights(tmp_path: Path):
    early, late = blocks(6, 1, P, 2, P), blocks(7, 1, P, 2, P)
    late["blocks.0.attn.IGNORE"] = np.array([-np.inf], np.float32)
    both = {f"state_dicts.{n}.{k}": v for n, w in enumerate((early, late)) for k, v in w.items()}
    path = tmp_path / "run.npz"
    np.savez(path, allow_pickle=False, **both)
    close(logits(path), [attends(late, row, 1.0, causal=False) for row in PAIRS])
    end = blocks(8, 1, P, 2, P)
    np.savez(path, allow_pickle=False, **{f"model.{k}": v for k, v in end.items()}, **both)
    close(logits(path), [attends(end, row, 1.0, causal=False) for row in PAIRS])


def test_the_bridge_of_transformer_lens_4(tmp_path: Path):
    shapes: dict[str, tuple[int, ...]] = {
        "embed__weight": (P + 1, D),
        "pos_embed__weight": (3, D),
        "unembed__weight": (P, D),
        "unembed__bias": (P,),
    }
    for kind in "qkv":
        shapes |= {f"blocks__0__attn__{kind}__weight": (D, D)}
        shapes |= {f"blocks__0__attn__{kind}__bias": (D,)}
    shapes |= {"blocks__0__attn__o__weight": (D, D), "blocks__0__attn__o__bias": (D,)}
    shapes |= {"blocks__0__mlp__in__weight": (N, D), "blocks__0__mlp__in__bias": (N,)}
    shapes |= {"blocks__0__mlp__out__weight": (D, N), "blocks__0__mlp__out__bias": (D,)}
    w = draw(8, **shapes)
    with pytest.raises(CheckpointError, match="give a config with `n_heads`"):
        read(saved(tmp_path, w))
    path = saved(tmp_path, w, n_heads=HEADS)

    def expected(row: np.ndarray) -> np.ndarray:
        x = w["embed.weight"][row] + w["pos_embed.weight"]
        parts = [x @ w[f"blocks.0.attn.{k}.weight"].T + w[f"blocks.0.attn.{k}.bias"] for k in "qkv"]
        q, k, v = (part.reshape(3, HEADS, -1) for part in parts)
        scores = np.exp(np.einsum("hc,khc->hk", q[-1], k) / CHANNEL**0.5)
        mixed = np.einsum("hk,khc->hc", scores / scores.sum(1, keepdims=True), v).ravel()
        x = x[-1] + mixed @ w["blocks.0.attn.o.weight"].T + w["blocks.0.attn.o.bias"]
        hidden = relu(x @ w["blocks.0.mlp.in.weight"].T + w["blocks.0.mlp.in.bias"])
        x = x + hidden @ w["blocks.0.mlp.out.weight"].T + w["blocks.0.mlp.out.bias"]
        return x @ w["unembed.weight"].T + w["unembed.bias"]

    assert read(path).layout == "TransformerLens 4"
    close(logits(path), [expected(np.r_[row, P]) for row in PAIRS])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"normalization_type": "LNPre"}, "normalization_type='LNPre', .* known is None"),
        ({"positional_embedding_type": "rotary"}, "known is 'standard'"),
        ({"attn_scores_soft_cap": 30.0}, "attn_scores_soft_cap=30.0"),
        ({"act_fn": "silu"}, "Its neurons are 'silu'"),
    ],
)
def test_what_only_the_config_says_is_not_passed_over(tmp_path: Path, config: Any, said: str):
    w = blocks(5, 1, P + 1, 3, P)
    with pytest.raises(CheckpointError, match=said):
        read(saved(tmp_path, w, **config))


def test_scores_are_scaled_as_the_config_says(tmp_path: Path):
    """Twice the queries at twice the scale, and the root of the channels where there is none."""
    w = blocks(5, 1, P + 1, 3, P)
    expected = logits(saved(tmp_path, w))
    sharper = {**w, "blocks.0.attn.W_Q": 2 * w["blocks.0.attn.W_Q"]}
    close(logits(saved(tmp_path, sharper, attn_scale=2 * CHANNEL**0.5)), expected)
    smaller = {**w, "blocks.0.attn.W_Q": w["blocks.0.attn.W_Q"] / CHANNEL**0.5}
    close(logits(saved(tmp_path, smaller, use_attn_scale=False)), expected)
    assert not np.allclose(logits(saved(tmp_path, sharper, "model_y")), expected)


def test_attention_looks_ahead_where_the_config_says_so(tmp_path: Path):
    task = fr.tasks.ModularArithmetic(p=P, encoding="equals")
    model = fr.models.Transformer(layers=2, width=8, heads=2, neurons=12)
    network = model.init(task.signature, P, key=jax.random.key(0))
    path = tmp_path / "model.safetensors"
    write(path, network)
    beside = path.with_suffix(".json")
    causal = logits(path)
    beside.write_text(
        json.dumps({**json.loads(beside.read_text()), "attention_dir": "bidirectional"})
    )
    ahead = dataclasses.replace(network, causal=False).table(jnp.asarray(task.table()[0]))
    np.testing.assert_allclose(logits(path), ahead, rtol=1e-5, atol=1e-6)
    assert not np.allclose(causal, ahead)


@pytest.mark.parametrize("name", ["W_in", "W_out", "W_O", "W_Q"])
def test_tensors_that_do_not_fit_each_other_are_refused(tmp_path: Path, name: str):
    w = blocks(5, 1, P + 1, 3, P)
    wrong = next(key for key in w if key.endswith(name))
    w[wrong] = w[wrong][..., 1:]
    with pytest.raises(CheckpointError, match="do not fit each other"):
        read(saved(tmp_path, w))


def test_heads_that_do_not_divide_the_width_are_refused(tmp_path: Path):
    w = draw(
        9, embed__weight=(P, D), pos_embed__weight=(2, D), unembed__weight=(P, D),
        blocks__0__mlp__in__weight=(N, D), blocks__0__mlp__out__weight=(D, N),
        **{f"blocks__0__attn__{kind}__weight": (D, D) for kind in "qkvo"},
    )  # fmt: skip
    with pytest.raises(CheckpointError, match="do not fit each other"):
        read(saved(tmp_path, w, n_heads=D + 1))


def test_words_beside_the_arrays_of_a_file_are_passed_over(tmp_path: Path, published: Path):
    with np.load(published / "pair_mod67_mlp.npz") as file:
        arrays = {name: file[name] for name in file.files}
    path = tmp_path / "worded.npz"
    np.savez(path, allow_pickle=False, **arrays, license=np.array("MIT"))
    assert read(path).layout == "factored perceptron of the PAIR explorable"


@pytest.mark.parametrize("transposed", [False, True])
def test_a_group_numbered_in_another_order_is_found_by_its_products(tmp_path, transposed: bool):
    """A bilinear net of permutation matrices, its elements shuffled, left and right as well."""
    table = symmetric(4).table.T if transposed else symmetric(4).table
    theirs = np.random.default_rng(0).permutation(24)
    net = fr.models.constructed.characters(4, [(3, 1)])
    first = np.empty((2, 24, net.first.shape[2]), np.float32)
    first[:, theirs] = net.first[::-1] if transposed else net.first
    out = np.empty((first.shape[2], 24), np.float32)
    out[:, theirs] = net.weights[0]
    half = first.shape[2] // 2  # the other half are the squares of differences
    w = {"W_x": first[0, :, :half], "W_y": first[1, :, :half], "W_U": 4 * out[:half]}
    path = saved(tmp_path, w)
    found = fr.explain(read(path), fr.tasks.GroupOperation(degree=4))
    assert found.accuracy == 1
    assert found.mechanism == "representations"
    assert list(found.fit.similarity) == [(3, 1)]
    order = found.subject.counting.answers
    answers = np.empty((24, 24), int)
    answers[np.ix_(theirs, theirs)] = theirs[table]
    assert (answers[np.ix_(order, order)] == order[symmetric(4).table]).all()


def test_an_order_is_found_although_some_answers_are_wrong():
    random = np.random.default_rng(0)
    table, theirs = symmetric(5).table, random.permutation(120)
    answers = np.empty((120, 120), int)
    answers[np.ix_(theirs, theirs)] = theirs[table]
    wrong = random.random(answers.shape) < 0.02
    answers[wrong] = random.integers(120, size=wrong.sum())
    order = numbering(answers, 5)
    assert (answers[np.ix_(order, order)] == order[table]).mean() > 0.97
    nonsense = random.integers(120, size=(120, 120))
    order = numbering(nonsense, 5)
    assert (nonsense[np.ix_(order, order)] == order[table]).mean() < 0.1


def test_logits_of_all_pairs_are_a_file_too(tmp_path: Path):
    path, values = tmp_path / "logits.npy", fr.models.constructed.clock_logits(P, {1: 1.0})
    np.save(path, values)
    np.testing.assert_array_equal(read_logits(path), values)
    np.save(path, values[0])
    assert read_logits(path) is None
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CheckpointError, match="no whole file of NumPy arrays"):
        read_logits(path)


def test_what_is_written_is_read_again(tmp_path: Path):
    task = fr.tasks.ModularArithmetic(p=P, encoding="equals")
    model = fr.models.Transformer(layers=2, width=8, heads=2, neurons=12, bias=False)
    network = model.init(task.signature, P, key=jax.random.key(0))
    path = tmp_path / "model.safetensors"
    write(path, jax.tree.map(np.asarray, network))  # as one from a store is
    config = json.loads(path.with_suffix(".json").read_text())
    assert (config["n_layers"], config["d_head"], config["act_fn"]) == (2, 4, "relu")
    inputs = jnp.asarray(task.table()[0])
    again = read(path).network.table(inputs)
    np.testing.assert_allclose(again, network.table(inputs), rtol=1e-5, atol=1e-6)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


TRANSFORMER = fr.models.Transformer(width=8, heads=2, neurons=12)


@pytest.mark.parametrize(
    "model",
    [
        *(
            dataclasses.replace(TRANSFORMER, **values)
            for values in (
                {"norm": True},
                {"attention_rate": 0.5},
                {"layers": 2, "causal": False},
                {"activation": fr.models.absolute},
                {"positions": "sinusoidal", "norm": True},
            )
        ),
        fr.models.FactoredMLP(width=4),
        fr.models.FactoredMLP(width=4, input="collapsed", output="collapsed", shared=False),
        fr.models.FactoredMLP(width=5, embed_width=4, circles=(1, 2)),
        fr.models.EmbeddedMLP(width=4, widths=(5, 6), join="sum_after"),
        fr.models.EmbeddedMLP(width=4, widths=(5,), shared=False, bias=False),
        fr.models.MLP(widths=(6, 5), activation=fr.models.monomial(3), output_bias=True),
        fr.models.MLP(widths=(6,), batch_norm=True, dropout=0.2),
        fr.models.LSTM(width=4),
    ],
    ids=str,
)
def test_any_network_is_written_as_ours_and_read_again(tmp_path: Path, model: Any):
    task = fr.tasks.ModularArithmetic(p=P)
    network = model.init(task.signature, P, key=jax.random.key(0))
    path = tmp_path / "model.safetensors"
    assert write(path, jax.tree.map(np.asarray, network)) == "flyroom"
    found = read(path)
    assert (found.layout, type(found.network)) == ("flyroom", type(network))
    inputs = jnp.asarray(found.reading(P).inputs)
    np.testing.assert_array_equal(inputs, PAIRS)
    np.testing.assert_array_equal(found.network.table(inputs), network.table(inputs))
    told = fr.explain(found, task)
    assert told.accuracy == fr.explain(network, task).accuracy
    if found.shared:
        vectors = jnp.asarray(found.embedding[[2, 3]])
        np.testing.assert_allclose(
            found.answer(vectors), network(jnp.array([2, 3])), rtol=1e-5, atol=1e-6
        )


def test_a_network_of_bits_is_written_as_ours_and_read_again(tmp_path: Path):
    task = fr.tasks.SparseParity(n=6, k=2, train_count=30, test_count=30)
    network = fr.models.MLP(widths=(8,)).init(task.signature, 2, key=jax.random.key(0))
    path = tmp_path / "model.safetensors"
    assert write(path, network) == "flyroom"
    bits = jnp.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
    np.testing.assert_array_equal(read(path).network(bits), network(bits))


def test_what_cannot_be_read_again_is_not_written(tmp_path: Path):
    task = fr.tasks.ModularArithmetic(p=P)
    network = fr.models.MLP(widths=(6,)).init(task.signature, P, key=jax.random.key(0))
    own = dataclasses.replace(network, activation=lambda x: x)
    with pytest.raises(CheckpointError, match="has <lambda>, which flyroom has not"):
        write(tmp_path / "model.safetensors", own)
    with pytest.raises(CheckpointError, match=r"allowed: a network and a \.safetensors"):
        write(tmp_path / "model.pt", network)
    bits = dataclasses.replace(
        fr.models.LSTM(width=4).init(task.signature, P, key=jax.random.key(0)), tokens=False
    )
    with pytest.raises(CheckpointError, match="reads vectors, one after the other"):
        write(tmp_path / "model.safetensors", bits)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is": "system"}, "names 'system', which is no part of a network"),
        ({"is": "MLP"}, "do not fit each other"),
        ({"first": {"tensor": "second"}}, "do not fit each other: 'second'"),
        ({"first": {"tensor": "weights.0"}}, "do not fit each other"),
        ({"activation": {"function": "__getattr__"}}, "no part of a network"),
        ({"strange": 1}, "do not fit each other"),
    ],
)
def test_a_config_of_ours_that_was_changed_is_refused(tmp_path: Path, change: dict, said: str):
    task = fr.tasks.ModularArithmetic(p=P)
    network = fr.models.MLP(widths=(6,)).init(task.signature, P, key=jax.random.key(0))
    path = tmp_path / "model.safetensors"
    write(path, network)
    config = json.loads(path.with_suffix(".json").read_text())
    config["network"] |= change
    path.with_suffix(".json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=said):
        read(path)
