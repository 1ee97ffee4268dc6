"""From one experiment to what is compiled for it and what its run is given."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from .. import spec
from ..spec import SpecError
from ..tasks import AbstractTask, Examples, Signature, Split, check_split
from . import engine
from .engine import SEEDED, Fixed, Nouns, Program
from .experiment import Experiment

CACHED = 3 * 2**18  # how many activations, in float32, are 3 MB
LEAST = 384  # rows, below which what does not depend on an example is done again too often


def program_of(experiment: Experiment) -> tuple[Program, tuple[int, int]]:
    """What has to be compiled for an experiment, and the padded sizes of its two sides."""
    task = experiment.task
    sides = [_sides(task, _seed(experiment, "split")) for task in experiment.tasks()]
    rows, tests = (max(counts) for counts in zip(*sides, strict=True))
    size, stream = experiment.batch_size, task.stream
    if size is not None and stream is None:
        _check_batches(size, [train for train, _ in sides])
    # Leaves are replaced in every run, so they must not tell programs apart.
    nouns = jax.tree.map(lambda _: 0.0, _nouns(experiment))
    parts = (
        1 if size is not None or nouns.model.joint else _parts(nouns, task.signature, rung(rows))
    )
    program = Program(
        nouns=nouns,
        record=experiment.record,
        signature=task.signature,
        batch_size=size,
        epoch=1 if size is None or stream is not None else math.ceil(rows / size),
        parts=parts,
        precision=experiment.precision,
        stream=stream,
    )
    nouns.loss.outputs(task.signature.classes)
    return program, (math.ceil(rung(rows) / parts) * parts, rung(tests))


def _sides(task: AbstractTask, seed: int) -> tuple[int, int]:
    split = task.split(seed)
    check_split(task, split)
    return len(split.train.labels), len(split.test.labels)


def _check_batches(size: int, rows: list[int]) -> None:
    if size > min(rows):
        raise SpecError(
            f"Experiment.batch_size: got {size}; "
            f"allowed: at most the {min(rows)} training examples."
        )
    batches = sorted({math.ceil(count / size) for count in rows})
    if len(batches) > 1:
        raise SpecError(
            f"Experiment.batch_size: with {size}, an event would change the number of batches in "
            f"an epoch ({', '.join(map(str, batches))}). Train on full batches, or keep it."
        )


def _parts(nouns: Nouns, signature: Signature, rows: int) -> int:
    """In how many parts a full batch is to be for the activations of one to fit a core's cache."""
    parts = math.ceil(rows * _activations(nouns, signature) / CACHED)
    return max(1, min(parts, rows // LEAST))


@functools.cache
def _activations(nouns: Nouns, signature: Signature) -> int:
    """How many a network has for one example."""
    outputs = nouns.loss.outputs(signature.classes)

    def activations(key: Array) -> dict[str, Array]:
        kind = "float32" if signature.tokens is None else "int32"
        return nouns.model.init(signature, outputs, key=key).activations(
            jnp.zeros(signature.inputs, kind)
        )

    seen = eqx.filter_eval_shape(activations, jr.key(0))
    return sum(x.size for x in jax.tree.leaves(seen))


def _nouns(experiment: Experiment) -> Nouns:
    return Nouns(experiment.model, experiment.optimizer, experiment.loss)


def _seed(experiment: Experiment, purpose: str) -> int:
    own = getattr(experiment, f"{purpose}_seed")
    return experiment.seed if own is None else own


def rung(rows: int) -> int:
    """The size that so many examples are padded to: 32 per doubling, whatever else is swept.

    Example:
        >>> rung(911), rung(4704), rung(30)
        (912, 4736, 30)
    """
    step = 2 ** max(0, (rows - 1).bit_length() - 6)
    return math.ceil(rows / step) * step


def fixed(experiment: Experiment, sizes: tuple[int, int]) -> Fixed:
    """Everything that one run is given, as NumPy arrays of the padded sizes.

    Raises:
        SpecError: the task gives a different number of examples for this seed.
    """
    kind = experiment.precision
    split = experiment.task.split(_seed(experiment, "split"))
    check_split(experiment.task, split)
    sides = [
        pad(side, size, kind) for side, size in zip((split.train, split.test), sizes, strict=True)
    ]
    return Fixed(
        leaves={k: np.asarray(v, kind) for k, v in spec.leaves(_nouns(experiment)).items()},
        seeds={p: np.array(_seed(experiment, p), np.uint32) for p in SEEDED},
        split=Split(*sides),
    )


def pad(rows: Examples, size: int, precision: str) -> Examples:
    """The same examples, followed by copies of the first with weight zero."""
    count = len(rows.labels)
    if count > size:
        raise SpecError(
            f"a task gave {count} examples for one seed and at most {size} for another."
        )
    index = np.r_[np.arange(count), np.zeros(size - count, int)]
    inputs = rows.inputs[index]
    inputs = inputs.astype(precision) if inputs.dtype.kind == "f" else inputs.astype(np.int32)
    weights = np.where(np.arange(size) < count, rows.weights[index], 0).astype(precision)
    labels, truth = (x[index].astype(np.int32) for x in (rows.labels, rows.truth))
    return Examples(inputs, labels, truth, weights)


@functools.cache
def outline(program: Program, sizes: tuple[int, int]) -> dict[str, jax.ShapeDtypeStruct]:
    """The shapes of everything that a program records, for data of the given padded sizes."""
    signature, kind = program.signature, program.precision
    row = np.zeros(signature.inputs, kind if signature.tokens is None else np.int32)
    label = np.zeros(1, np.int32)
    one = Examples(row[None], label, label, np.ones(1, kind))
    given = Fixed(
        leaves=dict.fromkeys(spec.leaves(program.nouns), np.zeros((), kind)),
        seeds=dict.fromkeys(SEEDED, np.zeros((), np.uint32)),
        split=Split(*(pad(one, size, kind) for size in sizes)),
    )
    with jax.enable_x64(program.wide):
        state = jax.eval_shape(functools.partial(engine.start, program), given)
        return jax.eval_shape(functools.partial(engine.observe, program), state, given)[0]
