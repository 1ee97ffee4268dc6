"""Runs for other programs, as `flyroom export` writes them."""

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
        numbers += range(int(first), int(last) if colon else int(first) + 1)
    known = runs.run.values.tolist()
    if missing := sorted(set(numbers) - set(known)):
        raise StoreError(
            f"{runs.attrs['store']}: got run {missing[0]}; allowed: {known[0]} to {known[-1]}."
        )
    return runs.sel(run=numbers)


def table(runs: xr.Dataset, target: Path, curves: bool) -> dict[str, Any]:
    """Writes a table beside its place and then puts it there, so that it is whole."""
    write = exports.write_csv
    if target.suffix == ".parquet":
        from ..exports.parquet import write_parquet as write
    parts = exports.curve_tables(runs) if curves else exports.run_tables(runs)
    part = target.with_name(target.name + ".part")
    rows = write(parts, part)
    part.replace(target)
    return {"table": str(target), "rows": rows, "bytes": target.stat().st_size}


def tracked(runs: xr.Dataset, target: Path, tensorboard: bool, wandb: bool) -> dict[str, Any]:
    """Writes for trackers, into a folder of nothing else."""
    if target.exists() and any(target.iterdir()):
        raise StoreError(f"{target}: it holds something already. Choose another folder.")
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    if tensorboard:
        from ..exports.tensorboard import write_tensorboard

        count = write_tensorboard(runs, target)
    if wandb:
        from ..exports.wandb import write_wandb

        count = write_wandb(runs, target)
    return {"folder": str(target), "runs": count}
