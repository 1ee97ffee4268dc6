"""Do networks on the PAIR explorable's ones and zeros prune the digits that do not matter?"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import flyroom as fr
from flyroom.studies import Study, Sweep, curves, median, share

RELEVANT = (0, 1, 2, 30)  # the three digits, and the constant column, which is the bias
ZERO = 0.01  # of the largest weight at the end: what counts as nothing
PARITY = "1s and 0s task"


@fr.snapshot()
def largest_weight(network, context) -> Float[Array, "feature"]:
    """Largest absolute weight from each input."""
    del context
    return jnp.abs(network.first).max(-1)


experiment = fr.spec.replace(
    fr.recipes.pair_parity(),
    {
        "record": (*fr.CURVES, fr.measures.input_mass, largest_weight),
        "schedule": fr.Schedule(per_octave=0, every=50),
    },
)
study = Study(
    name="pair_parity",
    question=(
        "Does a network on the parity of three of thirty digits memorise, then generalise as decay "
        "removes the digits that do not matter?"
    ),
    source='Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR',
    # Width, learning rate and decay were chosen on seeds 0 to 2, by their times and by the rise of
    # the training loss, so those seeds are left out.
    sweeps={
        "quick": {"seeds": Sweep(experiment, {"seed": range(10, 20)})},
        "full": {"seeds": Sweep(experiment, {"seed": range(10, 74)})},
    },
)


def times(runs) -> tuple[np.ndarray, np.ndarray]:
    """When each run memorised and when it generalised; NaN where it did not."""
    return fr.measures.memorization_step(runs).values, fr.measures.generalization_step(runs).values


def in_words(runs) -> str:
    """The two times, for a note."""
    memorised, generalised = (median(t) for t in times(runs))
    return (
        f"memorised at a median step of {memorised.value:,.0f}, generalised at "
        f"{generalised.value:,.0f}; published: 1,200 and 3,750"
    )


@study.claim(
    "P12-order",
    "share of seeds that memorise before step 2,000 and generalise between 1,200 and 10,000",
    "memorised by step 1,200, generalised by 3,750 (one trace)",
    PARITY,
    band=(0.6, 1.0),
    needs=10,
)
def order(data):
    memorised, generalised = times(data["seeds"])
    holds = (memorised < 2000) & (generalised > 1200) & (generalised < 10_000)
    return share(holds, note=in_words(data["seeds"]))


@study.claim(
    "P12-rise",
    "largest factor by which training loss rises between memorising and generalising, median over "
    "seeds",
    "“train loss actually slightly increases”",
    PARITY,
    band=(1.2, np.inf),
    needs=10,
)
def rise(data):
    runs = data["seeds"]
    when = zip(*times(runs), strict=True)
    return median([_rise(runs.isel(run=i), *both) for i, both in enumerate(when)])


def _rise(run, memorised: float, generalised: float) -> float:
    """By which factor the loss rises above the lowest value before; 0 if it did not get there."""
    if not memorised < generalised:
        return 0.0
    losses = run.train_loss.sel(step=slice(memorised, generalised)).values
    return float((losses / np.minimum.accumulate(losses)).max())


@study.claim(
    "P12-support",
    "share of the first layer's absolute weight that is on the three digits and the bias at the "
    "end, median over seeds",
    "the other weights are pruned",
    PARITY,
    band=(0.95, 1.0),
    needs=10,
)
def support(data):
    end = data["seeds"].isel(step=[-1])
    total = end.input_mass.sum("feature", skipna=False)
    others = fr.measures.distractor_mass(end, RELEVANT) / total
    return median(1 - others.isel(step=0).fillna(1))  # a run that diverged has none left there


@study.claim(
    "P13-smooth",
    "largest loss of absolute distractor weight within 1 % of the run, as a part of all that is "
    "lost, median over seeds",
    "“most of them smoothly interpolate between the two solutions”",
    PARITY,
    band=(0.0, 0.1),
    needs=10,
)
def smooth(data):
    mass = fr.measures.distractor_mass(data["seeds"], RELEVANT)
    window = int(mass.step[-1]) // 100
    later = mass.assign_coords(step=mass.step - window)
    drop = (mass - later).max("step")
    note = f"1 % of the run is {window} steps; how long the source's run was is not published"
    return median(drop / (mass.max("step") - mass.isel(step=-1)), note=note)


@study.claim(
    "P13-sudden",
    "part of the run in which test accuracy goes from 10 % to 90 % of its way from 0.5 to 1, "
    "median over seeds",
    "“rapid generalization”",
    PARITY,
    band=(0.0, 0.15),
    needs=10,
)
def sudden(data):
    accuracy = data["seeds"].test_accuracy
    began, ended = (fr.measures.first_step(accuracy, 0.5 + 0.5 * part) for part in (0.1, 0.9))
    return median((ended - began) / int(accuracy.step[-1]))


@study.claim(
    "P13-last",
    "time between the first test accuracy of 1 and the last distractor weight's fall below 1 % of "
    "the largest weight, as a part of the run, median over seeds",
    "generalisation “occurs when the last weights connected to the distracting digits are pruned”",
    PARITY,
    band=(0.0, 0.05),
    needs=10,
)
def last(data):
    runs = data["seeds"]
    pruned = fr.measures.first_step(-_distractors(runs), 0.0)
    perfect = fr.measures.generalization_step(runs, 1.0)
    later = int((pruned > perfect).sum())
    note = f"the weight falls after the accuracy is 1 in {later} of {pruned.size} seeds"
    return median(abs(pruned - perfect) / int(runs.step[-1]), note=note)


def _distractors(runs):
    """The largest distractor weight, less what counts as nothing, from its peak on."""
    distractors = [i for i in range(runs.sizes["feature"]) if i not in RELEVANT]
    largest = runs.largest_weight.isel(feature=distractors).max("feature")
    nothing = ZERO * runs.largest_weight.isel(step=-1).max("feature")
    return (largest - nothing).where(runs.step >= largest.idxmax("step"))


def with_distractors(runs):
    """The runs and two curves of their distractor weights, as parts of the largest values."""
    mass = fr.measures.distractor_mass(runs, RELEVANT)
    return runs.assign(distractor_mass=mass / mass.max("step"))


@study.picture(
    "Accuracy, loss, and the absolute weight from the digits that do not matter, as a part of its "
    "largest value: each seed faint, the median of all bold. The first 7,500 steps."
)
def over_steps(data):
    rows = (("train_accuracy", "test_accuracy"), ("train_loss", "test_loss"), "distractor_mass")
    return curves(with_distractors(data["seeds"]), *rows, last=7500)


@study.picture("Weights of the first seed, before and after training. Inputs 0, 1 and 2 matter.")
def weights(data):
    runs = data["seeds"]
    run = int(runs.run[0])
    return fr.figures.weights_before_after(fr.network(runs, run, step=0), fr.network(runs, run))


@study.picture(
    "Accuracy of every seed on training (blue) and test examples (vermilion), steps on a "
    "logarithmic axis."
)
def every_seed(data):
    return fr.figures.overview(data["seeds"])
