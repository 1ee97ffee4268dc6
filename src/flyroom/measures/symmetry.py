from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from .. import algebra

Answer = Callable[[Float[Array, "2 channel"]], Float[Array, "output"]]


def gradient_symmetricity(
    answer: Answer,
    embedding: Float[np.ndarray, "token channel"],
    second: Float[np.ndarray, "token channel"] | None = None,
    *,
    triples: int = 100,
    seed: int = 0,
) -> float:
    r"""How alike two inputs act: 1 if logits depend on the sum of their embeddings alone.

    The mean of \(\cos(\partial L_{abc} / \partial E_a, \partial L_{abc} / \partial E_b)\) over
    random triples of two tokens and a logit. Untrained networks often have 1 as well. A triple one
    of whose gradients is zero has no angle, and is left out.

    Args:
        answer: the logits for two embedding vectors, which are copies of their own.
        embedding: the vector of each token.
        second: the same of the second token, if it has vectors of its own.
        triples: how many are drawn.
        seed: of the draw.

    Returns:
        A number from −1 to 1; NaN if no triple has an angle.

    Example:
        >>> table = np.eye(5, dtype=np.float32)
        >>> gradient_symmetricity(lambda pair: jnp.tanh(pair.sum(0)), table)
        1.0

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    random, other = np.random.default_rng(seed), embedding if second is None else second
    tokens, outputs = len(embedding), jax.eval_shape(answer, jnp.asarray(embedding[:2])).shape[0]
    left, right = random.integers(tokens, size=(triples, 2)).T
    pairs = jnp.asarray(np.stack([embedding[left], other[right]], axis=1))
    asked = jnp.asarray(random.integers(outputs, size=triples))
    slope = jax.grad(lambda pair, c: answer(pair)[c])
    slopes = np.asarray(jax.jit(jax.vmap(slope))(pairs, asked), np.float64)
    norms = np.linalg.norm(slopes, axis=2).prod(1)
    products = (slopes[:, 0] * slopes[:, 1]).sum(1)
    return float(np.mean(products[norms > 0] / norms[norms > 0])) if norms.any() else float("nan")


def circularity(embedding: Float[np.ndarray, "token channel"], *, components: int = 4) -> float:
    r"""How much of the first principal components of an embedding is a wave of one frequency each.

    \(\max_k 2\,|\sum_j c_j e^{i\omega_k j}|^2 / (p \sum_j c_j^2)\), the mean over the components
    \(c\). Two circles of the same size share their components, so that both count for less.

    Args:
        embedding: the vector of each token; its mean does not matter.
        components: how many principal components are looked at; all of them, if the embedding has
            fewer channels or tokens.

    Returns:
        A number up to 1.

    Raises:
        ValueError: less than one component is asked for.

    Example:
        >>> turns = 2 * np.pi / 67 * np.outer(np.arange(67), [3, 5])
        >>> waves = np.concatenate([np.cos(turns) * [2, 1], np.sin(turns) * [2, 1]], axis=1)
        >>> print(round(circularity(waves), 6))
        1.0

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    table = np.asarray(embedding, np.float64)
    if components < 1:
        raise ValueError(f"circularity: got components={components}; allowed: at least 1.")
    left, _, _ = np.linalg.svd(table - table.mean(0), full_matrices=False)
    # The columns of `left` have norm one and mean zero, so their powers are shares.
    return float(algebra.power(left[:, :components]).max(0).mean())


def embedding_circles(embedding: Float[np.ndarray, "token channel"]) -> xr.Dataset:
    r"""How much of an embedding is a wave of each frequency, and whether it is a circle.

    For each frequency the embedding is projected on a cosine and a sine. What comes out is an
    ellipse: its two singular values are its axes. Unlike `circularity` this does not depend on
    which circles are larger than others.

    Args:
        embedding: the vector of each token; its mean does not matter.

    Returns:
        Over `frequency`, from 1: its `share` of the embedding's variance, and its `roundness`, the
        shorter axis as part of the longer one: 1 for a circle, 0 for a line.

    Example:
        >>> turn = 2 * np.pi / 31 * np.arange(31)
        >>> circle = [np.cos(3 * turn), np.sin(3 * turn), np.cos(5 * turn), np.zeros(31)]
        >>> found = embedding_circles(np.stack(circle, axis=1))
        >>> print(found.share.values[[2, 4]].round(3), found.roundness.values[[2, 4]].round(3))
        [0.667 0.333] [1. 0.]
    """
    table = np.asarray(embedding, np.float64)
    sums = algebra.waves(table)
    axes = np.linalg.svd(np.stack([np.real(sums), np.imag(sums)], 1), compute_uv=False)
    power = algebra.power(table).sum(1)
    longer, shorter = axes[:, 0], axes[:, -1] if table.shape[1] > 1 else np.zeros(len(axes))
    return xr.Dataset(
        {
            "share": ("frequency", power / power.sum() if power.sum() > 0 else power),
            "roundness": (
                "frequency",
                np.divide(shorter, longer, out=np.zeros_like(longer), where=longer > 0),
            ),
        },
        {"frequency": np.arange(1, len(power) + 1)},
    )


