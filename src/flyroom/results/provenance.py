import platform
import subprocess
from importlib import metadata
from typing import Any

import jax

from .. import __version__


def provenance() -> dict[str, Any]:
    """What made a result: versions, the machine and the revision of the working folder."""
    packages = ("jax", "jaxlib", "equinox", "optax", "numpy", "xarray", "zarr")
    return {
        "flyroom": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
        "machine": f"{platform.system()} {platform.machine()}",
        "device": jax.devices()[0].device_kind,
        "revision": _revision(),
    }


def _revision() -> str:
    """The commit of the current folder's repository, marked when it has changes."""
    try:
        text = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        text = ""
    return text or "unknown"
