"""Does the share of attention decide whether a network adds like a clock or like a pizza?"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, median, points, share

ZHONG = "Zhong et al. 2023, arXiv:2306.17844"
P = 59
RATE, WIDTH, NEURONS = "model.attention_rate", "model.width", "model.neurons"
Measure = Callable[[fr.models.TransformerNetwork], float]

experiment = fr.spec.replace(
    fr.recipes.zhong_mod59(), {"schedule": fr.Schedule(per_octave=8), "keep": fr.Schedule(0)}
)
# Narrower and shorter than the source's 128 and 20,000 steps, for two cores.
narrow = {WIDTH: 64, NEURONS: 256, "steps": 2500}


def linear(steps: int, seeds: int) -> dict[str, Sweep]:
    """The source's models without attention, each with its own name."""
    base = fr.spec.replace(
        fr.recipes.zhong_linear(),
        {"schedule": fr.Schedule(per_octave=8), "keep": fr.Schedule(0), "steps": steps},
    )
    forms = {
        "α": {},
        "β": {"model.widths": (256, 256)},
        "γ": {"model.widths": (256, 256), "model.join": "sum_after"},
        "δ": {WIDTH: 128, "model.join": "concatenate"},
    }
    return {
        f"linear_{name}": Sweep(fr.spec.replace(base, form), {"seed": range(seeds)})
        for name, form in forms.items()
    }


study = Study(
    name="zhong_circles",
    question=(
        "Between a plain sum and attention, at which share of attention does a network stop adding "
        "like a pizza and begin to add like a clock?"
    ),
    source=ZHONG,
    sweeps={
        "quick": {
            "rates": Sweep(
                fr.spec.replace(experiment, narrow),
                {RATE: [0.0, 0.25, 0.5, 0.75, 1.0], "seed": range(6)},
            ),
            **linear(2000, 2),
        },
        "full": {
            "rates": Sweep(
                experiment, {RATE: np.linspace(0, 1, 11).round(2).tolist(), "seed": range(16)}
            ),
            "widths": Sweep(
                experiment,
                {
                    # Four times as many neurons as channels, as in the source.
                    (WIDTH, NEURONS): [(w, 4 * w) for w in (32, 64, 128, 256, 512)],
                    RATE: [0.6, 0.8, 1.0],
                    "seed": range(8),
                },
            ),
            "layers": Sweep(
                experiment, {"model.layers": [2, 3, 4], RATE: [0.0, 1.0], "seed": range(8)}
            ),
            **linear(20_000, 8),
        },
    },
)


def symmetricity(network) -> float:
    """How alike the network treats its two inputs."""
    return fr.measures.gradient_symmetricity(network.answer, np.asarray(network.embed)[:P])


def irrelevance(network) -> float:
    """How little its right logits depend on the difference of its inputs."""
    pairs = jnp.array([[a, b] for a in range(P) for b in range(P)])
    return fr.measures.distance_irrelevance(np.asarray(network.table(pairs)).reshape(P, P, P))


def circularity(network) -> float:
    """How circular its embedding of the numbers is."""
    return fr.measures.circularity(np.asarray(network.embed)[:P])


def each(measure: Measure, runs) -> np.ndarray:
    """A measure of the network at the end of every run."""
    networks = [jax.tree.map(jnp.asarray, fr.network(runs, run)) for run in runs.run.values]
    return np.array([measure(network) for network in networks])


def right(runs) -> np.ndarray:
    """Which networks answer everything."""
    return runs.test_accuracy.isel(step=-1).values >= 0.99


def circular(runs):
    """The runs of those that answer everything and have a circular embedding."""
    return runs.isel(run=right(runs) & (each(circularity, runs) >= 0.99))


def at_rate(
    claim: str, rate: float, measure: Measure, published: str, band: tuple[float, float]
) -> None:
    """The claim about one measure at one attention rate."""

    @study.claim(
        claim,
        f"{measure.__name__} at attention rate {rate:g}, median over circular networks",
        published,
        f"{ZHONG}, models A and B",
        band=band,
        needs=2,
    )
    def judge(data):
        runs = data["rates"].isel(run=data["rates"][RATE].values == rate)
        kept, all = circular(runs), runs.sizes["run"]
        note = f"{kept.sizes['run']} of {all} have circularity 0.99 and test accuracy 0.99"
        return median(each(measure, kept), note=note)


at_rate("ZH1-pizza-GS", 0.0, symmetricity, "0.9937", (0.98, 1.0))
at_rate("ZH1-pizza-DI", 0.0, irrelevance, "0.17", (0.0, 0.40))
at_rate("ZH1-clock-GS", 1.0, symmetricity, "0.334", (-1.0, 0.65))
at_rate("ZH1-clock-DI", 1.0, irrelevance, "0.85", (0.65, 1.0))


