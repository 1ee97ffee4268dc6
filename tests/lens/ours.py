"""Our side of the comparison with TransformerLens: `python ours.py write|read FOLDER`."""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import flyroom as fr

P = 23
MODELS = {
    "one_layer": fr.models.Transformer(width=32, heads=4, neurons=64),
    "three_layers": fr.models.Transformer(
        layers=3, width=24, heads=2, neurons=48, activation=fr.models.gelu, bias=False
    ),
    "waves": fr.models.Transformer(width=16, heads=2, neurons=16, positions="sinusoidal"),
}


def write(folder: Path) -> None:
    """Networks with their logits of all pairs, for TransformerLens to load."""
    task = fr.tasks.ModularArithmetic(p=P, encoding="equals")
    inputs, _ = task.table()
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, model) in enumerate(MODELS.items()):
        network = model.init(task.signature, P, key=jax.random.key(seed))
        fr.interop.write(folder / f"ours-{name}.safetensors", network)
        logits = np.asarray(network.table(jnp.asarray(inputs)))
        np.savez(folder / f"ours-{name}.npz", inputs=inputs, logits=logits)


def read(folder: Path) -> None:
    """What TransformerLens wrote, which has to give its logits here."""
    found = sorted(folder.glob("theirs-*.pt"))
    assert found, f"{folder}: TransformerLens wrote nothing"
    for path in found:
        network = fr.interop.read(path)
        with np.load(path.with_suffix(".npz")) as said:
            logits = np.asarray(network.network.table(jnp.asarray(said["inputs"])))
            apart = float(np.abs(logits - said["logits"]).max())
        print(json.dumps({"network": path.stem, "layout": network.layout, "apart": apart}))
        assert apart <= 1e-5, path


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
