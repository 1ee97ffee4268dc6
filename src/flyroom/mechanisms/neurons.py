import numpy as np
import xarray as xr

from ..spec import SpecError
from .explain import Explanation


def neurons(explanation: Explanation, *, share: float = 0.85) -> xr.Dataset:
    r"""Which neurons of the first layer carry a mechanism, and whether they are enough.

    A neuron's share in a part (a frequency, an irrep) is that share of the variance of what it
    hears, over all pairs, that lies in products of constants and that part's functions of either
    input. It belongs to the part of its largest share, and carries the mechanism if that is large
    enough.

    Three accuracies, each as a share of the network's own, say what that is worth: `alone`, if all
    other neurons hear their means; `without`, if those that carry it do; and `idealised`, if each
    neuron that carries it hears nothing but its own part, such as one pure wave, the others their
    means, and answers are read through the parts alone.

    Args:
        explanation: of a network with neurons.
        share: the least for a neuron to carry the mechanism.

    Returns:
        Over `neuron`: `part`, which is empty for one that carries nothing, and `share`; the three
        accuracies as attributes.

    Raises:
        SpecError: only logits were explained, or the network does not name what its neurons hear.

    Example:
        >>> import flyroom as fr
        >>> network = fr.models.constructed.circles(31, 5, (2, 7))
        >>> found = neurons(fr.explain(network, fr.tasks.ModularArithmetic(p=31)))
        >>> print(*found.part.values, found.attrs["idealised"])
        2 2 2 2 2 7 7 7 7 7 1.0

    Source: shares: Nanda et al. 2023, arXiv:2301.05217, of what neurons say.
    """
    subject, spans = explanation.subject, explanation.fit.spans
    if subject.heard is None:
        raise SpecError(
            "neurons: what was explained has none, or does not name what they hear: give a network "
            "with an activation whose name begins with `preactivation`."
        )
    values = subject.heard.values.astype(np.float64)
    size, count = subject.size, values.shape[2]
    means = values.mean((0, 1))
    total = ((values - means) ** 2).sum((0, 1))
    bases = [_basis(span) for span in spans.values()]
    # In products of a basis' functions of either input; means are none of these.
    inside = [np.einsum("abn,ai,bj->nij", values - means, b, b, optimize=True) for b in bases]
    powers = np.array([(one**2).sum((1, 2)) for one in inside]).reshape(-1, count)
    shares = np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)
    largest = shares.max(0, initial=0.0)
    carries = largest >= share
    main = shares.argmax(0) if bases else np.zeros(count, int)
    pure = np.broadcast_to(means, values.shape).copy()
    for i, (basis, one) in enumerate(zip(bases, inside, strict=True)):
        mine = carries & (main == i)
        pure[..., mine] += np.einsum("nij,ai,bj->abn", one[mine], basis, basis, optimize=True)
    every = sum(spans.values(), np.zeros((size, size)))

    def worth(heard: np.ndarray, reads: np.ndarray) -> float:
        accuracy = subject.accuracy(subject.hearing(heard) @ reads)
        return min(accuracy / explanation.accuracy, 1.0) if explanation.accuracy > 0 else 0.0

    names = np.array([*spans, ""])
    return xr.Dataset(
        {
            "part": ("neuron", names[np.where(carries, main, len(spans))]),
            "share": ("neuron", largest, {"units": "1"}),
        },
        attrs={
            "alone": worth(np.where(carries, values, means), np.eye(size)),
            "without": worth(np.where(carries, means, values), np.eye(size)),
            "idealised": worth(pure, every),
        },
    )


def _basis(span: np.ndarray) -> np.ndarray:
    """An orthonormal basis of constants and what a projection leaves as it is."""
    strengths, functions = np.linalg.eigh(span + 1 / len(span))
    return functions[:, strengths > 0.5]
