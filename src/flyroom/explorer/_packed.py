import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

try:
    import zstandard
except ImportError as error:
    raise ImportError(
        "The explorer's server checks stores with a package that is not installed: "
        "`pip install 'flyroom[explorer]'`."
    ) from error

from ..results import StoreError

TEXT = 2**26  # bytes of a piece of text, whose description does not say how long it is
_ALLOWED = (["bytes"], ["bytes", "zstd"], ["vlen-utf8"], ["vlen-utf8", "zstd"])
_HEADER = 18  # bytes of the longest header of a frame of Zstandard
_ABSENT = 2**64 - 1  # where a piece begins that a shard has not


def lengths(value: Any) -> list[int]:
    """The lengths of axes.

    Raises:
        ValueError: they are none.
    """
    if not all(type(n) is int and n >= 0 for n in value):
        raise ValueError(f"{value} are no lengths")
    return list(value)


class Packing(NamedTuple):
    """How the pieces of an array lie in its files.

    Attributes:
        size: bytes of a piece.
        frames: whether each is a frame of Zstandard.
        pieces: pieces of a shard; 0 if each has a file of its own.
    """

    size: int
    frames: bool
    pieces: int

    @classmethod
    def of(cls, described: Mapping[str, Any], width: int) -> "Packing":
        """That of an array whose values have `width` bytes.

        Raises:
            ValueError: it is none that flyroom writes.
        """
        codecs, pieces = described["codecs"], 0
        shape = lengths(described["chunk_grid"]["configuration"]["chunk_shape"])
        if codecs[0]["name"] == "sharding_indexed":
            about = codecs[0]["configuration"]
            index = [(one["name"], one.get("configuration")) for one in about["index_codecs"]]
            if index != [("bytes", {"endian": "little"}), ("crc32c", None)]:
                raise ValueError(f"got shards whose index is packed as {index}")
            if len(codecs) > 1 or about.get("index_location", "end") != "end":
                raise ValueError("got shards that are packed again, or that begin with their index")
            inner, codecs = lengths(about["chunk_shape"]), about["codecs"]
            if any(n % m for n, m in zip(shape, inner, strict=True)):
                raise ValueError(f"got shards of {shape} in pieces of {inner}")
            pieces, shape = math.prod(shape) // math.prod(inner), inner
        names = [one["name"] for one in codecs]
        if names not in _ALLOWED:
            raise ValueError(f"got values packed by {names}; allowed: {_ALLOWED}")
        size = TEXT if names[0] == "vlen-utf8" else math.prod(shape) * width
        return cls(size, names[-1] == "zstd", pieces)

    def check(self, file: Path) -> None:
        """Raises `StoreError` if a piece in a file unpacks to more than it should.

        A frame says how long its content is. Room is made for as much when it is unpacked, and
        for no more.
        """
        try:
            for header in _headers(file, self.pieces) if self.frames else ():
                found = zstandard.get_frame_parameters(header).content_size
                if found > self.size:  # also if it does not say: that is the largest number
                    raise StoreError(
                        f"{file}: a piece of it would take {found:,} bytes; allowed: "
                        f"{self.size:,}, as its array describes."
                    )
        except FileNotFoundError:
            return  # it went while we looked
        except (zstandard.ZstdError, OSError, ValueError) as error:
            raise StoreError(f"{file}: it is damaged ({error}).") from error


def _headers(path: Path, pieces: int) -> Iterator[bytes]:
    """What the frames of a file begin with: of the pieces of a shard, or of the only one."""
    with path.open("rb") as file:
        if not pieces:
            yield file.read(_HEADER)
            return
        file.seek(-(16 * pieces + 4), 2)  # where each piece begins and how long it is; a checksum
        index = np.frombuffer(file.read(16 * pieces), "<u8")
        for start in index[::2].tolist():
            if start != _ABSENT:
                file.seek(start)
                yield file.read(_HEADER)
