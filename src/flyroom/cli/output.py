"""What a command says: text for people, one JSON object for programs, one line for an error."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..interop import CheckpointError
from ..results import JournalError, StoreError, open as open_store
from ..spec import SpecError
from ..sweeps import Interrupted
from ..training import Status


@contextlib.contextmanager
def errors(as_json: bool, *also: type[Exception]) -> Iterator[None]:
    """Turns what a user can mend into one line and an exit status.

    Args:
        as_json: whether programs are told too.
        also: errors of rooms that not every verb has to load.
    """
    try:
        yield
    except Interrupted as error:
        _fail(str(error), 130, as_json)
    except (SpecError, StoreError, JournalError, CheckpointError, *also) as error:
        _fail(str(error), 2, as_json)
    except OSError as error:  # a disk that is full or read-only, a folder where a file is to be
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2, as_json)


def _fail(text: str, code: int, as_json: bool) -> None:
    print(f"flyroom: {text}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": text}))
    raise SystemExit(code)


def statuses(runs: xr.Dataset) -> dict[str, int]:
    """How many runs have each status."""
    numbers, counts = np.unique(runs["status"].values, return_counts=True)
    return {Status(n).name.lower(): int(c) for n, c in zip(numbers, counts, strict=True)}


def summary(runs: xr.Dataset, seconds: float, model_steps: int) -> dict[str, Any]:
    """What `train` and `resume` report."""
    return {
        "runs": int(runs.sizes["run"]),
        "statuses": statuses(runs),
        "seconds": round(seconds, 3),
        "model_steps_per_second": round(model_steps / seconds, 1) if seconds > 0 else 0.0,
        "store": runs.attrs["store"],
    }


def trained(runs: xr.Dataset, seconds: float, model_steps: int, as_json: bool) -> None:
    """Reports a finished sweep."""
    told = summary(runs, seconds, model_steps)
    counts = ", ".join(f"{n} {name}" for name, n in told["statuses"].items())
    noun = "run" if told["runs"] == 1 else "runs"
    print(f"{told['runs']} {noun} ({counts}) in {seconds:.1f} s, store {told['store']}")
    if as_json:
        print(json.dumps(told))


def steps_done(store: Path) -> int:
    """The model-steps that a store holds already."""
    return int(open_store(store)["last_step"].sum())
