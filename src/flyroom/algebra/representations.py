import functools
import itertools

import numpy as np
from jaxtyping import Float

from .groups import symmetric

Partition = tuple[int, ...]
Cells = tuple[tuple[int, int], ...]  # the row and column of each number of a tableau


def partitions(n: int, largest: int | None = None) -> list[Partition]:
    """The partitions of `n`, which name its irreps, from `(n,)` to `(1, ..., 1)`.

    Args:
        n: what the parts add up to.
        largest: the largest part there may be; `n` if `None`.

    Example:
        >>> partitions(4)
        [(4,), (3, 1), (2, 2), (2, 1, 1), (1, 1, 1, 1)]
    """
    if n == 0:
        return [()]
    top = min(n, largest or n)
    return [(m, *rest) for m in range(top, 0, -1) for rest in partitions(n - m, m)]


@functools.cache
def irrep(n: int, partition: Partition) -> Float[np.ndarray, "element row column"]:
    r"""An irreducible representation of \(S_n\): an orthogonal matrix for each permutation.

    Young's orthogonal form, which is a homomorphism of the product of `symmetric`: \(\rho(ab) =
    \rho(a)\rho(b)\). `(n,)` is trivial, `(1, ..., 1)` the sign, `(n - 1, 1)` the standard one. The
    array is shared and cannot be written to.

    Args:
        n: how many positions are permuted.
        partition: of `n`, which irreps are named by: whole numbers that do not increase.

    Raises:
        ValueError: it is not a partition of `n`.

    Example:
        >>> matrices, (_, table, _) = irrep(4, (3, 1)), symmetric(4)
        >>> matrices.shape, bool(np.allclose(matrices[5] @ matrices[7], matrices[table[5, 7]]))
        ((24, 3, 3), True)

    Source: A. Young 1931; James & Kerber, "The Representation Theory of the Symmetric Group".
    """
    falling = all(m >= after >= 1 for m, after in itertools.pairwise((*partition, 1)))
    if sum(partition) != n or not falling:
        raise ValueError(
            f"irrep: got {partition}; allowed: partitions of {n}, such as {(n,)}: whole numbers "
            f"from 1 that add up to {n} and do not increase."
        )
    tableaux = _tableaux(partition)
    steps = [_adjacent(tableaux, i) for i in range(n - 1)]
    elements, table, _ = symmetric(n)
    swaps = [_number(elements, i) for i in range(n - 1)]
    matrices = np.zeros((len(elements), len(tableaux), len(tableaux)))
    matrices[0] = np.eye(len(tableaux))
    known, waiting = {0}, [0]
    while waiting:
        element = waiting.pop()
        for swap, step in zip(swaps, steps, strict=True):
            product = int(table[element, swap])
            if product not in known:
                matrices[product] = matrices[element] @ step
                known.add(product)
                waiting.append(product)
    matrices.flags.writeable = False
    return matrices


@functools.cache
def isotypic(n: int, partition: Partition) -> Float[np.ndarray, "element element"]:
    r"""The projection of functions on \(S_n\) on those that an irrep's matrix entries span.

    \(P_{gh} = \frac{d}{n!}\,\chi(g h^{-1})\). The projections of all irreps add up to the identity.
    The array is shared and cannot be written to.

    Args:
        n: how many positions are permuted.
        partition: of `n`, as in `irrep`.

    Example:
        >>> every = sum(isotypic(4, partition) for partition in partitions(4))
        >>> bool(np.allclose(every, np.eye(24)))
        True
    """
    table, inverses = symmetric(n).table, symmetric(n).inverses
    matrices = irrep(n, partition)
    characters = np.trace(matrices, axis1=1, axis2=2)
    projection = matrices.shape[1] / len(table) * characters[table[:, inverses]]
    projection.flags.writeable = False
    return projection


def _number(elements: np.ndarray, i: int) -> int:
    """The element that exchanges the positions `i` and `i + 1`."""
    swapped = np.arange(elements.shape[1])
    swapped[[i, i + 1]] = i + 1, i
    return int(np.nonzero((elements == swapped).all(1))[0][0])


def _tableaux(partition: Partition) -> list[Cells]:
    """Standard Young tableaux: for each the row and column of every number, in turn."""
    found: list[Cells] = [()]
    for _ in range(sum(partition)):
        grown = []
        for cells in found:
            lengths = [sum(row == r for r, _ in cells) for row in range(len(partition))]
            for row, length in enumerate(lengths):
                if length < partition[row] and (row == 0 or lengths[row - 1] > length):
                    grown.append((*cells, (row, length)))
        found = grown
    return found


def _adjacent(tableaux: list[Cells], i: int) -> np.ndarray:
    """The matrix of the exchange of `i` and `i + 1`."""
    matrix = np.zeros((len(tableaux), len(tableaux)))
    for number, cells in enumerate(tableaux):
        (row, column), (other_row, other_column) = cells[i], cells[i + 1]
        distance = (other_column - other_row) - (column - row)
        matrix[number, number] = 1 / distance
        swapped = (*cells[:i], cells[i + 1], cells[i], *cells[i + 2 :])
        if swapped in tableaux:
            matrix[tableaux.index(swapped), number] = (1 - 1 / distance**2) ** 0.5
    return matrix
