"""What has to be said to XLA before JAX starts, and can be said without importing it.

On a CPU there is one device for each core, and each works with a single thread: a network that fits
a core's cache trains faster alone on that core than in a batch that is spread over all of them.
"""

import os
import re

DEVICES = "FLYROOM_DEVICES"  # environment variable: how many CPU devices there are to be
_COUNT = "--xla_force_host_platform_device_count="
_THREADS = "--xla_cpu_multi_thread_eigen="


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def configure(devices: int | None = None) -> None:
    """Asks XLA for single-threaded CPU devices; it has an effect until JAX is first used.

    Args:
        devices: how many. If `None`: as many as `XLA_FLAGS` says, or the environment variable
            `FLYROOM_DEVICES`, or one for each core.

    Raises:
        ValueError: the environment variable is no number of devices.
    """
    flags, asked = os.environ.get("XLA_FLAGS", ""), os.environ.get(DEVICES) or str(cores())
    if not asked.isdecimal() or int(asked) < 1:  # XLA would print all of its flags instead
        raise ValueError(f"{DEVICES}: got {asked!r}; allowed: a whole number of at least 1.")
    if devices is not None:
        flags = re.sub(_COUNT + r"\d+", "", flags)
    if _COUNT not in flags:
        flags += f" {_COUNT}{devices or asked}"
    if _THREADS not in flags:
        flags += f" {_THREADS}false"
    os.environ["XLA_FLAGS"] = flags.strip()
