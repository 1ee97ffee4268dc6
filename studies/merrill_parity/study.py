"""Does a sparse part of the network take over when (40, 3)-parity generalises?"""

import functools
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Array, Float

import flyroom as fr
from flyroom.studies import Study, Sweep, curves, lines, mean, median, share

EPOCH = 32  # steps: 1,000 examples in batches of 32
OURS = "our band"
EARLY, LATE, END = 50, 220, 300  # epochs: still memorising, generalised, the last
SEEN = 20  # epochs between weights that are kept


@fr.snapshot(within=(0.0, np.inf))
def effective_sparsity(network, context) -> Float[Array, ""]:
    """Fewest neurons of largest norm that answer every training example as the network does."""
    found = fr.measures.effective_sparsity(network, context.train, context.loss)
    return found.astype(network.first.dtype)


recipe = fr.recipes.merrill_parity()
experiment = fr.spec.replace(
    recipe,
    {
        # The source tests on 100 examples, in which a chance of one half is 0.50 ± 0.05.
        "task.test_count": 1000,
        "record": (*fr.CURVES, effective_sparsity),
        "schedule": fr.Schedule(per_octave=0, every=5 * EPOCH),
        "keep": fr.Schedule(per_octave=0, every=SEEN * EPOCH, at=(EARLY * EPOCH,)),
    },
)
study = Study(
    name="merrill_parity",
    question=(
        "When a network on (40, 3)-parity generalises, does a sparse subnetwork take over from a "
        "dense one?"
    ),
    source="Merrill, Tsilivis and Shukla 2023, arXiv:2303.11873",
    sweeps={
        "quick": {"seeds": Sweep(experiment, {"seed": range(8)})},
        "full": {"seeds": Sweep(experiment, {"seed": range(64)})},
    },
)


class Parts(NamedTuple):
    """The neurons that are active at the end of a run, and all others, over its epochs.

    Attributes:
        epochs: when weights were kept.
        sparse: mean norm of the active neurons; 0 if there is none.
        dense: mean norm of the others.
        sparse_agrees: share of test examples that the active neurons answer like the network.
        dense_agrees: the same of the others.
    """

    epochs: np.ndarray
    sparse: np.ndarray
    dense: np.ndarray
    sparse_agrees: np.ndarray
    dense_agrees: np.ndarray


@functools.cache
def parts(store: str, run: int) -> Parts:
    """What became of the two parts of one run. Active are as many as its effective sparsity."""
    measures, runs = fr.measures, fr.open(store)
    seed = int(runs.seed.sel(run=run))
    split = experiment.task.split(seed)
    last = fr.network(runs, run)
    norms = np.asarray(measures.neuron_norms(last))
    active = np.zeros(len(norms), bool)
    active[np.argsort(-norms)[: int(measures.effective_sparsity(last, split.train))]] = True
    epochs = sorted({*range(0, END + 1, SEEN), EARLY})
    rows = []
    for epoch in epochs:
        network = fr.network(runs, run, step=epoch * EPOCH)
        norms = np.asarray(measures.neuron_norms(network))
        agree = [
            float(measures.agreement(network, measures.kept_neurons(network, kept), split.test))
            for kept in (active, ~active)
        ]
        means = [np.mean(norms, where=kept) if kept.any() else 0.0 for kept in (active, ~active)]
        rows.append((*means, *agree))
    return Parts(np.array(epochs), *np.array(rows).T)


def all_parts(runs) -> list[Parts]:
    """The two parts of every run."""
    return [parts(runs.attrs["store"], int(run)) for run in runs.run.values]


@study.claim(
    "ME1-before",
    f"mean test accuracy at epoch {EARLY}",
    "≈ 0.5: it has memorised, and no more",
    "Figure 1",
    band=(0.0, 0.6),
    needs=5,
)
def before(data):
    runs = data["seeds"]
    memorised = fr.measures.memorization_step(runs, 0.98) / EPOCH
    note = f"training accuracy is 0.98 at a median epoch of {median(memorised).value:.0f}"
    return mean(runs.test_accuracy.sel(step=EARLY * EPOCH), note=note)


@study.claim(
    "ME1-after",
    f"mean test accuracy at epoch {LATE}",
    "1.0",
    "Figure 1",
    band=(0.99, 1.0),
    needs=5,
)
def after(data):
    runs = data["seeds"]
    generalised = fr.measures.generalization_step(runs, 0.98) / EPOCH
    note = f"it is 0.98 at a median epoch of {median(generalised).value:.0f}"
    return mean(runs.test_accuracy.sel(step=LATE * EPOCH), note=note)


@study.claim(
    "ME1-sparsity",
    "effective sparsity at the end, median over seeds",
    "6 or 8",
    "Figure 2",
    band=(4, 12),
    needs=5,
    units="neurons",
)
def sparsity(data):
    found = data["seeds"].effective_sparsity
    early = float(found.sel(step=EARLY * EPOCH).median())
    each = ", ".join(f"{m:g}" for m in np.sort(found.isel(step=-1).values))
    return median(found.isel(step=-1), note=f"by seed {each}; median at epoch {EARLY} {early:,.0f}")


