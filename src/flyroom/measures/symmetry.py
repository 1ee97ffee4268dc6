from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import algebra

Answer = Callable[[Float[Array, "2 channel"]], Float[Array, "output"]]


def gradient_symmetricity(
    answer: Answer,
    embedding: Float[np.ndarray, "token channel"],
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
    random = np.random.default_rng(seed)
    tokens, outputs = len(embedding), jax.eval_shape(answer, jnp.asarray(embedding[:2])).shape[0]
    pairs = jnp.asarray(embedding[random.integers(tokens, size=(triples, 2))])
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
        components: how many principal components are looked at.

    Returns:
        A number up to 1.

    Example:
        >>> turns = 2 * np.pi / 67 * np.outer(np.arange(67), [3, 5])
        >>> waves = np.concatenate([np.cos(turns) * [2, 1], np.sin(turns) * [2, 1]], axis=1)
        >>> print(round(circularity(waves), 6))
        1.0

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    table = np.asarray(embedding, np.float64)
    if not 1 <= components <= min(table.shape):
        raise ValueError(
            f"circularity: got components={components}; allowed: 1 to {min(table.shape)} for an "
            f"embedding of shape {table.shape}."
        )
    left, _, _ = np.linalg.svd(table - table.mean(0), full_matrices=False)
    # The columns of `left` have norm one and mean zero, so their powers are shares.
    return float(algebra.power(left[:, :components]).max(0).mean())


def distance_irrelevance(logits: Float[np.ndarray, "p p p"]) -> float:
    r"""How little the right logit depends on the difference of the inputs: near 0 for a pizza.

    The standard deviation of \(L_{ab,a+b}\) over sums \(a + b\) at each difference \(a - b\), mean
    over differences, divided by that over all pairs. A pizza's right logit depends on the
    difference alone; where it does not vary at all the measure is 1.

    Args:
        logits: of addition modulo p, by both inputs and class.

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
    right = logits[a, b, (a + b) % p].astype(np.float64)
    spread = right.std()
    if spread <= 1e-12 * np.abs(right).max(initial=0.0):
        return 1.0
    grid = np.zeros((p, p))
    grid[(a - b) % p, (a + b) % p] = right
    return float(grid.std(1).mean() / spread)
