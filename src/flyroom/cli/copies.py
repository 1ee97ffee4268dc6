"""Runs for other programs, as `flyroom export` writes them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xarray as xr

from .. import exports
from ..results import StoreError


def chosen(runs: xr.Dataset, words: list[str] | None) -> xr.Dataset:
    """The runs that `--run` names."""
    if not words:
        return runs
    numbers: list[int] = []
    for word in words:
        first, colon, last = word.partition(":")
        if not first.isdigit() or (colon and not last.isdigit()):
            raise StoreError(f"--run: got `{word}`; allowed: a number, or a range as 0:10.")
        named = range(int(first), int(last) if colon else int(first) + 1)
        if not named:
            raise StoreError(
                f"--run: `{word}` names no run; a range is first:end, without its end."
            )
        numbers += named
    numbers = list(dict.fromkeys(numbers))
    known = runs.run.values.tolist()
    if missing := sorted(set(numbers) - set(known)):
        raise StoreError(
            f"{runs.attrs['store']}: got run {missing[0]}; allowed: {known[0]} to {known[-1]}."
        )
    return runs.sel(run=numbers)


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A place beside a file, which takes the file's once it is written; else nothing is left."""
    if target.is_dir():
        raise StoreError(f"{target} is a folder. Name a file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def table(runs: xr.Dataset, target: Path, curves: bool) -> dict[str, Any]:
    """Writes a row for each run, or for each run and step."""
    write = exports.write_csv
    if target.suffix == ".parquet":
        from ..exports.parquet import write_parquet as write
    parts = exports.curve_tables(runs) if curves else exports.run_tables(runs)
    with whole(target) as part:
        rows = write(parts, part)
    return {"table": str(target), "rows": rows, "bytes": target.stat().st_size}


def tracked(runs: xr.Dataset, target: Path, tensorboard: bool, wandb: bool) -> dict[str, Any]:
    """Writes for trackers, into a folder of nothing else."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{target}: it is there already; allowed: a folder that is new or empty.")
    writers = []
    if tensorboard:
        from ..exports.tensorboard import write_tensorboard

        writers.append(write_tensorboard)
    if wandb:
        from ..exports.wandb import write_wandb

        writers.append(write_wandb)
    target.mkdir(parents=True, exist_ok=True)
    for write in writers:
        write(runs, target)
    return {"folder": str(target), "runs": runs.sizes["run"]}


def published(runs: xr.Dataset, address: str, words: list[str] | None) -> dict[str, Any]:
    """Copies all of a store to an address."""
    from ..exports.remote import publish

    if words:
        raise StoreError(f"{address}: a store is copied as a whole; leave out --run.")
    return {"address": address, "files": publish(Path(runs.attrs["store"]), address)}
