import functools
import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Int


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
