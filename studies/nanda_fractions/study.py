"""From which share of the pairs, and with which decay, does Nanda's transformer grok, and when?"""

import numpy as np

import flyroom as fr
from flyroom.measures import recovery_step
from flyroom.studies import Finding, Study, Sweep, median, share

NANDA = "Nanda et al. 2023, arXiv:2301.05217"
FRACTION = "task.train_fraction"
PUBLISHED = {0.95: 123, 0.9: 156, 0.8: 177, 0.7: 129, 0.6: 270, 0.5: 744, 0.4: 2615, 0.3: 7583}

experiment = fr.recipes.nanda_mod113()
# Nothing that is asked of these runs comes after the test loss has fallen below 1 for good.
done = fr.Reaches("test_loss", 0.5, records=2, falling=True)


def until_done(steps: int, over: dict, **values: object) -> Sweep:
    """Runs that end when the test loss has fallen, or after so many steps."""
    changes = {"steps": steps, "stop": (done,), "schedule": fr.Schedule(per_octave=16), **values}
    return Sweep(fr.spec.replace(experiment, changes), over)


study = Study(
    name="nanda_fractions",
    question=(
        "From which share of the pairs, and with which weight decay, does a one-layer transformer "
        "generalise, and how late?"
    ),
    source=NANDA,
    sweeps={
        "quick": {
            "fractions": until_done(1500, {FRACTION: [0.8, 0.6, 0.5], "seed": range(2)}),
        },
        "full": {
            "fractions": until_done(
                40_000, {FRACTION: [*PUBLISHED, 0.28, 0.25, 0.2, 0.15, 0.1], "seed": range(3)}
            ),
            "small": until_done(
                40_000,
                {"optimizer.weight_decay": [1.0, 5.0], "seed": range(8)},
                **{"task.p": 53},
            ),
            "large": until_done(40_000, {FRACTION: [0.05, 0.1, 0.2, 0.3]}, **{"task.p": 401}),
            "decays": Sweep(
                fr.spec.replace(
                    experiment,
                    {"steps": 120_000, "schedule": fr.Schedule(per_octave=16, every=250)},
                ),
                {"optimizer.weight_decay": [0.0, 0.1], "seed": range(2)},
            ),
        },
    },
)


@study.claim(
    "NA4-factor",
    "largest factor between our median step (test loss below 1 for good) and the published one, "
    "over training fractions",
    ", ".join(f"{f}: {step:,}" for f, step in PUBLISHED.items()),
    f"{NANDA}, sweep over fractions, one run each",
    band=(1.0, 2.0),
    needs=5,
)
def factor(data):
    runs = data["fractions"]
    times, notes, ratios = recovery_step(runs).values, [], []
    for f in np.unique(runs[FRACTION].values)[::-1]:
        mine = np.nan_to_num(times[runs[FRACTION].values == f], nan=np.inf)
        notes.append(f"{f:g}: {', '.join(f'{t:,.0f}' for t in mine)}")
        if (published := PUBLISHED.get(float(f))) is not None:
            ratios.append(np.exp(abs(np.log(np.median(mine) / published))))
    return Finding(float(np.max(ratios)), None, runs.sizes["run"], note="; ".join(notes))


def typical(runs) -> dict[float, float]:
    """The median step of each training fraction, infinite if half of its runs do not reach it."""
    times, at = np.nan_to_num(recovery_step(runs).values, nan=np.inf), runs[FRACTION].values
    return {float(f): float(np.median(times[at == f])) for f in np.unique(at)}


@study.claim(
    "NA4-order",
    "share of the neighbouring training fractions up to 0.6 of which the larger needs fewer steps",
    "all: the steps fall monotonically",
    f"{NANDA}, sweep over fractions, one run each",
    band=(1.0, 1.0),
    needs=6,
)
def ordered(data):
    runs = data["fractions"]
    found = {f: t for f, t in typical(runs).items() if f <= 0.6}
    times = np.array(list(found.values()))
    pairs = np.stack([times[:-1], times[1:]], axis=1)
    pairs = pairs[np.isfinite(pairs).any(1)]  # of two that never do neither is first
    note = ", ".join(f"{f:g}: {t:,.0f}" for f, t in found.items())
    value = float((pairs[:, 1] < pairs[:, 0]).mean()) if len(pairs) else np.nan
    return Finding(value, None, runs.sizes["run"], note=note)


@study.claim(
    "NA4-slope",
    "slope of log steps against the training fraction, from 0.25 to 0.5",
    "−13.4",
    f"{NANDA}, sweep over fractions, one run each",
    band=(-16.4, -10.4),
    at="full",
)
def slope(data):
    found = {f: t for f, t in typical(data["fractions"]).items() if 0.25 <= f <= 0.5}
    logs, value = np.log(list(found.values())), np.nan
    if np.isfinite(logs).all():  # a step that half of the runs do not reach has no logarithm
        value = float(np.polyfit(list(found), logs, 1)[0])
    return Finding(value, None, data["fractions"].sizes["run"])


@study.claim(
    "NA5",
    "step at which test loss falls below 1 for good with weight decay 0.1",
    "90,900",
    f"{NANDA}, weight decay 0.1",
    band=(45_450, 181_800),
    units="steps",
    at="full",
)
def slow(data):
    runs = data["decays"]
    return median(recovery_step(runs).values[runs["optimizer.weight_decay"].values == 0.1])


@study.claim(
    "NA6-none",
    "share of seeds that generalise without weight decay",
    "none in 40,000 steps",
    NANDA,
    band=(0.0, 0.0),
    at="full",
)
def without(data):
    runs = data["decays"]
    free = runs.isel(run=runs["optimizer.weight_decay"].values == 0)
    return share(recovery_step(free).values <= 40_000)


@study.claim(
    "NA6-small",
    "modulo 53: generalises with weight decay 5 and not with 1 (share of the runs as published)",
    "never with 1, with 5 it does",
    NANDA,
    band=(1.0, 1.0),
    at="full",
)
def small(data):
    runs = data["small"]
    strong = runs["optimizer.weight_decay"].values == 5
    reached = recovery_step(runs).notnull().values
    note = f"within {int(runs.step[-1]):,} steps; with 5: {reached[strong].sum()} of {strong.sum()}"
    return share(reached == strong, note=note)


@study.claim(
    "NA6-large",
    "modulo 401: generalises within 40,000 steps from 20 and 30 % of the pairs and not from 5 and "
    "10 % (share of the runs as published)",
    "30 and 20 % at once, 5 and 10 % never",
    NANDA,
    band=(1.0, 1.0),
    at="full",
)
def large(data):
    runs = data["large"]
    return share(recovery_step(runs).notnull().values == (runs[FRACTION].values >= 0.2))


@study.picture("Training fraction against time: each run of the sweep.")
def by_fraction(data):
    return fr.figures.overview(data["fractions"])
