"""Does the simple transformer of the course report grok where, and only where, the report says?"""

import math

import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, median, points

REPORT = "arXiv:2412.10898"
FRACTION = "task.train_fraction"
LOW, MIDDLE, HIGH = 0.15, 0.30, 0.45

experiment = fr.spec.replace(
    fr.recipes.report_mod97(), {"schedule": fr.Schedule(per_octave=16, every=200)}
)
done = fr.Reaches("test_accuracy", 1.0, records=3)


def transformers(seeds: int) -> Sweep:
    """Runs at three fractions, until every test example is answered rightly."""
    values = {"steps": 25_000, "stop": (done,)}
    over = {FRACTION: [LOW, MIDDLE, HIGH], "seed": range(seeds)}
    return Sweep(fr.spec.replace(experiment, values), over)


def at(runs, fraction: float):
    """The runs at one fraction."""
    return runs.isel(run=np.isclose(runs[FRACTION].values, fraction))


def typical(runs, fraction: float) -> float:
    """The median step at which runs at one fraction generalise; infinite if half of them do not."""
    times = fr.measures.generalization_step(at(runs, fraction)).values
    return float(np.median(np.where(np.isnan(times), np.inf, times)))


def plain(recipe: fr.Experiment, fractions: list[float], steps: int, seeds: int) -> Sweep:
    """A network that does not grok, with its inputs as numbers."""
    values = {"steps": steps, "schedule": fr.Schedule(per_octave=16)}
    over = {FRACTION: fractions, "seed": range(seeds)}
    return Sweep(fr.spec.replace(recipe, values), over)


def power(steps: int, fractions: list[float], seeds: int) -> Sweep:
    """The two-layer transformer in the encoding of its source, with its batches.

    Those are of 512 examples, or of half of them all where that is less.
    """
    recipe = fr.recipes.power_mod97()
    values = {"steps": steps, "schedule": fr.Schedule(per_octave=8), "stop": (done,)}
    batches = [(f, min(512, math.ceil(int(f * 97**2) / 2))) for f in fractions]
    over = {(FRACTION, "batch_size"): batches, "seed": range(seeds)}
    return Sweep(fr.spec.replace(recipe, values), over)


MLP, LSTM = fr.recipes.report_mlp(), fr.recipes.report_lstm()
# The report does not say what its "straightforward encoding" is; ours are numbers, and tokens.
TOKENS = {"task.encoding": "pair"}
MLP_TOKENS, LSTM_TOKENS = fr.spec.replace(MLP, TOKENS), fr.spec.replace(LSTM, TOKENS)
study = Study(
    name="report_fractions",
    question=(
        "From which share of the addition table does a simple transformer generalise, how late, "
        "and do a perceptron and an LSTM do so at all?"
    ),
    source=f"course report {REPORT}",
    sweeps={
        "quick": {
            "transformers": transformers(1),
            # The fewest examples are the easiest to memorise, and cheap to train on for long.
            "mlp": plain(MLP, [LOW], 2000, 2),
            "mlp_tokens": plain(MLP_TOKENS, [LOW, HIGH], 250, 1),
            "lstm": plain(LSTM, [0.45], 10_000, 1),
            "lstm_tokens": plain(LSTM_TOKENS, [0.45], 10_000, 1),
        },
        "full": {
            "transformers": transformers(8),
            "mlp": plain(MLP, [0.15, 0.30, 0.45], 20_000, 3),
            "mlp_tokens": plain(MLP_TOKENS, [0.15, 0.30, 0.45], 20_000, 3),
            "lstm": plain(LSTM, [0.30, 0.45, 0.60], 100_000, 3),
            "lstm_tokens": plain(LSTM_TOKENS, [0.30, 0.45, 0.60], 100_000, 3),
            "power": power(60_000, [0.05, 0.3, 0.45, 0.6, 0.75, 0.9], 3),
        },
    },
)


