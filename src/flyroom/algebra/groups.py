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


@functools.cache
def subgroups(n: int) -> list[tuple[int, ...]]:
    r"""Every subgroup of \(S_n\), by the numbers of its elements, the smaller ones first.

    Args:
        n: how many positions are permuted, up to 5: there are 156 of them, and 1,455 for 6.

    Example:
        >>> [len(one) for one in subgroups(3)]
        [1, 2, 2, 2, 3, 6]
    """
    table = symmetric(n).table
    cyclic = {_generated(table, (element,)) for element in range(len(table))}
    found, fresh = set(cyclic), set(cyclic)
    while fresh:
        joined = {_generated(table, (*one, *other)) for one in fresh for other in cyclic}
        fresh = joined - found
        found |= fresh
    return sorted(found, key=lambda one: (len(one), one))


def _generated(table: np.ndarray, elements: tuple[int, ...]) -> tuple[int, ...]:
    """The smallest subgroup with these elements in it."""
    inside = np.zeros(len(table), bool)
    inside[[0, *elements]] = True
    while True:
        members = np.nonzero(inside)[0]
        inside[table[np.ix_(members, members)]] = True
        if inside.sum() == len(members):
            return tuple(members.tolist())


def numbering(answers: Int[np.ndarray, "element element"], n: int) -> Int[np.ndarray, "element"]:
    r"""In which order somebody has numbered the permutations of `n`, from their products.

    There are as many ways to read a table of products as \(S_n\) has automorphisms. They differ by
    the names of the positions (for `n = 6` by more). The one with most answers right is taken.

    Args:
        answers: the number of each product, as somebody counts; some may be wrong.
        n: how many positions are permuted.

    Returns:
        Their number of each of our elements. If no order fits, it is right about few answers, and
        some numbers may occur twice.

    Example:
        >>> table, theirs = symmetric(3).table, np.array([3, 1, 4, 0, 5, 2])
        >>> answers = np.empty((6, 6), int)
        >>> answers[np.ix_(theirs, theirs)] = theirs[table]
        >>> found = numbering(answers, 3)
        >>> bool((answers[np.ix_(found, found)] == found[table]).all())
        True
    """
    elements, table, _ = symmetric(n)
    size, everyone = len(elements), np.arange(len(elements))
    swap, cycle = np.arange(n), np.roll(np.arange(n), -1)
    swap[:2] = swap[1::-1]
    ours = [int(np.nonzero((elements == one).all(1))[0][0]) for one in (swap, cycle)]
    # The neutral element is the one that changes fewest. Powers tell the orders of the others.
    identity = int((answers == everyone).sum(1).argmax())
    swaps, cycles = (_of_order(answers, identity, order) for order in (2, n))
    pairs = np.stack([np.repeat(swaps, len(cycles)), np.tile(cycles, len(swaps))], axis=1)
    theirs = np.full((len(pairs), size), -1)
    theirs[:, 0] = identity
    known, waiting = {0}, [0]
    while waiting:
        element = waiting.pop(0)
        for which, generator in enumerate(ours):
            product = int(table[element, generator])
            if product not in known:
                theirs[:, product] = answers[theirs[:, element], pairs[:, which]]
                known.add(product)
                waiting.append(product)
    if not len(theirs):
        return everyone
    a, b = np.random.default_rng(0).integers(size, size=(2, 2000))  # enough to tell them apart
    right = (answers[theirs[:, a], theirs[:, b]] == theirs[:, table[a, b]]).mean(1)
    return theirs[right.argmax()]


def _of_order(answers: np.ndarray, identity: int, order: int) -> Int[np.ndarray, "found"]:
    """Which elements come back to the neutral one after so many steps, and not before."""
    first = np.arange(len(answers))
    power, returned = first, []
    for _ in range(order):
        returned.append(power == identity)
        power = answers[power, first]
    return np.nonzero(returned[-1] & ~np.any(returned[:-1], axis=0))[0]
