"""Arrays that are read when their values are wanted, and no more of them than that."""

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from .records import Records
from .schema import Curve
from .store import StoreError, read as read_whole

Key = tuple[Any, ...]  # for each axis a number, a slice or an array of numbers


class _Later(BackendArray):
    def __init__(self, shape: tuple[int, ...], dtype: Any, read: Callable[[Key], Any]) -> None:
        self.shape, self.dtype, self.read = shape, np.dtype(dtype), read

    def __getitem__(self, key: Any) -> Any:
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self.read)


def _lazily(shape: tuple[int, ...], dtype: Any, read: Callable[[Key], Any]) -> Any:
    """Data of a variable: read once, and a change of it stays in memory, as xarray's own are."""
    found = indexing.LazilyIndexedArray(_Later(shape, dtype, read))
    return indexing.CopyOnWriteArray(cast(Any, indexing.MemoryCachedArray(found)))


def in_journal(records: Records, curve: Curve) -> Any:
    """A curve of unfinished runs, as far as it had come when the journal was looked through."""
    shape = (records.schema.count, len(records.schema.steps), *curve.shape)

    def read(key: Key) -> np.ndarray:
        where = [np.arange(n)[k] for n, k in zip(shape, key, strict=True)]
        runs, where[0] = np.unique(where[0], return_inverse=True)
        steps, where[1] = np.unique(where[1], return_inverse=True)
        (values,), axis = records.read([curve.name], runs, steps).values(), 0
        for index in where:  # a number takes an axis away
            values, axis = np.take(values, index, axis), axis + np.ndim(index)
        return np.asarray(values)

    return _lazily(shape, curve.dtype, read)


def in_store(where: str, array: Any) -> Any:
    """A curve of a complete store. What is damaged is missing, with a warning that names it.

    Args:
        where: what the warning calls the store.
        array: the Zarr array.
    """

    def read(key: Key) -> np.ndarray:
        try:
            return read_whole(array, *key)
        except StoreError:
            return _salvaged(where, array, key)

    return _lazily(array.shape, array.dtype, read)


def _salvaged(where: str, array: Any, key: Key) -> np.ndarray:
    """What can be read, chunk by chunk."""
    runs = np.arange(array.shape[0])[key[0]]
    chunks, parts, lost = np.atleast_1d(runs) // array.chunks[0], [], []
    for chunk in np.unique(chunks):
        mine = np.atleast_1d(runs)[chunks == chunk]
        try:
            parts.append(read_whole(array, mine, *key[1:]))
        except StoreError:
            left = zip(array.shape[1:], key[1:], strict=True)
            rest = (n for size, k in left for n in np.shape(np.arange(size)[k]))
            parts.append(np.full((len(mine), *rest), array.fill_value, array.dtype))
            low = chunk * array.chunks[0]
            lost.append(f"runs {low} to {min(low + array.chunks[0], array.shape[0]) - 1}")
    warnings.warn(
        f"{where}: damaged, and read as missing: {', '.join(lost)}: {array.basename}. "
        "The others are whole.",
        stacklevel=2,
    )
    whole = np.concatenate(parts)[np.argsort(np.argsort(chunks, kind="stable"))]
    return whole.reshape(*np.shape(runs), *whole.shape[1:])
