"""When do networks on the PAIR explorable's ones and zeros grok, and what do their decays leave?"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import xarray as xr

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, median, stacks

PHASES = ("no_learning", "no_generalization", "together", "grokking")
DECAYS = (0.01, 0.03, 0.1, 0.3, 1.0)
CELL = ["weight_decay", "width", "train_count"]
FLOOR = 2.0**-23  # the published losses are never below it, whatever was learned
ACTIVE = 1e-2  # of the largest norm of a neuron's input weights
SWEEP = "sweep of 1,125 models"

PUBLISHED = pd.read_csv(Path(__file__).with_name("published.csv"), comment="#")

schedule = fr.Schedule(per_octave=16, every=200)
cell = fr.spec.replace(fr.recipes.pair_parity_sweep(), {"schedule": schedule})
absolute = fr.spec.replace(fr.recipes.pair_parity(), {"schedule": schedule})


def grid(sizes, counts, seeds: int) -> Sweep:
    """Every cell of a part of the published grid."""
    over = {
        "model.widths": [(size,) for size in sizes],
        "task.train_count": list(counts),
        "optimizer.weight_decay": list(DECAYS),
        "seed": range(seeds),
    }
    return Sweep(cell, over)


study = Study(
    name="pair_sweep",
    question=(
        "For which decay, width and number of examples do networks on the parity of three of "
        "thirty digits learn nothing, memorise, generalise at once, or grok?"
    ),
    source='Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR',
    sweeps={
        "quick": {
            "cells": grid((32, 64), (750, 1250, 1750), 2),
            "absolute": Sweep(absolute, {"seed": range(10, 16)}),
        },
        "full": {  # a third of the published seeds
            "cells": grid((16, 32, 64, 128, 258), range(750, 1751, 250), 3),
            "absolute": Sweep(absolute, {"seed": range(10, 35)}),
        },
    },
)


def phases(runs) -> xr.DataArray:
    """The phase of each run, by losses as the source has them."""
    floored = {name: np.maximum(runs[name], FLOOR) for name in ("train_loss", "test_loss")}
    return fr.measures.phase_pair(runs.assign(floored))


def widths(runs) -> np.ndarray:
    """The number of neurons of each run."""
    return np.array([json.loads(text)[0] for text in runs["model.widths"].values.tolist()])


def ours(runs) -> pd.DataFrame:
    """How many of our runs show which phase in each cell, in the form of what is published."""
    made = pd.DataFrame(
        {
            "weight_decay": runs["optimizer.weight_decay"].values,
            "width": widths(runs),
            "train_count": runs["task.train_count"].values,
        }
    )
    codes = phases(runs).values
    counted = made.assign(**{phase: codes == i for i, phase in enumerate(PHASES)})
    return counted.groupby(CELL, as_index=False)[list(PHASES)].sum()


def both(data) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Our cells, and the same cells as published."""
    made = ours(data["cells"])
    return made, made[CELL].merge(PUBLISHED, on=CELL)


def modes(cells: pd.DataFrame) -> dict[float, list[str]]:
    """The most frequent phase at each decay; all of them where several are as frequent."""
    rows = cells.groupby("weight_decay")[list(PHASES)].sum()
    return {decay: [p for p in PHASES if row[p] == row.max()] for decay, row in rows.iterrows()}


def rows_in_words(cells: pd.DataFrame) -> str:
    rows = cells.groupby("weight_decay")[list(PHASES)].sum()
    return "; ".join(f"{decay:g}: {'/'.join(map(str, row))}" for decay, row in rows.iterrows())


@study.claim(
    "P15-modes",
    "decays of five at which the most frequent phase is the published one",
    "0.01 and 0.03 no generalization, 0.1 and 0.3 grokking, 1 no learning",
    SWEEP,
    band=(5, 5),
    needs=60,
)
def most_frequent(data):
    made, _ = both(data)
    published, found = modes(PUBLISHED), modes(made)
    same = sum(found[decay] == published[decay] for decay in DECAYS)
    note = f"no learning/no generalization/together/grokking by decay: {rows_in_words(made)}"
    return Finding(same, None, data["cells"].sizes["run"], note=note)


