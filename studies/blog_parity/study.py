"""Does the (50, 2)-parity network memorise and then generalise, when the blog says it does?"""

import functools

import jax
import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, clouds, curves, lines, mean, median

EPOCH = 10  # steps: 300 examples in batches of 32
CLUSTERS = (14, 59, 105, 150, 195)  # epochs of the source's Figure 2
DENSITIES = (14, 135, 257, 379, 500)  # and of its Figure 3
BLOG = "Fuangkawinsombut and Somsirivattana 2023"

experiment = fr.spec.replace(
    fr.recipes.blog_parity(),
    {
        "record": (*fr.CURVES, fr.measures.spectral_norm),
        "schedule": fr.Schedule(per_octave=0, every=EPOCH),
        "keep": fr.Schedule(0, at=tuple(EPOCH * e for e in {*CLUSTERS, *DENSITIES})),
    },
)
study = Study(
    name="blog_parity",
    question="Does a ReLU network on (50, 2)-parity memorise first and generalise much later?",
    source=f'{BLOG}, "Grokking", 6.S898 blog',
    sweeps={
        "quick": {"seeds": Sweep(experiment, {"seed": range(10)})},
        "full": {"seeds": Sweep(experiment, {"seed": range(64)})},
    },
)


def epochs(times, word: str) -> Finding:
    """The median of a time over all runs, in epochs."""
    late = int(times.isnull().sum())
    return median(times / EPOCH, note=f"{late} of {times.size} did not {word} within the budget")


@study.claim(
    "B1-mem",
    "median epoch at which training accuracy is 1",
    "12–16",
    "Figure 1",
    band=(10, 20),
    needs=5,
    units="epochs",
)
def memorised(data):
    return epochs(fr.measures.memorization_step(data["seeds"], 1.0), "memorise")


@study.claim(
    "B1-gen",
    "median epoch at which test accuracy is 1",
    "≈ 170–200",
    "Figure 1",
    band=(130, 230),
    needs=5,
    units="epochs",
)
def generalised(data):
    return epochs(fr.measures.generalization_step(data["seeds"], 1.0), "generalise")


@study.claim(
    "B1-test50",
    "mean test accuracy at epoch 50",
    "≈ 0.6",
    "Figure 1",
    band=(0.55, 0.75),
    needs=5,
)
def before(data):
    return mean(data["seeds"].test_accuracy.sel(step=50 * EPOCH))


def spectral_norm_at(epoch: int, published: float) -> None:
    """Adds the claim that the mean spectral norm is within 5 % of the published one."""

    @study.claim(
        f"B4-{epoch}",
        f"mean spectral norm of the first layer's weights at epoch {epoch}",
        f"{published:.2f}",
        "Figure 4",
        band=(0.95 * published, 1.05 * published),
        needs=5,
    )
    def norm(data):
        return mean(data["seeds"].spectral_norm.sel(step=epoch * EPOCH))


spectral_norm_at(0, 2.33)
spectral_norm_at(100, 1.42)
spectral_norm_at(500, 1.30)


