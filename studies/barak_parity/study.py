"""Does online training on a parity of three bits make progress that its accuracy does not show?"""

import functools
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy.stats
import xarray as xr
from jaxtyping import Array, Float

import flyroom as fr
from flyroom.measures import input_tables
from flyroom.studies import Finding, Study, Sweep, curves, median

K = 3
LEARNED = 0.98  # test accuracy
CHANCE = 0.56  # test accuracy that 2,000 examples answered at random never reach
SIZES = [20, 30, 40, 50, 60]
TRAINED_ON = [400, 600, 1000, 2000]
OURS = "our band"
SAMPLE = 2**15  # examples: each coefficient is then off by 0.004, with the test set by 0.016


@fr.snapshot()
def fourier_gap(network, context) -> Float[Array, ""]:
    """How much larger the population gradient is on bits that matter, mean over neurons."""
    del context
    dtype, bits = network.first.dtype, (SAMPLE, network.first.shape[0])
    inputs = jr.rademacher(jr.key(0), bits, dtype)
    active = (inputs @ network.first + network.biases[0][None] > 0).astype(inputs.dtype)
    # The gradient of a weight is a Fourier coefficient of its neuron's slope, times the rest: of
    # order K - 1 on a bit that matters, of order K + 1 on another.
    sides = inputs[:, :K].prod(1, keepdims=True)
    coefficients = jnp.abs(inputs.T @ (active * sides)) / SAMPLE
    return coefficients[:K].mean() - coefficients[K:].mean()


recipe = fr.recipes.barak_parity()
changes = {
    "schedule": fr.Schedule(per_octave=32),
    "stop": (fr.Reaches("test_accuracy", LEARNED),),
}
online = fr.spec.replace(recipe, changes)
hidden = fr.spec.replace(
    online,
    {
        "record": (*fr.CURVES, fourier_gap),
        "schedule": fr.Schedule(per_octave=8),
        "keep": fr.Schedule(per_octave=2),
    },
)
# The finite samples of Appendix C.5, on fewer bits; width, batch and learning rate are the same.
finite = fr.spec.replace(
    recipe,
    {
        **changes,
        "task": fr.tasks.SparseParity(n=30, k=K, train_count=600, test_count=2000),
        "optimizer.weight_decay": 0.01,
        "steps": 40_000,
    },
)


def sweeps(seeds: int, some: int, few: int) -> dict[str, Sweep]:
    """Fresh examples of every size, a close look at fifty bits, and training sets of several."""
    return {
        "online": Sweep(online, {"task.n": SIZES, "seed": range(seeds)}),
        "hidden": Sweep(hidden, {"seed": range(some)}),
        "finite": Sweep(finite, {"task.train_count": TRAINED_ON, "seed": range(few)}),
    }


study = Study(
    name="barak_parity",
    question=(
        "How long does online training take to learn a parity of three bits of n, and does it make "
        "progress all the while?"
    ),
    source="Barak et al. 2022, arXiv:2207.08799",
    sweeps={"quick": sweeps(20, 10, 6), "full": sweeps(100, 32, 32)},
)


def at(runs, path: str, value: int):
    """The runs with one value of what is swept."""
    return runs.isel(run=runs[path].values == value)


def times(runs) -> np.ndarray:
    """Steps until the parity is learned, a row for every size; infinite where it was not."""
    when = fr.measures.generalization_step(runs, LEARNED).fillna(np.inf)
    return np.array([at(when, "task.n", n).values for n in SIZES])


def slope(found: np.ndarray) -> float:
    """Of the median time against the number of bits, both in logarithms."""
    medians = np.median(found, 1)
    if not np.isfinite(medians).all():
        return np.inf
    return float(np.polyfit(np.log(SIZES), np.log(medians), 1)[0])


@study.claim(
    "BA1",
    "exponent of the median time to learn against the number of bits, n from 20 to 60",
    "n^Θ(k), here k = 3",
    "Section 3",
    band=(1.5, 3.5),
    needs=10,
)
def exponent(data):
    found = times(data["online"])
    random, seeds = np.random.default_rng(0), found.shape[1]
    again = [slope(found[:, random.integers(0, seeds, seeds)]) for _ in range(1000)]
    low, high = np.quantile(again, [0.025, 0.975], method="nearest")
    words = ", ".join(f"{t:,.0f}" for t in np.median(found, 1))
    note = f"median steps {words}; test accuracy {LEARNED:g}, on which the source does not insist"
    return Finding(slope(found), (float(low), float(high)), seeds, note=note)


@study.claim(
    "BA3",
    "shortest time to learn as a part of the median, the least over n",
    "no run is lucky: the times are not those of a random search",
    "Figure 2",
    band=(0.3, np.inf),
    needs=10,
)
def luck(data):
    found = times(data["online"])
    medians = np.median(found, 1)
    parts = found.min(1) / np.where(np.isfinite(medians), medians, np.nan)
    words = ", ".join(f"{part:.2f}" for part in parts)
    note = f"by n {words}; of {found.shape[1]} geometric times it would be about "
    return Finding(
        float(parts.min()), None, found.shape[1], note=f"{note}{1.44 / found.shape[1]:.2f}"
    )


def plateau(run) -> np.ndarray:
    """The steps from 16 on at which a run's accuracy is that of chance."""
    left = fr.measures.first_step(run.test_accuracy, CHANCE).item()
    return run.step.values[(run.step.values >= 16) & (run.step.values < left)]


