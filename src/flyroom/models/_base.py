import abc
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from ..spec import Spec, SpecError
from ..tasks import Signature

Tap = Callable[[str, Array], Array]
Patch = Array | Callable[[Array], Array]


def untouched(name: str, value: Array) -> Array:
    """The tap that leaves every activation as it is."""
    del name
    return value


class AbstractNetwork(eqx.Module):
    """The weights of one network, and what they do with one example.

    The annotations of its arrays name their axes, which become dimensions of the results.
    """

    @abc.abstractmethod
    def forward(
        self, x: Shaped[Array, "..."], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        """The logits of one example. Every activation worth a name passes through `tap`."""

    def __call__(
        self, x: Shaped[Array, "..."], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "output"]:
        """The logits of one example. `key` is for networks that are random while they train."""
        return self.forward(x, untouched, key)

    def table(
        self,
        inputs: Shaped[Array, "example *input"],
        *,
        key: PRNGKeyArray | None = None,
        weights: Float[Array, "example"] | None = None,
    ) -> Float[Array, "example output"]:
        """The logits of many examples: the map of `__call__`, unless rows can share more.

        While a network trains, `weights` says which rows are a batch, for networks whose examples
        act on one another; without them, none does.
        """
        ready = self.prepared()
        if ready is not self:
            return ready.table(inputs, key=key, weights=weights)
        if key is None:
            return jax.vmap(self)(inputs)
        keys = jax.random.split(key, inputs.shape[0])
        return jax.vmap(lambda x, k: self(x, key=k))(inputs, keys)

    def prepared(self) -> Any:
        """What has a `table` and needs no more weights: itself, unless there is work to be done.

        While a network trains, examples go through it in parts. What does not depend on them is
        done here, once for all parts. It has to be a pytree of arrays.
        """
        return self

    def seen(
        self, inputs: Shaped[Array, "example *input"], key: PRNGKeyArray | None, weights: Array
    ) -> Any:
        """The same network, whose averages over batches, if there are any, have seen one more."""
        del inputs, key, weights
        return self

    def untied(self) -> Any:
        """The same function, in which no array takes part both in reading and in answering."""
        return self

    def activations(self, x: Shaped[Array, "..."]) -> dict[str, Array]:
        """Every named activation for one example.

        Example:
            >>> import flyroom as fr, jax
            >>> task = fr.tasks.ModularArithmetic(p=7)
            >>> network = fr.models.FactoredMLP(width=4).init(
            ...     task.signature, 7, key=jax.random.key(0)
            ... )
            >>> sorted(network.activations(jax.numpy.array([2, 3])))
            ['hidden', 'logits', 'preactivation']
        """
        seen: dict[str, Array] = {}

        def keep(name: str, value: Array) -> Array:
            seen[name] = value
            return value

        self.forward(x, keep, None)
        return seen

    def patched(
        self, x: Shaped[Array, "..."], patches: Mapping[str, Patch]
    ) -> Float[Array, "output"]:
        """The logits of one example when named activations are replaced.

        Args:
            x: one example.
            patches: by name, an array to put in its place or a function of the activation.

        Raises:
            SpecError: there is no activation of that name.
        """
        left = dict(patches)

        def put(name: str, value: Array) -> Array:
            if name not in left:
                return value
            patch = left.pop(name)
            return patch(value) if callable(patch) else jnp.broadcast_to(patch, value.shape)

        logits = self.forward(x, put, None)
        if left:
            raise SpecError(
                f"{type(self).__name__} has no activation `{next(iter(left))}`; "
                f"it has {', '.join(self.activations(x))}."
            )
        return logits


def constant(**keywords: Any) -> Any:
    """A field of a network whose arrays do not learn, such as a rate of dropout."""
    return eqx.field(metadata={"constant": True}, **keywords)


def divide(network: Any) -> tuple[Any, Any]:
    """What learns of a network and what is constant, each with `None` in the other's places."""

    def learns(path: tuple[Any, ...], _: Any) -> bool:
        node: Any = network
        for step in path:
            if not isinstance(step, jax.tree_util.GetAttrKey):
                node = node[step.idx if hasattr(step, "idx") else step.key]
                continue
            if type(node).__dataclass_fields__[step.name].metadata.get("constant"):
                return False
            node = getattr(node, step.name)
        return True

    return eqx.partition(network, jax.tree_util.tree_map_with_path(learns, network))


class AbstractModel(Spec):
    """The description of a network, before it has weights."""

    @abc.abstractmethod
    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> AbstractNetwork:
        """A fresh network for tasks of this signature that gives so many outputs."""

    @property
    def joint(self) -> bool:
        """Whether the examples of a batch act on one another, so that it cannot be cut in parts."""
        return False

    def bind(self, network: Any) -> Any:
        """The same weights, with those leaves of the model that act while the network computes.

        They are constants of the network. An event may change them.
        """
        return network
