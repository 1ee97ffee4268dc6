import numpy as np
from jaxtyping import Int

from ..spec import Spec, host


class Schedule(Spec):
    """Ages, in steps, at which something is written down.

    Every step up to `per_octave`, then that many steps between each power of two and the next, at
    multiples of a power of two; the first and the last step always.

    Args:
        per_octave: records per doubling, a power of two; 0 for none of these.
        every: also every so many steps.
        at: also at these steps.

    Example:
        >>> Schedule(per_octave=4).ages(20).tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20]
    """

    per_octave: int = host(16, options=(0, 1, 2, 4, 8, 16, 32, 64, 128, 256))
    every: int | None = host(None, minimum=1)
    at: tuple[int, ...] = host(())

    def ages(self, steps: int) -> Int[np.ndarray, "age"]:
        """The ages up to `steps`, increasing."""
        parts = [np.array([0, steps]), np.array(self.at, int)]
        if self.per_octave:
            parts.append(np.arange(self.per_octave))
            start = self.per_octave
            while start <= steps:
                parts.append(np.arange(start, 2 * start, start // self.per_octave))
                start *= 2
        if self.every:
            parts.append(np.arange(0, steps + 1, self.every))
        ages = np.unique(np.concatenate(parts))
        return ages[(ages >= 0) & (ages <= steps)]
