"""Many networks: one program over the slots of one device, compiled once."""

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, PyTree

from ..models import AbstractNetwork
from . import engine
from .devices import Device
from .engine import Fixed, Program, State

MappingKind = Literal["map", "vmap"]
Seen = tuple[dict[str, Array], Array]  # records, and whether the network is finite
_starting = threading.Lock()


class Ensemble:
    """A program's compiled functions over the slots of one device.

    Args:
        program: what is compiled.
        mapping: `"map"` runs slots one after another, which keeps each in a core's cache; `"vmap"`
            runs them as one batched computation, which is what a GPU wants.
        device: where.
    """

    def __init__(self, program: Program, mapping: MappingKind, device: Device) -> None:
        self.program, self.device = program, device
        self._start, self._restart, self._advance = _compiled(program, mapping)

    def start(self, fixed: Fixed, network: AbstractNetwork | None = None) -> State:
        """The state of one slot at age zero, on the host: a fresh network, or the given one."""
        # Always on the same device and in turn, so that it is compiled once for all workers.
        with _starting, jax.enable_x64(self.program.wide):
            if network is None:
                return jax.device_get(self._start(fixed))
            return jax.device_get(self._restart(fixed, network))

    def put(self, slots: PyTree[ArrayLike]) -> PyTree[ArrayLike]:
        """Moves the contents of all slots to the device."""
        with jax.enable_x64(self.program.wide):
            return jax.device_put(slots, self.device)

    def advance(
        self,
        state: State,
        fixed: Fixed,
        n: int,
        live: Bool[np.ndarray, "slot"],
        due: Bool[np.ndarray, "slot"],
    ) -> tuple[State, dict[str, np.ndarray], Bool[np.ndarray, "slot"]]:
        """Every live slot is `n` steps further, and those that are due are then observed.

        Returns:
            The state, the records of due slots (others mean nothing), which networks are finite.
        """
        with jax.default_device(self.device), jax.enable_x64(self.program.wide):
            listed = np.argsort(~live, kind="stable").astype(np.int32)
            state, seen = self._advance(
                state, fixed, np.int32(n), listed, np.int32(live.sum()), due
            )
            return state, *jax.device_get(seen)  # which waits for all of it


def repeat(one: PyTree[ArrayLike], slots: int) -> PyTree[ArrayLike]:
    """Room for `slots` copies of `one`, on the host."""
    return jax.tree.map(lambda x: np.repeat(np.asarray(x)[None], slots, axis=0), one)


def insert(many: PyTree[ArrayLike], ones: Mapping[int, PyTree[ArrayLike]]) -> PyTree[ArrayLike]:
    """A copy of `many` on the host, with the contents of some slots replaced."""

    def put(stack: ArrayLike, *values: ArrayLike) -> np.ndarray:
        stack = np.array(stack)
        for slot, value in zip(ones, values, strict=True):
            stack[slot] = value
        return stack

    return jax.tree.map(put, many, *ones.values())


def _take(many: PyTree[Array], slot: Array) -> PyTree[Array]:
    return jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, slot, keepdims=False), many)


def _put(many: PyTree[Array], slot: Array, one: PyTree[Array]) -> PyTree[Array]:
    set_one = jax.lax.dynamic_update_index_in_dim
    return jax.tree.map(lambda stack, x: set_one(stack, x, slot, 0), many, one)


@functools.lru_cache(maxsize=8)  # on CPUs a program takes hundreds of Linux's 65,530 memory maps
def _compiled(program: Program, mapping: MappingKind) -> tuple[Callable[..., Any], ...]:
    """The jitted functions of a program, the same for every device and number of slots."""

    def step(state: State, fixed: Fixed, n: Array) -> State:
        return engine.advance(program, state, fixed, n, program.parts if mapping == "map" else 1)

    def look(state: State, fixed: Fixed) -> Seen:
        return engine.observe(program, state, fixed)

    def advance(
        state: State, fixed: Fixed, n: Array, slots: Array, count: Array, due: Array
    ) -> tuple[State, Seen]:
        shape = jax.eval_shape(jax.vmap(look), state, fixed)
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shape)
        if mapping == "vmap":
            state = jax.vmap(step, (0, 0, None))(state, fixed, n)
            return state, jax.lax.cond(due.any(), jax.vmap(look), lambda *_: nothing, state, fixed)

        # One after another and in place, each observed while it is in the core's cache; slots that
        # are not listed cost nothing.
        def body(i: Array, many: tuple[State, Seen]) -> tuple[State, Seen]:
            slot, (states, seen) = slots[i], many
            mine, given, no = _take((states, fixed, nothing), slot)
            mine = step(mine, given, n)
            row = jax.lax.cond(due[slot], look, lambda *_: no, mine, given)
            return _put(states, slot, mine), _put(seen, slot, row)

        return jax.lax.fori_loop(0, count, body, (state, nothing))

    return (
        jax.jit(functools.partial(engine.start, program)),
        jax.jit(functools.partial(engine.restart, program)),
        jax.jit(advance, donate_argnums=0),
    )
