"""Does the 24-neuron network of the PAIR explorable grok addition modulo 67, and as waves?"""

import numpy as np
import scipy.stats

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, mean, median, share

GENERALISED = 1e-3  # test loss, a mean over examples and classes, as the source counts it

experiment = fr.spec.replace(
    fr.recipes.pair_mod67(),
    {
        "record": (*fr.CURVES, fr.measures.neuron_power_share),
        "schedule": fr.Schedule(per_octave=16, every=100),
    },
)
study = Study(
    name="pair_mod67",
    question=(
        "Does the 24-neuron network grok addition modulo 67 when the source says, and do its "
        "neurons become waves?"
    ),
    source='Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR',
    sweeps={
        "quick": {"seeds": Sweep(experiment, {"seed": range(8)})},
        "full": {"seeds": Sweep(experiment, {"seed": range(64)})},
    },
)


def generalised(runs):
    """The first step with a test loss of at most 1e-3; NaN where there is none."""
    return fr.measures.first_step(runs.test_loss, GENERALISED, falling=True)


@study.claim(
    "P1-success",
    "share of seeds whose test loss falls below 1e-3 within 50,000 steps",
    "0.989 of 450, which look selected for success",
    "sweep of 450 models",
    band=(0.55, 0.97),
    needs=24,
)
def success(data):
    times = generalised(data["seeds"])
    return share(times.notnull(), note=f"{int(times.notnull().sum())} of {times.size} seeds")


@study.claim(
    "P1-time",
    "median step at which test loss falls below 1e-3, among the seeds where it does",
    "28,000 (5 % to 95 %: 12,000 to 48,000)",
    "sweep of 450 models",
    band={8: (16_500, 42_500), 16: (19_000, 38_500), 64: (23_000, 33_500)},
    needs=8,
    units="steps",
)
def time(data):
    times = generalised(data["seeds"])
    found = median(times.values[times.notnull()])
    late = int(times.isnull().sum())
    note = f"conditional on success, as published: {late} of {times.size} seeds are left out"
    # The band is for the number of seeds that were trained, whether they succeed or not.
    return Finding(found.value, found.interval, times.size, note=note)


@study.claim(
    "P1-peak",
    "median over seeds of the highest test loss",
    "1.4 (10 % to 90 %: 0.93 to 1.73)",
    "sweep of 450 models",
    band=(0.9, 1.8),
    needs=8,
    units="nat",
)
def peak(data):
    return median(data["seeds"].test_loss.max("step"))


@study.claim(
    "P1-final",
    "median training loss at step 50,000, among the seeds whose test loss falls below 1e-3",
    "1.8e-7",
    "sweep of 450 models",
    band=(1.5e-7, 2.5e-7),
    needs=8,
    units="nat",
)
def final(data):
    runs = data["seeds"]
    losses, grokked = runs.train_loss.isel(step=-1), generalised(runs).notnull().values
    found = median(losses.values[grokked])
    note = (
        "conditional on success, as nearly all of the published models are; the median of all "
        f"{grokked.size} seeds is {losses.median().item():.2g}"
    )
    return Finding(found.value, found.interval, grokked.size, note=note)


@study.claim(
    "P2-waves",
    "share of a neuron's power in its dominant frequency at the end, mean over neurons and over "
    "the seeds that generalised",
    "≥ 0.9 for each neuron that takes part",
    "text",
    band=(0.9, np.inf),
)
def waves(data):
    runs = data["seeds"]
    grokked = generalised(runs).notnull().values
    shares = runs.neuron_power_share.isel(step=-1).values
    others = ", ".join(f"{v:.2f}" for v in shares[~grokked]) or "none"
    return mean(shares[grokked], note=f"of the seeds that had not generalised: {others}")


@study.claim(
    "P2-before",
    "the same at step 1,000, over all seeds",
    "median < 0.35",
    "text",
    band=(-np.inf, 0.4),
    needs=8,
)
def before(data):
    return mean(data["seeds"].neuron_power_share.sel(step=1000))


SIGNS = ("train_loss", "test_loss", "weight_norm")


def rank(times: np.ndarray, sign: np.ndarray) -> float:
    """Spearman's correlation of a sign with the time of generalising."""
    return float(scipy.stats.spearmanr(times, sign).statistic)


@study.claim(
    "P22-time",
    "rank correlation of the training loss at step 2,000 with the step of generalising, among the "
    "seeds that do",
    "0.50 (0.44 at 1,000, 0.61 at 5,000, 0.73 at 10,000), reckoned from the sweep",
    "sweep of 450 models",
    band=(0.3, 1.0),
    needs=64,
)
def early(data):
    runs, times = data["seeds"], generalised(data["seeds"])
    there = times.notnull().values
    known = times.values[there]
    told = []
    for step in (1000, 2000, 5000, 10_000):
        by = [rank(known, runs[name].sel(step=step).values[there]) for name in SIGNS]
        told.append(f"{step:,}: " + ", ".join(f"{value:.2f}" for value in by))
    found = rank(known, runs.train_loss.sel(step=2000).values[there])
    interval = None
    if there.sum() > 3:  # Fisher's, with the variance of ranks
        half = 1.96 * 1.03 / np.sqrt(there.sum() - 3)
        interval = tuple(float(np.tanh(np.arctanh(found) + end)) for end in (-half, half))
    note = f"by training loss, test loss and weight norm at step {'; '.join(told)}"
    return Finding(found, interval, times.size, note=note)


@study.claim(
    "P22-whether",
    "area under the curve of hits over false alarms, of the training loss at step 2,500, a "
    "twentieth of the budget, as a sign that a seed will generalise",
    "not published",
    "sweep of 450 models",
    band=(0.7, 1.0),
    needs=64,
)
def whether(data):
    runs, times = data["seeds"], generalised(data["seeds"])
    now = runs.sel(step=2500)
    signs = {name: -now[name].values for name in SIGNS}  # the smaller, the sooner
    table = fr.measures.prediction_table(times, signs)
    told = "; ".join(
        f"{name} {row.auroc:.2f}, false alarms {row.false_alarms:.0%}, concordance "
        f"{row.concordance:.2f}"
        for name, row in table.iterrows()
    )
    area = table.loc["train_loss"]
    note = f"{int(times.notnull().sum())} of {times.size}; {told} (at 90 % caught)"
    ends = (float(area.low), float(area.high)) if area.notnull().all() else None
    return Finding(float(area.auroc), ends, times.size, note=note)


@study.picture(
    "Loss, accuracy, and the share of each neuron's power in one frequency (mean over neurons): "
    "each seed faint, the median of all bold."
)
def over_steps(data):
    rows = (("train_loss", "test_loss"), ("train_accuracy", "test_accuracy"), "neuron_power_share")
    return curves(data["seeds"], *rows)


def first_generalised(runs) -> int:
    """The number of the first run that generalised; of the first run if none did."""
    return int(runs.run[np.argmax(generalised(runs).notnull().values)])


@study.picture(
    "Input weights of the neurons of the first seed that generalised, at the end, grouped by "
    "frequency and sorted by phase."
)
def neurons(data):
    runs = data["seeds"]
    return fr.figures.neurons_by_frequency(fr.network(runs, first_generalised(runs)))


@study.picture(
    "Accuracy of every seed on training (blue) and test examples (vermilion), steps on a "
    "logarithmic axis."
)
def every_seed(data):
    return fr.figures.overview(data["seeds"])
