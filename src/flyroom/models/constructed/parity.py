import itertools
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...spec import SpecError
from ..activations import monomial, relu
from ..mlp import MLPNetwork

# Every network below has one output. Of all but the last two it is the product of the first k of n
# signs, so that its sign is the answer that `flyroom.tasks.SparseParity` asks for with
# `encoding="signs"`; of those it is the one for `encoding="bits"`.


def parity_cases(n: int, k: int) -> MLPNetwork:
    r"""One neuron for each of the \(2^k\) cases, which says 1 in its own case and 0 in others.

    \(h_s = \mathrm{ReLU}(s \cdot x - (k - 1))\) and \(f = \sum_s (\prod_i s_i)\, h_s\).

    Args:
        n: number of inputs.
        k: how many of them matter, the first.

    Raises:
        SpecError: `k` is not from 1 to `n`.

    Example:
        >>> network = parity_cases(5, 3)
        >>> print(network(jnp.array([1.0, -1.0, -1.0, 1.0, -1.0])))
        [1.]

    Source: Merrill et al. 2023, arXiv:2303.11873, appendix D.
    """
    signs = _signs(n, k)
    return _network(n, signs.T, np.full(len(signs), 1.0 - k), signs.prod(1))


def parity_half_cases(n: int, k: int) -> MLPNetwork:
    r"""The same with neurons for half of the cases: those of product 1, and an output bias.

    \(f = 2\sum_{s : \prod s = 1} h_s - 1\).

    Args:
        n: number of inputs.
        k: how many of them matter, the first.

    Raises:
        SpecError: `k` is not from 1 to `n`.

    Example:
        >>> parity_half_cases(5, 3).first.shape
        (5, 4)

    Source: measured here.
    """
    signs = _signs(n, k)
    signs = signs[signs.prod(1) == 1]
    return _network(n, signs.T, np.full(len(signs), 1.0 - k), np.full(len(signs), 2.0), -1.0)


def parity_thresholds(n: int, k: int) -> MLPNetwork:
    r"""A zigzag of `k + 1` neurons on the sum \(t\) of the relevant inputs.

    Biases \(k + 1, k, k - 2, \dots, -k + 2\), output weights \((-1)^k (1, -2, 2, -2, \dots)\); from
    `k = 3` on with less norm than `parity_cases`.

    Args:
        n: number of inputs.
        k: how many of them matter, the first.

    Raises:
        SpecError: `k` is not from 1 to `n`.

    Example:
        >>> network = parity_thresholds(5, 3)
        >>> print(network.biases[0], network.weights[0][:, 0])
        [ 4.  3.  1. -1.] [-1.  2. -2.  2.]

    Source: Merrill et al. 2023, arXiv:2303.11873, for `k = 3`.
    """
    _check(n, k)
    biases = np.array([k + 1.0, *range(k, -k, -2)])
    turns = np.array([1.0, *(2.0 * (-1) ** (j + 1) for j in range(k))])
    return _network(n, np.ones((k, k + 1)), biases, (-1.0) ** k * turns)


def parity_xor(n: int) -> MLPNetwork:
    r"""Two bits with four neurons and without biases, which is what weight decay likes best.

    \(\tfrac12\big(|x_1 + x_2| - |x_1 - x_2|\big)\), each absolute value of two ReLUs, with neuron
    and output weights in balance: \(\sum_j |a_j| \lVert w_j \rVert = 2\sqrt 2\).

    Args:
        n: number of inputs, at least 2.

    Raises:
        SpecError: there are not two inputs.

    Example:
        >>> network = parity_xor(4)
        >>> print(np.round(np.asarray(network(jnp.array([-1.0, 1.0, 1.0, 1.0]))), 6))
        [-1.]

    Source: measured here.
    """
    _check(n, 2)
    rows = np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]])
    scale = (0.5 / 2**0.5) ** 0.5  # of the weights into a neuron; √2 times it, of those out of it
    out = 2**0.5 * scale * np.array([1.0, 1.0, -1.0, -1.0])
    return _network(n, scale * rows.T, None, out)


