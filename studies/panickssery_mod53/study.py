"""Does the local learning coefficient fall when a network on addition modulo 53 generalises?"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
import xarray as xr

import flyroom as fr
from flyroom.studies import Study, Sweep, curves, median

SOURCE = "Panickssery and Vaintrob 2023"
KEPT = (0, 100, 200, 400, 800, 1600, 3200, 6400, 9600, 12_800, 16_000, 20_000, 25_000)

experiment = fr.spec.replace(
    fr.recipes.panickssery_mod53(),
    {"schedule": fr.Schedule(per_octave=16, every=100, at=KEPT), "keep": fr.Schedule(0, at=KEPT)},
)
study = Study(
    name="panickssery_mod53",
    question=(
        "Does the local learning coefficient rise while a network memorises addition modulo 53, "
        "and fall when it generalises?"
    ),
    source=f'{SOURCE}, "Investigating the learning coefficient of modular addition"',
    sweeps={
        "quick": {"seeds": Sweep(experiment, {"seed": range(4)})},
        "full": {"seeds": Sweep(experiment, {"seed": range(16)})},
    },
)


def loss(network, rows):
    """The mean cross-entropy, as a function of the weights."""
    inputs, labels = rows
    return jax.vmap(experiment.loss)(network.table(inputs), labels).mean()


@functools.cache
def coefficients(store: str, run: int) -> xr.Dataset:
    """The coefficient of one run at each step at which weights were kept, and its test loss there.

    Draws as in the source's code: 500 a chain, from batches of the training examples.
    """
    runs = fr.open(store)
    train = experiment.task.split(int(runs.seed.sel(run=run))).train
    rows = (jnp.asarray(train.inputs), jnp.asarray(train.labels))
    found = [
        fr.measures.local_learning_coefficient(
            loss,
            jax.tree.map(jnp.asarray, fr.network(store, run, step=step)),
            rows,
            batch_size=experiment.batch_size,
        ).coefficient
        for step in KEPT
    ]
    values = xr.concat(found, dim=xr.Variable("step", list(KEPT)))
    return xr.Dataset(
        {
            "coefficient": values.mean("chain"),
            "spread": values.std("chain"),
            "test_loss": runs.test_loss.sel(run=run, step=list(KEPT)).drop_vars("run"),
        }
    )


def each(data) -> list[xr.Dataset]:
    """The coefficients of every run that generalised, and of the others none."""
    runs = data["seeds"]
    learned = runs.run.values[runs.test_accuracy.isel(step=-1).values >= 0.9]
    return [coefficients(runs.attrs["store"], int(run)) for run in learned]


def words(one: xr.Dataset) -> str:
    """The course of one coefficient."""
    return ", ".join(f"{value:.1f}" for value in one.coefficient.values)


@study.claim(
    "LL1-falls",
    "largest coefficient after memorising as a multiple of that at the end, median over the seeds "
    "that generalise",
    "it falls when the network generalises (a picture)",
    f"{SOURCE}; our band",
    band=(1.3, np.inf),
    needs=3,
)
def falls(data):
    found = each(data)
    note = f"at steps {', '.join(f'{step:,}' for step in KEPT)}: {'; '.join(map(words, found))}"
    ratios = [float(one.coefficient.max() / one.coefficient[-1]) for one in found]
    return median(ratios, note=note)


@study.claim(
    "LL1-tracks",
    "rank correlation of the coefficient with test loss over steps, median over the seeds that "
    "generalise",
    "it tracks test loss (a picture)",
    f"{SOURCE}; our band",
    band=(0.5, 1.0),
    needs=3,
)
def tracks(data):
    pairs = [(one.coefficient.values, one.test_loss.values) for one in each(data)]
    return median([float(scipy.stats.spearmanr(*pair).statistic) for pair in pairs])


@study.picture("The coefficient of each seed that generalises (faint), and their median (bold).")
def over_steps(data):
    found = xr.concat(each(data), dim="run")
    return curves(found, "coefficient", "test_loss")


@study.picture("Loss and accuracy, training (blue) and test (vermilion): each seed faint.")
def every_seed(data):
    rows = (("train_loss", "test_loss"), ("train_accuracy", "test_accuracy"))
    return curves(data["seeds"], *rows)
