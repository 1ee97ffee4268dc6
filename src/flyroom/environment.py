"""What the machine has and the environment says, without waiting for JAX."""

import os

DEVICES = "FLYROOM_DEVICES"  # environment variable: how many workers a CPU is to have


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
