"""Do small networks generalise first and memorise then, and again generalise with decay?"""

import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, share

SWING = 0.2  # of test accuracy: what counts as a rise or as a fall

observed = {
    "record": (*fr.CURVES, fr.measures.neuron_power_share),
    "schedule": fr.Schedule(per_octave=16, every=200),
}
reverse = fr.spec.replace(fr.recipes.pair_reverse(), observed)
twice = fr.spec.replace(fr.recipes.pair_twice(), observed)
study = Study(
    name="pair_reverse",
    question=(
        "Do small networks that add modulo 67 begin to generalise and then memorise, with periodic "
        "embeddings, and does one that is a little larger generalise a second time?"
    ),
    source='Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR',
    sweeps={
        "quick": {"reverse": Sweep(reverse, {"seed": range(20)})},
        "full": {
            "reverse": Sweep(reverse, {"seed": range(100)}),
            "twice": Sweep(twice, {"seed": range(20)}),
        },
    },
)


def peak_and_fall(runs) -> tuple[np.ndarray, np.ndarray]:
    """Of each run the highest test accuracy, and by how much it is lower at its lowest later."""
    accuracy = runs.test_accuracy.transpose("run", "step").values
    peak = accuracy.argmax(1)
    fall = [a[at] - a[at:].min() for a, at in zip(accuracy, peak, strict=True)]
    return accuracy.max(1), np.array(fall)


def periodicity(runs) -> np.ndarray:
    """Share of the power of each column of the embedding in one frequency at the end, the mean."""
    networks = [fr.network(runs, int(run)) for run in runs.run.values]
    shares = [fr.measures.neuron_frequencies(n.embed).power_share.mean().item() for n in networks]
    return np.array(shares)


def swings(accuracy: np.ndarray) -> list[int]:
    """The rises (1) and falls (−1) of a curve in turn, those smaller than a swing left out."""
    found: list[int] = []
    low = high = accuracy[0]
    for value in accuracy:
        low, high = min(low, value), max(high, value)
        last = found[-1] if found else 0
        if last <= 0 and value - low >= SWING:
            found.append(1)
            high = value
        elif last >= 0 and high - value >= SWING:
            found.append(-1)
            low = value
    return found


def there_is(holds: np.ndarray, note: str) -> Finding:
    """How many seeds do it; one is proof that there are some."""
    interval = share(holds).interval
    ends = interval and (interval[0] * holds.size, interval[1] * holds.size)
    return Finding(int(holds.sum()), ends, holds.size, note=note, proof=bool(holds.any()))


@study.claim(
    "P18-falls",
    "seeds of 20 whose test accuracy gets to 0.5 or more and then falls by 0.2 or more, with "
    "embeddings whose columns have 0.8 or more of their power in one frequency at the end (mean)",
    "one (seed 68): “starts generalizing, then switches to memorizing with periodic embeddings”",
    "open questions",
    band=(1, np.inf),
    needs=20,
    units="seeds",
)
def falls(data):
    runs = data["reverse"]
    (peak, fall), periodic = peak_and_fall(runs), periodicity(runs)
    falling = (peak >= 0.5) & (fall >= SWING)
    loss = runs.test_loss
    rise = np.median((loss.isel(step=-1) / loss.min("step")).values)
    note = (
        f"{int((peak >= 0.5).sum())} of {peak.size} seeds get to 0.5, the highest to "
        f"{peak.max():.2f}; the largest fall is {fall.max():.2f}; test loss ends at {rise:.1f} "
        "times its lowest (median); power in one frequency: "
        f"{periodic.min():.2f} to {periodic.max():.2f}"
    )
    return there_is(falling & (periodic >= 0.8), note)


@study.claim(
    "P19-again",
    "seeds of 20 whose test accuracy rises, falls and rises again by 0.2 or more each",
    "one (seed 78): “generalizing, then switch to memorizing, then switch back to generalizing”",
    "open questions",
    band=(1, np.inf),
    needs=20,
    units="seeds",
    at="full",
)
def again(data):
    runs = data["twice"]
    found = [swings(a) for a in runs.test_accuracy.transpose("run", "step").values]
    last = runs.test_accuracy.isel(step=-1).values
    note = "test accuracy at the end: " + ", ".join(f"{a:.2f}" for a in last)
    return there_is(np.array([s.count(1) >= 2 for s in found]), note)


@study.picture(
    "Without decay: accuracy, loss, and the share of each neuron's power in one frequency (mean "
    "over neurons). Each seed faint, the median of all bold."
)
def without_decay(data):
    return curves(data["reverse"], *ROWS)


ROWS = (("train_accuracy", "test_accuracy"), ("train_loss", "test_loss"), "neuron_power_share")
