from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float, Int

from ..losses import AbstractLoss
from ..models import AbstractNetwork
from ..tasks import Examples
from ..training import Context, snapshot
from ..typing import AnyArray
from ._weights import input_tables
from .answers import reader


@snapshot()
def input_mass(network: AbstractNetwork, context: Context) -> Float[Array, "feature"]:
    """Sum over neurons of the absolute weights from each input."""
    del context
    return jnp.abs(input_tables(network)).sum(-1).reshape(-1)


def distractor_mass(runs: xr.Dataset, relevant: Iterable[int]) -> xr.DataArray:
    """Absolute first-layer weight on the inputs that do not matter.

    Divided by `runs.input_mass.sum("feature")` it is their share of it.

    Args:
        runs: results that recorded `input_mass`.
        relevant: the inputs that do matter. For parity of the first three of thirty bits with a
            constant column these are 0, 1, 2 and 30.

    Returns:
        The sum over the other inputs, over `run` and `step`.

    Example:
        >>> mass = (("run", "step", "feature"), [[[2.0, 1.0, 0.5], [2.0, 0.0, 0.5]]])
        >>> runs = xr.Dataset({"input_mass": mass}, {"step": [0, 8]})
        >>> distractor_mass(runs, relevant=[0, 2]).values
        array([[1., 0.]])

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """
    kept = sorted(set(relevant))
    count = runs.sizes["feature"]
    if kept and not 0 <= kept[0] <= kept[-1] < count:
        raise ValueError(f"distractor_mass: got inputs {kept}; allowed: 0 to {count - 1}.")
    others = np.setdiff1d(np.arange(count), kept)
    mass = runs.input_mass.isel(feature=others).sum("feature", skipna=False)
    return mass.rename("distractor_mass").assign_attrs(
        units="1", long_name="L1 mass of weights from distractors", relevant=kept
    )


def neuron_norms(network: AbstractNetwork, *, rescaled: bool = False) -> Float[Array, "neuron"]:
    r"""The norm of what comes into each neuron: \(\sqrt{\lVert w_j \rVert^2 + b_j^2}\).

    Args:
        network: an MLP with one hidden layer.
        rescaled: whether it is times the norm of what goes out of the neuron. That product does not
            change where a ReLU's weights are made larger on one side and smaller on the other.

    Raises:
        TypeError: it has not exactly one hidden layer of neurons.

    Example:
        >>> import flyroom as fr, jax
        >>> task = fr.tasks.SparseParity(n=20, k=2)
        >>> network = fr.models.MLP(widths=(5,)).init(task.signature, 1, key=jax.random.key(0))
        >>> neuron_norms(network).shape
        (5,)

    Source: Merrill et al. 2023, arXiv:2303.11873.
    """
    ours = _one_layer(network)
    squares = jnp.sum(ours.first.reshape(-1, ours.first.shape[-1]) ** 2, axis=0)
    into = jnp.sqrt(squares if ours.biases[0] is None else squares + ours.biases[0] ** 2)
    return into * jnp.linalg.norm(ours.weights[0], axis=1) if rescaled else into


def kept_neurons(network: AbstractNetwork, kept: Bool[AnyArray, "neuron"]) -> AbstractNetwork:
    """A network in which only some hidden neurons reach the output.

    Args:
        network: an MLP with one hidden layer.
        kept: which do. Its negation gives the complement.

    Raises:
        TypeError: the network has not exactly one hidden layer of neurons.

    Example:
        >>> import flyroom as fr, jax
        >>> task = fr.tasks.SparseParity(n=20, k=2)
        >>> network = fr.models.MLP(widths=(5,)).init(task.signature, 1, key=jax.random.key(0))
        >>> largest = neuron_norms(network) >= neuron_norms(network).max()
        >>> int((kept_neurons(network, largest).weights[0] != 0).sum())
        1

    Source: Merrill et al. 2023, arXiv:2303.11873.
    """
    ours = _one_layer(network)
    keep = jnp.asarray(kept).astype(ours.first.dtype)
    return eqx.tree_at(lambda n: n.weights[0], ours, ours.weights[0] * keep[:, None])


def agreement(
    network: AbstractNetwork,
    other: AbstractNetwork,
    rows: Examples,
    loss: AbstractLoss | None = None,
) -> Float[Array, ""]:
    """Share of examples that two networks answer alike, rightly or wrongly.

    Args:
        network: any network.
        other: another one, such as a part of it, from `kept_neurons`.
        rows: the examples, such as a side of `task.split(seed)`.
        loss: how answers are read off the outputs, as in `accuracy`.

    Example:
        >>> import flyroom as fr, jax
        >>> task = fr.tasks.SparseParity(n=8, k=2, train_count=40, test_count=20)
        >>> network = fr.models.MLP(widths=(5,)).init(task.signature, 1, key=jax.random.key(0))
        >>> all_of_it = kept_neurons(network, neuron_norms(network) > 0)
        >>> print(agreement(network, all_of_it, task.split(seed=0).test))
        1.0

    Source: faithfulness in Merrill et al. 2023, arXiv:2303.11873.
    """
    inputs, weights = jnp.asarray(rows.inputs), jnp.asarray(rows.weights)
    both = [jax.tree.map(jnp.asarray, n).table(inputs) for n in (network, other)]
    one, two = (reader(loss, logits.shape[1])(logits) for logits in both)
    return jnp.sum((one == two).astype(weights.dtype) * weights) / jnp.sum(weights)


