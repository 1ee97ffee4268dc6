"""Does a one-layer transformer grok addition modulo 113 when the source says, and by what waves?"""

import jax
import jax.numpy as jnp
import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, median, share

NANDA, DEMO = "Nanda et al. 2023, arXiv:2301.05217", "demonstration notebook"
P = 113
PUBLISHED = {0.95: 123, 0.9: 156, 0.8: 177, 0.7: 129, 0.6: 270, 0.5: 744, 0.4: 2615, 0.3: 7583}

records = {"schedule": fr.Schedule(per_octave=16, every=250)}
experiment = fr.spec.replace(fr.recipes.nanda_mod113(), records)
demo = fr.spec.replace(fr.recipes.nanda_demo(), records)
# Nothing that is asked of these runs comes after the test loss has fallen below 1 for good.
done = fr.Reaches("test_loss", 0.5, records=2, falling=True)
# 20,000 steps is where the band of NA1 ends. At a test loss of 1e-4 half of the cleaning up, which
# NA3 is about, is still to come.
cleaned = {"steps": 20_000, "stop": (fr.Reaches("test_loss", 1e-6, records=3, falling=True),)}


def until_done(steps: int, over: dict, **values: object) -> Sweep:
    """Runs that end when the test loss has fallen, or after so many steps."""
    changes = {"steps": steps, "stop": (done,), "schedule": fr.Schedule(per_octave=16), **values}
    return Sweep(fr.spec.replace(experiment, changes), over)