def isolated_circles(
    embedding: Float[np.ndarray, "token channel"], count: int
) -> Float[np.ndarray, "circle token channel"]:
    r"""The embeddings in which only two principal components, one circle, are left.

    Components \(2l\) and \(2l + 1\), from \(l = 0\), around the mean, which stays. Give them to a
    network in place of its embedding to see what it answers with one circle. Circles of the same
    size share their components: there is no telling which of them is left.

    Args:
        embedding: the vector of each token.
        count: how many circles, from the largest.

    Raises:
        ValueError: there are not two components for each.

    Returns:
        One embedding for each circle, in float64.

    Example:
        >>> turns = 2 * np.pi / 31 * np.outer(np.arange(31), [3, 5])
        >>> both = np.concatenate([np.cos(turns) * [2, 1], np.sin(turns) * [2, 1]], axis=1)
        >>> large, small = isolated_circles(both, 2)
        >>> bool(
        ...     np.allclose(large, both * [1, 0, 1, 0]) and np.allclose(small, both * [0, 1, 0, 1])
        ... )
        True

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    table = np.asarray(embedding, np.float64)
    if not 1 <= count <= min(table.shape) // 2:
        raise ValueError(
            f"isolated_circles: got count={count}; allowed: 1 to {min(table.shape) // 2} for an "
            f"embedding of shape {table.shape}."
        )
    mean = table.mean(0)
    left, sizes, directions = np.linalg.svd(table - mean, full_matrices=False)
    pairs = [slice(2 * circle, 2 * circle + 2) for circle in range(count)]
    return np.stack([mean + (left * sizes)[:, two] @ directions[two] for two in pairs])


def distance_irrelevance(logits: Float[np.ndarray, "p p p"], *, logit: str = "right") -> float:
    r"""How little the right logit depends on the difference of the inputs: near 0 for a pizza.

    The standard deviation of \(L_{ab,a+b}\) over sums \(a + b\) at each difference \(a - b\), mean
    over differences, divided by that over all pairs. A pizza's right logit depends on the
    difference alone; where it does not vary at all the measure is 1.

    Args:
        logits: of addition modulo p, by both inputs and class.
        logit: `"right"`, or `"runner_up"` for the largest of the wrong ones, which the source's
            tables of runs have.

    Raises:
        ValueError: `logit` is neither.

    Example:
        >>> a, b, c = np.meshgrid(*3 * [np.arange(59)], indexing="ij")
        >>> turn = 2 * np.pi * 3 / 59
        >>> pizza = np.abs(np.cos(turn * (a - b) / 2)) * np.cos(turn * (a + b - c))
        >>> print(round(distance_irrelevance(pizza), 4))
        0.0
        >>> print(distance_irrelevance(np.cos(turn * (a + b - c))))
        1.0

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    p = len(logits)
    a, b = np.divmod(np.arange(p * p), p)
    if logit not in ("right", "runner_up"):
        raise ValueError(
            f"distance_irrelevance.logit: got {logit!r}; allowed: 'right', 'runner_up'."
        )
    asked = logits[a, b, (a + b) % p].astype(np.float64)
    if logit == "runner_up":
        wrong = logits.reshape(p * p, p).astype(np.float64)
        wrong[np.arange(p * p), (a + b) % p] = -np.inf
        asked = wrong.max(1)
    spread = asked.std()
    if spread <= 1e-12 * np.abs(asked).max(initial=0.0):
        return 1.0
    grid = np.zeros((p, p))
    grid[(a - b) % p, (a + b) % p] = asked
    return float(grid.std(1).mean() / spread)
