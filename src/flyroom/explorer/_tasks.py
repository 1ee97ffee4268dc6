"""What the explorer has to know of a task."""

import math
from typing import Any

from ..tasks import Corrupted, ModularArithmetic, SparseParity
from ..training import Experiment

MOST = 2**15  # questions that a page asks


def asks_too_much(task: Any) -> bool:
    """Whether there are more questions than a page asks, told without asking for their table.

    A store may say of its task what it likes.
    """
    spans = task.signature.spans or ()
    return math.prod(last - first for first, last in spans) > MOST


def clean(task: Any) -> Any:
    """A task with its right labels."""
    return clean(task.clean) if isinstance(task, Corrupted) else task


def relevant_bits(task: Any) -> list[int]:
    """The inputs that a parity depends on; none of other tasks."""
    task = clean(task)
    return list(range(task.k)) if isinstance(task, SparseParity) else []


def adds(task: Any) -> bool:
    """Whether a task is addition modulo p, whose logits are waves of a + b."""
    task = clean(task)
    if not isinstance(task, ModularArithmetic) or not isinstance(task.operation, str):
        return False
    return task.operation.replace(" ", "") == "a+b" and task.encoding != "numbers"


def seed_of(experiment: Experiment) -> int:
    """The seed of its split."""
    return experiment.seed if experiment.split_seed is None else experiment.split_seed
