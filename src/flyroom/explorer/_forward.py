"""What the page has to know to ask a network all questions itself, or why it cannot."""

from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from .. import mechanisms, spec
from ..losses import CrossEntropy, NaiveCrossEntropy, Squared
from ..models import TransformerNetwork
from ..spec import SpecError
from ..tasks import AbstractTable, ModularArithmetic
from ..training import Experiment
from ._formula import NoFormula, Tree, check, formula, of_operands, operands, operands_of
from ._tasks import MOST, asks_too_much, clean, seed_of


def none(why: str) -> dict[str, Any]:
    """What stands where there is nothing to show."""
    return {"why": why}


def forward(experiment: Experiment, kept: list[Any]) -> dict[str, Any]:
    """The questions of one run, the matrices of its networks, and its last one idealised.

    The page knows two formulas. Whether they are all that a network does is not taken for granted:
    what they give has to be its logits.
    """
    task, loss = clean(experiment.task), experiment.loss
    if not isinstance(task, AbstractTable):
        return none("Its task has no table of all questions.")
    if asks_too_much(task):
        return none(f"There are more than {MOST:,} questions: too many to ask in a page.")
    if hasattr(task, "ordered"):
        task = spec.replace(task, {"ordered": True})
    inputs, labels = task.table()
    if len(labels) > MOST:
        return none(f"There are {len(labels):,} questions: too many to ask in a page.")
    if not isinstance(loss, CrossEntropy | NaiveCrossEntropy | Squared):
        return none(f"Its loss, {type(loss).__name__}, is not one that the page can compute.")
    last = kept[-1].network
    try:
        trees = [formula(one.network, inputs.shape[1]) for one in kept]
        check(trees[-1], last, inputs)
    except NoFormula as error:
        return none(str(error))
    asked, read = operands(task), inputs
    if asked and "tables" in trees[-1]:
        trees = [of_operands(tree, asked, inputs[0]) for tree in trees]
        read = operands_of(task, inputs)
    return {
        "activation": last.activation.__name__,
        "loss": "squared" if isinstance(loss, Squared) else "cross-entropy",
        "mean_over_classes": isinstance(loss, Squared) or loss.class_mean,
        "inputs": read.astype(np.uint16),
        "labels": labels.astype(np.uint16),
        "trained": _trained(experiment, inputs),
        "reading": _reading(last),
        "network": jax.tree.map(lambda *each: np.stack(each), *trees),
        "ideal": _ideal(last, task, trees[-1], inputs),
    }


def _reading(network: Any) -> dict[str, Any] | None:
    """Of a transformer, the first token that asks, and from which to which its residues are."""
    if not isinstance(network, TransformerNetwork):
        return None
    return {"asks": network.spans[-1][0], "residues": network.residues}


def _trained(experiment: Experiment, inputs: np.ndarray) -> UInt8[np.ndarray, "question"]:
    """Which questions a run was trained on, in either order where order makes no difference."""
    task, seed = clean(experiment.task), seed_of(experiment)

    def keys(rows: np.ndarray) -> list[bytes]:
        alike = rows if getattr(task, "ordered", True) else np.sort(rows, axis=1)
        return [row.tobytes() for row in alike.astype(np.int64)]

    known = set(keys(experiment.task.split(seed).train.inputs))
    return np.array([key in known for key in keys(inputs)], np.uint8)


def _ideal(network: Any, task: Any, tree: Tree, inputs: np.ndarray) -> dict[str, Any]:
    """The pure waves that a network of one hidden layer stands for, in the form of a formula."""
    one_layer = "attention" not in tree and len(tree["layers"]) == 1
    if not (isinstance(task, ModularArithmetic) and one_layer):
        return none(
            "The page has an ideal construction only of a perceptron of one hidden layer that "
            "reads two residues."
        )
    try:
        ideal = mechanisms.idealise(network, task)
    except SpecError as error:
        return none(str(error))
    asked = operands(task)
    assert asked is not None
    of_pairs = of_operands(formula(ideal, inputs.shape[1]), asked, inputs[0])
    return jax.tree.map(lambda x: x[None], of_pairs)