@functools.cache
def clusters(store: str, run: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """The hidden units of all examples of a run, and which of four cases its two bits are."""
    runs = fr.open(store)
    split = experiment.task.split(int(runs.seed.sel(run=run)))
    inputs = np.concatenate([split.train.inputs, split.test.inputs])
    network = fr.network(runs, run, step=epoch * EPOCH)
    hidden = jax.vmap(lambda x: network.activations(x)["hidden_0"])(inputs)
    return np.asarray(hidden), (inputs[:, :2] > 0) @ np.array([2, 1])


def clustered_at(epoch: int, when: str, band: tuple[float, float]) -> None:
    """Adds the claim about how well the four cases are apart."""

    @study.claim(
        f"B2-{epoch}",
        "silhouette of the hidden units of all examples by their two relevant bits, epoch "
        f"{epoch}, mean over seeds",
        when,
        "Figure 2, t-SNE pictures; our bands",
        band=band,
        needs=5,
    )
    def separate(data):
        store, numbers = data["seeds"].attrs["store"], data["seeds"].run.values.tolist()
        return mean([fr.measures.silhouette(*clusters(store, run, epoch)) for run in numbers])


clustered_at(CLUSTERS[0], "no clusters when it has memorised", (-1.0, 0.1))
clustered_at(CLUSTERS[-1], "four clusters when it has generalised", (0.5, 1.0))


@functools.cache
def density(store: str, run: int, epoch: int):
    """How densely the first layer's weights lie."""
    return fr.measures.weight_density(fr.network(store, run, step=epoch * EPOCH).first)


def peaks(runs) -> np.ndarray:
    """The highest density of each run at each of the source's epochs."""
    store, numbers = runs.attrs["store"], runs.run.values.tolist()
    return np.array([[density(store, n, e).max().item() for e in DENSITIES] for n in numbers])


@study.claim(
    "B3-growth",
    f"peak density of the first layer's weights at epoch {DENSITIES[-1]}, as a multiple of that at "
    f"epoch {DENSITIES[0]}, mean over seeds",
    "3.0: from 3.7 to 11.1",
    "Figure 3",
    band=(2.0, 5.0),
    needs=5,
)
def denser(data):
    found = peaks(data["seeds"])
    means = ", ".join(f"{peak:.1f}" for peak in found.mean(0))
    note = f"at the source's epochs {means}, by Scott's rule; the source does not say what it used"
    return mean(found[:, -1] / found[:, 0], note=note)


@study.claim(
    "B3-order",
    "smallest factor by which the peak density grows from one epoch of the figure to the next, "
    "mean over seeds",
    "3.7, 3.9, 5.8, 9.0, 11.1",
    "Figure 3",
    band=(1.0, np.inf),
    needs=5,
)
def ever_denser(data):
    found = peaks(data["seeds"])
    return mean((found[:, 1:] / found[:, :-1]).min(1))


@study.claim(
    "B3-support",
    "share of the first layer's squared weights that is on the two relevant bits at epoch 500, "
    "mean over seeds",
    "the network becomes sparser",
    "Figure 3; our band",
    band=(0.95, 1.0),
    needs=5,
)
def on_the_relevant(data):
    runs = data["seeds"]
    firsts = [np.asarray(fr.network(runs, run).first) for run in runs.run.values.tolist()]
    return mean([(first[:2] ** 2).sum() / (first**2).sum() for first in firsts])


@study.claim(
    "B9",
    "least share of all strings of 8 bits that the closed form with 2^k neurons answers, k from 1 "
    "to 6",
    "1.0: such a network exists",
    "theorem; constructed, not trained",
    band=(1.0, 1.0),
)
def exists(data):
    del data  # what is constructed needs no runs
    found = []
    for k in range(1, 7):
        # Few enough bits that every string is asked for.
        task = fr.tasks.SparseParity(n=8, k=k, train_count=1, test_count=1)
        network = fr.models.constructed.parity_cases(8, k)
        assert network.first.shape[1] == 2**k
        found.append(fr.explain(network, task).accuracy)
    return Finding(min(found), None, len(found))


@study.picture(
    "One run's hidden units in the plane of t-SNE, a point for each example, coloured by its two "
    "relevant bits, as in Figure 2 of the source."
)
def figure_2(data):
    runs, panels = data["seeds"], {}
    for epoch in CLUSTERS:
        hidden, case = clusters(runs.attrs["store"], int(runs.run[0]), epoch)
        panels[f"epoch {epoch}"] = (fr.measures.t_sne(hidden).values, case)
    return clouds(panels)


@study.picture("How densely one run's first-layer weights lie, as in Figure 3 of the source.")
def figure_3(data):
    store, run = data["seeds"].attrs["store"], int(data["seeds"].run[0])
    return lines({f"epoch {e}": density(store, run, e) for e in DENSITIES}, lowest=0.01)


@study.picture(
    "Accuracy, loss and spectral norm of the first layer over epochs, as in Figures 1 and 4 of the "
    "source: each run faint, the median of all bold."
)
def figures_1_and_4(data):
    rows = (("train_accuracy", "test_accuracy"), ("train_loss", "test_loss"), "spectral_norm")
    return curves(data["seeds"], *rows, per=EPOCH, unit="epoch")


@study.picture(
    "Accuracy of every run on training (blue) and test examples (vermilion), steps on a "
    "logarithmic axis."
)
def every_run(data):
    return fr.figures.overview(data["seeds"], threshold=1.0)