@study.claim(
    "P15-cells",
    "rank correlation over cells of the share of runs that grok with the published share",
    "1 by definition; 9 runs in each of 125 cells",
    SWEEP,
    band=(0.8, 1.0),
    needs=60,
)
def cell_by_cell(data):
    made, published = both(data)
    shares = [c.grokking / c[list(PHASES)].sum(axis=1) for c in (made, published)]
    known = all(np.ptp(share) > 0 for share in shares)  # without differences there are no ranks
    found = scipy.stats.spearmanr(*shares).statistic if known else np.nan
    note = f"over {len(made)} cells; the published runs of these: {rows_in_words(published)}"
    return Finding(float(found), None, data["cells"].sizes["run"], note=note)


ORDER = {
    0.01: {"no_generalization"},
    0.1: {"grokking"},
    0.3: {"grokking", "together"},
    1.0: {"no_learning"},
}


@study.claim(
    "P16-order",
    "stations of four at which the most frequent phase is as the order says: no generalization at "
    "0.01, grokking at 0.1, grokking or together at 0.3, no learning at 1",
    "no generalization, grokking, learning together, no learning, as decay grows",
    SWEEP,
    band=(4, 4),
    needs=60,
)
def order(data):
    made, _ = both(data)
    found = modes(made)
    right = sum(set(found[decay]) <= allowed for decay, allowed in ORDER.items())
    return Finding(right, None, data["cells"].sizes["run"])


def active_neurons(runs) -> list[int]:
    """How many neurons each run that generalised is left with."""
    done = fr.measures.generalization_step(runs).notnull().values
    counts = []
    for run in runs.run.values[done]:
        (table,) = np.asarray(fr.measures.input_tables(fr.network(runs, int(run))))
        norms = np.linalg.norm(table, axis=0)
        counts.append(int((norms > ACTIVE * norms.max()).sum()))
    return counts


def squared(data):
    """The runs with squared weights for decay that are as wide as those with absolute ones."""
    runs = data["cells"]
    same = widths(runs) == absolute.model.widths[0]
    return runs.isel(run=np.flatnonzero(same & (runs["optimizer.weight_decay"].values == 0.1)))


@study.claim(
    "P14-absolute",
    "neurons with more than 1 % of the largest norm, with absolute weights as decay: median over "
    "seeds that generalise",
    "few (a picture)",
    "footnote on L1 and L2 weight decay",
    band=(0, 8),
    needs=5,
    units="neurons",
)
def few(data):
    counts = active_neurons(data["absolute"])
    return median(counts, note="of 64: " + ", ".join(map(str, counts)))


@study.claim(
    "P14-squared",
    "the same with squared weights (AdamW, decay 0.1), as a multiple of that",
    "“lots of small weights leading to redundant neurons”",
    "footnote on L1 and L2 weight decay",
    band=(2, np.inf),
    needs=5,
)
def redundant(data):
    few, many = active_neurons(data["absolute"]), active_neurons(squared(data))
    if not few or not many:
        return Finding(np.nan, None, min(len(few), len(many)))
    ratio = np.median(many) / np.median(few)
    note = "of 64: " + ", ".join(map(str, many))
    return Finding(float(ratio), None, min(len(few), len(many)), note=note)


@study.picture("Phases by weight decay: our runs, and the published ones of the same cells.")
def by_decay(data):
    return stacks(
        {name: _bars(c) for name, c in zip(("ours", "published"), both(data), strict=True)}
    )


def _bars(cells: pd.DataFrame) -> dict[str, dict[str, float]]:
    rows = cells.groupby("weight_decay")[list(PHASES)].sum()
    return {
        f"{decay:g}": {phase.replace("_", " "): int(row[phase]) for phase in PHASES}
        for decay, row in rows.iterrows()
    }
