from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..measures import answer_matrix, has_tables, reads_tokens
from ..models import AbstractNetwork, MLPNetwork
from ..spec import SpecError
from ..tasks import ModularArithmetic
from .explain import Explanation
from .pairs import Pairs
from .quadrature import Quadrature


def idealise(
    what: Explanation | AbstractNetwork, task: ModularArithmetic | None = None
) -> MLPNetwork:
    r"""The network that the mechanism says it is: neurons of one pure wave each, and nothing else.

    Neuron \(j\) hears \(m_j + A_j\cos(\omega_j a - \varphi_j) + B_j\cos(\omega_j b - \psi_j)\),
    which are its mean and the strongest wave of its own weights, and adds its activation times
    \(C_j\cos(\omega_j c - \varphi_j - \psi_j)\) to the logit of \(c\), where \(C_j\) is all that is
    taken from its weights to the answers: their phase is what the mechanism demands. If this
    network adds as well, no weight did anything else that was needed.

    Args:
        what: the explanation of a network of one hidden layer that adds modulo `p`, or the network.
        task: what the network answers; not needed with an explanation.

    Returns:
        A network that reads pairs of residues, to be measured as any other.

    Raises:
        SpecError: it was another task, or what was explained has no matrices from residues to
            neurons and from these to answers.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=31)
        >>> network = fr.models.constructed.quadratic(31, 120)
        >>> fr.explain(idealise(fr.explain(network, task)), task).accuracy
        1.0

    Source: the form of the weights: Gromov 2023, arXiv:2301.02679.
    """
    if isinstance(what, Explanation):
        subject, known = what.subject, what
    else:
        subject, known = Pairs.of(what, task), None
    network: Any = subject.network
    out = answer_matrix(network)
    if not isinstance(subject.task, ModularArithmetic) or not (
        has_tables(network) and reads_tokens(network) and out is not None
    ):
        raise SpecError(
            f"idealise: got {type(network).__name__} on {type(subject.task).__name__}; "
            "allowed: a network of one hidden layer with a matrix from residues to neurons "
            "(`w_in` or `first`) and one to answers, on ModularArithmetic."
        )
    waves = Quadrature.fit(subject) if known is None else known.by(Quadrature).fit
    counting = subject.counting
    p, neurons = subject.task.p, len(waves.mean)
    first, back = np.zeros((2, p, neurons)), np.zeros((neurons, p))
    first[0, counting.left], first[1, counting.right] = waves.left, waves.right
    back[:, counting.answers] = _answers(waves, np.asarray(out, np.float64)[:, counting.answers])
    return MLPNetwork(
        first=jnp.asarray(first, jnp.float32),
        weights=(jnp.asarray(back, jnp.float32),),
        biases=(jnp.asarray(waves.mean, jnp.float32), None),
        activation=network.activation,
    )


def _answers(
    waves: Quadrature, out: Float[np.ndarray, "neuron answer"]
) -> Float[np.ndarray, "neuron answer"]:
    """Of each neuron's weights to the answers the wave whose phase is the sum of its two phases."""
    p = len(waves.left)
    turn = np.exp(2j * np.pi / p * np.outer(np.arange(p), waves.part))
    left, right = ((side * turn).sum(0) for side in (waves.left, waves.right))
    phase = np.exp(1j * np.angle(left * right))
    wave = (turn.conj() * phase).real.T
    strength = (out * wave).sum(1) / (wave**2).sum(1)
    return strength[:, None] * wave