@study.claim(
    "ME2-norms",
    f"share of seeds in which, from epoch {EARLY} to the end, the mean norm of the neurons that "
    "are active at the end grows and that of the others falls",
    "a few neurons grow fast, all others decay slowly",
    f"Figure 3; {OURS}",
    band=(0.8, 1.0),
    needs=5,
)
def norms(data):
    rows = []
    for part in all_parts(data["seeds"]):
        at = list(part.epochs).index(EARLY)
        rows.append((part.sparse[at], part.sparse[-1], part.dense[at], part.dense[-1]))
    sparse, grown, dense, shrunk = np.array(rows).T
    words = "{:.2f} to {:.2f}, {:.2f} to {:.2f}".format(*np.median(rows, 0))
    return share((grown > sparse) & (shrunk < dense), note=f"medians {words}")


@study.claim(
    "ME2-after",
    f"agreement on test examples of the network and its neurons that are active at the end, at "
    f"epoch {LATE}, median over seeds",
    "the sparse subnetwork explains the predictions",
    "Figure 2",
    band=(0.95, 1.0),
    needs=5,
)
def sparse_after(data):
    found = all_parts(data["seeds"])
    at = list(found[0].epochs).index(LATE)
    others = np.median([part.dense_agrees[at] for part in found])
    return median([part.sparse_agrees[at] for part in found], note=f"of all others {others:.2f}")


@study.claim(
    "ME2-before",
    f"the same agreement at epoch {EARLY}, median over seeds",
    "a dense subnetwork does before",
    "Figure 2",
    band=(0.0, 0.65),
    needs=5,
)
def sparse_before(data):
    found = all_parts(data["seeds"])
    at = list(found[0].epochs).index(EARLY)
    others = np.median([part.dense_agrees[at] for part in found])
    return median([part.sparse_agrees[at] for part in found], note=f"of all others {others:.2f}")


@study.picture(
    "Accuracy, loss and effective sparsity over epochs, as in Figures 1 and 2 of the source: each "
    "seed faint, the median bold."
)
def over_epochs(data):
    rows = (("train_accuracy", "test_accuracy"), ("train_loss", "test_loss"), "effective_sparsity")
    return curves(data["seeds"], *rows, per=EPOCH, unit="epoch")


@functools.cache
def density(store: str, run: int, epoch: int) -> xr.DataArray:
    """How densely the first layer's weights lie."""
    return fr.measures.weight_density(fr.network(store, run, step=epoch * EPOCH).first)


def densities(runs, epoch: int) -> list[xr.DataArray]:
    """The same of every run."""
    return [density(runs.attrs["store"], run, epoch) for run in runs.run.values.tolist()]


@study.claim(
    "B10-before",
    f"place of the highest density of the first layer's weights at epoch {EARLY}, without its "
    "sign, median over seeds",
    "two peaks, near ± 0.13, when it has memorised (k = 3, other sizes)",
    "Fuangkawinsombut and Somsirivattana 2023, figure 9; our band",
    band=(0.08, 0.18),
    needs=5,
)
def two_peaks(data):
    return median([abs(one.idxmax().item()) for one in densities(data["seeds"], EARLY)])


@study.claim(
    "B10-after",
    f"the same at epoch {END}",
    "one peak, at zero",
    "Fuangkawinsombut and Somsirivattana 2023, figure 9; our band",
    band=(0.0, 0.02),
    needs=5,
)
def one_peak(data):
    return median([abs(one.idxmax().item()) for one in densities(data["seeds"], END)])


@study.picture("How densely one seed's first-layer weights lie.")
def gather(data):
    runs = data["seeds"].isel(run=[0])
    return lines(
        {f"epoch {e}": densities(runs, e)[0] for e in (EARLY, 120, LATE, END)}, lowest=0.01
    )


@study.picture(
    "The neurons that are active at the end (sparse) and all others (dense): their mean norms, and "
    "how often each part alone answers test examples like the whole network."
)
def two_parts(data):
    found = all_parts(data["seeds"])
    names = ("sparse_norm", "dense_norm", "sparse_agreement", "dense_agreement")
    stacks = zip(names, zip(*(part[1:] for part in found), strict=True), strict=True)
    dims, coords = ("run", "step"), {"step": found[0].epochs * EPOCH}
    runs = xr.Dataset({name: (dims, np.stack(stack)) for name, stack in stacks}, coords)
    return curves(runs, names[:2], names[2:], per=EPOCH, unit="epoch")


@study.picture("Weights of the first seed, before and after training. Inputs 0, 1 and 2 matter.")
def weights(data):
    runs = data["seeds"]
    run = int(runs.run[0])
    return fr.figures.weights_before_after(fr.network(runs, run, step=0), fr.network(runs, run))
