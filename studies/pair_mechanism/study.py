"""What have the 24-neuron networks of the PAIR explorable learned, each and all?"""

import functools
from collections import Counter

import numpy as np
import scipy.special
import scipy.stats

import flyroom as fr
from flyroom.mechanisms import Pairs
from flyroom.studies import Finding, Study, Sweep, mean, median, share

PAIR = 'Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR'
P = 67
GENERALISED = 1e-3  # test loss, a mean over examples and classes, as the source counts it

experiment = fr.spec.replace(fr.recipes.pair_mod67(), {"schedule": fr.Schedule(per_octave=8)})
# Networks of which nearly all generalise, and soon: enough to count how many are explained.
small = fr.spec.replace(
    experiment,
    {
        "task.p": 31,
        "task.ordered": True,
        "task.train_fraction": 0.6,
        "model.width": 48,
        "steps": 6000,
        "schedule": fr.Schedule(per_octave=2),
    },
)
SMALL = Sweep(small, {"seed": range(208)})
study = Study(
    name="pair_mechanism",
    question=(
        "With how many frequencies and neurons do networks that grok addition modulo 67 add, in "
        "which form, and does it break when that is taken out?"
    ),
    source=PAIR,
    sweeps={
        "quick": {"seeds": Sweep(experiment, {"seed": range(20)}), "small": SMALL},
        "full": {"seeds": Sweep(experiment, {"seed": range(200)}), "small": SMALL},
    },
)


def generalised(runs) -> np.ndarray:
    """Which seeds have a test loss of at most 1e-3 at the end."""
    return runs.test_loss.isel(step=-1).values <= GENERALISED


@functools.lru_cache(maxsize=1)
def explanations_of(store: str) -> dict[int, fr.mechanisms.Explanation]:
    """The explanation of every network that generalised; claims share them."""
    runs = fr.open(store)
    return {int(run): fr.explain(runs, run=int(run)) for run in runs.run.values[generalised(runs)]}


def explained(data) -> list[fr.mechanisms.Explanation]:
    return list(explanations_of(data["seeds"].attrs["store"]).values())


def groups(data) -> list[Counter]:
    """For each network that generalised, how many neurons each frequency has, by S2's rule."""
    runs = data["seeds"]
    return counted(runs.isel(run=generalised(runs)))


def counted(runs) -> list[Counter]:
    """How many neurons each frequency has in the network of each run, by S2's rule."""
    found = []
    for run in runs.run.values:
        frequencies = fr.measures.pair_neuron_frequencies(fr.network(runs, int(run))).values
        found.append(Counter(int(k) for k in frequencies if k))
    return found


def small_ones(data):
    """The small networks that generalised: their test accuracy is above 0.99 at the end."""
    runs = data["small"]
    return runs.isel(run=runs.test_accuracy.values[:, -1] > 0.99)


@study.claim(
    "P3-mean",
    "frequencies of a network that generalised, mean",
    "3.36 of 450 (3 in .65, 4 in .35 of them)",
    "sweep of 450 models",
    band=(3.01, 3.71),
    needs=8,
)
def count(data):
    counts = [len(group) for group in groups(data)]
    return mean(counts, note=", ".join(f"{n} in {k}" for k, n in sorted(Counter(counts).items())))


@study.claim(
    "P3-range",
    "share of the networks that generalised that have 2 to 5 frequencies",
    "1.00",
    "sweep of 450 models",
    band=(1, 1),
    needs=8,
)
def in_range(data):
    return share([2 <= len(group) <= 5 for group in groups(data)])


@study.claim(
    "P4-five",
    "share of frequencies that have at least five neurons, the least that a circle of ReLU needs",
    "0.976",
    "sweep of 450 models",
    band=(0.93, 1),
    needs=20,
)
def five(data):
    return share([n >= 5 for group in groups(data) for n in group.values()])