@study.claim(
    "ZH1-circle",
    "share of the networks that answer everything whose embedding has circularity 0.95",
    "numbers form a circle: 82 % of the one-layer networks are above 0.90, the median is 0.989",
    f"{ZHONG}, models at every attention rate",
    band=(0.5, 1.0),
    needs=4,
)
def circles(data):
    runs = data["rates"]
    values = each(circularity, runs)[right(runs)]
    return share(values >= 0.95, note=", ".join(f"{v:.3f}" for v in values))


def isolated(network) -> list[float]:
    """Accuracy with the largest circle of the embedding alone, then with all of its key ones."""
    embed = np.asarray(network.embed, np.float64)
    count = len(fr.measures.prominent_frequencies(embed[:P]))
    mean = embed[:P].mean(0)
    alone = fr.measures.isolated_circles(embed[:P], count) - mean if count else np.zeros((1, P, 1))
    pairs = jnp.array([[a, b] for a in range(P) for b in range(P)])
    sums = np.asarray(pairs).sum(1) % P

    def accuracy(table) -> float:
        changed = embed.copy()
        changed[:P] = mean + table
        logits = dataclasses.replace(network, embed=jnp.asarray(changed, "float32")).table(pairs)
        return float((np.asarray(logits)[:, :P].argmax(1) == sums).mean())

    return [max(accuracy(one) for one in alone), accuracy(alone.sum(0))]


def with_circles(claim: str, which: int, words: str, published: str, band) -> None:
    """The claim about accuracy with circles of the embedding alone, at attention rate 0."""

    @study.claim(
        claim,
        f"accuracy with {words} entering, at attention rate 0, median over circular networks",
        published,
        f"{ZHONG}, model A; our band",
        band=band,
        needs=2,
    )
    def judge(data):
        runs = data["rates"].isel(run=data["rates"][RATE].values == 0)
        return median(each(lambda network: isolated(network)[which], circular(runs)))


with_circles("ZH5-one", 0, "the best single circle alone", "0.328", (0.05, 0.6))
with_circles("ZH5-all", 1, "nothing but the circles that stand out", "0.914 (three)", (0.85, 1.0))


def gap(network) -> float:
    """Variance of the logits of a circle alone that a pizza explains, less what a clock does."""
    subject = fr.mechanisms.Pairs.of(network, fr.tasks.ModularArithmetic(p=P))
    circles = fr.mechanisms.FourierSum.fit(subject).circles
    return float(np.median([circle.pizza - circle.clock for circle in circles]))


def explained(network) -> float:
    """Variance of the logits of a circle alone that a pizza explains, median over circles."""
    subject = fr.mechanisms.Pairs.of(network, fr.tasks.ModularArithmetic(p=P))
    circles = fr.mechanisms.FourierSum.fit(subject).circles
    return float(np.nanmedian([circle.pizza for circle in circles]))


def by_form(claim: str, rate: float, published: str, band: tuple[float, float]) -> None:
    """The claim about what explains the circles at one attention rate."""

    @study.claim(
        claim,
        "share of the variance of a circle's logits explained by a pizza less that by a clock, "
        f"median over circles and over circular networks at attention rate {rate:g}",
        published,
        f"{ZHONG}, table of model A and B",
        band=band,
        needs=2,
    )
    def judge(data):
        runs = data["rates"].isel(run=data["rates"][RATE].values == rate)
        return median(each(gap, circular(runs)))


by_form("ZH6-pizza", 0.0, "0.23: 0.983 and 0.755", (0.15, 1.0))
by_form("ZH6-clock", 1.0, "negative: a clock explains more", (-1.0, 0.0))


@study.claim(
    "ZH2",
    "attention rate at which the median symmetricity falls halfway from rate 0 to rate 1",
    "between 0.5 and 0.75",
    f"{ZHONG}, medians by decile of the rate",
    band=(0.5, 0.75),
    needs=12,
)
def crossing(data):
    runs = data["rates"]
    values, rates = each(symmetricity, runs), runs[RATE].values
    levels = np.unique(rates)
    medians = np.array([np.median(values[rates == rate]) for rate in levels])
    half = (medians[0] + medians[-1]) / 2
    first = int(np.argmax(medians <= half))
    between = (medians[first - 1] - half) / (medians[first - 1] - medians[first])
    value = levels[first - 1] + between * (levels[first] - levels[first - 1])
    note = ", ".join(f"{rate:g}: {value:.3f}" for rate, value in zip(levels, medians, strict=True))
    return Finding(float(value), None, runs.sizes["run"], note=note)


