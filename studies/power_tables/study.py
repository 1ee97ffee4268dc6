"""How much of an operation's table does a two-layer transformer need to fill in the rest?"""

import itertools

import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, median

POWER = "Power et al. 2022, arXiv:2201.02177"
FRACTION, OPERATION, SEED = "task.train_fraction", "task.operation", "seed"
DECAY, RATE = "optimizer.weight_decay", "optimizer.learning_rate"
done = fr.Reaches("test_accuracy", 0.99, records=2)

# From the easiest as the source ranks them: symmetric, then not, then one that nobody learns.
SYMMETRIC = ("a + b", "a**2 + b**2", "a**2 + a*b + b**2")
OTHERS = ("a - b", "a**2 + a*b + b**2 + a")
HARDEST = "a**3 + a*b**2 + b"
OUTLIERS = (0, 10, 100, 1000, 2000, 3000)
SOURCE_TRAIN = 7200  # half of the products of permutations of five


def decoder(steps: int, **values: object) -> fr.Experiment:
    """The source's network, recorded until it has generalised."""
    changes = {
        "steps": steps,
        "schedule": fr.Schedule(per_octave=8, every=steps // 30),
        "stop": (done,),
    }
    return fr.spec.replace(fr.recipes.power_mod97(), {**changes, **values})


def outliers(base: fr.Experiment, seeds: int) -> Sweep:
    """Wrong labels in the shares of the source's outliers; every run to the end of its budget."""
    noisy = fr.tasks.Corrupted(base.task, noise=0.0)
    shares = [round(count / SOURCE_TRAIN, 5) for count in OUTLIERS]
    over = {"task.noise": shares, SEED: range(seeds)}
    return Sweep(fr.spec.replace(base, {"task": noisy, "stop": ()}), over)


def optimizers(base: fr.Experiment, fractions: list[float], seeds: int) -> dict[str, Sweep]:
    """With and without weight decay, and at three learning rates."""
    over = {FRACTION: fractions, SEED: range(seeds)}
    return {
        "decays": Sweep(base, {DECAY: [0.0, 1.0], **over}),
        "rates": Sweep(base, {RATE: [3e-4, 3e-3], **over}),
    }


def reduced() -> dict[str, Sweep]:
    """A network of half the width, a few thousand steps, and addition in place of permutations."""
    half = {"model.width": 64, "model.neurons": 256}
    small = decoder(4000, **{"task.train_fraction": 0.5, **half})
    names = [*SYMMETRIC, *OTHERS, HARDEST]
    return {
        "fractions": Sweep(small, {FRACTION: [0.35, 0.4, 0.5, 0.6], SEED: range(2)}),
        "operations": Sweep(small, {OPERATION: names, SEED: range(1)}),
        **optimizers(fr.spec.replace(small, {"steps": 3000}), [0.3, 0.5, 0.7], 1),
        "outliers": outliers(fr.spec.replace(small, {"steps": 3000}), 1),
    }


def full() -> dict[str, Sweep]:
    """The source's sizes."""
    task = fr.tasks.GroupOperation(degree=5, train_fraction=0.5, encoding="equation")
    five = fr.spec.replace(decoder(100_000), {"task": task})
    names = [*SYMMETRIC, *OTHERS, HARDEST, "a / b", "a**3 + a*b", "a / b if b % 2 else a - b"]
    division = decoder(
        1_000_000, **{OPERATION: "a / b", DECAY: 0.0, "schedule": fr.Schedule(per_octave=16)}
    )
    tenths = [round(0.1 * n, 1) for n in range(2, 9)]
    learning = fr.spec.replace(five, {"steps": 500_000})
    return {
        "division": Sweep(division, {SEED: range(3)}),
        "fractions": Sweep(
            learning, {FRACTION: [0.25, 0.26, 0.27, 0.28, 0.29, 0.30], SEED: range(7)}
        ),
        "operations": Sweep(decoder(100_000), {OPERATION: names, FRACTION: tenths, SEED: range(3)}),
        "permutations": Sweep(
            five, {OPERATION: ["a b", "a b a^-1", "a b a"], FRACTION: tenths, SEED: range(3)}
        ),
        **optimizers(five, tenths, 3),
        "outliers": outliers(five, 3),
    }


study = Study(
    name="power_tables",
    question=(
        "Which operations, how much of their tables, how much weight decay and how many wrong "
        "entries: when does the transformer that was first seen to grok do so?"
    ),
    source=POWER,
    sweeps={"quick": reduced(), "full": full()},
)


def final(runs) -> np.ndarray:
    """Test accuracy of each run at its last record; those that generalised end early."""
    values = runs.test_accuracy.transpose("run", "step").values
    return np.array([row[np.isfinite(row)][-1] for row in values])


@study.claim(
    "PW1",
    "median ratio of the steps at which test and training accuracy are 0.99: division, half the "
    "table, no weight decay",
    "≈ 1,000: train before 1e3, test near 1e6",
    f"{POWER}, figure 1",
    band=(100, np.inf),
    needs=3,
    at="full",
)
def late(data):
    runs = data["division"]
    ratio = fr.measures.generalization_step(runs) / fr.measures.memorization_step(runs)
    return median(ratio)


@study.claim(
    "PW2",
    "slope of log steps to generalise against the fraction trained on, through the medians",
    "−41 to −34 for permutations of five at fractions of 0.25 to 0.30",
    f"{POWER}, figure 1; at quick any fall steeper than −4 counts, for addition",
    # Reduced size: a steeper fall than 20 % for each 5 % of the table.
    band=(-60, -4),
    needs=8,
)
def slower(data):
    runs = data["fractions"]
    times = fr.measures.generalization_step(runs).groupby(FRACTION).median(skipna=False)
    known = times.dropna(FRACTION)
    note = ", ".join(f"{f:g}: {t:,.0f}" for f, t in zip(known[FRACTION].values, known, strict=True))
    value = np.nan
    if known.size > 1:
        value = float(np.polyfit(known[FRACTION].values, np.log(known.values), 1)[0])
    note = f"{note}; not reached by the median at {times.size - known.size} fractions"
    return Finding(value, None, runs.sizes["run"], note=note)


@study.claim(
    "PW3-permutations",
    "share of the three operations on permutations of five that are generalised from some "
    "fraction, up to 0.8",
    "all three",
    f"{POWER}, figure 2",
    band=(1.0, 1.0),
    needs=3,
    at="full",
)
def permuted(data):
    runs = data["permutations"]
    of = {
        name: runs.isel(run=runs[OPERATION].values == name) for name in np.unique(runs[OPERATION])
    }
    best = {name: final(found).max() for name, found in of.items()}
    note = ", ".join(f"{name}: {value:.3f}" for name, value in best.items())
    found = float(np.mean([value >= 0.99 for value in best.values()]))
    return Finding(found, None, runs.sizes["run"], note=note)


def reached(runs) -> dict[str, float]:
    """Mean final test accuracy of each operation, over fractions and seeds."""
    names, values = runs[OPERATION].values, final(runs)
    return {str(name): float(values[names == name].mean()) for name in np.unique(names)}


@study.claim(
    "PW3-order",
    "pairs of a symmetric and another operation of which the symmetric one ends better, or both "
    "at 0.99",
    "symmetric operations need fewer examples",
    f"{POWER}, figure 2",
    band=(1.0, 1.0),
    needs=6,
)
def order(data):
    runs = data["operations"]
    found = reached(runs)
    holds = [
        found[one] >= found[other] or min(found[one], found[other]) >= 0.99
        for one, other in itertools.product(SYMMETRIC, OTHERS)
    ]
    note = ", ".join(f"{name}: {value:.3f}" for name, value in found.items())
    return Finding(float(np.mean(holds)), None, runs.sizes["run"], note=f"test accuracy: {note}")


@study.claim(
    "PW3-hardest",
    f"test accuracy that {HARDEST} ends with, mean",
    "never generalises with up to 95 % of the table",
    f"{POWER}, figure 2",
    band=(0.0, 0.5),
)
def hardest(data):
    runs = data["operations"]
    count = int((runs[OPERATION].values == HARDEST).sum())
    return Finding(reached(runs)[HARDEST], None, count)


def needed(runs, path: str, value: float) -> float:
    """The smallest fraction at which most seeds generalise; 1 if none."""
    mine = runs.isel(run=np.isclose(runs[path].values, value))
    share = fr.measures.generalization_step(mine).notnull().groupby(FRACTION).mean()
    return float(share[FRACTION].values[share.values >= 0.5].min(initial=1.0))


@study.claim(
    "PW4-decay",
    "fraction of the products of permutations needed without weight decay, by that with 1",
    "≥ 2: weight decay halves the data needed",
    f"{POWER}, figure 2; at quick 1.3 counts, for addition at three fractions",
    band=(1.3, np.inf),
    needs=6,
)
def halves(data):
    runs = data["decays"]
    without, with_decay = (needed(runs, DECAY, value) for value in (0.0, 1.0))
    note = f"{without:g} without (1: none), {with_decay:g} with"
    return Finding(without / with_decay, None, runs.sizes["run"], note=note)


@study.claim(
    "PW4-rate",
    "learning rates, of 3e-4 and 3e-3, that need fewer examples than 1e-3",
    "none: the range of good rates is about a factor ten wide, around 1e-3",
    f"{POWER}, figure 2",
    band=(0, 0),
    needs=6,
)
def rates(data):
    best = needed(data["decays"], DECAY, 1.0)
    found = {rate: needed(data["rates"], RATE, rate) for rate in (3e-4, 3e-3)}
    note = ", ".join(f"{rate:g}: {fraction:g}" for rate, fraction in found.items())
    fewer = sum(fraction < best for fraction in found.values())
    return Finding(fewer, None, data["rates"].sizes["run"], note=f"1e-3: {best:g}, {note}")


@study.claim(
    "PW5",
    "largest share of wrong labels up to which every run ends at test accuracy 0.9",
    "0.139 (1,000 of 7,200)",
    f"{POWER}, figure with outliers",
    band=(0.1, 0.3),
    needs=6,
)
def outlying(data):
    runs = data["outliers"]
    noise, values = runs["task.noise"].values, final(runs)
    levels = np.unique(noise)
    good = np.array([values[noise == level].min() >= 0.9 for level in levels])
    value = float(levels[: int(np.argmin([*good, False]))].max(initial=0.0))
    means = (values[noise == level].mean() for level in levels)
    note = ", ".join(f"{level:.3f}: {m:.3f}" for level, m in zip(levels, means, strict=True))
    return Finding(value, None, runs.sizes["run"], note=f"test accuracy at the end: {note}")


@study.picture("Each operation: training (blue) and test accuracy (vermilion) of its runs.")
def by_operation(data):
    return fr.figures.overview(data["operations"])


@study.picture("Each fraction of the table: accuracy over steps of every seed.")
def by_fraction(data):
    return fr.figures.overview(data["fractions"])


@study.picture("Test accuracy over steps with ever more wrong labels.")
def with_outliers(data):
    return curves(data["outliers"], "test_accuracy", by="task.noise")
