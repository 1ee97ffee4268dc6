import abc
from typing import TypeVar

import optax
from jaxtyping import PRNGKeyArray

from ..spec import Spec

_W = TypeVar("_W")


class AbstractOptimizer(Spec):
    """Hyperparameters as leaves; the Optax transformation is built from them while tracing.

    The transformation's state must hold no hyperparameters: an intervention changes a leaf while a
    network trains and leaves the state alone.
    """

    @abc.abstractmethod
    def transform(self) -> optax.GradientTransformation:
        """The gradient transformation that these hyperparameters describe.

        Besides what Optax hands over, its update gets `key`, which is another one at every step.
        """

    def perturbed(self, weights: _W, key: PRNGKeyArray) -> _W:
        """The weights at which the gradient is taken: these themselves, unless there is noise."""
        del key
        return weights
