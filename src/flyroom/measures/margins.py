"""By how much the right answer wins, for weights of a given size."""

import math
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from .. import algebra
from ..models import divide
from ._weights import answer_matrix, input_tables


def output_margins(
    logits: Float[np.ndarray, "example output"], labels: Int[np.ndarray, "example"]
) -> Float[np.ndarray, "example"]:
    r"""By how much each right logit exceeds the largest of the others.

    \(L_y - \max_{c \ne y} L_c\). A single output is answered by its sign: its margin is
    \((2y - 1) L\).

    Args:
        logits: the outputs of a network.
        labels: the right class of each example.

    Returns:
        Positive where the answer is right, in float64.

    Example:
        >>> output_margins(np.array([[1.0, 3.0, 0.0], [1.0, 3.0, 0.0]]), np.array([1, 0]))
        array([ 2., -2.])
    """
    others = np.array(logits, np.float64)
    if others.shape[1] == 1:
        return (2 * labels - 1) * others[:, 0]
    rows = np.arange(len(labels))
    right = others[rows, labels]
    others[rows, labels] = -np.inf
    return right - others.max(1)


def group_norm(network: Any, *, order: float = 3.0) -> float:
    r"""The norm of the norms of a network's neurons: \(L_{2,\nu}\).

    \(\big(\sum_j \lVert (u_j, v_j, w_j) \rVert_2^\nu\big)^{1/\nu}\) over the neurons of one hidden
    layer, with all weights into and out of each: \(u\) and \(v\) are what it reads the two inputs
    with. A table that both positions share counts once. Biases do not count.

    Args:
        network: a network of one hidden layer.
        order: \(\nu\).

    Raises:
        TypeError: there are no weights into, or out of, a hidden layer.

    Example:
        >>> from flyroom.models import constructed
        >>> print(round(group_norm(constructed.quadratic_exact(7)), 3))
        8.492

    Source: Morwani et al. 2023, arXiv:2311.07568.
    """
    tables, out = np.asarray(input_tables(network), np.float64), answer_matrix(network)
    if out is None:
        raise TypeError(
            f"group_norm: {type(network).__name__} has no matrix from its first neurons to its "
            "outputs; allowed: a network of one hidden layer."
        )
    squares = (tables**2).sum((0, 1)) + (np.asarray(out, np.float64) ** 2).sum(1)
    return float(np.linalg.norm(np.sqrt(squares), order))


def normalized_margin(
    logits: Float[np.ndarray, "example output"],
    labels: Int[np.ndarray, "example"],
    weights: Any,
    *,
    degree: int,
    grouped: bool = False,
) -> float:
    r"""The smallest margin of a network, whatever the size of its weights.

    \(\min_i \big(L_{y_i} - \max_{c \ne y_i} L_c\big) / \lVert\theta\rVert^\nu\), where the logits
    become \(s^\nu\) times as large when all weights become \(s\) times as large.

    Args:
        logits: the outputs of the network.
        labels: the right class of each example.
        weights: the network, or any pytree of its arrays; what does not learn does not count.
        degree: \(\nu\): the number of layers for ReLU neurons without biases, 3 for one layer of
            quadratic ones.
        grouped: whether the norm is \(L_{2,\nu}\), as from `group_norm`, instead of \(L_2\).

    Returns:
        A number, positive where every answer is right.

    Example:
        >>> from flyroom.models import constructed
        >>> network = constructed.quadratic_exact(7)
        >>> a, b = np.divmod(np.arange(49), 7)
        >>> logits = np.asarray(network.table(jax.numpy.stack([a, b], axis=1)))
        >>> margin = normalized_margin(logits, (a + b) % 7, network, degree=3, grouped=True)
        >>> print(f"{margin:.4f} {largest_quadratic_margin(7):.4f}")
        0.0171 0.0171

    Source: Lyu and Li 2019, arXiv:1906.05890; grouped: Morwani et al. 2023, arXiv:2311.07568.
    """
    margin = float(output_margins(logits, labels).min())
    if grouped:
        return margin / group_norm(weights, order=float(degree)) ** degree
    leaves = jax.tree.leaves(divide(weights)[0])
    squares = sum(float((np.asarray(leaf, np.float64) ** 2).sum()) for leaf in leaves)
    return margin / squares ** (degree / 2)


def largest_quadratic_margin(p: int) -> float:
    r"""The largest grouped margin with which quadratic neurons can add modulo `p`.

    \(\sqrt{2/27} / (\sqrt{p}\,(p - 1))\), for one hidden layer that reads each input with weights
    of its own, over all \(p^2\) pairs.

    Args:
        p: the modulus, at least 2.

    Raises:
        ValueError: `p` is less.

    Example:
        >>> print(f"{largest_quadratic_margin(59):.3e}")
        6.109e-04

    Source: Morwani et al. 2023, arXiv:2311.07568.
    """
    if p < 2:
        raise ValueError(f"largest_quadratic_margin: got p={p}; allowed: at least 2.")
    return float(np.sqrt(2 / 27) / (np.sqrt(p) * (p - 1)))


def largest_group_margin(n: int) -> float:
    r"""The largest grouped margin with which quadratic neurons can multiply permutations of `n`.

    \(\frac{2}{3\sqrt{3\,n!}} \big/ \sum_\rho d_\rho^{5/2}\) with \(\nu = 3\), over the irreps but
    the trivial one, for one hidden layer that reads each factor with weights of its own, over all
    pairs. A network that has it needs no more than \(2\sum_\rho d_\rho^3\) neurons.

    Args:
        n: how many positions are permuted, at least 2.

    Raises:
        ValueError: `n` is less.

    Example:
        >>> print(f"{largest_group_margin(5):.3e}")
        1.326e-04

    Source: Morwani et al. 2023, arXiv:2311.07568.
    """
    if n < 2:
        raise ValueError(f"largest_group_margin: got n={n}; allowed: at least 2.")
    sizes = np.array([len(algebra.irrep(n, one)[0]) for one in algebra.partitions(n)[1:]])
    return float(2 / (3 * np.sqrt(3 * math.factorial(n))) / (sizes**2.5).sum())


def largest_parity_margin(k: int) -> float:
    r"""The largest grouped margin with which neurons that take the `k`-th power compute a parity.

    \(k! \sqrt{2 / (k + 1)^{k + 1}}\) with \(\nu = k + 1\), for one hidden layer without biases and
    two outputs, over all strings of bits, of which `k` matter.

    Args:
        k: how many bits matter, at least 1.

    Raises:
        ValueError: `k` is less.

    Example:
        >>> print(f"{largest_parity_margin(4):.4f}")
        0.6072

    Source: Morwani et al. 2023, arXiv:2311.07568.
    """
    if k < 1:
        raise ValueError(f"largest_parity_margin: got k={k}; allowed: at least 1.")
    return float(math.factorial(k) * np.sqrt(2 / (k + 1) ** (k + 1)))
