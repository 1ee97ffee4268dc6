"""A third of the labels is wrong: weight decay decides what a network makes of them.

    python examples/wrong_labels.py runs/wrong-labels

leaves a store and a picture in that folder.
"""

import argparse
from pathlib import Path

import xarray as xr

import flyroom as fr

DECAYS = (0.0, 5.0, 15.0)


def train(folder: Path, steps: int = 500) -> xr.Dataset:
    """The quadratic network of the recipe, with three weight decays."""
    changes = {"task.noise": 0.35, "steps": steps}
    experiment = fr.spec.replace(fr.recipes.doshi_mod97(), changes)
    over = {"optimizer.weight_decay": DECAYS}
    return fr.train(experiment, over, store=folder / "runs.zarr")


def tell(runs: xr.Dataset) -> list[str]:
    """For each decay: the phase, and what is answered to wrongly labelled examples."""
    phase = fr.measures.phase_doshi(runs)
    names = phase.attrs["flag_meanings"].split()
    last = runs.isel(step=-1)
    lines = []
    for run, decay in enumerate(DECAYS):
        one = last.isel(run=run)
        name = names[int(phase[run]) + 1].replace("_", " ")
        repeated, corrected = one.corrupted_accuracy.item(), one.corrected_accuracy.item()
        lines.append(
            f"weight decay {decay:g}: {name}, test accuracy {one.test_accuracy.item():.2f}; of the "
            f"wrong labels {repeated:.0%} are repeated and {corrected:.0%} corrected"
        )
    return lines


def main(folder: Path, steps: int = 500) -> None:
    """Trains, tells and draws."""
    runs = train(folder, steps)
    print("\n".join(tell(runs)))
    both = ("train_accuracy", "test_accuracy")
    figure = fr.studies.curves(
        runs.isel(run=[2]), both, ("corrected_accuracy", "corrupted_accuracy")
    )
    whole = figure.get_figure(root=True)
    assert whole is not None
    whole.savefig(folder / "wrong_labels.png", dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the results go")
    main(parser.parse_args().folder)
