"""Twelve networks learn to add modulo 23: by heart at once, and as a rule later, or not in time.

    python examples/first_sweep.py runs/first-sweep

leaves a store, a report and four pictures in that folder.
"""

import argparse
from pathlib import Path

import xarray as xr

import flyroom as fr

DECAYS = (0.3, 1.0, 3.0)
SHOWN = 1  # the run with pictures of its own: decay 0.3, seed 1


def train(folder: Path, steps: int = 8192) -> xr.Dataset:
    """Three weight decays times four seeds."""
    experiment = fr.Experiment(
        task=fr.tasks.ModularArithmetic(p=23, ordered=False, train_fraction=0.75),
        model=fr.models.FactoredMLP(width=32, embed_width=64),
        optimizer=fr.optim.AdamW(learning_rate=3e-3),
        stop=(fr.Reaches("test_accuracy", 1.0, records=3),),
        steps=steps,
    )
    over = {"optimizer.weight_decay": DECAYS, "seed": range(4)}
    return fr.train(experiment, over, store=folder / "runs.zarr")


def tell(runs: xr.Dataset) -> list[str]:
    """For each decay: how many runs memorised and generalised, and when."""
    memorised = fr.measures.memorization_step(runs)
    generalised = fr.measures.generalization_step(runs)
    lines = []
    for decay in DECAYS:
        mine = (runs["optimizer.weight_decay"] == decay).values
        first, then = memorised[mine], generalised[mine]
        first_half, half = (
            fr.measures.describe_times(fr.measures.median_time(times))[0] for times in (first, then)
        )
        lines.append(
            f"weight decay {decay:g}: {int(first.notnull().sum())} of {first.size} memorised, "
            f"half of them {first_half}; "
            f"{int(then.notnull().sum())} generalised, half of all {half}"
        )
    return lines


def draw(runs: xr.Dataset, folder: Path, dpi: int = 110) -> list[Path]:
    """Pictures of one run and of all."""
    when = fr.measures.generalization_step(runs)
    first, last = fr.network(runs, SHOWN, step=0), fr.network(runs, SHOWN)
    pictures = {
        "first_sweep": fr.figures.plot(runs, run=SHOWN),
        "overview": fr.figures.overview(runs),
        "survival": fr.figures.survival_curves(when, by="optimizer.weight_decay"),
        "weights": fr.figures.weights_before_after(first, last),
    }
    paths = [folder / f"{name}.png" for name in pictures]
    for path, picture in zip(paths, pictures.values(), strict=True):
        figure = picture.get_figure(root=True)
        assert figure is not None
        figure.savefig(path, dpi=dpi)
    return paths


def main(folder: Path, steps: int = 8192, detail: int = 12) -> None:
    """Trains, tells and draws."""
    runs = train(folder, steps)
    print("\n".join(tell(runs)))
    for run in range(runs.sizes["run"]):
        print(f"run {run}: frequencies {fr.measures.key_frequencies(fr.network(runs, run))}")
    draw(runs, folder)
    title = "Addition modulo 23"
    fr.figures.write_report(runs, folder / "report.html", title=title, detail=detail)
    print(f"results are in {folder}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the results go")
    main(parser.parse_args().folder)