@functools.cache
def movement(store: str, run: int, steps: tuple[int, ...]) -> np.ndarray:
    """Largest change of a weight since the start, at some steps."""
    runs = fr.open(store)
    start, *later = (input_tables(fr.network(runs, run, step=s)) for s in (0, *steps))
    return np.array([np.abs(tables - start).max() for tables in later])


def moved(run) -> tuple[np.ndarray, np.ndarray]:
    """The steps of the plateau at which weights were kept, and how far they had moved."""
    kept = [int(s) for s in hidden.keep.ages(hidden.steps) if s in plateau(run)]
    return np.array(kept), movement(run.attrs["store"], int(run.run), tuple(kept))


def rank(steps: np.ndarray, values: np.ndarray) -> float:
    """Spearman's correlation of a measure with the step."""
    if len(steps) < 3:
        return -np.inf
    found: Any = scipy.stats.spearmanr(steps, values)  # whose type SciPy does not say
    return float(found.statistic)


def ends(values: np.ndarray) -> tuple[float, float]:
    """The first and the last, if there are any."""
    return (float(values[0]), float(values[-1])) if len(values) else (np.nan, np.nan)


def each(runs) -> list[xr.Dataset]:
    """The runs, one by one."""
    return [runs.isel(run=i) for i in range(runs.sizes["run"])]


@study.claim(
    "BA2-movement",
    "rank correlation of step and largest change of a first-layer weight while test accuracy is "
    "chance, 50 bits, median over seeds",
    "the weights move steadily all the while",
    f"Section 5; {OURS}",
    band=(0.8, 1.0),
    needs=10,
)
def movement_grows(data):
    found = [moved(run) for run in each(data["hidden"])]
    first, last = np.median([ends(far) for _, far in found], 0)
    step = np.median([ends(steps)[1] for steps, _ in found])
    note = f"medians {first:.3f} at step 16, {last:.3f} at its end, step {step:,.0f}"
    return median([rank(*pair) for pair in found], note=note)


@study.claim(
    "BA2-gap",
    "rank correlation of step and Fourier gap of the population gradient while test accuracy is "
    "chance, 50 bits, median over seeds",
    "the gap amplifies the bits that matter all the while",
    f"Section 5; {OURS}",
    band=(0.8, 1.0),
    needs=10,
)
def gap_grows(data):
    found, values = [], []
    for run in each(data["hidden"]):
        steps = plateau(run)
        gaps = run.fourier_gap.sel(step=steps).values
        found.append(rank(steps, gaps))
        values.append(ends(gaps))
    first, last = np.median(values, 0)
    return median(found, note=f"median gap {first:.4f} at its beginning, {last:.4f} at its end")


@study.claim(
    "BA-finite",
    "how many times longer generalising takes than memorising, median over seeds, at the size of "
    "the training set at which it is most, of those at which most seeds generalise",
    "with few examples networks grok: they memorise long before they generalise",
    f"Appendix C.5; {OURS}",
    band=(2.0, np.inf),
    needs=6,
)
def groks(data):
    found, seeds = {}, 0
    for count in TRAINED_ON:
        runs = at(data["finite"], "task.train_count", count)
        began = fr.measures.memorization_step(runs, LEARNED)
        ended = fr.measures.generalization_step(runs, LEARNED)
        found[count] = median(ended / began)
        seeds = runs.sizes["run"]
    words = ", ".join(
        f"{count:,}: {f.value:.2f}" if np.isfinite(f.value) else f"{count:,}: most do not"
        for count, f in found.items()
    )
    reached = [f for f in found.values() if np.isfinite(f.value)]
    most = max(reached, key=lambda f: f.value, default=Finding(np.nan, None, seeds))
    return Finding(most.value, most.interval, seeds, note=words)


def drawn_on(runs: xr.Dataset) -> xr.Dataset:
    """The runs, those that have ended at their last values; else they would leave the median."""

    def hold(values: xr.DataArray) -> xr.DataArray:
        last = values.notnull().cumsum("step").argmax("step")
        return values.fillna(values.isel(step=last).drop_vars("step"))

    curved = [name for name, values in runs.items() if values.dims == ("run", "step")]
    return runs[curved].map(hold)


@study.picture(
    "Test accuracy, Fourier gap and norm of all weights on fifty bits, no example seen twice: each "
    "seed faint, the median bold. A run ends when it has learned the parity, and is drawn on at "
    "its last values."
)
def hidden_progress(data):
    runs = data["hidden"]
    last = float(runs.step.values[runs.test_accuracy.notnull().any("run").values].max())
    return curves(drawn_on(runs), "test_accuracy", "fourier_gap", "weight_norm", last=last)


@study.picture("Share of runs that have learned the parity by each step, by the number of bits.")
def times_to_learn(data):
    when = fr.measures.generalization_step(data["online"], LEARNED)
    return fr.figures.survival_curves(when, by="task.n")


@study.picture(
    "Finite training sets of the sizes that the colours say, thirty bits, decay 0.01: accuracy on "
    "training and on test examples. Each run faint, the median bold, drawn on at its last values."
)
def finite_samples(data):
    rows = ("train_accuracy", "test_accuracy")
    return curves(drawn_on(data["finite"]), *rows, by="task.train_count", last=2e4)
