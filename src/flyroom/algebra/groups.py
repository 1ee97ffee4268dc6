import functools
import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

Cells = tuple[tuple[int, int], ...]  # the row and column of each number of a tableau


class Group(NamedTuple):
    r"""A finite group of permutations, its elements numbered from the identity, which is 0.

    Attributes:
        elements: where each element sends every position.
        table: the number of the product \(ab\), in which `a` acts first and `b` second.
        inverses: the number of each element's inverse.
    """

    elements: Int[np.ndarray, "element position"]
    table: Int[np.ndarray, "element element"]
    inverses: Int[np.ndarray, "element"]


@functools.cache
def symmetric(n: int) -> Group:
    r"""The symmetric group \(S_n\): all permutations of `n` positions, in lexicographic order.

    In a product the left factor acts first, \((ab)(i) = b(a(i))\), as in the source's code; where
    the right one does, `table` is transposed. The arrays are shared and cannot be written to.

    Args:
        n: how many positions there are, at least 1. The table has \(n!^2\) entries.

    Example:
        >>> elements, table, inverses = symmetric(3)
        >>> a, b = 1, 2  # they exchange the last two positions, and the first two
        >>> print(elements[a], elements[b], elements[table[a, b]])
        [0 2 1] [1 0 2] [1 2 0]
        >>> print(table[table[a, b], inverses[b]])
        1

    Source: Power et al. 2022, arXiv:2201.02177.
    """
    elements = np.array(list(itertools.permutations(range(n))))
    # Read as digits to the base n, permutations in lexicographic order are ascending numbers.
    places = n ** np.arange(n)[::-1]
    products = elements[:, elements]  # [b, a, position]: b at the place to which a sends it
    table = np.searchsorted(elements @ places, (products @ places).T)
    group = Group(elements, table, np.nonzero(table == 0)[1])
    for array in group:
        array.flags.writeable = False
    return group


@functools.cache
def irrep(n: int, partition: tuple[int, ...]) -> Float[np.ndarray, "element row column"]:
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


def _number(elements: np.ndarray, i: int) -> int:
    """The element that exchanges the positions `i` and `i + 1`."""
    swapped = np.arange(elements.shape[1])
    swapped[[i, i + 1]] = i + 1, i
    return int(np.nonzero((elements == swapped).all(1))[0][0])


def _tableaux(partition: tuple[int, ...]) -> list[Cells]:
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
