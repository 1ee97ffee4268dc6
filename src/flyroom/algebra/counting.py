from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int


class Counting(NamedTuple):
    """In which order elements are counted, so that what is done with them is done with numbers.

    Attributes:
        left: the left operands, in that order.
        right: the right ones.
        answers: the results.
    """

    left: Int[np.ndarray, "element"]
    right: Int[np.ndarray, "element"]
    answers: Int[np.ndarray, "element"]


def as_addition(results: Int[np.ndarray, "a b"]) -> Counting | None:
    r"""The order of residues in which an operation on them is addition, if there is one.

    Residues are counted as they are, or as powers of the least primitive root \(g\) modulo a prime,
    so that the product of \(g^i\) and \(g^j\) is the element \(i + j\) modulo `p - 1`. The right
    operands may be counted backwards: of `a - b` and `a / b`.

    Args:
        results: of each pair of residues, −1 where there is none.

    Returns:
        The orders, with `results[left[i], right[j]] = answers[(i + j) % n]` for `n` elements.

    Example:
        >>> a, b = np.ogrid[:7, :7]
        >>> found = as_addition(a * b % 7)
        >>> print(found.left, as_addition((a - b) % 7).right, as_addition(a * a + b))
        [1 3 2 6 4 5] [0 6 5 4 3 2 1] None
    """
    for elements in _orders(len(results)):
        every = np.arange(len(elements))
        for right in (elements, elements[-every]):
            answers = results[elements, right[0]]
            found = results[np.ix_(elements, right)]
            sums = np.add.outer(every, every) % len(every)
            if len(np.unique(answers)) == len(every) and (found == answers[sums]).all():
                return Counting(elements, right, answers)
    return None


def _orders(p: int) -> Iterator[Int[np.ndarray, "element"]]:
    """The residues as they are, and the powers of the first that has as many as there are units."""
    yield np.arange(p)
    for root in range(2, p):
        powers = np.array([pow(root, i, p) for i in range(p - 1)])
        if len(np.unique(powers)) == p - 1 and (powers > 0).all():
            yield powers
            return
