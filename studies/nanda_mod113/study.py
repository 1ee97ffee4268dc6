"""Does a one-layer transformer grok addition modulo 113 when the source says, and by what waves?"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, lines, median, share

NANDA, DEMO = "Nanda et al. 2023, arXiv:2301.05217", "demonstration notebook"
P = 113

records = {"schedule": fr.Schedule(per_octave=16, every=250)}
# Progress measures are taken of weights that were kept.
demo = fr.spec.replace(fr.recipes.nanda_demo(), {**records, "keep": fr.Schedule(0, every=500)})
# 20,000 steps is where the band of NA1 ends. At a test loss of 1e-4 half of the cleaning up, which
# NA3 is about, is still to come.
cleaned = {"steps": 20_000, "stop": (fr.Reaches("test_loss", 1e-6, records=3, falling=True),)}


study = Study(
    name="nanda_mod113",
    question=(
        "Does a one-layer transformer on addition modulo 113 memorise, and grok thousands of steps "
        "later by means of a few waves?"
    ),
    source=f"{NANDA}, and its {DEMO}",
    sweeps={
        # One, as the source has: two on two cores are 20 minutes.
        "quick": {"seeds": Sweep(fr.spec.replace(demo, cleaned), {"seed": [0]})},
        "full": {"seeds": Sweep(fr.spec.replace(demo, {"steps": 40_000}), {"seed": range(8)})},
    },
)


@study.claim(
    "NA1-mem",
    "median step at which training loss falls below 0.01",
    "train loss 0.032 at step 199",
    DEMO,
    band=(150, 400),
    units="steps",
)
def memorised(data):
    return median(fr.measures.first_step(data["seeds"].train_loss, 0.01, falling=True))


@study.claim(
    "NA1-peak",
    "median over seeds of the highest test loss",
    "34.1 at step 1,399",
    DEMO,
    band=(20, 45),
    units="nat",
)
def peak(data):
    return median(data["seeds"].test_loss.max("step"))


@study.claim(
    "NA1-gen",
    "median step at which test loss falls below 1 again",
    "13,750",
    DEMO,
    band=(5000, 20_000),
    units="steps",
)
def generalised(data):
    return median(fr.measures.recovery_step(data["seeds"]))


class Seen(NamedTuple):
    """What a network does with all pairs."""

    logits: np.ndarray
    neurons: np.ndarray


@jax.jit
def _seen(network, pairs):
    def one(x):
        seen = network.activations(x)
        return Seen(seen["logits"], seen["hidden_0"][0])

    return jax.lax.map(one, pairs, batch_size=1024)


@functools.lru_cache(maxsize=4)
def all_pairs(store: str, run: int, step: int | None = None) -> Seen:
    """Logits and neurons of one network, by both inputs."""
    network = jax.tree.map(jnp.asarray, fr.network(store, run, step=step))
    pairs = jnp.array([[a, b, P] for a in range(P) for b in range(P)])
    return Seen(*(np.asarray(x).reshape(P, P, -1) for x in _seen(network, pairs)))


def keys(store: str, run: int) -> list[int]:
    """The frequencies of the neurons of a network at its end."""
    found = fr.measures.activation_frequencies(all_pairs(store, run).neurons).frequency.values
    return np.unique(found[found > 0]).tolist()


def embedding_gini(network) -> float:
    """Gini coefficient of the Fourier norms of an embedding."""
    embed = np.asarray(network.embed, np.float64)[:P]
    return fr.measures.gini(np.linalg.norm(fr.algebra.fourier_basis(P) @ embed, axis=1))


def of_grokked(runs, measure: Callable[[str, int], Any]) -> list[Any]:
    """A measure of each run whose test loss gets below 0.1."""
    grokked = runs.run.values[runs.test_loss.min("step").values < 0.1].tolist()
    return [measure(runs.attrs["store"], run) for run in grokked]


@study.claim(
    "NA3-neurons",
    "share of neurons with 85 % of their variance in one frequency, median over grokked seeds",
    "0.846 (433 of 512)",
    NANDA,
    band=(0.75, 1.0),
)
def neurons(data):
    def carried(store: str, run: int) -> float:
        found = fr.measures.activation_frequencies(all_pairs(store, run).neurons)
        return float((found.frequency > 0).mean())

    return median(of_grokked(data["seeds"], carried))


@study.claim(
    "NA3-keys",
    "number of frequencies of those neurons, median over grokked seeds",
    "5: 14, 35, 41, 42, 52",
    NANDA,
    band=(3, 8),
)
def how_many(data):
    found = of_grokked(data["seeds"], keys)
    return median([len(f) for f in found], note="; ".join(", ".join(map(str, f)) for f in found))


@study.claim(
    "NA3-logits",
    "variance of the logits explained by cos w(a + b − c) of those frequencies, median",
    "≈ 0.95 by five",
    NANDA,
    band=(0.9, 1.0),
)
def explained(data):
    def by_clock(store: str, run: int) -> float:
        logits = all_pairs(store, run).logits.astype(np.float64)
        logits -= logits.mean(-1, keepdims=True)
        gap = np.add.outer(np.arange(P), np.arange(P))[..., None] - np.arange(P)
        waves = [np.cos(2 * np.pi * k * gap / P) for k in keys(store, run)]
        # Waves of different frequencies are orthogonal.
        return sum((logits * w).sum() ** 2 / (w * w).sum() for w in waves) / (logits**2).sum()

    return median(of_grokked(data["seeds"], by_clock))


@study.claim(
    "NA3-gini",
    "Gini coefficient of the Fourier norms of the embedding, median over grokked seeds",
    "≥ 0.8 at the end",
    NANDA,
    band=(0.8, 1.0),
)
def gini(data):
    return median(
        of_grokked(data["seeds"], lambda store, run: embedding_gini(fr.network(store, run)))
    )


@functools.cache
def progress(store: str, run: int) -> xr.Dataset:
    """The progress measures of the source at every step at which weights were kept."""
    runs, at = fr.open(store), {}
    curve = runs.test_loss.sel(run=run).dropna("step")
    split = demo.task.split(int(runs.seed.sel(run=run)))
    trained = np.zeros((P, P), bool)
    trained[tuple(split.train.inputs[:, :2].T)] = True
    waves, last = keys(store, run), int(curve.step[-1])
    for step in [*range(0, last, 500), last]:
        logits = all_pairs(store, run, step).logits
        at[step] = {
            "test loss": curve.sel(step=step).item(),
            "restricted loss": fr.measures.restricted_loss(logits, waves),
            "restricted test loss": fr.measures.restricted_loss(logits, waves, ~trained),
            "excluded loss": fr.measures.excluded_loss(logits, waves, trained),
            "gini": embedding_gini(fr.network(store, run, step=step)),
        }
    columns = {name: ("step", [row[name] for row in at.values()]) for name in at[0]}
    return xr.Dataset(columns, {"step": list(at)})


def halfway(curve: xr.DataArray, start: int) -> float:
    """The step at which a loss is half of its way from a step to the end, in logarithms."""
    logs = np.log(curve.sel(step=slice(start, None)))
    way = (logs - logs[0]) / (logs[-1] - logs[0])
    return float(way.step[int(np.argmax(way.values >= 0.5))])


def peak_step(found: xr.Dataset) -> int:
    """When the test loss is largest."""
    return int(found["test loss"].idxmax())


def earlier(measure: str, published: str) -> None:
    """Adds the claim that a progress measure is halfway before the test loss is."""

    @study.claim(
        f"NA2-{measure}",
        f"share of grokked seeds whose {measure} loss is half of its way from where test loss is "
        "largest to the end before test loss is, in logarithms",
        published,
        f"{NANDA}, figure 7",
        band=(0.8, 1.0),
    )
    def before(data):
        found = of_grokked(data["seeds"], progress)
        steps = [
            [halfway(one[f"{name} loss"], peak_step(one)) for name in (measure, "test")]
            for one in found
        ]
        note = "; ".join(f"{mine:,.0f} and {test:,.0f}" for mine, test in steps)
        return share([mine < test for mine, test in steps], note=f"steps: {note}")


earlier("excluded", "it rises while the circuit forms, steps 1,400 to 9,400; test loss falls after")
earlier("restricted", "it begins to fall 2,000 steps or more before test loss does")


@study.claim(
    "NA2-gini",
    "part of the rise of the embedding's Gini coefficient, from where test loss is largest to the "
    "end, that comes after it is last near its largest value, median over grokked seeds",
    "it rises abruptly in the clean-up",
    f"{NANDA}, figure 7; our band",
    band=(0.5, 1.0),
)
def cleaned_up(data):
    def after(store: str, run: int) -> float:
        found = progress(store, run)
        stages = fr.measures.circuit_stages(fr.open(store)).sel(run=run)
        start = found.gini.sel(step=peak_step(found)).item()
        cleanup = found.gini.sel(step=stages.sel(stage="cleanup").item(), method="nearest").item()
        end = found.gini[-1].item()
        return (end - cleanup) / (end - start)

    return median(of_grokked(data["seeds"], after))


@study.claim(
    "NA8-without",
    "training loss without the waves of the key frequencies, as a multiple of the loss of chance, "
    "least over grokked seeds",
    "above chance",
    NANDA,
    band=(1.0, np.inf),
    units="log 113",
)
def taken_out(data):
    ends = [one["excluded loss"][-1] for one in of_grokked(data["seeds"], progress)]
    return Finding(float(np.min(ends)) / np.log(P), None, len(ends))


@study.claim(
    "NA8-alone",
    "test loss with the waves of the key frequencies alone, as a part of test loss, most over "
    "grokked seeds",
    "below 1: without the other frequencies the network does better",
    NANDA,
    band=(0.0, 1.0),
)
def left_alone(data):
    found = of_grokked(data["seeds"], progress)
    parts = [float((one["restricted test loss"] / one["test loss"])[-1]) for one in found]
    return Finding(max(parts), None, len(parts), note=", ".join(f"{part:.3g}" for part in parts))


@study.picture("Loss and accuracy, training (blue) and test (vermilion): each seed faint.")
def over_steps(data):
    return curves(data["seeds"], ("train_loss", "test_loss"), ("train_accuracy", "test_accuracy"))


@study.picture("The progress measures of one run, as in figure 7 of the source.")
def progress_measures(data):
    found = progress(data["seeds"].attrs["store"], int(data["seeds"].run[0]))
    losses = ("test loss", "restricted loss", "excluded loss")
    return lines({name: found[name].assign_attrs(long_name="loss") for name in losses}, lowest=1e-8)