@study.claim(
    "R2-low",
    "highest test accuracy within 25,000 steps when 15 % of the pairs are trained on",
    "close to 0",
    f"{REPORT}, figure 2",
    band=(0.0, 0.05),
)
def low(data):
    found = at(data["transformers"], LOW).test_accuracy.max("step").values
    return Finding(float(found.max()), None, found.size)


@study.claim(
    "R2-mem",
    "median step at which 30 % are memorised (training accuracy 0.99)",
    "≈ 200",
    f"{REPORT}, figure 2",
    band=(100, 400),
    units="steps",
)
def memorised(data):
    return median(fr.measures.memorization_step(at(data["transformers"], MIDDLE)))


@study.claim(
    "R2-gen",
    "median step at which test accuracy is 0.99 with 30 %",
    "9,100 (text), 8,300 (figure)",
    f"{REPORT}, figure 2",
    band=(4000, 15_000),
    units="steps",
)
def generalised(data):
    return median(fr.measures.generalization_step(at(data["transformers"], MIDDLE)))


@study.claim(
    "R2-high",
    "median step at which test accuracy is 0.99 with 45 %",
    "a short delay",
    f"{REPORT}, figure 2",
    band=(400, 3000),
    units="steps",
)
def high(data):
    return median(fr.measures.generalization_step(at(data["transformers"], HIGH)))


@study.claim(
    "R6-slope",
    "slope of log steps to generalise against log fraction, from 30 to 45 %",
    "negative: ≈ 9,000 at 0.3, 1,000 to 2,000 at 0.45",
    f"{REPORT}, figure 7",
    band=(-np.inf, -1.0),
    needs=2,
)
def slope(data):
    found = data["transformers"]
    early, late = (typical(found, fraction) for fraction in (MIDDLE, HIGH))
    runs = sum(at(found, fraction).sizes["run"] for fraction in (MIDDLE, HIGH))
    if not np.isfinite([early, late]).all():
        # The logarithm would be minus infinity, which lies in the band.
        note = "no slope: half of the runs or more do not generalise at one of the fractions"
        return Finding(np.nan, None, runs, note=note)
    value = np.log(late / early) / np.log(HIGH / MIDDLE)
    return Finding(float(value), None, runs)


@study.claim(
    "R6-order",
    "share of the neighbouring fractions of 15, 30 and 45 % of which the larger needs fewer steps",
    "all: steps fall monotonically",
    f"{REPORT}, figure 7",
    band=(1.0, 1.0),
    needs=3,
)
def ordered(data):
    found = data["transformers"]
    times = np.array([typical(found, fraction) for fraction in (LOW, MIDDLE, HIGH)])
    note = f"median steps {', '.join(f'{t:,.0f}' for t in times)}"
    return Finding(float((times[1:] < times[:-1]).mean()), None, found.sizes["run"], note=note)


@study.claim(
    "R3",
    "highest training accuracy of the perceptron on numbers at any fraction",
    "below 1 after 20,000 steps",
    f"{REPORT}, figures 3 and 8",
    band=(0.0, 0.999),
)
def perceptron(data):
    found = data["mlp"]
    late = int(fr.measures.generalization_step(found, 0.5).notnull().sum())
    note = f"{late} of {found.sizes['run']} reach test accuracy 0.5"
    best = found.train_accuracy.max("step").values
    return Finding(float(best.max()), None, best.size, note=note)


@study.claim(
    "R3-late",
    "test loss of the perceptron on numbers at the end, as a multiple of its least, least over "
    "fractions",
    "test loss rises late",
    f"{REPORT}, figures 3 and 8; our band",
    band=(1.1, np.inf),
    at="full",
)
def risen(data):
    loss = data["mlp"].test_loss
    found = (loss.isel(step=-1) / loss.min("step")).values
    return Finding(float(found.min()), None, found.size)


