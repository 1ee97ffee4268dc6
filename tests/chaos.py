"""`make chaos`: processes that are killed wherever they change the disk, and do not lose a byte.

Every trial trains a sweep in a process of its own, which SIGKILL ends before or after a change of
the disk drawn at random (an append, an fsync, a rename, a write of Zarr, a folder that is deleted),
up to three times in a row. Then the sweep is resumed, and every byte of the store has to be what it
is without any of that.
"""

import argparse
import functools
import itertools
import multiprocessing
import multiprocessing.connection
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import zarr.storage._local as zarr_files
from rich.progress import track

import flyroom as fr
from flyroom.results import disk, journal
from helpers import bytes_of, modular, parity

PLACES = (
    (disk, "append"),
    (disk, "sync"),
    (disk, "rename"),
    (zarr_files, "_put"),
    (shutil, "rmtree"),
)
KINDS: dict[str, tuple[Callable[..., fr.Experiment], fr.training.MappingKind]] = {
    "full batches": (modular, "map"),
    "minibatches": (parity, "vmap"),
}
SWEEP = {"seed": range(4)}
# Starting a process asks how all others are, and joining how one is; of two threads that ask of the
# same process one is told its status, and the other 255.
ALONE = threading.Lock()


def work(store: Path, kind: str, last: float, told: Any) -> None:
    """Trains or goes on, and is killed at its change number `last`; tells how many there were."""
    changes, lock = itertools.count(1), threading.Lock()

    def change() -> None:
        with lock:
            told.value = next(changes)
            if told.value == last:
                os.kill(os.getpid(), signal.SIGKILL)

    def watched(plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def operation(*args: Any, **kwargs: Any) -> Any:
            change()
            result = plain(*args, **kwargs)
            change()
            return result

        return operation

    for module, name in PLACES:
        setattr(module, name, watched(getattr(module, name)))
    make, mapping = KINDS[kind]
    machine = fr.Machine(devices=1, slots=2, mapping=mapping, checkpoint_every=0.0, progress=False)
    if store.exists() or journal.journal_path(store).exists():
        fr.resume(store, machine=machine)
    else:
        fr.train(make(steps=12), SWEEP, store=store, machine=machine)


def run(store: Path, kind: str, last: float = float("inf")) -> tuple[int, int]:
    """The exit status of a process that does it, and how often it changed the disk."""
    context = multiprocessing.get_context("forkserver")
    told = context.Value("q", 0)
    process = context.Process(target=work, args=(store, kind, last, told))
    with ALONE:
        process.start()
    multiprocessing.connection.wait([process.sentinel])
    with ALONE:
        process.join()
    return int(process.exitcode or 0), told.value


def trial(folder: Path, kind: str, whole: tuple[dict[str, bytes], int], seed: int) -> int:
    """One store, killed up to three times; says how often it was.

    Raises:
        AssertionError: it is not what it should be; it is left where it lies.
    """
    chance, (wanted, total) = random.Random(seed), whole
    store, kills = folder / f"{seed}.zarr", 0
    for _ in range(chance.randint(1, 3)):
        status, _ = run(store, kind, chance.randint(1, total))
        assert status in (0, -signal.SIGKILL), f"trial {seed} ({kind}): ended with {status}"
        kills += status != 0
    status, _ = run(store, kind)
    assert status == 0, f"trial {seed} ({kind}): resume ended with {status}, {store}"
    assert bytes_of(store) == wanted, f"trial {seed} ({kind}): {store} is another"
    left = sorted(path.name for path in store.parent.glob(f"{seed}.*"))
    assert left == [store.name], f"trial {seed} ({kind}): {left} are left"
    shutil.rmtree(store)
    return kills


def main(trials: int, jobs: int) -> int:
    """Runs so many trials of each kind; says how many processes were killed."""
    # Installed packages: its server does not look where this file lies (python/cpython#117378).
    preloaded = ["flyroom.sweeps", "zarr.storage", "pytest"]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preloaded)
    folder, kills = Path(tempfile.mkdtemp(prefix="chaos-")), 0
    with ThreadPoolExecutor(jobs) as pool:
        for kind in KINDS:
            (folder / kind).mkdir()
            status, total = run(folder / kind / "whole.zarr", kind)
            assert status == 0, f"{kind}: ended with {status} though nobody killed it"
            whole = bytes_of(folder / kind / "whole.zarr"), total
            one = functools.partial(trial, folder / kind, kind, whole)
            done = track(
                pool.map(one, range(trials)), f"{kind}, {total} changes", trials, transient=True
            )
            kills += sum(done)
    shutil.rmtree(folder)
    print(f"{len(KINDS) * trials} stores, {kills} processes killed, every byte as it should be")
    return kills


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill processes wherever they change the disk.")
    parser.add_argument("--trials", type=int, default=1000, help="stores of each kind")
    parser.add_argument("--jobs", type=int, default=2, help="at a time")
    options = parser.parse_args()
    sys.exit(main(options.trials, options.jobs) == 0)
