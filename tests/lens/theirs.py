# pyright: reportMissingImports=false
"""TransformerLens's side, in an environment of its own: `python theirs.py FOLDER`.

Loads what flyroom wrote and compares logits; then writes a network of its own with its logits.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

MAJOR = int(version("transformer-lens").split(".")[0])
LINEAR = {"q": "Q", "k": "K", "v": "V", "o": "O"}


def model(config: dict) -> torch.nn.Module:
    if MAJOR < 4:
        from transformer_lens import HookedTransformer, HookedTransformerConfig

        return HookedTransformer(HookedTransformerConfig(**config, device="cpu"))
    from transformer_lens import TransformerBridge, TransformerBridgeConfig

    return TransformerBridge.boot_native(TransformerBridgeConfig(**config))


def load(network: torch.nn.Module, tensors: dict[str, np.ndarray]) -> None:
    """Puts our tensors in the place of theirs, each by its name."""
    given = {name: torch.from_numpy(value) for name, value in tensors.items()}
    if MAJOR < 4:
        missing, unexpected = network.load_state_dict(given, strict=False)
        assert not unexpected, unexpected
        assert all(name.endswith(("mask", "IGNORE")) for name in missing), missing
        return
    for name, place in network.state_dict().items():
        place.data.copy_(flat(given, name).reshape(place.shape))


def flat(given: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    """Our tensor under the name of version 4: outputs first, heads side by side."""
    part, _, kind = name.rpartition(".")
    outer, _, last = part.rpartition(".")
    if part in ("embed", "pos_embed"):
        return given[f"{part}.{'W_E' if part == 'embed' else 'W_pos'}"]
    letter = "W" if kind == "weight" else "b"
    if part == "unembed":
        return given[f"unembed.{letter}_U"].T
    value = given[f"{outer}.{letter}_{LINEAR.get(last, last)}"]
    if kind == "bias":
        return value.flatten()
    if last in ("q", "k", "v"):
        value = value.transpose(0, 1).flatten(1)
    return (value.flatten(0, 1) if last == "o" else value).T


def main(folder: Path) -> None:
    for path in sorted(folder.glob("ours-*.safetensors")):
        network = model(json.loads(path.with_suffix(".json").read_text()))
        load(network, load_file(path))
        with np.load(path.with_suffix(".npz")) as said, torch.no_grad():
            logits = network(torch.from_numpy(said["inputs"]).long())[:, -1].numpy()
            apart = float(np.abs(logits - said["logits"]).max())
        print(json.dumps({"version": MAJOR, "network": path.stem, "apart": apart}))
        assert apart <= 1e-5, path
    config = json.loads((folder / "ours-one_layer.json").read_text())
    network = model(config)
    rows = np.load(folder / "ours-one_layer.npz")["inputs"]
    with torch.no_grad():
        for name, place in network.named_parameters():
            if name.rpartition(".")[2].startswith("b"):
                torch.nn.init.normal_(place, std=0.1)
        logits = network(torch.from_numpy(rows).long())[:, -1].numpy()
    weights = network.state_dict()
    theirs, run = folder / f"theirs-{MAJOR}.pt", folder / f"theirs-{MAJOR}-run.pt"
    torch.save(weights, theirs)
    theirs.with_suffix(".json").write_text(json.dumps(config))
    # As their demonstration of grokking keeps a run: the config as an object, snapshots, losses.
    snapshots = [{name: torch.zeros_like(value) for name, value in weights.items()}] * 2
    told = {"config": network.cfg, "checkpoints": snapshots, "test_losses": [1.0, np.float64(0.5)]}
    torch.save({"model": weights, **told, "rng": torch.get_rng_state()}, run)
    for path in (theirs, run):
        np.savez(path.with_suffix(".npz"), inputs=rows, logits=logits)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
