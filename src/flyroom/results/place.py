"""Where a store lies: in a folder, or at an address of an object store."""

import re
from pathlib import Path

from .store import StoreError

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/{1,2}(?=[^/])")


def place(store: str | Path) -> Path | str:
    """A folder as a path, and an address, as fsspec knows many, as text.

    Args:
        store: either; of an address, a path may have swallowed one of the slashes.

    Example:
        >>> from pathlib import Path
        >>> place(Path("s3://lab/decay.zarr"))
        's3://lab/decay.zarr'
        >>> place("file:///data/decay.zarr")
        PosixPath('/data/decay.zarr')
    """
    text = str(store)
    if text.startswith("file:/"):
        return Path("/" + text.removeprefix("file:").lstrip("/"))
    found = _ADDRESS.match(text)
    return f"{found['scheme']}://{text[found.end() :]}" if found else Path(store)


def folder(store: str | Path) -> Path:
    """A folder, which is what something needs that changes a store or looks on while it changes.

    Raises:
        StoreError: it is an address.
    """
    found = place(store)
    if isinstance(found, str):
        raise StoreError(
            f"{found}: got an address; allowed: a folder. Train into one and copy it there when it "
            f"is complete: flyroom export NAME.zarr {found}"
        )
    return found
