import jax
import numpy as np

from ..spec import SpecError
from ..tasks import AbstractTask, Examples, Split, Stream, check_split
from ._rules import check_written, finite, name_of, rule, same


def check_task(task: AbstractTask) -> None:
    """Raises `AssertionError` if `task` breaks a rule that the engine relies on.

    Args:
        task: the task, small enough that three of its splits are quickly made.

    Raises:
        AssertionError: labels or tokens are out of range, a side of the split is empty, the sides
            share an example, the split does not depend on the seed alone, what is drawn anew has
            not the form of the split, or the task is not the same after it was written down and
            read.

    Example:
        >>> import flyroom as fr
        >>> fr.testing.check_task(fr.tasks.SparseParity(n=8, k=2, train_count=40, test_count=20))
    """
    name = name_of(task)
    split, again, other = task.split(0), task.split(0), task.split(1)
    for one in (split, other):
        try:
            check_split(task, one)
        except SpecError as error:
            raise AssertionError(str(error)) from error
    for side, rows in (("training", split.train), ("test", split.test)):
        _check_rows(task, side, rows)
    rule(same(split, again), f"{name}.split gives different examples for the same seed.")
    rule(
        not same(split.train.inputs, other.train.inputs),
        f"{name}.split trains on the same examples, in the same order, for seeds 0 and 1.",
    )
    sizes = [(len(s.train.labels), len(s.test.labels)) for s in (split, other)]
    rule(
        sizes[0] == sizes[1],
        f"{name}.split gives {sizes[0]} examples for seed 0 and {sizes[1]} for seed 1; "
        "runs that differ in their seed share a program, so these must be equal.",
    )
    shared = _rows(split.train) & _rows(split.test)
    rule(not shared, f"{name}.split: {len(shared)} inputs are both trained and tested on.")
    if task.stream is not None:
        _check_stream(task, task.stream, split.train)
    check_written(task)


def _check_stream(task: AbstractTask, draw: Stream, train: Examples) -> None:
    name = name_of(task)
    rule(
        draw == task.stream and hash(draw) == hash(task.stream),
        f"{name}.stream is another one each time it is asked for, so no two runs share a program.",
    )
    drawn = jax.tree.map(np.asarray, jax.jit(draw, static_argnums=1)(jax.random.key(0), 64))
    forms = [[x.shape[1:] for x in jax.tree.leaves(rows)] for rows in (drawn, train)]
    rule(forms[0] == forms[1], f"{name}.stream gives rows {forms[0]}; the split's are {forms[1]}.")
    try:
        check_split(task, Split(drawn, drawn))
    except SpecError as error:
        raise AssertionError(f"{name}.stream: {error}") from error


def _check_rows(task: AbstractTask, side: str, rows: Examples) -> None:
    name, signature = name_of(task), task.signature
    for field in ("inputs", "labels", "truth", "weights"):
        values = getattr(rows, field)
        rule(
            isinstance(values, np.ndarray),
            f"{name}.split: {side} {field} are a {type(values).__name__}; data are NumPy arrays.",
        )
        rule(finite(values), f"{name}.split: {side} {field} are not all finite.")
    rule(rows.labels.dtype.kind in "iu", f"{name}.split: {side} labels are not whole numbers.")
    kinds = "f" if signature.tokens is None else "iu"
    rule(
        rows.inputs.dtype.kind in kinds,
        f"{name}.split: {side} inputs are {rows.inputs.dtype}; tokens are whole numbers, and "
        "vectors (signature.tokens is None) are floating-point numbers.",
    )
    rule(
        rows.truth.min() >= 0 and rows.truth.max() < signature.classes,
        f"{name}.split: {side} truth is outside 0 to {signature.classes - 1}.",
    )
    rule(np.all(rows.weights > 0), f"{name}.split: {side} weights are not all positive.")


def _rows(rows: Examples) -> set[bytes]:
    return {np.ascontiguousarray(row).tobytes() for row in rows.inputs}
