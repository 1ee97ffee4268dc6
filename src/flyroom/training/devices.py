import os
from pathlib import Path
from typing import Any

import jax

from .. import environment
from ..spec import SpecError

Device = Any  # a `jax.Device`, which is a variable to type checkers


def devices(count: int | None = None) -> list[Device]:
    """Where `count` workers compute, each in a thread of its own.

    Of GPUs each has one, and there are no more workers than that. A CPU is one device to JAX, which
    all of its workers share.

    Args:
        count: how many; if `None`, one for each GPU, and on a CPU as many as `workers` says.

    Raises:
        SpecError: as `workers` does.

    Example:
        >>> len(devices(2))
        2
    """
    found = jax.local_devices()
    if found[0].platform != "cpu":
        return found[: count or len(found)]
    return found[:1] * (count or workers())


def workers() -> int:
    """How many workers a CPU has: as many as `FLYROOM_DEVICES` says, or one for each core.

    Raises:
        SpecError: this environment variable is no number of workers.

    Example:
        >>> workers() >= 1
        True
    """
    asked = os.environ.get(environment.DEVICES) or str(environment.cores())
    if not asked.isdecimal() or int(asked) < 1:
        raise SpecError(
            f"{environment.DEVICES}: got {asked!r}; allowed: a whole number of at least 1."
        )
    return int(asked)


def cache_programs() -> None:
    """Keeps compiled programs on disk, unless JAX has been told where to.

    In `$XDG_CACHE_HOME/flyroom`, by default `~/.cache/flyroom`.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(home) / "flyroom"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
