"""Does the 24-neuron network of the PAIR explorable grok addition modulo 67, and as waves?"""

import numpy as np

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
        "full": {"seeds": Sweep(experiment, {"seed": range(24)})},
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
