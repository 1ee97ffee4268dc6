"""Can a network learn the rule from wrong labels, and what does decay do to what it knows?"""

import dataclasses
import itertools

import jax.numpy as jnp
import numpy as np

import flyroom as fr
from flyroom.measures import corrected_accuracy, corrupted_accuracy, neuron_ipr
from flyroom.studies import Finding, Study, Sweep, curves, mean, median, share

GROMOV, DOSHI = "Gromov 2023", "Doshi et al. 2023"
NOISE = 0.35
DECAYS = {"coexistence": 0.0, "partial": 5.0, "full": 15.0, "forgetting": 20.0}


base = fr.spec.replace(
    fr.recipes.doshi_mod97(),
    {
        "record": (*fr.CURVES, corrected_accuracy, corrupted_accuracy, neuron_ipr),
        "schedule": fr.Schedule(per_octave=0, every=25),
    },
)
noisy = fr.spec.replace(base, {"task.noise": NOISE})
GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
DROPOUT = (0.3, 0.6)  # with 0.9 nothing is learned in 1,000 steps


def decay(phase: str, steps: int, seeds: int) -> Sweep:
    """Runs in one phase, with the weight decay that the source gives for it."""
    values = {"optimizer.weight_decay": DECAYS[phase], "steps": steps}
    return Sweep(fr.spec.replace(noisy, values), {"seed": range(seeds)})


def dropped(seeds: int) -> Sweep:
    """Runs without decay that drop neurons while they train."""
    values = {"optimizer.weight_decay": 0.0, "steps": 1000, "model.dropout": DROPOUT[0]}
    over = {"model.dropout": DROPOUT, "seed": range(seeds)}
    return Sweep(fr.spec.replace(noisy, values), over)


