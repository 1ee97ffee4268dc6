from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from ...algebra import irrep, symmetric
from ..activations import relu, square
from ..mlp import MLPNetwork


def characters(n: int, partitions: Sequence[Sequence[int]]) -> MLPNetwork:
    r"""A quadratic network that multiplies permutations of `n` by their matrices.

    Its logits are \(\sum_\rho \chi_\rho(a\,b\,c^{-1})\). Each product of two entries is made by
    squares, \(xy = \tfrac14\big((x + y)^2 - (x - y)^2\big)\), so that an irrep of dimension \(d\)
    takes \(2d^3\) neurons. It answers rightly if the sum of characters is largest at the identity
    alone.

    Args:
        n: how many positions are permuted.
        partitions: the irreps, as in `flyroom.algebra.irrep`.

    Raises:
        ValueError: something is not a partition of `n`.

    Example:
        >>> network = characters(3, [(2, 1)])
        >>> network.first.shape, int(network(jnp.array([1, 2])).argmax())
        ((2, 6, 16), 3)
        >>> int(symmetric(3).table[1, 2])
        3

    Source: width and form: Morwani et al. 2023, arXiv:2311.07568; logits: Chughtai et al. 2023,
    arXiv:2302.03025.
    """
    inverses = symmetric(n).inverses
    left, right, out = [], [], []
    for partition in partitions:
        matrices = irrep(n, tuple(partition))
        size, d = matrices.shape[:2]
        # Neuron (i, j, k, sign) hears the entry (i, j) of the left and (j, k) of the right factor.
        entries = (size, d, d, d)
        one = np.broadcast_to(matrices[:, :, :, None], entries).reshape(size, -1)
        two = np.broadcast_to(matrices[:, None, :, :], entries).reshape(size, -1)
        back = matrices[inverses].transpose(0, 2, 1)[:, :, None, :]
        answer = np.broadcast_to(back, entries).reshape(size, -1) / 4
        left += [one, one]
        right += [two, -two]
        out += [answer, -answer]
    return MLPNetwork(
        first=jnp.asarray(np.stack([np.concatenate(left, 1), np.concatenate(right, 1)])),
        weights=(jnp.asarray(np.concatenate(out, 1).T),),
        biases=(None, None),
        activation=square,
    )


def cosets(n: int) -> MLPNetwork:
    r"""A ReLU network that multiplies permutations of `n` by following each position on its way.

    Neuron \((i, j, k)\) gets \([a(i) = j] + [b(j) = k] - 1\), so that it fires where the left
    factor sends \(i\) to \(j\) and the right one \(j\) to \(k\), and says that the product sends
    \(i\) to \(k\). What it hears of either factor is in which coset of a stabiliser that factor is.
    The logit of \(c\) is the number of positions where \(c\) agrees with \(a\,b\).

    Args:
        n: how many positions are permuted; there are \(n^3\) neurons.

    Example:
        >>> network = cosets(3)
        >>> network.first.shape, int(network(jnp.array([1, 2])).argmax())
        ((2, 6, 27), 3)

    Source: the mechanism: Stander et al. 2024, arXiv:2312.06581; this network: ours.
    """
    sends = np.eye(n)[symmetric(n).elements]  # element, position, where it goes
    shape = (len(sends), n, n, n)
    left = np.broadcast_to(sends[:, :, :, None], shape)
    right = np.broadcast_to(sends[:, None, :, :], shape)
    says = np.broadcast_to(sends[:, :, None, :], shape).reshape(len(sends), -1)
    first = np.stack([side.reshape(len(sends), -1) for side in (left, right)])
    return MLPNetwork(
        first=jnp.asarray(first),
        weights=(jnp.asarray(says.T),),
        biases=(jnp.full(n**3, -1.0), None),
        activation=relu,
    )
