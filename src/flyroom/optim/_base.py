import abc

import optax

from ..spec import Spec


class AbstractOptimizer(Spec):
    """Hyperparameters as leaves; the Optax transformation is built from them while tracing.

    The transformation's state must hold no hyperparameters: an intervention changes a leaf while a
    network trains and leaves the state alone.
    """

    @abc.abstractmethod
    def transform(self) -> optax.GradientTransformation:
        """The gradient transformation that these hyperparameters describe."""