@study.claim(
    "P4-mode",
    "neurons of a frequency, the most common number",
    "5 (.251), then 6 (.239)",
    "sweep of 450 models",
    band=(5, 6),
    needs=20,
    units="neurons",
)
def most_common(data):
    numbers = Counter(n for group in groups(data) for n in group.values())
    note = ", ".join(f"{times} have {n}" for n, times in sorted(numbers.items()))
    return Finding(numbers.most_common(1)[0][0], None, numbers.total(), note=note)


def which_frequencies(which: str, p: int, of) -> None:
    """The claims about the frequencies of all networks of one kind: how often each, and which sets.

    The source's networks add modulo 67. At `quick` only the small ones are as many as it takes.
    """

    @study.claim(
        f"P5{which}",
        f"p-value of a test that all {p // 2} frequencies are as common (chi-squared), modulo {p}",
        "χ² = 29.1 with 32 degrees of freedom, modulo 67",
        "sweep of 450 models",
        band=(0.01, 1),
        needs=100,
    )
    def uniform(data):
        drawn = np.array([k for group in of(data) for k in group])
        counts = np.bincount(drawn, minlength=p // 2 + 1)[1:]
        return Finding(float(scipy.stats.chisquare(counts).pvalue), None, drawn.size)

    @study.claim(
        f"P6{which}",
        "where the smallest margin of a set of frequencies lies among random sets as large, mean, "
        f"modulo {p}",
        "0.71 (a half would be chance), modulo 67",
        "sweep of 450 models",
        band=(0.60, 0.85),
        needs=60,
    )
    def margins(data):
        random = np.random.default_rng(0)

        @functools.cache
        def others(size: int) -> np.ndarray:
            numbers = np.arange(1, p // 2 + 1)
            sets = (random.choice(numbers, size, replace=False) for _ in range(2000))
            return np.array([fr.algebra.frequency_margin(one.tolist(), p) for one in sets])

        sets = [sorted(group) for group in of(data)]
        return mean([(others(len(s)) < fr.algebra.frequency_margin(s, p)).mean() for s in sets])


which_frequencies("", P, groups)
which_frequencies("-small", 31, lambda data: counted(small_ones(data)))


@study.claim(
    "P7",
    "share of the variance of one frequency's logits alone that a pizza explains, median over "
    "frequencies",
    "each frequency's logits are waves of a + b − c (a picture)",
    "waves of the logits",
    band=(0.9, 1),
    needs=20,
)
def pizza(data):
    found = [one.by(fr.mechanisms.FourierSum) for one in explained(data)]
    circles = [circle for one in found for circle in one.fit.circles]
    better = np.mean([circle.pizza > circle.clock for circle in circles])
    return median(
        [circle.pizza for circle in circles],
        note=f"a clock explains {np.median([c.clock for c in circles]):.2f}, and less than a "
        f"pizza in {better:.0%} of them",
    )


@study.claim(
    "P8-doubled",
    "mean cosine of a neuron's output phase less twice its input phase, median over networks",
    "“the rotation is doubled” (a picture)",
    "star plots",
    band=(0.95, 1),
    needs=8,
)
def doubled(data):
    runs = data["seeds"]
    chosen = runs.run.values[generalised(runs)]
    return median([fr.measures.phase_doubling(fr.network(runs, int(run))) for run in chosen])


@study.claim(
    "P8-spaced",
    "share of frequencies whose neurons leave no gap of phase above twice the mean gap",
    "evenly spaced (a picture)",
    "star plots",
    band=(0.8, 1),
    needs=20,
)
def spaced(data):
    runs, even = data["seeds"], []
    for run in runs.run.values[generalised(runs)]:
        found = fr.measures.neuron_frequencies(fr.network(runs, int(run)))
        for k in np.unique(found.frequency.values[found.frequency.values > 0]):
            angles = np.sort(found.phase.values[found.frequency.values == k] % (2 * np.pi))
            gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
            even.append(gaps.max() <= 2 * gaps.mean())
    return share(even)


def without_one(subject: Pairs, span: np.ndarray) -> tuple[float, float]:
    """Accuracy without a frequency, and how much larger the loss over all pairs is."""
    losses, logits = [], [subject.logits, subject.mixed(np.eye(P) - span)]
    for one in logits:
        right = np.take_along_axis(one, subject.labels[..., None], 2)[..., 0]
        losses.append((scipy.special.logsumexp(one, axis=2) - right).mean())
    return subject.accuracy(logits[1]), losses[1] / losses[0]


def ablations(data) -> np.ndarray:
    """For each frequency of the answers of each network what is left without it."""
    return np.array(
        [
            without_one(one.subject, one.fit.spans[str(circle.frequency)])
            for one in (best.by(fr.mechanisms.FourierSum) for best in explained(data))
            for circle in one.fit.circles
        ]
    )


@study.claim(
    "P21-accuracy",
    "accuracy without one of the frequencies, median over frequencies",
    "frequencies interfere constructively: each sharpens what the others say",
    "interference of the waves",
    band=(0.6, 1),
    needs=20,
)
def accuracy_without(data):
    return median(ablations(data)[:, 0])


@study.claim(
    "P21-loss",
    "how many times larger the loss over all pairs is without one frequency, median",
    "frequencies interfere constructively: each sharpens what the others say",
    "interference of the waves",
    band=(10, np.inf),
    needs=20,
)
def loss_without(data):
    return median(ablations(data)[:, 1])


@study.claim(
    "P21-margin",
    "smallest margin of the frequencies of a network, the least of all networks",
    "0.48 for the frequencies 4, 5, 7, 26",
    "interference of the waves",
    band=(0.2, np.inf),
    needs=8,
)
def least_margin(data):
    found = [fr.algebra.frequency_margin(sorted(group), P) for group in groups(data)]
    return Finding(min(found), None, len(found), note=f"median {np.median(found):.2f}")


@study.claim(
    "explained",
    "share of all networks that generalised whose algorithm is sufficient, necessary and "
    "predictive to 0.9",
    "not published; none was left out",
    "ours",
    band=(0.9, 1),
    needs=8,
)
def of_all(data):
    found = explained(data)
    kinds = Counter(one.mechanism for one in found)
    return share([one.holds for one in found], note=", ".join(f"{n} {k}" for k, n in kinds.items()))


@study.claim(
    "explained-small",
    "the same of networks of 48 neurons modulo 31, as they are after 6,000 steps, whose test "
    "accuracy is above 0.99",
    "not published; none was left out",
    "ours",
    band=(0.9, 1),
    needs=200,
)
def of_small(data):
    found = fr.mechanisms.explain_runs(small_ones(data))
    kinds = Counter(found.mechanism.values.tolist())
    held = (found.mechanism != "no explanation").values.tolist()
    least = found[["sufficient", "necessary", "predictive"]].to_array().min("variable")
    note = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    return share(
        held, note=f"{note}; least of the three numbers: median {least.median().item():.2f}"
    )


@study.claim(
    "not-explained",
    "share of the networks that did not generalise that get an explanation",
    "not published: a wrong explanation is worse than none",
    "ours",
    band=(0, 0.05),
    needs=3,
)
def of_others(data):
    runs = data["seeds"]
    others = runs.isel(run=~generalised(runs))
    told = fr.mechanisms.explain_runs(others).mechanism.values if others.sizes["run"] else []
    return share([mechanism != "no explanation" for mechanism in told])


@study.picture("Input weights of the first network that generalised, by frequency and phase.")
def neurons(data):
    runs = data["seeds"]
    run = int(runs.run[np.argmax(generalised(runs))])
    return fr.figures.neurons_by_frequency(fr.network(runs, run))


@study.picture("Accuracy of every network on training (blue) and test examples (vermilion).")
def every_seed(data):
    return fr.figures.overview(data["seeds"])
