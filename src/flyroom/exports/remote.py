"""Stores at an address of an object store, to be read from there."""

from pathlib import Path

try:
    import fsspec
except ImportError as error:
    raise ImportError(
        "Addresses need a package that is not installed: `pip install 'flyroom[remote]'`, and the "
        "one that fsspec names for the address, such as s3fs."
    ) from error

from ..results import StoreError, journal_path


def publish(store: Path, address: str) -> int:
    """Copies a complete store to an address, where `fr.open` reads it; says how many files it has.

    Args:
        store: the folder.
        address: such as `s3://lab/decay.zarr`, or any other that fsspec knows.

    Raises:
        StoreError: the store is unfinished, or there is something at the address.
    """
    if journal_path(store).exists() or not (store / "zarr.json").exists():
        raise StoreError(f"{store}: got no complete store there. Finish it: flyroom resume {store}")
    system, path = fsspec.url_to_fs(address)
    if system.exists(path):
        raise StoreError(f"{address}: it is there already. Choose another address.")
    files = sorted(file for file in store.rglob("*") if file.is_file())
    # What says that there is a store comes last, so that nobody reads a part of one.
    files.sort(key=lambda file: file == store / "runs" / "zarr.json")
    for file in files:
        system.put_file(str(file), f"{path}/{file.relative_to(store).as_posix()}")
    return len(files)
