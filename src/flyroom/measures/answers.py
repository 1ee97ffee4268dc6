import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..losses import AbstractLoss, CrossEntropy, Hinge
from ..models import AbstractNetwork
from ..spec import SpecError
from ..tasks import Examples


def reader(loss: AbstractLoss | None, outputs: int) -> Callable[[Array], Array]:
    """How many answers are read off many rows of outputs.

    Without a loss that says so, one output is read by its sign and several by the largest.
    """
    return jax.vmap((loss or (Hinge() if outputs == 1 else CrossEntropy())).predict)


def accuracy(network: AbstractNetwork, rows: Examples, loss: AbstractLoss | None = None) -> float:
    """Share of examples that a network answers with their labels.

    Args:
        network: any network, such as one from `fr.network`.
        rows: the examples, such as a side of `task.split(seed)`.
        loss: how answers are read off its outputs; if `None`, a single one by its sign and several
            by the largest.

    Example:
        >>> import flyroom as fr, jax
        >>> task = fr.tasks.ModularArithmetic(p=7)
        >>> network = fr.models.MLP(widths=(8,)).init(task.signature, 7, key=jax.random.key(0))
        >>> 0 <= accuracy(network, task.split(seed=0).test) <= 1
        True
    """
    ours = jax.tree.map(jnp.asarray, network)  # those of a store are NumPy's
    logits = ours.table(jnp.asarray(rows.inputs))
    answers = reader(loss, logits.shape[1])(logits)
    return float(np.average(np.asarray(answers) == rows.labels, weights=rows.weights))


def with_activation(
    network: AbstractNetwork, activation: Callable[[Array], Array]
) -> AbstractNetwork:
    """The same weights, with other neurons.

    Args:
        network: any network whose neurons have an `activation`.
        activation: what a neuron does instead, such as `fr.models.absolute`.

    Raises:
        SpecError: the network has none.

    Example:
        >>> import flyroom as fr, jax
        >>> task = fr.tasks.ModularArithmetic(p=7)
        >>> network = fr.models.MLP(widths=(8,)).init(task.signature, 7, key=jax.random.key(0))
        >>> with_activation(network, fr.models.absolute).activation.__name__
        'absolute'

    Source: swapped after training by He et al. 2026, arXiv:2602.16849.
    """
    names = [field.name for field in dataclasses.fields(network)]
    if "activation" not in names:
        raise SpecError(
            f"with_activation: {type(network).__name__} has no `activation` to swap; "
            f"it has {', '.join(names)}."
        )
    ours: Any = jax.tree.map(jnp.asarray, network)
    return dataclasses.replace(ours, activation=activation)