@study.claim(
    "R3-tokens",
    "largest step at which the perceptron on one-hot tokens has memorised, over fractions",
    "the report's perceptron never does; one-hot inputs are the reading of it that we reject",
    f"{REPORT}, figures 3 and 8",
    band=(0, 500),
    units="steps",
)
def tokens(data):
    found = data["mlp_tokens"]
    late = int(fr.measures.generalization_step(found, 0.5).notnull().sum())
    note = f"{late} of {found.sizes['run']} reach test accuracy 0.5"
    times = fr.measures.memorization_step(found).fillna(np.inf).values
    return Finding(float(times.max()), None, times.size, note=note)


def no_jump(claim: str, label: str, inputs: str) -> None:
    """The claim that an LSTM does not grok."""

    @study.claim(
        claim,
        f"largest rise of the LSTM's test accuracy after its training accuracy was 0.5, {inputs}",
        "no delayed jump",
        f"{REPORT}, figure 4",
        band=(0.0, 0.5),
    )
    def recurrent(data):
        found = data[label]
        began = fr.measures.memorization_step(found, 0.5)
        after = found.test_accuracy.where(found.step >= began)
        rise = (after.max("step") - after.min("step")).fillna(0).values
        note = f"training accuracy at the end {found.train_accuracy.isel(step=-1).values.round(2)}"
        return Finding(float(rise.max()), None, rise.size, note=note)


no_jump("R4", "lstm", "on numbers")
no_jump("R4-tokens", "lstm_tokens", "on tokens")


@study.claim(
    "R1",
    "highest test accuracy of the two-layer transformer with 30 % in the steps in which 60 % "
    "reaches 0.99",
    "rises from about 40 % on",
    f"{REPORT}, figure 1",
    band=(0.0, 0.2),
    at="full",
)
def encoded(data):
    runs = data["power"]
    fraction = runs[FRACTION].values
    times = fr.measures.generalization_step(runs)
    budget = float(np.nanmedian(times.values[fraction == 0.6]))
    seen = runs.isel(run=fraction == 0.3).test_accuracy.sel(step=slice(0, budget)).max("step")
    return Finding(float(seen.max()), None, int(seen.size))


@study.claim(
    "R1-delay",
    "median steps from memorising to generalising of the two-layer transformer with 90 %, as a "
    "part of those with 60 %",
    "with 75 and 90 % test accuracy tracks training accuracy; with 60 % it is ≈ 6,000 epochs late",
    f"{REPORT}, figure 1",
    band=(-0.1, 0.1),
    at="full",
)
def tracked(data):
    runs = data["power"]
    ends = [at(runs, fraction) for fraction in (0.9, 0.6)]
    delays = [np.nan_to_num(fr.measures.grokking_delay(one).values, nan=np.inf) for one in ends]
    most, some = (float(np.median(each)) for each in delays)
    # What half of the runs do not reach has no part that could be told.
    value = most / some if np.isfinite(some) else np.nan
    return Finding(value, None, sum(each.size for each in delays))


@study.picture("The simple transformer at each fraction: training (blue) and test (vermilion).")
def by_fraction(data):
    return fr.figures.overview(data["transformers"])


@study.picture("Steps until the simple transformer generalises; a run that does not has no dot.")
def steps_by_fraction(data):
    runs = data["transformers"]
    series = {
        "memorised": fr.measures.memorization_step(runs).values,
        "generalised": fr.measures.generalization_step(runs).values,
    }
    places = runs[FRACTION].values
    return points(
        {k: (places, v) for k, v in series.items()}, "fraction trained on", "steps", log=True
    )


def over_steps(label: str, words: str, only: float | None = None) -> None:
    """A picture of one sweep, or of its runs at one fraction."""

    @study.picture(f"{words}: training (blue) and test accuracy (vermilion).")
    def draw(data):
        runs = data[label] if only is None else at(data[label], only)
        return curves(runs, ("train_accuracy", "test_accuracy"))


over_steps("transformers", "The simple transformer with 30 % of the pairs", MIDDLE)
over_steps("mlp", "The perceptron on numbers")
over_steps("mlp_tokens", "The perceptron on tokens")
over_steps("lstm", "The LSTM on numbers")
over_steps("lstm_tokens", "The LSTM on tokens")
