from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from .options import Count


def explain(
    file: Path,
    /,
    *,
    task: Literal["modular-addition"] = "modular-addition",
    p: int,
    config: Path | None = None,
    devices: Count = None,
    json: bool = False,
) -> None:
    """Say which algorithm somebody's network runs, and what breaks without it.

    Parameters
    ----------
    file
        Weights: a .pt, .pth, .safetensors or .npz file. No code in it is run.
    task
        What the network was trained on.
    p
        The modulus.
    config
        A JSON file with what the weights do not say; the one beside them of the same name, if
        there is one and none is given.
    devices
        How many CPU devices to use; one for each core if not given (or FLYROOM_DEVICES).
    json
        End with one line of JSON on standard output.
    """
    from .. import environment

    environment.configure(devices)
    from json import dumps

    from rich.console import Console

    from . import output

    with output.errors(json):
        del task  # the only one so far
        told = _told(file, p, config)
        table = Table(show_header=False, box=None)
        for name, value in told.items():
            table.add_row(name.replace("_", " "), _words(value))
        Console().print(table)
        if json:
            print(dumps(told))


def _told(file: Path, p: int, config: Path | None) -> dict[str, Any]:
    """What is said of a file, by name."""
    import jax.numpy as jnp
    import numpy as np

    from .. import interop, measures, mechanisms

    found = interop.read(file, config)
    task = found.addition(p)
    network: Any = found.network
    explanation = mechanisms.explain(network, task)

    def answer(pair: Any) -> Any:
        return network.answer(jnp.concatenate([pair, network.embed[p : p + found.positions - 2]]))

    embed = np.asarray(network.embed)[:p]
    return {
        "layout": found.layout,
        "accuracy": explanation.accuracy,
        "key_frequencies": sorted(one.frequency for one in explanation.fit.circles),
        "gradient_symmetricity": measures.gradient_symmetricity(answer, embed),
        "distance_irrelevance": measures.distance_irrelevance(explanation.subject.logits),
        "circularity": measures.circularity(embed),
        "mechanism": explanation.mechanism,
        "sufficient": explanation.sufficient,
        "necessary": explanation.necessary,
        "predictive": explanation.predictive,
    }


def _words(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, float):
        return f"{value:.4f}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
