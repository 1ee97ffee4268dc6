"""Which of the networks that were kept are shown."""

from typing import Any

import jax
import numpy as np

ENDS = 2  # the first network of a run and its last


def is_finite(network: Any) -> bool:
    """Whether all weights are numbers: those of a run that diverged are not."""
    return all(np.isfinite(weights).all() for weights in jax.tree.leaves(network))


def spread(steps: list[int], count: int) -> list[int]:
    """So many of some steps, evenly, with the first and the last."""
    if len(steps) <= count:
        return steps
    return [steps[i] for i in np.linspace(0, len(steps) - 1, count).round().astype(int)]
