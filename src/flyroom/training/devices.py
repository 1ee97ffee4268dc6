import os
from pathlib import Path
from typing import Any

import jax

Device = Any  # a `jax.Device`, which is a variable to type checkers


def devices(count: int | None = None) -> list[Device]:
    """The first `count` devices that JAX has; all of them if `None`."""
    found = jax.local_devices()
    return found[: count or len(found)]


def cache_programs() -> None:
    """Keeps compiled programs on disk, unless JAX has been told where to.

    In `$XDG_CACHE_HOME/flyroom`, by default `~/.cache/flyroom`.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(home) / "flyroom"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
