import json
from typing import Any

import numpy as np

MAGIC = b"flyroom\x01"  # the last byte is the version of the form
# Bytes: a browser reads an array only where a whole number of its elements is before it.
ALIGNED = 8


def pack(value: Any) -> bytes:
    """A tree of dicts, lists, texts, numbers and arrays as bytes.

    Magic, the length of the header as a 32-bit number, the header, and the arrays. The header is
    the tree in JSON, in which an array is `{"array": kind, "shape": [...], "at": offset}`; offsets
    count from the end of the header, padded. Everything is little-endian. Equal arrays are written
    once.
    """
    found: dict[tuple[str, bytes], int] = {}
    length = 0

    def described(array: Any) -> Any:
        nonlocal length
        if not isinstance(array, np.ndarray):
            raise TypeError(f"pack: {type(array).__name__} is neither JSON nor an array.")
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        at = found.setdefault((array.dtype.name, data), length)
        if at == length:
            length += _padded(len(data))
        return {"array": array.dtype.name, "shape": array.shape, "at": at}

    header = json.dumps(value, default=described, allow_nan=False).encode()
    start = len(MAGIC) + 4 + len(header)
    parts = [MAGIC, len(header).to_bytes(4, "little"), header, bytes(_padded(start) - start)]
    for _, data in found:
        parts += [data, bytes(_padded(len(data)) - len(data))]
    return b"".join(parts)


def _padded(length: int) -> int:
    return -(-length // ALIGNED) * ALIGNED