def effective_sparsity(
    network: AbstractNetwork,
    rows: Examples,
    loss: AbstractLoss | None = None,
    *,
    rescaled: bool = False,
) -> Int[Array, ""]:
    """How few neurons, those with the largest norms, give the answers of the whole network.

    The smallest number for which every example is answered as by the whole network, rightly or
    wrongly. A small one means a sparse network.

    Args:
        network: an MLP with one hidden layer.
        rows: the examples, usually the training set.
        loss: how answers are read off the outputs, as in `accuracy`.
        rescaled: which norms, as in `neuron_norms`.

    Raises:
        TypeError: the network has not exactly one hidden layer of neurons.

    Example:
        >>> import flyroom as fr, jax
        >>> task = fr.tasks.SparseParity(n=8, k=2, train_count=40, test_count=20)
        >>> network = fr.models.MLP(widths=(5,)).init(task.signature, 1, key=jax.random.key(0))
        >>> 0 <= int(effective_sparsity(network, task.split(seed=0).train)) <= 5
        True

    Source: Merrill et al. 2023, arXiv:2303.11873.
    """
    ours = _one_layer(network)
    inputs = jnp.asarray(rows.inputs)
    hidden = jax.vmap(ours.activations)(inputs)["hidden_0"]
    order = jnp.argsort(-neuron_norms(ours, rescaled=rescaled))
    outputs, last = ours.weights[0][order], ours.biases[-1]
    predict = reader(loss, outputs.shape[1])
    whole, real = predict(ours.table(inputs)), jnp.asarray(rows.weights) > 0
    nothing = jnp.zeros((inputs.shape[0], outputs.shape[1]), hidden.dtype)
    nothing = nothing if last is None else nothing + last[None]

    def add(logits: Array, neuron: tuple[Array, Array]) -> tuple[Array, Array]:
        alike = jnp.all((predict(logits) == whole) | ~real)
        activity, weight = neuron
        return logits + activity[:, None] * weight[None], alike

    _, alike = jax.lax.scan(add, nothing, (hidden.T[order], outputs))
    # Rounding may keep even all neurons, added in another order, from giving every answer.
    return jnp.argmax(jnp.concatenate([alike, jnp.ones(1, bool)])).astype(jnp.int32)


def _one_layer(network: AbstractNetwork) -> Any:
    """The network with arrays of JAX, if it is an MLP with one hidden layer."""
    weights = getattr(network, "weights", ())
    if not hasattr(network, "first") or len(weights) != 1:
        raise TypeError(
            f"got {type(network).__name__} with {len(weights)} hidden layers; allowed: an MLP with "
            "one, because neurons are ranked by the norms of their incoming weights."
        )
    return jax.tree.map(jnp.asarray, network)


def gini(values: Float[np.ndarray, "value"]) -> float:
    r"""How unequal values are: 0 if all are the same, near 1 if one of many is not zero.

    \(\sum_i (2i - n - 1)\, x_{(i)} \,/\, (n \sum_i x_i)\) over the values in increasing order; 0
    for zeros, which are all the same.

    Args:
        values: at least zero each.

    Raises:
        ValueError: a value is negative.

    Example:
        >>> print(gini(np.array([0.0, 0.0, 0.0, 1.0])), gini(np.ones(4)))
        0.75 0.0

    Source: Nanda et al. 2023, arXiv:2301.05217.
    """
    if np.any(values < 0):
        raise ValueError(f"gini: got {values.min()}; allowed: at least 0.")
    count = len(values)
    ranks = 2 * np.arange(1, count + 1) - count - 1
    total = count * values.sum()
    return float(ranks @ np.sort(values) / total) if total > 0 else 0.0


def inverse_participation_ratio(
    rows: Float[np.ndarray, "row p"], *, order: int = 2
) -> Float[np.ndarray, "row"]:
    r"""How few frequencies a function takes: 1 for one wave, 1/2 for two equal ones.

    \(\sum_k q_k^{2r}\) with \(q = |\hat w| / \lVert \hat w \rVert_2\) over the non-negative
    frequencies; 0 for a row of zeros, such as that of a neuron that has died, which takes none.

    Args:
        rows: one function on the residues in each row.
        order: the exponent \(r\).

    Example:
        >>> angle = 2 * np.pi * np.arange(67) / 67
        >>> rows = np.stack([np.cos(3 * angle), np.cos(3 * angle) + np.sin(8 * angle)])
        >>> inverse_participation_ratio(rows).round(6)
        array([1. , 0.5])

    Source: Gromov 2023, arXiv:2301.02679; Doshi et al. 2023, arXiv:2310.13061.
    """
    amplitudes = np.abs(np.fft.rfft(rows.astype(np.float64), axis=1))
    norms = np.linalg.norm(amplitudes, axis=1, keepdims=True)
    shares = np.divide(amplitudes, norms, out=np.zeros_like(amplitudes), where=norms > 0) ** 2
    return (shares**order).sum(1)
