from typing import Any

import jax.numpy as jnp
import numpy as np

from ..models import AbstractNetwork, MLPNetwork
from ..spec import SpecError
from ..tasks import GroupOperation, ModularArithmetic
from .explain import Explanation
from .pairs import Pairs, numbers
from .quadrature import Quadrature
from .representations import Representations

_FORMS = (Quadrature, Representations)


def idealise(
    what: Explanation | AbstractNetwork, task: ModularArithmetic | GroupOperation | None = None
) -> MLPNetwork:
    r"""The network that the mechanism says it is: neurons of pure waves, or entries, nothing else.

    Neuron \(j\) of addition hears its mean and the strongest wave of its own weights, \(m_j +
    A_j\cos(\omega_j a - \varphi_j) + B_j\cos(\omega_j b - \psi_j)\), and adds its activation times
    \(C_j\cos(\omega_j c - \varphi_j - \psi_j)\) to the logit of \(c\). Of permutations it hears the
    nearest entries of each key irrep, \(m_j + \sum_\rho A_{j\rho}\,u^\top\rho(a)\,v +
    B_{j\rho}\,v'^\top\rho(b)\,w\), and adds \(\sum_\rho C_{j\rho}\,u^\top\rho(c)\,w\) times as
    much. \(C\) is all that is taken from its weights to the answers: their phase, or their
    vectors, are what the mechanism demands. If this network answers as well, no weight did anything
    else that was needed.

    Of a transformer this is what its neurons hear when attention adds its inputs, as in a pizza. A
    clock comes out worse: products of waves, which its attention makes, are not in it, and its
    neurons answer by more than one wave each.

    Args:
        what: the explanation of a network with one layer of neurons, or the network.
        task: what the network answers; not needed with an explanation.

    Returns:
        A perceptron that reads pairs of residues or permutations as the task writes them.

    Raises:
        SpecError: it was another task, or what was explained reads no tokens, or has no neurons of
            whose activations its logits are a sum.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=31)
        >>> network = fr.models.constructed.quadratic(31, 120)
        >>> fr.explain(idealise(fr.explain(network, task)), task).accuracy
        1.0

    Source: the form of the weights: Gromov 2023, arXiv:2301.02679; of permutations: Wu et al. 2024,
    arXiv:2410.07476.
    """
    if isinstance(what, Explanation):
        subject, known = what.subject, what
    else:
        subject, known = Pairs.of(what, task), None
    network: Any = subject.network
    form = next((one for one in _FORMS if one.applies(subject.task)), None)
    inputs, tokens, classes, spans = subject.task.signature
    said = None if form is None or tokens is None else subject.said
    if form is None or tokens is None or said is None or not hasattr(network, "activation"):
        raise SpecError(
            f"idealise: got {type(network).__name__} on {type(subject.task).__name__}; "
            "allowed: a network that reads tokens, with one layer of neurons whose activations "
            "add to the logits, on ModularArithmetic or GroupOperation."
        )
    fit = form.fit(subject) if known is None else known.by(form).fit
    (left, right, answers), _, size = numbers(subject.task)
    first, back = np.zeros((*inputs, tokens, len(said))), np.zeros((len(said), classes))
    one, other = (place for place, span in enumerate(spans) if span == (0, size))
    first[one, left], first[other, right] = fit.left, fit.right
    back[:, answers] = fit.answers(said[:, subject.counting.answers])
    return MLPNetwork(
        first=jnp.asarray(first, jnp.float32),
        weights=(jnp.asarray(back, jnp.float32),),
        biases=(jnp.asarray(fit.mean, jnp.float32), None),
        activation=network.activation,
    )
