"""Which optimizer needs the fewest examples to generalise within 1,800 steps?"""

import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, points

REPORT = "arXiv:2412.10898, figure 5"
FRACTION = "task.train_fraction"
STEPS = 1800

base = fr.spec.replace(
    fr.recipes.report_mod97(), {"steps": STEPS, "schedule": fr.Schedule(per_octave=8)}
)


def adam(rate: float) -> fr.optim.AdamW:
    """The report's Adam: its AdamW, warm-up included, without weight decay."""
    return fr.optim.AdamW(rate, weight_decay=0.0, b1=0.9, b2=0.98, warmup=10.0)


ADAMW = fr.optim.AdamW(1e-3, weight_decay=1.0, b1=0.9, b2=0.98, warmup=10.0)
VARIANTS = {
    "adam_slow": {"optimizer": adam(3e-4)},
    "adam": {"optimizer": adam(1e-3)},
    "adam_fast": {"optimizer": adam(3e-3)},
    # W + lr (dW + e) with unit normal e
    "update_noise": {"optimizer": fr.optim.Noisy(adam(1e-3), update=1e-3)},
    "weight_noise": {"optimizer": fr.optim.Noisy(adam(1e-3), weight=0.01)},
    "minibatch": {"optimizer": adam(1e-3), "batch_size": 128},
    "adamw": {"optimizer": ADAMW},
    "adamw_minibatch": {"optimizer": ADAMW, "batch_size": 128},
}


def sweeps(p: int, fractions: list[float], seeds: int) -> dict[str, Sweep]:
    """Every optimizer at every fraction."""
    over = {FRACTION: fractions, "seed": range(seeds)}
    return {
        name: Sweep(fr.spec.replace(base, {"task.p": p, **changes}), over)
        for name, changes in VARIANTS.items()
    }


study = Study(
    name="report_optimizers",
    question="Which optimizer lets a simple transformer generalise from the fewest examples?",
    source=REPORT,
    # Smaller at `quick`: modulo 43, where the report has 97.
    sweeps={
        "quick": sweeps(43, [0.5, 0.7, 0.9], 1),
        "full": sweeps(97, np.linspace(0.1, 0.9, 9).round(2).tolist(), 3),
    },
)


def needed(runs) -> float:
    """The smallest fraction from which on the median run ends at test accuracy 0.99; 1 if none."""
    reached = fr.measures.generalization_step(runs).notnull()
    share = reached.groupby(FRACTION).mean()
    good = share[FRACTION].values[share.values >= 0.5]
    return float(good.min(initial=1.0))


def all_needed(data) -> dict[str, float]:
    return {name: needed(data[name]) for name in VARIANTS}


@study.claim(
    "R5-best",
    "optimizers that need fewer examples than AdamW, minibatches apart",
    "AdamW improves generalisation the most",
    REPORT,
    band=(0, 0),
)
def best(data):
    found = all_needed(data)
    fewer = [n for n, f in found.items() if f < found["adamw"] and n != "adamw_minibatch"]
    note = ", ".join(f"{n.replace('_', ' ')} {f:g}" for n, f in found.items())
    runs = sum(runs.sizes["run"] for runs in data.values())
    return Finding(len(fewer), None, runs, note=f"fractions needed (1: none): {note}")


@study.claim(
    "R5-gap",
    "fraction that Adam needs beyond AdamW's, both at 1e-3",
    "at least 0.05",
    REPORT,
    band=(0.05, 1.0),
)
def gap(data):
    found = all_needed(data)
    runs = sum(data[name].sizes["run"] for name in ("adam", "adamw"))
    return Finding(found["adam"] - found["adamw"], None, runs)


@study.claim(
    "R5-most",
    "lowest test accuracy at the end of any optimizer with 90 % of the pairs",
    "≥ 0.95: some generalise without weight decay",
    REPORT,
    band=(0.95, 1.0),
)
def most(data):
    ends = {}
    for name, runs in data.items():
        many = runs.isel(run=np.isclose(runs[FRACTION].values, 0.9))
        ends[name] = float(many.test_accuracy.isel(step=-1).median())
    note = ", ".join(f"{n.replace('_', ' ')} {v:.3f}" for n, v in ends.items())
    return Finding(min(ends.values()), None, len(ends), note=note)


@study.claim(
    "R5-mem",
    "largest step at which training accuracy is 0.99, over optimizers with full batches",
    "100 to 200 updates for all",
    REPORT,
    band=(0, 400),
    units="steps",
)
def memorised(data):
    times = {
        name: float(fr.measures.memorization_step(runs).max())
        for name, runs in data.items()
        if "minibatch" not in name
    }
    note = ", ".join(f"{n.replace('_', ' ')} {t:,.0f}" for n, t in times.items())
    return Finding(max(times.values()), None, len(times), note=note)


@study.picture("Test accuracy after all steps by the fraction that is trained on.")
def by_fraction(data):
    series = {
        name.replace("_", " "): (runs[FRACTION].values, runs.test_accuracy.isel(step=-1).values)
        for name, runs in data.items()
    }
    return points(series, "fraction trained on", "test accuracy")


def grid(name: str) -> None:
    """A picture of one optimizer."""

    @study.picture(f"{name.replace('_', ' ')}: training (blue) and test accuracy (vermilion).")
    def draw(data):
        return fr.figures.overview(data[name])


for variant in VARIANTS:
    grid(variant)
