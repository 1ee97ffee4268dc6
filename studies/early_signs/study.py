"""Do the first 400 steps tell which networks will grok, and better than what is free to look at?"""

import numpy as np
import scipy.stats

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves

EARLY = 400  # steps: a twentieth of the budget
CAUGHT = 0.9  # of the runs that grok, in telling how many false alarms that costs
NOTSAWO = 'Notsawo et al. 2023, "Predicting Grokking Long Before it Happens", arXiv:2306.13253'

# The source trains transformers; here it is the factored network, small enough for a whole grid.
# Grid and bands were written down before any of it was trained. The network was made smaller once,
# to take a minute, when a first one had been trained in part and no sign had been reckoned.
experiment = fr.spec.replace(
    fr.recipes.pair_mod67(),
    {
        "task.p": 31,
        "task.train_fraction": 0.6,
        "steps": 20 * EARLY,
        "schedule": fr.Schedule(per_octave=8, at=tuple(range(EARLY + 1))),
    },
)
RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
DECAYS = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]


def grid(seeds: int) -> Sweep:
    """Learning rates times weight decays."""
    over = {
        "optimizer.learning_rate": RATES,
        "optimizer.weight_decay": DECAYS,
        "seed": range(seeds),
    }
    return Sweep(experiment, over)


study = Study(
    name="early_signs",
    question=(
        "Does the training loss of the first 400 steps, a twentieth of the budget, tell whether a "
        "network will grok, and better than losses and the norm of its weights do?"
    ),
    source=NOTSAWO,
    sweeps={"quick": {"grid": grid(1)}, "full": {"grid": grid(6)}},
)


def looked_at(runs):
    """The runs that had not generalised yet when they were looked at, and had not diverged."""
    when = fr.measures.generalization_step(runs, 0.99)
    open_still = ~(when <= EARLY).values & np.isfinite(
        runs.train_loss.sel(step=slice(0, EARLY)).values
    ).all(1)
    return runs.isel(run=open_still)


def signs(runs) -> dict[str, np.ndarray]:
    """What is known of each run by then, by name; larger or smaller may be the better sign."""
    found = fr.measures.loss_oscillation(runs, steps=EARLY)
    now = runs.sel(step=EARLY)
    return {
        "spectral energy": found.energy.values,
        "activity": found.activity.values,
        "mobility": found.mobility.values,
        "complexity": found.complexity.values,
        "training loss": now.train_loss.values,
        "test loss": now.test_loss.values,
        "weight norm": now.weight_norm.values,
    }


FREE = ("training loss", "test loss", "weight norm")


def either(times, sign) -> float:
    """The area whichever end of the sign is the good one: what it is worth with hindsight."""
    area = fr.measures.auroc(times, sign)
    return max(area, 1 - area)


def alarms(times, sign) -> float:
    """False alarms, with the same hindsight."""
    good_end = -1 if fr.measures.auroc(times, sign) < 0.5 else 1
    return fr.measures.false_alarms(times, good_end * sign, caught=CAUGHT)


def between(times, statistic, known) -> tuple[float, float] | None:
    """Interval of a statistic of times and signs, over runs drawn again."""
    if times.isnull().all() or times.notnull().all():
        return None
    seen = times.to_dataset(name="times").assign({k: ("run", v) for k, v in known.items()})
    found = fr.measures.bootstrap(lambda drawn: statistic(drawn.times, drawn), seen, over="run")
    return found.low, found.high


@study.claim(
    "NO2-auroc",
    "area under the curve of hits over false alarms, of the spectral energy of the training loss "
    "in the first 400 steps, as a sign that a network will generalise within 8,000",
    "large oscillations in the beginning go with grokking (a picture)",
    NOTSAWO,
    band=(0.7, 1.0),
    needs=100,
)
def energy(data):
    runs = looked_at(data["grid"])
    times, known = fr.measures.generalization_step(runs, 0.99), signs(runs)
    told = "; ".join(
        f"{name} {either(times, sign):.2f}, false alarms {alarms(times, sign):.0%}"
        for name, sign in known.items()
    )
    later = f"{int(times.notnull().sum())} of {times.size} runs generalise later"
    note = f"{later}; with hindsight {told} (at 90 % caught)"
    value = spectral(times, known)
    return Finding(value, between(times, spectral, known), times.size, note=note)


def spectral(times, known) -> float:
    """What the spectral energy is worth, a large one being good as the source says."""
    return fr.measures.auroc(times, known["spectral energy"])


def better(times, known) -> float:
    """By how much that is better than the best of the free signs, with hindsight."""
    return spectral(times, known) - max(either(times, known[name]) for name in FREE)


@study.claim(
    "NO2-better",
    "the same area less the largest of those of training loss, test loss and weight norm at step "
    "400",
    "not published: no free sign was compared with",
    NOTSAWO,
    band=(0.0, 1.0),
    needs=100,
)
def beats(data):
    runs = looked_at(data["grid"])
    times, known = fr.measures.generalization_step(runs, 0.99), signs(runs)
    return Finding(better(times, known), between(times, better, known), times.size)


@study.claim(
    "NO2-time",
    "rank correlation of the training loss at step 400 with the step of generalising, among the "
    "runs that do, later",
    "not published",
    NOTSAWO,
    band=(0.3, 1.0),
    needs=64,
)
def ranks(data):
    runs = looked_at(data["grid"])
    when = fr.measures.generalization_step(runs, 0.99)
    there = when.notnull().values
    known = {name: sign[there] for name, sign in signs(runs).items()}

    def correlation(times: np.ndarray, sign: np.ndarray) -> float:
        return float(scipy.stats.spearmanr(times, sign).statistic)

    times = when.values[there]
    told = ", ".join(f"{name} {correlation(times, sign):.2f}" for name, sign in known.items())
    value = correlation(times, known["training loss"])
    return Finding(value, None, int(there.sum()), note=f"by sign: {told}")


@study.picture("Accuracy on test examples by learning rate: each run faint, the median bold.")
def by_rate(data):
    return curves(data["grid"], "test_accuracy", by="optimizer.learning_rate")


@study.picture("Training loss by learning rate: each run faint, the median bold.")
def losses(data):
    return curves(data["grid"], "train_loss", by="optimizer.learning_rate")
