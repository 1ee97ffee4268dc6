from pathlib import Path

from .options import Count


def demo(
    *,
    seeds: int = 4,
    first: int = 2,
    steps: int = 40_000,
    store: Path | None = None,
    devices: Count = None,
    json: bool = False,
) -> None:
    """Train networks on addition mod 67 until they grok, and report what happened.

    They have 24 neurons, and differ in nothing but their seeds.

    Parameters
    ----------
    seeds
        How many networks.
    first
        The seed of the first one.
    steps
        The budget of each; the recipe's own is 50,000.
    store
        Where the results go; runs/demo.zarr, or the next free number, if not given.
    devices
        How many workers the CPU has; one for each core if not given.
    json
        End with one line of JSON on standard output.
    """
    print("flyroom: 24 neurons learn to add modulo 67; loading JAX …", flush=True)
    import time

    from .. import figures, measures, recipes, results, spec, sweeps, training
    from . import output

    with output.errors(json):
        target = store or _free(Path("runs"), "demo")
        # A run ends once it has generalised for good, which is what the demo is about.
        rule = training.Reaches("test_accuracy", 0.999, records=6)
        experiment = spec.replace(recipes.pair_mod67(), {"stop": (rule,), "steps": steps})
        machine = sweeps.Machine(devices=devices)
        began = time.monotonic()
        over = {"seed": range(first, first + seeds)}
        runs = sweeps.train(experiment, over, store=target, machine=machine)
        seconds = time.monotonic() - began
        memorised = measures.describe_times(measures.memorization_step(runs), runs.status)
        generalised = measures.describe_times(measures.generalization_step(runs), runs.status)
        for run in range(seeds):
            keys = measures.key_frequencies(results.network(runs, run))
            found = ", ".join(map(str, keys)) or "none"
            print(
                f"seed {first + run}: memorised {memorised[run]}; generalised {generalised[run]};"
            )
            print(f"        key frequencies {found}")
        page = target.with_suffix(".html")
        figures.write_report(runs, page, title="Addition modulo 67 with 24 neurons")
        print(f"report {page}")
        output.trained(runs, seconds, int(runs["last_step"].sum()), json)


def _free(folder: Path, name: str) -> Path:
    """A store that does not exist yet: earlier demos are kept."""
    number, path = 1, folder / f"{name}.zarr"
    while path.exists() or path.with_suffix(".journal").exists():
        number += 1
        path = folder / f"{name}-{number}.zarr"
    return path
