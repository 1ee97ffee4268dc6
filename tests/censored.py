"""Times as they are seen by somebody who stops looking."""

import numpy as np
import xarray as xr

NAN = float("nan")


def times_of(true: object, until: object = np.inf, **paths: object) -> xr.DataArray:
    """Times that are seen if they come before what is observed ends."""
    when, until = np.broadcast_arrays(np.asarray(true, float), np.asarray(until, float))
    there = when <= until
    coords = {"censored_at": ("run", np.where(there, NAN, until))}
    coords |= {name: ("run", np.asarray(values)) for name, values in paths.items()}
    return xr.DataArray(np.where(there, when, NAN), coords, "run", attrs={"units": "step"})