def parity_monomials(n: int, k: int) -> MLPNetwork:
    r"""\(2^{k-1}\) neurons that take the `k`-th power of a signed sum.

    \(f = \frac{1}{2^{k-1} k!}\sum_{s : s_1 = 1} (\prod_i s_i)\,(s \cdot x)^k\).

    Args:
        n: number of inputs.
        k: how many of them matter, the first.

    Raises:
        SpecError: `k` is not from 1 to `n`.

    Example:
        >>> network = parity_monomials(5, 3)
        >>> print(network(jnp.array([1.0, -1.0, -1.0, 1.0, -1.0])))
        [1.]

    Source: Morwani et al. 2023, arXiv:2311.07568.
    """
    signs = _signs(n, k)
    signs = signs[signs[:, 0] == 1]
    out = signs.prod(1) / (len(signs) * math.factorial(k))
    return _network(n, signs.T, None, out, activation=monomial(k))


def parity_ones(n: int, k: int) -> MLPNetwork:
    r"""A zigzag of `k` neurons on the number \(t\) of ones among the first `k` of `n` bits.

    \(f = -1 + 2\,\mathrm{ReLU}(t) - 4\,\mathrm{ReLU}(t - 1) + 4\,\mathrm{ReLU}(t - 2) - \dots\),
    which is 1 where \(t\) is odd. The last input is the constant 1, whose weights are the biases.

    Args:
        n: number of bits.
        k: how many of them matter, the first.

    Raises:
        SpecError: `k` is not from 1 to `n`.

    Example:
        >>> print(parity_ones(4, 3)(jnp.array([1.0, 0.0, 1.0, 1.0, 1.0])))
        [-1.]

    Source: measured here, for the task of Pearce et al. 2023.
    """
    _check(n, k)
    first = np.zeros((n + 1, k))
    first[:k], first[n] = 1.0, -np.arange(k)
    turns = np.array([2.0, *(4.0 * (-1) ** j for j in range(1, k))])
    return _network(n + 1, first, None, turns, -1.0)


def parity_in_bits(network: MLPNetwork) -> MLPNetwork:
    r"""A parity network on signs as one on bits \(z\) and a constant 1, with \(x = 1 - 2z\).

    Weights become \(-2w\), biases the weights of the constant, and the output changes its sign,
    since it is asked for an odd number of ones.

    Args:
        network: of one hidden layer, on signs, such as any of the others.

    Example:
        >>> network = parity_in_bits(parity_cases(4, 3))
        >>> print(network(jnp.array([1.0, 0.0, 1.0, 1.0, 1.0])))
        [-1.]

    Source: the encoding: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """
    bias, last = network.biases
    constant = network.first.sum(0) + (0.0 if bias is None else bias)
    return MLPNetwork(
        first=jnp.concatenate([-2 * network.first, constant[None]]),
        weights=(-network.weights[0],),
        biases=(None, None if last is None else -last),
        activation=network.activation,
    )


def _network(
    n: int,
    relevant: np.ndarray,
    biases: np.ndarray | None,
    out: np.ndarray,
    bias: float | None = None,
    activation: Callable[[Array], Array] = relu,
) -> MLPNetwork:
    """Neurons on the first inputs alone, and one output."""
    first = np.pad(relevant.astype(float), ((0, n - len(relevant)), (0, 0)))
    return MLPNetwork(
        first=jnp.asarray(first),
        weights=(jnp.asarray(out.astype(float)[:, None]),),
        biases=(
            None if biases is None else jnp.asarray(biases),
            None if bias is None else jnp.array([bias]),
        ),
        activation=activation,
    )


def _signs(n: int, k: int) -> np.ndarray:
    """All cases of `k` signs, as rows."""
    _check(n, k)
    return np.array(list(itertools.product((1.0, -1.0), repeat=k)))


def _check(n: int, k: int) -> None:
    if not 1 <= k <= n:
        raise SpecError(f"parity network: got k={k} of n={n} inputs; allowed: k from 1 to n.")
