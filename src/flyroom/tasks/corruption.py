import dataclasses

import numpy as np

from ..spec import SpecError, host
from ._base import AbstractTask, Signature, Split, bits

_CHOICE, _LABEL = 1, 2  # purposes of random words; the split itself is drawn with purpose 0


class Corrupted(AbstractTask):
    r"""Another task, some of whose training labels are wrong. Test labels stay right.

    \(\lfloor \xi n \rfloor\) of the \(n\) training examples are chosen, and lose their label. The
    same seed chooses the same ones first, so that more noise only adds to them. `truth` keeps the
    right labels beside the given ones.

    Args:
        clean: the task.
        noise: \(\xi\), the share of training examples that are chosen.
        labels: `"any"`: the new label is any one, also the right one, with equal chances;
            `"wrong"`: any but the right one, which with two classes is a flip.

    Example:
        >>> from flyroom.tasks import ModularArithmetic
        >>> task = Corrupted(ModularArithmetic(p=97, train_fraction=0.5), noise=0.35)
        >>> train = task.split(seed=0).train
        >>> wrong = (train.labels != train.truth).mean()  # 0.35 of them, but for 1 in 97
        >>> print(f"{wrong:.3f}")
        0.346

    Source: Doshi et al. 2023, arXiv:2310.13061.
    """

    clean: AbstractTask = host()
    noise: float = host(0.1, minimum=0, maximum=1)
    labels: str = host("any", options=("any", "wrong"))

    def __check_init__(self) -> None:
        if self.clean.stream is not None:
            raise SpecError(
                f"Corrupted.clean: {type(self.clean).__name__} draws its training examples anew at "
                "every step, so none keeps a wrong label; allowed: a task that trains on its split."
            )

    @property
    def signature(self) -> Signature:
        return self.clean.signature

    def split(self, seed: int) -> Split:
        """The split of the clean task, with some of the training labels replaced."""
        split = self.clean.split(seed)
        right = split.train.labels
        # The answers that occur: a vocabulary may have more words than a task has answers.
        answers, place = np.unique(np.r_[right, split.test.labels], return_inverse=True)
        order = np.argsort(bits(len(right), seed, _CHOICE), kind="stable")
        chosen = order[: int(np.floor(self.noise * len(right) + 1e-9))]
        drawn = bits(len(right), seed, _LABEL)[chosen]
        if self.labels == "any":
            new = drawn % np.uint64(len(answers))
        else:
            steps = 1 + drawn % np.uint64(max(1, len(answers) - 1))
            new = (place[chosen].astype(np.uint64) + steps) % np.uint64(len(answers))
        labels = np.array(right)
        labels[chosen] = answers[new]
        return Split(dataclasses.replace(split.train, labels=labels), split.test)
