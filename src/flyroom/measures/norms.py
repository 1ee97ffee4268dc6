import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..models import AbstractNetwork, divide
from ..training import Context, snapshot
from ._weights import input_tables, last_matrix


@snapshot()
def spectral_norm(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Largest singular value of the matrix from inputs to neurons, without biases."""
    del context
    tables = input_tables(network)
    matrix = tables.reshape(-1, tables.shape[-1])
    # By the smaller Gram matrix: a tenth of the time of the singular values themselves.
    gram = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    return jnp.sqrt(jnp.linalg.eigvalsh(gram)[-1])


@snapshot()
def last_layer_norm(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    r"""The norm of the weights that give the logits, which grows before a slingshot.

    Source: Thilak et al. 2022, arXiv:2206.04817.
    """
    del context
    return jnp.linalg.norm(last_matrix(network))


def relative_movement(network: AbstractNetwork, first: AbstractNetwork) -> Float[Array, ""]:
    r"""How far the weights have gone: \(\lVert\theta - \theta_0\rVert / \lVert\theta_0\rVert\).

    It stays small while learning is lazy.

    Args:
        network: the network now.
        first: the same network as it was at the beginning.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=7)
        >>> network = fr.models.MLP(widths=(4,)).init(task.signature, 7, key=jax.random.key(0))
        >>> twice = jax.tree.map(lambda weights: 2 * weights, network)
        >>> print(relative_movement(twice, network))
        1.0

    Source: Kumar et al. 2023, arXiv:2310.06110.
    """
    now, then = (jax.tree.leaves(divide(one)[0]) for one in (network, first))
    moved = sum(jnp.sum((a - b) ** 2) for a, b in zip(now, then, strict=True))
    return jnp.sqrt(moved / sum(jnp.sum(b**2) for b in then))
