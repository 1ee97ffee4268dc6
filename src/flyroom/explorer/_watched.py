import hashlib
import time
from pathlib import Path
from typing import NamedTuple

from .. import results
from ..results import StoreError
from ._trust import Files, check_sizes, files_of, why_unread
from .bundle import bundle

TRIES = 4  # to read a store that is being put together or taken apart
SHARE = 4  # a store is read for at most a quarter of the time of one core
LONGEST = 10.0  # seconds that it is left alone


class Built(NamedTuple):
    """A bundle, and the version of the store that it shows."""

    version: str
    data: bytes


class Watched:
    """A store that is read anew when it has changed, and nothing but that store.

    It is only ever read, so that whoever trains into it does not notice.

    Args:
        store: where it is or will be.
        run: which runs are shown; all if `None`.
        limit: how many bytes of curves and weights a bundle may hold.
    """

    def __init__(self, store: Path, *, run: list[int] | None = None, limit: int) -> None:
        self.store, self.run, self.limit = store.resolve(), run, limit
        self.changed = 0.0  # when its files last did, by their own clocks
        self._rest = 0.0  # until when it is not read again

    def version(self) -> str:
        """What is different once the store is; empty while there is none to read.

        Raises:
            StoreError: it is not a store as flyroom writes it.
        """
        return self._version(files_of(self.store))

    def _version(self, files: Files) -> str:
        self.changed = max((changed for _, changed in files.values()), default=0) / 1e9
        if str(self.store / "runs" / "zarr.json") not in files:
            return ""
        return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]

    @property
    def rested(self) -> bool:
        """Whether it was long enough ago that the store was read."""
        return time.monotonic() >= self._rest

    def build(self, *, explained: int = 0) -> Built:
        """Reads the store.

        Args:
            explained: how many of its networks are explained, as in `bundle`.

        Raises:
            StoreError: it cannot be read, or is not there yet.
        """
        began = time.thread_time()
        try:
            return self._build(explained)
        finally:
            rest = (SHARE - 1) * (time.thread_time() - began)
            self._rest = time.monotonic() + min(LONGEST, rest)

    def _build(self, explained: int) -> Built:
        last: Exception = StoreError(f"{self.store}: it is changing all the time.")
        for _ in range(TRIES):
            files = files_of(self.store)
            if not (version := self._version(files)):
                raise StoreError(f"{self.store}: there is no store there yet.")
            check_sizes(self.store, files)
            try:
                data = self._read(explained)
            except Exception as error:  # of a store that means ill it can be any
                last = error
            else:
                if files.keys() <= files_of(self.store).keys():
                    return Built(version, data)
            time.sleep(0.2)
        raise StoreError(f"{self.store} cannot be shown: {last}") from last

    def _read(self, explained: int) -> bytes:
        runs = results.open(self.store)
        if self.run:
            known = runs.run.values.tolist()
            if missing := sorted(set(self.run) - set(known)):
                raise StoreError(f"got run {missing[0]}; allowed: {known[0]} to {known[-1]}.")
            runs = runs.sel(run=self.run)
        return bundle(
            runs,
            title=self.store.stem,
            limit=self.limit,
            explained=explained,
            unread=why_unread(runs.attrs),
        )
