from collections.abc import Callable, Mapping

import optax

from ..spec import SpecError, leaf, shape
from ..typing import FloatScalar
from ._base import AbstractOptimizer


class Optax(AbstractOptimizer):
    """Any Optax optimizer, by the function that makes it.

    Args:
        make: a function that returns a gradient transformation.
        arguments: its numbers, by name. Each is a leaf: `optimizer.arguments.learning_rate`.

    Example:
        >>> import optax
        >>> lion = Optax(optax.lion, {"learning_rate": 1e-3, "weight_decay": 0.1})

    Source: DeepMind 2020, Optax.
    """

    make: Callable[..., optax.GradientTransformation] = shape()
    arguments: Mapping[str, FloatScalar] = leaf(default=None)

    def __check_init__(self) -> None:
        for name, value in (self.arguments or {}).items():
            if isinstance(value, (bool, str)) or callable(value):
                raise SpecError(
                    f"Optax.arguments: {name} is {value!r}; allowed: numbers. "
                    "Wrap `make` in a function that has everything else fixed."
                )

    def transform(self) -> optax.GradientTransformation:
        return self.make(**(self.arguments or {}))