def sweeps(seeds: int, long: int, cells: int, grid: tuple[float, ...]) -> dict[str, Sweep]:
    """Everything at one size: seeds, seeds of the longest, steps and axes of the map."""
    each_step = fr.spec.replace(base, {"steps": 100, "schedule": fr.Schedule(0, every=1)})
    small = {"optimizer.weight_decay": 0.0, "steps": 2000, "batch_size": 64}
    small |= {"optimizer.learning_rate": 5e-3, "task.noise": 0.2, "task.clean.train_fraction": 0.65}
    small |= {"schedule": fr.Schedule(per_octave=0, every=40)}
    minibatch = fr.spec.replace(base, small)
    normed = fr.spec.replace(minibatch, {"model.batch_norm": True})
    sparse = fr.Schedule(per_octave=0, every=cells // 4)
    return {
        "clean": Sweep(each_step, {"seed": range(seeds)}),
        "coexistence": decay("coexistence", 1000, seeds),
        "partial": decay("partial", 500, seeds),
        "full": decay("full", 500, seeds),
        "forgetting": decay("forgetting", 5000, long),
        "dropout": dropped(seeds // 3),
        "minibatch": Sweep(minibatch, {"seed": range(seeds)}),
        "batch_norm": Sweep(normed, {"seed": range(seeds)}),
        "map": Sweep(
            fr.spec.replace(base, {"steps": cells, "schedule": sparse}),
            {"task.clean.train_fraction": grid, "task.noise": grid},
        ),
    }


study = Study(
    name="doshi_corrupted",
    question=(
        "Does a quadratic network learn addition from labels of which a third are wrong, and does "
        "weight decay decide whether it also remembers the wrong ones?"
    ),
    source=f"{DOSHI}, arXiv:2310.13061; without noise {GROMOV}, arXiv:2301.02679",
    sweeps={
        "quick": sweeps(3, 2, 400, GRID),
        "full": sweeps(16, 8, 2000, tuple(np.linspace(0.1, 0.9, 17).tolist())),
    },
)


def last(runs, name: str) -> np.ndarray:
    """A measure at the last step of each run."""
    return runs[name].isel(step=-1).values


@study.claim(
    "GD1-time",
    "median step at which test accuracy is 0.99, without wrong labels",
    "44 (accuracy 1)",
    f"{GROMOV}, notebook",
    band=(36, 50),
    needs=3,
    units="steps",
)
def clean_time(data):
    return median(fr.measures.generalization_step(data["clean"], 0.99))


def constructed(width: int) -> np.ndarray:
    """Accuracy on all pairs of the closed form with so many neurons, five draws of its phases."""
    a, b = np.divmod(np.arange(97 * 97), 97)
    networks = [fr.models.constructed.quadratic(97, width, seed=seed) for seed in range(5)]
    tables = [network.table(jnp.stack([a, b], axis=1)) for network in networks]
    return np.array([(table.argmax(1) == (a + b) % 97).mean() for table in tables])


@study.claim(
    "GD2",
    "accuracy on all pairs of the closed form with 500 neurons, constructed and not trained, least "
    "of five draws of its phases",
    "1.0: an analytic solution",
    GROMOV,
    band=(1.0, 1.0),
)
def analytic(data):
    del data  # what is constructed needs no runs
    found = constructed(500)
    means = {width: constructed(width).mean() for width in (48, 96, 144, 192, 288)}
    note = ", ".join(f"{width}: {value:.4f}" for width, value in means.items())
    note = f"mean of five with fewer neurons: {note}"
    return Finding(float(found.min()), None, len(found), note=note)


@study.claim(
    "GD3-clean",
    "inverse participation ratio after training without wrong labels, mean over neurons",
    "0.83",
    DOSHI,
    band=(0.78, 0.88),
    needs=3,
)
def ipr_clean(data):
    return mean(data["clean"].neuron_ipr.isel(step=-1).mean("neuron"))


def ipr_at(phase: str, published: str, band: tuple[float, float]) -> None:
    """The claim about one phase."""

    @study.claim(
        f"GD3-{phase}",
        f"the same with {NOISE:.0%} wrong labels and weight decay {DECAYS[phase]:g}",
        published,
        DOSHI,
        band=band,
        needs=3,
    )
    def ipr(data):
        return mean(data[phase].neuron_ipr.isel(step=-1).mean("neuron"))


ipr_at("coexistence", "0.28", (0.23, 0.33))
ipr_at("partial", "0.41", (0.36, 0.46))
ipr_at("full", "0.61 to 0.63", (0.56, 0.68))


def accuracy_at(
    claim: str, phase: str, side: str, published: str, band: tuple[float, float]
) -> None:
    """The claim about one accuracy at the end of one phase, the run that is furthest off."""

    @study.claim(
        claim,
        f"{side} accuracy at the end with weight decay {DECAYS[phase]:g}, mean over seeds",
        published,
        DOSHI,
        band=band,
        needs=3,
    )
    def accuracy(data):
        values = last(data[phase], f"{side}_accuracy")
        return mean(values, note=f"from {values.min():.4f} to {values.max():.4f}")


accuracy_at("GD4-train", "coexistence", "train", "0.978", (0.96, 1.0))
accuracy_at("GD4-test", "coexistence", "test", "0.983", (0.96, 1.0))
accuracy_at("GD5-train", "partial", "train", "0.786", (0.74, 0.84))
accuracy_at("GD5-test", "partial", "test", "1.0", (0.995, 1.0))
accuracy_at("GD6-train", "full", "train", "0.6537", (0.6436, 0.6636))
accuracy_at("GD6-test", "full", "test", "1.0", (0.995, 1.0))


@study.claim(
    "GD6-fixed",
    "share of wrongly labelled training examples that are answered rightly, weight decay 15",
    "1.0",
    DOSHI,
    band=(0.99, 1.0),
    needs=3,
)
def fixed(data):
    return mean(last(data["full"], "corrected_accuracy"))


@study.claim(
    "GD7",
    "share of seeds whose test accuracy is above 0.99 before step 600 and below 0.1 at step 5,000",
    "1.0 at step 300, 0.01 at 3,000",
    f"{DOSHI}, weight decay 20",
    band=(1.0, 1.0),
    needs=2,
)
def forgetting(data):
    test = data["forgetting"].test_accuracy
    return share((test.sel(step=slice(0, 599)).max("step") >= 0.99) & (test.isel(step=-1) < 0.1))


@study.claim(
    "GD8-boundary",
    "pairs of noise levels at which more noise is learned from fewer examples: breaks in the order "
    "of the boundary",
    "none: the boundary rises with the noise",
    f"{DOSHI}, phase diagram for weight decay 5",
    band=(0, 0),
    needs=25,
)
def boundary(data):
    runs = data["map"]
    fraction, noise = (runs[f"task.{n}"].values for n in ("clean.train_fraction", "noise"))
    learned = last(runs, "test_accuracy") >= 0.9
    levels = np.unique(noise)
    needed = [fraction[learned & (noise == n)].min(initial=1.0) for n in levels]
    breaks = sum(more < less for less, more in itertools.pairwise(needed))
    note = ", ".join(f"noise {n:.2f}: {f:.2f}" for n, f in zip(levels, needed, strict=True))
    steps = int(runs.step[-1])
    note = f"smallest fraction with test accuracy 0.9 after {steps:,} steps (1: none): {note}"
    return Finding(breaks, None, runs.sizes["run"], note=note)


@study.claim(
    "GD8-dropout",
    "how often more dropout (0, 0.3, 0.6) goes with less memory of wrong labels, without decay",
    "always: dropout makes inversion of coexistence, as decay does",
    f"{DOSHI}, phase diagrams for dropout; our band",
    band=(1.0, 1.0),
    needs=5,
)
def dropping(data):
    runs = data["dropout"]
    rates = np.unique(runs["model.dropout"].values)
    levels = [data["coexistence"]]
    levels += [runs.isel(run=runs["model.dropout"].values == rate) for rate in rates]
    memory, test = (
        [float(np.mean(last(one, f"{name}_accuracy"))) for one in levels]
        for name in ("corrupted", "test")
    )
    words = [f"{m:.3f} and {t:.3f}" for m, t in zip(memory, test, strict=True)]
    note = f"accuracy on wrong labels and on test examples: {', '.join(words)}; "
    note += "0.9 was a step too, until it was seen that nothing is learned with it in 1,000 steps"
    falls = [more < less for less, more in itertools.pairwise(memory)]
    return Finding(float(np.mean(falls)), None, sum(x.sizes["run"] for x in levels), note=note)


def with_batches(
    claim: str, label: str, side: str, published: str, band: tuple[float, float]
) -> None:
    """The claim about one accuracy at the end of runs with batches of 64."""
    norm = " and a batch norm" if label == "batch_norm" else ""

    @study.claim(
        claim,
        f"{side} accuracy with batches of 64{norm}, fraction 0.65, noise 0.2, no decay, mean",
        published,
        f"{DOSHI}, notebook; learning rate 1e-2 √(64/256), 2,000 steps",
        band=band,
        needs=2,
    )
    def accuracy(data):
        values = last(data[label], f"{side}_accuracy")
        return mean(values, note=f"from {values.min():.4f} to {values.max():.4f}")


with_batches("GD9-train", "minibatch", "train", "0.818", (0.788, 0.848))
with_batches("GD9-test", "minibatch", "test", "1.0", (0.99, 1.0))
with_batches("GD9-norm-train", "batch_norm", "train", "0.804", (0.774, 0.834))
with_batches("GD9-norm-test", "batch_norm", "test", "1.0", (0.99, 1.0))


def pruned(runs, run: int) -> tuple[np.ndarray, np.ndarray]:
    """Test accuracy and memory of wrong labels, as the least periodic neurons are removed."""
    split = noisy.task.split(run)
    network = fr.network(runs, run)
    order = np.argsort(runs.neuron_ipr.sel(run=run).isel(step=-1).values)
    wrong = split.train.labels != split.train.truth
    rows = dataclasses.replace(split.train, weights=wrong.astype(np.float32))
    test, memory = [], []
    for count in range(0, len(order), 10):
        kept = ~np.isin(np.arange(len(order)), order[:count])
        cut = fr.measures.kept_neurons(network, kept)
        test.append(fr.measures.accuracy(cut, split.test))
        memory.append(fr.measures.accuracy(cut, rows))
    return np.array(test), np.array(memory)


@study.claim(
    "GD10",
    "test accuracy when so many of the least periodic neurons are gone that half of the wrong "
    "labels are forgotten, mean over seeds (weight decay 0)",
    "neurons without a period memorise: test accuracy survives their removal",
    f"{DOSHI}, pruning",
    band=(0.95, 1.0),
    needs=3,
)
def pruning(data):
    runs = data["coexistence"]
    values = []
    for run in runs.run.values.tolist():
        test, memory = pruned(runs, run)
        values.append(test[np.argmax(memory <= memory[0] / 2)])
    return mean(values)


def over_steps(phase: str) -> None:
    """A picture of the runs in one phase."""

    @study.picture(
        f"Weight decay {DECAYS[phase]:g}, {NOISE:.0%} wrong labels: accuracy on training (blue) "
        "and test examples (vermilion), and what is said to wrongly labelled examples."
    )
    def draw(data):
        both = ("train_accuracy", "test_accuracy")
        return curves(data[phase], both, ("corrected_accuracy", "corrupted_accuracy"))


for name in DECAYS:
    over_steps(name)


@study.picture(
    "The phase in which a run ends, over the fraction of pairs trained on and the noise."
)
def phase_map(data):
    axes = ["task.clean.train_fraction", "task.noise"]
    diagram = fr.measures.phase_diagram(data["map"], axes, fr.measures.phase_doshi)
    return fr.figures.phase_diagram(diagram)
