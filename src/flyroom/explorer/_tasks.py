"""What the explorer has to know of a task."""

from typing import Any

from ..tasks import Corrupted, ModularArithmetic, SparseParity


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
    return task.operation.replace(" ", "") == "a+b" and task.encoding in ("pair", "equals")
