"""Does the PAIR explorable's network have to be factored to generalise, and circles be shared?"""

import jax
import jax.numpy as jnp
import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves

GENERALISED = 0.95  # test accuracy at the end from which on a network's circles are looked at
FACTORED = "text on collapsed matrices"

schedule = fr.Schedule(per_octave=16, every=500)
base = fr.spec.replace(fr.recipes.pair_mod67(), {"schedule": schedule, "model.embed_width": 128})
# The same values of decay mean other things: squared weights are decoupled, absolute ones are not.
absolute = fr.optim.Adam(weight_decay=1e-9, b1=0.9, b2=0.98, penalty="l1")
both = {"model.input": "collapsed", "model.output": "collapsed"}
collapsed = fr.spec.replace(base, both)
collapsed_absolute = fr.spec.replace(collapsed, {"optimizer": absolute})
ordered = fr.spec.replace(base, {"task.ordered": True, "model.embed_width": 500})

RATES = {"optimizer.learning_rate": [1e-2, 1e-3, 1e-4]}
SQUARED = {"optimizer.weight_decay": [1.0, 0.3, 0.1, 0.03, 0.01]}
ABSOLUTE = {"optimizer.weight_decay": [1e-7, 1e-8, 1e-9, 1e-10, 1e-11]}
FORMS = {
    "output_collapsed": {"model.output": "collapsed"},
    "input_collapsed": {"model.input": "collapsed"},
    "tied": {},
    "untied": {"model.tied": False},
}


def forms(over) -> dict[str, Sweep]:
    """Each network of which at least one side is factored."""
    return {name: Sweep(fr.spec.replace(base, part), over) for name, part in FORMS.items()}


study = Study(
    name="pair_collapsed",
    question=(
        "Does a network of 24 neurons learn to add modulo 67 only if one of its two matrices is a "
        "product, and is what it learns less circular if its inputs share no projection?"
    ),
    source='Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR',
    sweeps={
        "quick": {
            "collapsed": Sweep(
                collapsed, {"optimizer.learning_rate": [1e-2, 1e-3], **SQUARED, "seed": [0]}
            ),
            "collapsed_absolute": Sweep(
                collapsed_absolute,
                {
                    "optimizer.learning_rate": [1e-2, 1e-3],
                    "optimizer.weight_decay": [1e-7, 1e-9],
                    "seed": [0],
                },
            ),
            **forms({"optimizer.weight_decay": [1.0, 0.3], "seed": [0]}),
            "shared": Sweep(ordered, {"seed": range(4)}),
            "apart": Sweep(fr.spec.replace(ordered, {"model.shared": False}), {"seed": range(4)}),
        },
        "full": {
            "collapsed": Sweep(collapsed, {**RATES, **SQUARED, "seed": range(3)}),
            "collapsed_absolute": Sweep(
                collapsed_absolute, {**RATES, **ABSOLUTE, "seed": range(3)}
            ),
            **forms({**RATES, **SQUARED, "seed": range(3)}),
            "shared": Sweep(ordered, {"seed": range(16)}),
            "apart": Sweep(fr.spec.replace(ordered, {"model.shared": False}), {"seed": range(16)}),
        },
    },
)


def best(runs) -> float:
    """The highest test accuracy of any run of a sweep at any record."""
    return float(runs.test_accuracy.max())


def count(data, labels) -> int:
    return sum(data[label].sizes["run"] for label in labels)


@study.claim(
    "P17-collapsed",
    "highest test accuracy of any run both of whose matrices are whole, over learning rates and "
    "decays, squared and absolute",
    "“does not actually result in generalization”, “even with the addition of weight decay”",
    FACTORED,
    band=(0.0, 0.5),
    needs=14,
)
def never(data):
    labels = ("collapsed", "collapsed_absolute")
    found = {label: best(data[label]) for label in labels}
    learned = [float(data[label].train_accuracy.max()) for label in labels]
    note = (
        f"squared {found['collapsed']:.3f}, absolute {found['collapsed_absolute']:.3f}; highest "
        f"training accuracies {learned[0]:.3f} and {learned[1]:.3f}"
    )
    return Finding(max(found.values()), None, count(data, labels), note=note)


@study.claim(
    "P17-factored",
    "highest test accuracy of any run of which at least one matrix is a product",
    "“At least one of the matrices has to be factored”",
    FACTORED,
    band=(0.99, 1.0),
    needs=8,
)
def at_least_one(data):
    found = {label: best(data[label]) for label in FORMS}
    note = ", ".join(f"{label.replace('_', ' ')} {value:.3f}" for label, value in found.items())
    return Finding(max(found.values()), None, count(data, FORMS), note=note)


def symmetry(runs) -> tuple[list[float], list[float]]:
    """Gradient symmetricity and circularity of each run that generalises."""
    done = runs.test_accuracy.isel(step=-1).values >= GENERALISED
    kept = [fr.network(runs, int(run)) for run in runs.run.values[done]]
    networks: list = [jax.tree.map(jnp.asarray, n) for n in kept]  # those of a store are NumPy's
    return (
        [fr.measures.gradient_symmetricity(n.answer, np.asarray(n.embed)) for n in networks],
        [fr.measures.circularity(np.asarray(n.embed)) for n in networks],
    )


def difference(data, which: int) -> Finding:
    """By how much the median is lower where the inputs share no projection."""
    shared, apart = (symmetry(data[label])[which] for label in ("shared", "apart"))
    words = [", ".join(f"{v:.3f}" for v in side) or "none" for side in (shared, apart)]
    note = f"of those that generalise: shared {words[0]}; apart {words[1]}"
    least = min(len(shared), len(apart))
    found = float(np.median(shared) - np.median(apart)) if least else np.nan
    return Finding(found, None, least, note=note)


@study.claim(
    "P20-symmetricity",
    "gradient symmetricity of networks whose inputs share a projection, less that of networks "
    "whose inputs do not: medians over seeds that generalise",
    "“without symmetric inputs”; it is 1 for shared inputs by construction",
    "open questions",
    band=(0.0, 2.0),
    needs=3,
)
def symmetricity(data):
    return difference(data, 0)


@study.claim(
    "P20-circularity",
    "the same of circularity of the embedding",
    "“learn less “circular” representations”",
    "open questions",
    band=(0.0, 1.0),
    needs=3,
)
def less_circular(data):
    return difference(data, 1)


@study.picture("Accuracy with both matrices whole: each run faint, the median of all bold.")
def whole(data):
    return curves(data["collapsed"], ACCURACIES)


@study.picture("Accuracy with the output side alone whole: each run faint, the median of all bold.")
def one_product(data):
    return curves(data["output_collapsed"], ACCURACIES)


@study.picture("Accuracy with inputs that share no projection.")
def apart(data):
    return curves(data["apart"], ACCURACIES)


ACCURACIES = ("train_accuracy", "test_accuracy")