fractions = "task.train_fraction"
study = Study(
    name="nanda_mod113",
    question=(
        "Does a one-layer transformer on addition modulo 113 memorise, and grok thousands of steps "
        "later by means of a few waves?"
    ),
    source=f"{NANDA}, and its {DEMO}",
    sweeps={
        "quick": {
            "seeds": Sweep(fr.spec.replace(demo, cleaned), {"seed": range(2)}),
            "fractions": until_done(1500, {fractions: [0.8, 0.6, 0.5], "seed": range(3)}),
        },
        "full": {
            "seeds": Sweep(fr.spec.replace(demo, {"steps": 40_000}), {"seed": range(8)}),
            "fractions": until_done(
                40_000, {fractions: [*PUBLISHED, 0.28, 0.25, 0.2, 0.15, 0.1], "seed": range(3)}
            ),
            "small": until_done(
                40_000,
                {"optimizer.weight_decay": [1.0, 5.0], "seed": range(8)},
                **{"task.p": 53},
            ),
            "decays": Sweep(
                fr.spec.replace(experiment, {"steps": 120_000}),
                {"optimizer.weight_decay": [0.0, 0.1], "seed": range(2)},
            ),
        },
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


def late(runs, threshold: float = 1.0):
    """When test loss falls below the threshold for good: after its highest value."""
    after = runs.test_loss.where(runs.step >= runs.test_loss.fillna(-1).idxmax("step"))
    return fr.measures.first_step(after, threshold, falling=True)


@study.claim(
    "NA1-gen",
    "median step at which test loss falls below 1 again",
    "13,750",
    DEMO,
    band=(5000, 20_000),
    units="steps",
)
def generalised(data):
    return median(late(data["seeds"]))


def all_pairs(runs, run: int) -> dict[str, np.ndarray]:
    """Logits and neurons of one network over all pairs, `(a, b, ...)`."""
    network = jax.tree.map(jnp.asarray, fr.network(runs, run))
    pairs = jnp.array([[a, b, P] for a in range(P) for b in range(P)])

    def one(x):
        seen = network.activations(x)
        return {"logits": seen["logits"], "neurons": seen["hidden_0"][0]}

    found = jax.jit(lambda x: jax.lax.map(one, x, batch_size=1024))(pairs)
    return {name: np.asarray(v, np.float64).reshape(P, P, -1) for name, v in found.items()}


def one_frequency(neurons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each neuron's frequency, and the share of its variance in the 3 by 3 block of that one."""
    power = np.abs(np.fft.fft2(neurons, axes=(0, 1))) ** 2
    power[0, 0] = 0
    waves = []
    for k in range(1, P // 2 + 1):
        ends = [0, k, P - k]
        waves.append(power[np.ix_(ends, ends)].sum((0, 1)))
    shares = np.array(waves) / power.sum((0, 1))
    return shares.argmax(0) + 1, shares.max(0)


def grokked(runs) -> list[int]:
    """The numbers of the runs whose test loss gets below 0.1."""
    return runs.run.values[runs.test_loss.min("step").values < 0.1].tolist()


@study.claim(
    "NA3-neurons",
    "share of neurons with 85 % of their variance in one frequency, median over grokked seeds",
    "0.846 (433 of 512)",
    NANDA,
    band=(0.75, 1.0),
)
def neurons(data):
    runs = data["seeds"]
    shares = [one_frequency(all_pairs(runs, r)["neurons"])[1] for r in grokked(runs)]
    return median([float((s >= 0.85).mean()) for s in shares])


@study.claim(
    "NA3-keys",
    "number of frequencies of those neurons, median over grokked seeds",
    "5: 14, 35, 41, 42, 52",
    NANDA,
    band=(3, 8),
)
def keys(data):
    runs, found = data["seeds"], []
    for run in grokked(runs):
        frequency, power = one_frequency(all_pairs(runs, run)["neurons"])
        found.append(sorted(set(frequency[power >= 0.85].tolist())))
    return median([len(f) for f in found], note="; ".join(", ".join(map(str, f)) for f in found))


@study.claim(
    "NA3-logits",
    "variance of the logits explained by cos w(a + b − c) of those frequencies, median",
    "≈ 0.95 by five",
    NANDA,
    band=(0.9, 1.0),
)
def explained(data):
    runs, found = data["seeds"], []
    total = np.add.outer(np.arange(P), np.arange(P))[..., None] - np.arange(P)
    for run in grokked(runs):
        seen = all_pairs(runs, run)
        frequency, power = one_frequency(seen["neurons"])
        logits = seen["logits"] - seen["logits"].mean(-1, keepdims=True)
        left = logits.copy()
        for k in sorted(set(frequency[power >= 0.85].tolist())):
            wave = np.cos(2 * np.pi * k * total / P)
            left -= wave * (left * wave).sum() / (wave * wave).sum()
        found.append(1 - float((left**2).sum() / (logits**2).sum()))
    return median(found)


@study.claim(
    "NA3-gini",
    "Gini coefficient of the Fourier norms of the embedding, median over grokked seeds",
    "≥ 0.8 at the end",
    NANDA,
    band=(0.8, 1.0),
)
def gini(data):
    runs, found = data["seeds"], []
    for run in grokked(runs):
        embed = np.asarray(fr.network(runs, run).embed, np.float64)[:P]
        found.append(fr.measures.gini(np.linalg.norm(fr.algebra.fourier_basis(P) @ embed, axis=1)))
    return median(found)


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
    times, notes, ratios = late(runs).values, [], []
    for f in np.unique(runs[fractions].values)[::-1]:
        mine = np.nan_to_num(times[runs[fractions].values == f], nan=np.inf)
        notes.append(f"{f:g}: {', '.join(f'{t:,.0f}' for t in mine)}")
        if (published := PUBLISHED.get(float(f))) is not None:
            ratios.append(np.exp(abs(np.log(np.median(mine) / published))))
    return Finding(float(np.max(ratios)), None, runs.sizes["run"], note="; ".join(notes))


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
    return median(late(runs).values[runs["optimizer.weight_decay"].values == 0.1])


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
    return share(late(free).values <= 40_000)


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
    reached = late(runs).notnull().values
    note = f"within {int(runs.step[-1]):,} steps; with 5: {reached[strong].sum()} of {strong.sum()}"
    return share(reached == strong, note=note)


@study.picture("Loss and accuracy, training (blue) and test (vermilion): each seed faint.")
def over_steps(data):
    return curves(data["seeds"], ("train_loss", "test_loss"), ("train_accuracy", "test_accuracy"))


@study.picture("Training fraction against time: each run of the sweep.")
def by_fraction(data):
    return fr.figures.overview(data["fractions"])
