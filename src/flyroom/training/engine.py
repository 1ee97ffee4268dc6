"""One network: how it starts, how it advances, what is observed. Pure functions, to be mapped."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Bool, Float, Int, Integer, PyTree

from .. import spec
from ..losses import AbstractLoss
from ..models import AbstractModel, AbstractNetwork, divide
from ..optim import AbstractOptimizer
from ..tasks import Examples, Signature, Split, Stream
from ..typing import AnyArray
from .batches import batch, epoch_order, slope
from .record import Context, Snapshot

INIT, BATCH, NOISE = 1, 2, 3  # what a key is for; the split is drawn on the host
SEEDED = {"init": INIT, "batch": BATCH, "noise": NOISE}


class Nouns(eqx.Module):
    """The parts of an experiment that the compiler sees. Their leaves are replaced in every run."""

    model: AbstractModel
    optimizer: AbstractOptimizer
    loss: AbstractLoss


class State(NamedTuple):
    """What changes while one network trains."""

    network: AbstractNetwork
    optimizer: PyTree[Array]
    age: Int[Array, ""]


class Fixed(NamedTuple):
    """What one run is given: its leaves by dotted path, its seeds by purpose, its examples."""

    leaves: Mapping[str, Float[AnyArray, ""]]
    seeds: Mapping[str, Integer[AnyArray, ""]]
    split: Split


@dataclasses.dataclass(frozen=True)
class Program:
    """Everything that is compiled in, and nothing that a leaf or an example could change."""

    nouns: Nouns
    record: tuple[Snapshot, ...]
    signature: Signature
    batch_size: int | None
    epoch: int
    parts: int
    precision: str
    stream: Stream | None = None

    @property
    def wide(self) -> bool:
        """Whether it has to be compiled with float64 available."""
        return self.precision == "float64" or self.nouns.loss.wide

    @functools.cached_property
    def template(self) -> AbstractNetwork:
        """A network whose weights are only shapes."""
        outputs = self.nouns.loss.outputs(self.signature.classes)
        return eqx.filter_eval_shape(
            lambda key: self.nouns.model.init(self.signature, outputs, key=key), jr.key(0)
        )


def key_of(seeds: Mapping[str, Integer[Array, ""]], purpose: str) -> Array:
    """The key of one purpose; runs that share a seed differ in nothing but what it is for."""
    return jr.fold_in(jr.key(seeds[purpose]), SEEDED[purpose])


def start(program: Program, fixed: Fixed) -> State:
    """A fresh network at age zero."""
    nouns = spec.replace(program.nouns, fixed.leaves)
    outputs = nouns.loss.outputs(program.signature.classes)
    network = nouns.model.init(program.signature, outputs, key=key_of(fixed.seeds, "init"))
    return restart(program, fixed, network)


def restart(program: Program, fixed: Fixed, network: AbstractNetwork) -> State:
    """A network that begins with the given weights."""
    weights = jax.tree.map(lambda w: jnp.asarray(w, program.precision), network)
    optimizer = spec.replace(program.nouns, fixed.leaves).optimizer.transform()
    return State(weights, optimizer.init(divide(weights)[0]), jnp.zeros((), jnp.int32))


def advance(
    program: Program, state: State, fixed: Fixed, n: Int[Array, ""], parts: int = 1
) -> State:
    """`n` optimizer steps, without a branch in them; full batches are gone through in `parts`."""
    nouns = spec.replace(program.nouns, fixed.leaves)
    optimizer = optax.with_extra_args_support(nouns.optimizer.transform())
    noise = key_of(fixed.seeds, "noise")
    state = state._replace(network=nouns.model.bind(state.network))

    def update(state: State, rows: Examples, parts: int) -> State:
        total = jnp.sum(rows.weights)
        inside, around, outside = jr.split(jr.fold_in(noise, state.age), 3)
        seen = state.network.seen(rows.inputs, jr.fold_in(inside, 0), rows.weights)
        params, constants = divide(seen)

        def prepare(params: Any) -> Any:
            return eqx.combine(params, constants).prepared()

        def share(ready: Any, rows: Examples, part: int | Array = 0) -> Float[Array, ""]:
            logits = ready.table(rows.inputs, key=jr.fold_in(inside, part), weights=rows.weights)
            losses = jax.vmap(nouns.loss)(logits, rows.labels)
            return jnp.sum(losses.astype(total.dtype) * rows.weights) / total

        at = nouns.optimizer.perturbed(params, around)
        value, gradient = slope(prepare, share, at, rows, parts)
        # Optax raises a traced decay rate to an integer power, which strict promotion forbids.
        with jax.numpy_dtype_promotion("standard"):
            updates, moments = optimizer.update(
                gradient, state.optimizer, params, key=outside,
                value=value, grad=gradient, value_fn=lambda params: share(prepare(params), rows),
            )  # fmt: skip
        learned: Any = optax.apply_updates(params, updates)
        return State(eqx.combine(learned, constants), moments, state.age + 1)

    rows = fixed.split.train
    size = program.batch_size
    if size is None:
        return jax.lax.fori_loop(0, n, lambda _, s: update(s, rows, parts), state)

    end, order_key = state.age + n, key_of(fixed.seeds, "batch")
    if (draw := program.stream) is not None:

        def anew(_, state: State) -> State:
            drawn = draw(jr.fold_in(order_key, state.age), size)
            return update(state, jax.tree.map(lambda x, y: x.astype(y.dtype), drawn, rows), 1)

        return jax.lax.fori_loop(0, n, anew, state)

    def finish_epoch(state: State) -> State:
        number = state.age // program.epoch
        order = epoch_order(jr.fold_in(order_key, number), rows, program.epoch * size)

        def one(_, state: State) -> State:
            first = (state.age - number * program.epoch) * size
            return update(state, batch(rows, order, first, size), 1)

        last = jnp.minimum(end, (number + 1) * program.epoch)
        return jax.lax.fori_loop(state.age, last, one, state)

    return jax.lax.while_loop(lambda s: s.age < end, finish_epoch, state)


def observe(
    program: Program, state: State, fixed: Fixed
) -> tuple[dict[str, Array], Bool[Array, ""]]:
    """Everything that is recorded of a network at its present age, and whether it is finite."""
    nouns = spec.replace(program.nouns, fixed.leaves)
    context = Context(fixed.split.train, fixed.split.test, nouns.loss)
    # What is not finite is still not finite times zero, and sums are faster than tests.
    zero = sum(jnp.sum(w * 0) for w in jax.tree.leaves(state.network))
    return {r.name: r(state.network, context) for r in program.record}, jnp.isfinite(zero)