@study.claim(
    "ZH2-end",
    "median symmetricity at the largest attention rates, above 0.9",
    "0.451",
    f"{ZHONG}, medians by decile of the rate",
    band=(0.3, 0.65),
    needs=4,
)
def attending(data):
    runs = data["rates"]
    return median(each(symmetricity, runs.isel(run=runs[RATE].values > 0.9)))


@study.claim(
    "ZH3",
    "rank correlation of width and symmetricity at attention rates above 0.5",
    "0.67",
    ZHONG,
    band=(0.4, 1.0),
    at="full",
)
def widths(data):
    runs = data["widths"]
    pair = (runs[WIDTH].values, each(symmetricity, runs))
    return Finding(float(scipy.stats.spearmanr(*pair).statistic), None, runs.sizes["run"])


@study.claim(
    "ZH4",
    "share of the circular networks that are pizzas (symmetricity > 0.98, irrelevance < 0.4)",
    "0.454",
    ZHONG,
    band=(0.35, 0.55),
    needs=8,
)
def pizzas(data):
    kept = circular(data["rates"])
    return share((each(symmetricity, kept) > 0.98) & (each(irrelevance, kept) < 0.4))


@study.claim(
    "ZH4-clock",
    "share of the circular networks that are clocks (symmetricity < 0.9, irrelevance > 0.4)",
    "0.398",
    ZHONG,
    band=(0.3, 0.5),
    needs=8,
)
def clocks(data):
    kept = circular(data["rates"])
    return share((each(symmetricity, kept) < 0.9) & (each(irrelevance, kept) > 0.4))


@study.claim(
    "ZH7",
    "share of networks with circularity below 0.995, over all attention rates",
    "0.60 to 0.66 (what S1's “about 40 %” leaves)",
    ZHONG,
    band=(0.5, 0.76),
    needs=12,
)
def not_circular(data):
    return share(each(circularity, data["rates"]) < 0.995)


@study.claim(
    "ZH7-layers",
    "share of the networks of 2 to 4 layers with circularity 0.995",
    "0.0995, 0.1155 and 0.0608, where one layer has 0.34 to 0.40",
    ZHONG,
    band=(0.0, 0.2),
    at="full",
)
def layered(data):
    runs = data["layers"]
    found, layers = each(circularity, runs) >= 0.995, runs["model.layers"].values
    note = ", ".join(f"{n} layers {found[layers == n].mean():.3f}" for n in np.unique(layers))
    return share(found, note=note)


def of_linear(claim: str, words: str, measure: Measure, published: str, band) -> None:
    """The claim about one measure of the source's model β."""

    @study.claim(
        claim,
        f"{words}, median over the networks of model β that answer everything",
        published,
        f"{ZHONG}, table of model β",
        band=band,
        needs=2,
    )
    def judge(data):
        runs = data["linear_β"]
        return median(each(measure, runs.isel(run=right(runs))))


of_linear("ZH6-β-DI", "distance irrelevance", irrelevance, "0.23", (0.0, 0.4))
of_linear(
    "ZH6-β-pizza",
    "share of the variance of a circle's logits explained by a pizza, median over circles",
    explained,
    "0.975 to 0.982",
    (0.9, 1.0),
)


@study.claim(
    "ZH-linear",
    "share of the networks of models α, β, γ and δ that answer everything",
    "all four are among the models that the source explains",
    f"{ZHONG}, appendix on linear models; our band",
    band=(0.75, 1.0),
    needs=4,
)
def learned(data):
    found = {name: right(runs) for name, runs in data.items() if name.startswith("linear_")}
    note = ", ".join(f"{name[-1]}: {ok.sum()} of {ok.size}" for name, ok in found.items())
    return share(np.concatenate(list(found.values())), note=note)


@study.picture("Training (blue) and test accuracy (vermilion) of all networks.")
def over_steps(data):
    return curves(data["rates"], ("train_accuracy", "test_accuracy"), ("train_loss", "test_loss"))


@study.picture("From pizza to clock: both measures of each network at the end, and their medians.")
def by_rate(data):
    runs = data["rates"]
    series = {
        measure.__name__: (runs[RATE].values, each(measure, runs))
        for measure in (symmetricity, irrelevance)
    }
    return points(series, "attention rate", "measure of the network")


@study.picture("Each network: accuracy over steps, by attention rate and seed.")
def every_run(data):
    return fr.figures.overview(data["rates"])
