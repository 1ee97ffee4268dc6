"""What does a stronger weight decay do to a network that has memorised (50, 2)-parity?"""

import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, mean, median, share

EPOCH = 10  # steps: 300 examples in batches of 32
BLOG = "Fuangkawinsombut and Somsirivattana 2023"
OURS = "our reckoning, not of the source"
DECAY = "events.0.set.optimizer.weight_decay"  # in force once every training example is right
LATE = "events.1.set.optimizer.weight_decay"  # in force once the network has generalised
HALF = 2000  # steps until then, with full batches

# The text of the source does not say which decay is in force until a network has memorised.
# Here it is that of its Figure 1, 0.01: the other reading, none, moves a time by about the 14
# epochs that memorising takes, times 0.01 / w.
recipe = fr.recipes.blog_parity()
memorised = fr.Reaches("train_accuracy", 1.0)
record = {"record": (*fr.CURVES, fr.measures.spectral_norm)}
experiment = fr.spec.replace(
    recipe,
    record
    | {
        "schedule": fr.Schedule(per_octave=0, every=EPOCH),
        "events": (fr.Event(memorised, {"optimizer.weight_decay": 0.01}),),
    },
)
# Over a decade and a half. The weakest takes twice the epochs of the source.
long = fr.spec.replace(
    experiment, {"steps": 1500 * EPOCH, "stop": (fr.Reaches("test_accuracy", 1.0),)}
)
WIDE = [0.003, 0.0055, 0.01, 0.018, 0.032, 0.056, 0.1]
# With full batches nothing shakes a network near its threshold. A decay of 0.1 lets it generalise.
shrinking = fr.spec.replace(
    recipe,
    record
    | {
        "schedule": fr.Schedule(per_octave=0, every=100),
        "batch_size": None,
        "steps": 2 * HALF,
        "events": (
            fr.Event(memorised, {"optimizer.weight_decay": 0.1}),
            fr.Event(fr.AtStep(HALF), {"optimizer.weight_decay": 0.3}),
        ),
    },
)
PUBLISHED = {0.005: 350, 0.01: 180, 0.05: 45, 0.1: 30}
NORMS = {0.005: 1.35, 0.01: 1.30, 0.05: 1.30, 0.1: 1.30, 0.5: 0.0}
STRONG = [0.2, 0.3, 0.34, 0.36, 0.4, 0.45]


def sweeps(seeds: int, full: int) -> dict[str, Sweep]:
    """The decays of Figure 5 with minibatches, and those around the threshold without."""
    return {
        "raised": Sweep(experiment, {DECAY: list(NORMS), "seed": range(seeds)}),
        "law": Sweep(long, {DECAY: WIDE, "seed": range(max(32, seeds))}),
        "threshold": Sweep(shrinking, {LATE: STRONG, "seed": range(full)}),
    }


study = Study(
    name="parity_decay",
    question=(
        "Does a network that has memorised generalise sooner the stronger its weight decay, up to "
        "a threshold above which it never does?"
    ),
    source=f'{BLOG}, "Grokking", 6.S898 blog, Hypothesis 1',
    sweeps={"quick": sweeps(10, 4), "full": sweeps(64, 16)},
)


def at(runs, path: str, value: float):
    """The runs with one value of a swept decay."""
    return runs.isel(run=np.isclose(runs[path].values, value))


def generalises_at(decay: float, published: int) -> None:
    """Adds the claim that the median time is within 20 % of the published one."""

    @study.claim(
        f"B5-{decay:g}",
        f"median epoch at which test accuracy is 1, decay set to {decay:g} once memorised",
        f"≈ {published}",
        "Figure 5",
        band=(0.8 * published, 1.2 * published),
        needs=5,
        units="epochs",
    )
    def time(data):
        when = fr.measures.generalization_step(at(data["raised"], DECAY, decay), 1.0)
        return median(when / EPOCH, note=_late(when))


def _late(times) -> str:
    return f"{int(times.isnull().sum())} of {times.size} did not generalise within the budget"


for _decay, _published in PUBLISHED.items():
    generalises_at(_decay, _published)


@study.claim(
    "B5-0.5",
    "share of runs whose test accuracy is never 1, decay set to 0.5 once memorised",
    "never; training accuracy collapses",
    "Figure 5",
    band=(0.9, 1.0),
    needs=10,
)
def never(data):
    runs = at(data["raised"], DECAY, 0.5)
    accuracy = runs.train_accuracy.isel(step=-1)
    note = f"mean training accuracy at the end {float(accuracy.mean()):.2f}"
    return share(fr.measures.generalization_step(runs, 1.0).isnull(), note=note)


