"""The runs of one program that are waiting, shared out among workers."""

import collections
import math
import threading
from collections.abc import Iterable


class Queue:
    """Runs in the order in which they are to start.

    Args:
        runs: their numbers.
        workers: how many workers take from it; what is left is shared among that many.
    """

    def __init__(self, runs: Iterable[int], workers: int) -> None:
        self._runs = collections.deque(int(r) for r in runs)
        self._workers = self._hungry = workers
        self._lock = threading.Lock()

    def take(self, most: int) -> list[int]:
        """At most `most` runs, and no more than a fair share of the ones that are left."""
        with self._lock:
            # At first everybody gets an equal part; later, nobody takes what others could share.
            fair = math.ceil(len(self._runs) / (self._hungry or self._workers))
            self._hungry = max(0, self._hungry - 1)
            return [self._runs.popleft() for _ in range(min(most, fair))]

    def __len__(self) -> int:
        return len(self._runs)
