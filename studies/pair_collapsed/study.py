"""Does the PAIR explorable's network have to be factored to generalise, and circles be shared?"""

import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, median

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
    "output collapsed": {"model.output": "collapsed"},
    "input collapsed": {"model.input": "collapsed"},
    "both factored, tied": {},
    "both factored, untied": {"model.tied": False},
}
LABELS = tuple(FORMS)


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
            "shared": Sweep(ordered, {"seed": range(3)}),
            "apart": Sweep(fr.spec.replace(ordered, {"model.shared": False}), {"seed": range(3)}),
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
