"""Can a network on (50, 2)-parity generalise although some training labels are flipped?"""

import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, mean, share

EPOCH = 10  # steps: 300 examples in batches of 32
BLOG = "Fuangkawinsombut and Somsirivattana 2023"
NOISE = [0.0, 0.05, 0.1, 0.15, 0.2]

# The source flips each label with probability p; here exactly that share of them is flipped.
recipe = fr.recipes.blog_parity()
experiment = fr.spec.replace(
    recipe,
    {
        "task": fr.tasks.Corrupted(recipe.task, noise=0.0, labels="wrong"),
        "schedule": fr.Schedule(per_octave=0, every=EPOCH),
    },
)
strong = fr.spec.replace(experiment, {"optimizer.weight_decay": 0.1})


def sweeps(seeds: int) -> dict[str, Sweep]:
    """Every noise with the decay of Figure 7 and with that of Figure 8."""
    over = {"task.noise": NOISE, "seed": range(seeds)}
    return {"weak": Sweep(experiment, over), "strong": Sweep(strong, over)}


study = Study(
    name="parity_noise",
    question=(
        "Do flipped training labels delay generalisation, is there a share of them above which it "
        "fails, and does a stronger weight decay move it?"
    ),
    source=f'{BLOG}, "Grokking", 6.S898 blog, Hypothesis 2',
    sweeps={"quick": sweeps(10), "full": sweeps(64)},
)


def at(runs, noise: float):
    """The runs with one share of flipped labels."""
    return runs.isel(run=np.isclose(runs["task.noise"].values, noise))


def accuracy_at_the_end(
    id: str, label: str, side: str, noise: float, published: str, value: float, within: float
) -> None:
    """Adds the claim that a mean final accuracy is near the published one."""
    decay, figure = (0.01, "Figure 7") if label == "weak" else (0.1, "Figure 8")

    @study.claim(
        id,
        f"mean {side} accuracy at epoch 500, decay {decay:g}, {noise:.0%} of labels flipped",
        published,
        figure,
        band=(value - within, value + within),
        needs=10,
    )
    def accuracy(data):
        return mean(at(data[label], noise)[f"{side}_accuracy"].isel(step=-1))


WEAK = {0.0: 1.0, 0.05: 0.98, 0.1: 0.80, 0.15: 0.76, 0.2: 0.66}
for _noise, _value in WEAK.items():
    accuracy_at_the_end(f"B7-{_noise:g}", "weak", "test", _noise, f"{_value:.2f}", _value, 0.08)


@study.claim(
    "B7-never",
    "share of runs with flipped labels whose test accuracy is ever 1, decay 0.01",
    "none",
    "Figure 7",
    band=(0.0, 0.0),
    needs=40,
)
def never(data):
    runs = data["weak"].isel(run=data["weak"]["task.noise"].values > 0)
    reached = fr.measures.generalization_step(runs, 1.0).notnull()
    counts = ", ".join(f"{p:g}: {int(at(runs.assign(r=reached), p).r.sum())}" for p in NOISE[1:])
    return share(reached, note=f"runs that did at {counts}")


@study.claim(
    "B7-train",
    "mean training accuracy at epoch 500 over all runs with flipped labels, decay 0.01",
    "1.0",
    "Figure 7",
    band=(0.995, 1.0),  # what is written 1.00
    needs=40,
)
def memorised(data):
    runs = data["weak"].isel(run=data["weak"]["task.noise"].values > 0)
    return mean(runs.train_accuracy.isel(step=-1))


STRONG_TEST = {
    0.0: ("1.0", 1.0),
    0.05: ("1.0", 1.0),
    0.1: ("0.99–1", 0.995),
    0.15: ("≈ 0.93", 0.93),
    0.2: ("0.71", 0.71),
}
STRONG_TRAIN = {0.05: 0.955, 0.1: 0.92, 0.2: 0.965}
for _noise, (_words, _value) in STRONG_TEST.items():
    accuracy_at_the_end(f"B8-test-{_noise:g}", "strong", "test", _noise, _words, _value, 0.06)
for _noise, _value in STRONG_TRAIN.items():
    accuracy_at_the_end(
        f"B8-train-{_noise:g}", "strong", "train", _noise, f"{_value:g}",
        _value, 0.03,
    )  # fmt: skip


def median_epochs(runs) -> np.ndarray:
    """For each noise the median epoch of generalising, infinite where half do not."""
    whens = (fr.measures.generalization_step(at(runs, p), 1.0).fillna(np.inf) for p in NOISE)
    return np.array([np.median(when) for when in whens]) / EPOCH


@study.claim(
    "B8-order",
    "smallest step of the median epoch of generalising from one share of flipped labels to the "
    "next, where it generalises, decay 0.1",
    "later the more labels are flipped: ≈ 20 without, ≈ 28 with 5 %",
    "Figure 8",
    band=(0.0, np.inf),
    needs=10,
    units="epochs",
)
def order(data):
    times = median_epochs(data["strong"])
    reached = times[np.isfinite(times)]
    words = ", ".join("never" if np.isinf(t) else f"{t:g}" for t in times)
    rise = float(np.diff(reached).min()) if len(reached) > 1 else np.nan
    ordered = bool(np.isinf(times[len(reached) :]).all()) and rise > 0
    seeds = at(data["strong"], 0.0).sizes["run"]
    return Finding(rise, None, seeds, ordered, f"median epochs {words}; share of noise rising")


@study.claim(
    "B8-threshold",
    "share of flipped labels above which fewer than half of the runs generalise, decay 0.1: the "
    "middle of the two shares between which it lies",
    "between 0.1 and 0.15",
    "Figure 8",
    band=(0.1, 0.15),
    needs=10,
)
def threshold(data):
    generalise = np.isfinite(median_epochs(data["strong"]))
    seeds = at(data["strong"], 0.0).sizes["run"]
    if generalise.all():
        return Finding(np.inf, None, seeds)
    first = int(np.argmin(generalise))
    return Finding(0.5 * (NOISE[first] + NOISE[max(0, first - 1)]), None, seeds)


def drawn(runs):
    return curves(
        runs, "train_accuracy", "test_accuracy", "test_loss", per=EPOCH, unit="epoch",
        by="task.noise",
    )  # fmt: skip


@study.picture(
    "Weight decay 0.01: accuracy for each share of flipped labels, as in Figure 7 of the source. "
    "Each run faint, the median bold. Training accuracy counts the flipped labels as right."
)
def figure_7(data):
    return drawn(data["weak"])


@study.picture("Weight decay 0.1: the same, as in Figure 8 of the source.")
def figure_8(data):
    return drawn(data["strong"])
