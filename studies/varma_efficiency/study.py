"""Does remembering cost more than knowing, and the more so the more there is to remember?"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, median, points

VARMA = "Varma et al. 2023, arXiv:2309.02390"
NOTSAWO = 'Notsawo et al. 2023, "Predicting Grokking Long Before it Happens", arXiv:2306.13253'
QUANTA = "Quanta Magazine 2024, “How Do Machines ‘Grok’ Data?”"
FRACTION = "task.clean.train_fraction"


@fr.snapshot()
def train_margin(network, context) -> Float[Array, ""]:
    """How far the logit of a training label is above the mean of the others, mean over examples."""
    rows = context.train
    logits = network.table(rows.inputs)
    given = jnp.take_along_axis(logits, rows.labels[:, None], 1)[:, 0]
    others = (logits.sum(1) - given) / (logits.shape[1] - 1)
    return jnp.sum((given - others) * rows.weights) / jnp.sum(rows.weights)


# One hidden layer without biases: twice the weights give four times the logits, so that logits by
# the square of the norm are an efficiency, whatever the norm is.
experiment = fr.Experiment(
    task=fr.tasks.Corrupted(fr.tasks.ModularArithmetic(p=53), noise=0.0),
    model=fr.models.MLP(widths=(128,), bias=False),
    optimizer=fr.optim.AdamW(learning_rate=1e-2, weight_decay=1.0, b1=0.9, b2=0.98),
    loss=fr.losses.CrossEntropy(),
    steps=4000,
    schedule=fr.Schedule(per_octave=16),
    record=(*fr.CURVES, train_margin),
)


def both(over: dict, **values: object) -> dict[str, Sweep]:
    """Networks on right labels, and on labels drawn at random, which can only be remembered."""
    base = fr.spec.replace(experiment, values)
    return {
        "general": Sweep(base, over),
        "memory": Sweep(fr.spec.replace(base, {"task.noise": 1.0}), over),
    }


study = Study(
    name="varma_efficiency",
    question=(
        "Is a network that remembers its training labels less efficient, in logits for its norm, "
        "than one that adds, and from which number of examples on?"
    ),
    source=f"{VARMA}; in words in {QUANTA}",
    # The source has transformers modulo 113; ours is a perceptron, modulo 53 at `quick`.
    sweeps={
        "quick": both({FRACTION: [0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], "seed": range(3)}),
        "full": both(
            {FRACTION: np.linspace(0.05, 0.9, 18).round(2).tolist(), "seed": range(16)},
            **{"task.clean.p": 113, "steps": 20_000},
        ),
    },
)


def efficiency(runs) -> np.ndarray:
    """Margin for each unit of squared weight norm, of each run at its last record."""
    return (runs.train_margin / runs.weight_norm**2).isel(step=-1).values


def generalised(runs) -> np.ndarray:
    """Which runs end with a test accuracy of 0.99."""
    return runs.test_accuracy.isel(step=-1).values >= 0.99


def slope(runs, kept: np.ndarray) -> Finding:
    """How log efficiency changes with log of the number of examples, by the runs that are kept."""
    fractions, values = runs[FRACTION].values[kept], efficiency(runs)[kept]
    levels = np.unique(fractions)
    note = ", ".join(f"{f:g}: {np.median(values[fractions == f]):.3g}" for f in levels)
    if len(levels) < 2:
        return Finding(np.nan, None, int(kept.sum()), note=note)
    value = np.polyfit(np.log(fractions), np.log(values), 1)[0]
    return Finding(float(value), None, int(kept.sum()), note=f"efficiency by fraction: {note}")


@study.claim(
    "VA1-general",
    "slope of log efficiency against log number of examples, of networks that generalised",
    "0: independent of the number of examples",
    f"{VARMA}, section 3",
    band=(-0.15, 0.15),
    needs=8,
)
def independent(data):
    runs = data["general"]
    return slope(runs, generalised(runs))


@study.claim(
    "VA1-memory",
    "the same of networks that can only remember",
    "negative: every example costs",
    f"{VARMA}, section 3",
    band=(-np.inf, -0.2),
    needs=8,
)
def costly(data):
    runs = data["memory"]
    return slope(runs, runs.train_accuracy.isel(step=-1).values >= 0.99)


def crossing(data) -> float:
    """The fraction of pairs above which remembering is less efficient than adding."""
    general, memory = data["general"], data["memory"]
    level = np.log(np.median(efficiency(general)[generalised(general)]))
    line = np.polyfit(np.log(efficiency(memory)), np.log(memory[FRACTION].values), 1)
    return float(np.exp(np.polyval(line, level)))


@study.claim(
    "VA1-cross",
    "fraction at which both are equally efficient, by the smallest at which most seeds generalise",
    "1: below the crossing a network does not grok",
    f"{VARMA}, section 3",
    band=(0.5, 2.0),
    needs=8,
)
def crosses(data):
    runs = data["general"]
    fractions, good = runs[FRACTION].values, generalised(runs)
    levels = np.unique(fractions)
    enough = [f for f in levels if good[fractions == f].mean() >= 0.5]
    first, cross = min(enough, default=np.nan), crossing(data)
    note = f"equal at {cross:.2f}; smallest fraction that generalises {first:g}"
    return Finding(cross / first, None, runs.sizes["run"], note=note)


@study.claim(
    "Q8-easier",
    "median ratio of the step at which a rule is known (test accuracy 0.99) to that at which as "
    "many random labels are remembered (training accuracy 0.99); not known counts as later",
    "above 1: the memorising algorithm is the easier one and comes first",
    f"{QUANTA}: “Battle for Control”",
    band=(1.0, np.inf),
    needs=8,
)
def easier(data):
    known = fr.measures.generalization_step(data["general"]).values
    remembered = fr.measures.memorization_step(data["memory"]).values
    never = int(np.isnan(known).sum())
    note = f"{never} of {known.size} did not generalise and count as later than all others"
    return median(known / remembered, note=note)


@study.claim(
    "Q8-costlier",
    "median ratio of efficiencies of general and memorising networks at the largest fraction",
    "above 1: generalisation is simpler for the same performance",
    f"{QUANTA}: “Battle for Control”",
    band=(1.0, np.inf),
    needs=3,
)
def costlier(data):
    most = data["general"][FRACTION].values
    most = most == most.max()
    return median(efficiency(data["general"])[most] / efficiency(data["memory"])[most])


@study.claim(
    "NO1",
    "share of the variance of log steps to generalise that a r^b + c explains, r the fraction "
    "trained on; what is censored is part of the fit",
    "≥ 0.9: such a law fits",
    f"{NOTSAWO}; the same networks as above",
    band=(0.9, 1.0),
    needs=8,
)
def law_of_fractions(data):
    times = fr.measures.generalization_step(data["general"])
    law = fr.measures.scaling_law(times, FRACTION, form="floor")
    reached = times.notnull().values
    logs = np.log(times.values[reached])
    left = logs - np.log(law.at(times[FRACTION].values[reached])[0])
    return Finding(1 - left.var() / logs.var(), None, int(reached.sum()), note=str(law))


@study.picture(
    "Steps to generalise by the fraction trained on; open: censored. The law is that of NO1."
)
def steps_by_fraction(data):
    times = fr.measures.generalization_step(data["general"])
    return fr.figures.scaling(times, FRACTION, form="floor")


@study.picture("Efficiency of networks that generalised, and of those that only remember.")
def efficiencies(data):
    general, memory = data["general"], data["memory"]
    kept = {
        "generalised": (general, generalised(general)),
        "remembers": (memory, memory.train_accuracy.isel(step=-1).values >= 0.99),
    }
    series = {
        name: (runs[FRACTION].values[good], efficiency(runs)[good])
        for name, (runs, good) in kept.items()
    }
    return points(series, "fraction trained on", "margin by squared weight norm", log=True)


@study.picture("Right labels: accuracy on training (blue) and test examples (vermilion).")
def general_runs(data):
    return fr.figures.overview(data["general"])


@study.picture("Random labels: training (blue) and test accuracy (vermilion).")
def memory_runs(data):
    return fr.figures.overview(data["memory"])


@study.picture("Norm of the weights by the fraction of pairs that are remembered.")
def norms(data):
    return curves(data["memory"], "weight_norm", "train_margin", by=FRACTION)