@study.claim(
    "B5x",
    "slope of the delay after memorising against the decay from 0.005 to 0.1, both in logarithms, "
    "median over seeds",
    "−1: the delay is inversely proportional to the decay",
    OURS,
    band=(-1.1, -0.9),
    needs=5,
)
def slope(data):
    decays = list(PUBLISHED)
    runs = [at(data["raised"], DECAY, decay) for decay in decays]
    delays = np.array([fr.measures.grokking_delay(r, 1.0).values / EPOCH for r in runs])
    slopes = [
        np.polyfit(np.log(decays), np.log(delay), 1)[0] if (delay > 0).all() else np.nan
        for delay in delays.T
    ]
    products = [median(row).value * decay for row, decay in zip(delays, decays, strict=True)]
    words = ", ".join(f"{p:.2f}" for p in products)
    return median(slopes, note=f"median delay times decay: {words} epochs; weakest decay first")


@study.claim(
    "B5x-law",
    "exponent of the delay after memorising in the decay, over a decade and a half: the likeliest "
    "power law of all runs, those that did not generalise censored",
    "−1: the delay is inversely proportional to the decay",
    OURS,
    band=(-1.1, -0.9),
    needs=32 * len(WIDE),
)
def law(data):
    delays = fr.measures.grokking_delay(data["law"], 1.0) / EPOCH
    reached = delays.isel(run=delays.notnull().values)
    if np.unique(reached[DECAY]).size < 3:
        return Finding(np.nan, None, delays.size, note="too few runs generalised for a law")
    found = fr.measures.scaling_law(delays, DECAY)
    exponent = found.parameters["exponent"]
    runs = found.reached + found.censored
    return Finding(exponent.value, (exponent.low, exponent.high), runs, note=f"{found}; epochs")


def final(data, decay: float):
    """The last records of the runs that went on with this decay, and had generalised before."""
    runs = at(data["threshold"], LATE, decay)
    before = runs.test_accuracy.sel(step=HALF) == 1
    return runs.isel(run=before.values, step=-1)


@study.claim(
    "B5y-collapse",
    "decay at which a network that has generalised collapses under full batches: the middle "
    "between the strongest with which its test accuracy stays 0.99 and the next, median over seeds",
    "1 / (2 √2) = 0.354, where the smallest network that computes the function no longer pays",
    OURS,
    band=(0.30, 0.42),
    needs=4,
)
def collapse(data):
    kept = np.array([(at(data["threshold"], LATE, w).test_accuracy.isel(step=-1) >= 0.99).values
                     for w in STRONG])  # fmt: skip
    before = at(data["threshold"], LATE, STRONG[0]).test_accuracy.sel(step=HALF) == 1
    middles = [_middle(column) for column in kept.T[before.values]]
    lost = ", ".join(f"{w:g}: {np.mean(~row):.0%}" for w, row in zip(STRONG, kept, strict=True))
    return median(middles, note=f"share of seeds that collapsed at {lost}")


def _middle(kept: np.ndarray) -> float:
    """Between the decays before and at the first that was not survived."""
    if kept.all():
        return np.inf
    first = int(np.argmin(kept))
    return 0.5 * (STRONG[first] + ([0.0, *STRONG])[first])


@study.claim(
    "B5y-cost",
    "half the squared norm of all weights at the end, decay of 0.3 and below, median over runs",
    "2 √2 = 2.83, that of the smallest network of this form that computes the function",
    OURS,
    band=(2.73, 2.93),
    needs=4,
)
def cost(data):
    ends = [final(data, decay) for decay in STRONG if decay <= 0.3]
    norms = np.concatenate([end.spectral_norm.values for end in ends])
    note = f"median spectral norm {np.median(norms):.3f}; of the smallest network 1.189"
    return median(np.concatenate([end.weight_norm.values**2 / 2 for end in ends]), note=note)


def limit(decay: float, published: float) -> None:
    """Adds the claim that the spectral norm ends within 0.05 of the published one."""

    @study.claim(
        f"B6-{decay:g}",
        f"mean spectral norm of the first layer at epoch 500, decay set to {decay:g} once "
        "memorised",
        f"{published:.2f}",
        "Figure 6",
        band=(published - 0.05, published + 0.05),
        needs=5,
    )
    def norm(data):
        return mean(at(data["raised"], DECAY, decay).spectral_norm.isel(step=-1))


for _decay, _published in NORMS.items():
    limit(_decay, _published)


@study.picture(
    "Accuracy on training and test examples, and spectral norm of the first layer, for each decay "
    "after memorising, as in Figures 5 and 6 of the source: each run faint, the median bold."
)
def figures_5_and_6(data):
    rows = ("train_accuracy", "test_accuracy", "spectral_norm")
    return curves(data["raised"], *rows, per=EPOCH, unit="epoch", by=DECAY)


@study.picture(
    f"Full batches. The network has generalised when at step {HALF:,} its decay becomes the one "
    "that the colour says; above the threshold it then loses all its weights."
)
def beyond_the_threshold(data):
    return curves(data["threshold"], "test_accuracy", "spectral_norm", "weight_norm", by=LATE)
