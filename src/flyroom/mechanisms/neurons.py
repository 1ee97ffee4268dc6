import numpy as np
import xarray as xr

from ..spec import SpecError
from .explain import Explanation


def neurons(explanation: Explanation, *, share: float = 0.85) -> xr.Dataset:
    r"""Which neurons of the first layer carry a mechanism, and whether they are enough.

    A neuron's share in a part (a frequency, an irrep) is that share of the variance of what it
    hears, over all pairs, that lies in products of constants and that part's functions of either
    input; of a parity, that it hears of the bits that matter. It belongs to the part of its largest
    share, and carries the mechanism if that is large enough.

    Three accuracies, each as a share of the network's own, say what that is worth: `alone`, if all
    other neurons hear their means; `without`, if those that carry it do; and `pure`, if each
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
        >>> print(*found.part.values, found.attrs["pure"])
        2 2 2 2 2 7 7 7 7 7 1.0

    Source: shares: Nanda et al. 2023, arXiv:2301.05217, of what neurons say.
    """
    subject, fit = explanation.subject, explanation.fit
    if subject.heard is None:
        raise SpecError(
            "neurons: what was explained has none, or does not name what they hear: give a network "
            "with an activation whose name begins with `preactivation`."
        )
    values = subject.heard.values.astype(np.float64)
    means, count = values.mean(0), values.shape[1]
    total = ((values - means) ** 2).sum(0)
    largest, main = np.zeros(count), np.full(count, -1)
    pure = np.broadcast_to(means, values.shape).copy()
    for part, name in enumerate(fit.names):
        inside = fit.component(subject, name)
        found = np.divide((inside**2).sum(0), total, out=np.zeros(count), where=total > 0)
        mine = found > largest
        largest, main = np.where(mine, found, largest), np.where(mine, part, main)
        pure[:, mine] = means[mine] + inside[:, mine]
    carries = largest >= share
    pure = np.where(carries, pure, means)

    def worth(logits: np.ndarray) -> float:
        accuracy = subject.accuracy(logits)
        return min(accuracy / explanation.accuracy, 1.0) if explanation.accuracy > 0 else 0.0

    names = np.array([*fit.names, ""])
    return xr.Dataset(
        {
            "part": ("neuron", names[np.where(carries, main, -1)]),
            "share": ("neuron", largest, {"units": "1"}),
        },
        attrs={
            "alone": worth(subject.hearing(np.where(carries, values, means))),
            "without": worth(subject.hearing(np.where(carries, means, values))),
            "pure": worth(fit.read(subject.hearing(pure))),
        },
    )
