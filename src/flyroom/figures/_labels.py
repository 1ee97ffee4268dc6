import json

import xarray as xr


def swept(runs: xr.Dataset) -> list[str]:
    """The paths that a sweep is over, in the order in which they were named.

    Args:
        runs: results, as from `fr.train` or `fr.open`.

    Example:
        >>> seeds = {"run": [0, 1], "seed": ("run", [3, 5])}
        >>> swept(xr.Dataset(coords=seeds))
        ['seed']
    """
    over = (str(name) for name, c in runs.coords.items() if c.dims == ("run",))
    names = [name for name in over if name not in ("run", "program")]
    # A store lists its arrays in an order of its own.
    named = [path for table in json.loads(runs.attrs.get("over", "[]")) for path in table]
    return sorted(names, key=lambda name: named.index(name) if name in named else len(named))


def run_label(runs: xr.Dataset, position: int) -> str:
    """What sets one run apart from the others: its values along the axes of the sweep.

    Args:
        runs: results, as from `fr.train` or `fr.open`.
        position: which of them, counted from 0.
    """
    one = runs.isel(run=position)
    parts = [f"{leaf_name(path)} {short(one[path].item())}" for path in swept(runs)]
    return ", ".join(parts) or f"run {one.run.item()}"


def leaf_name(path: str) -> str:
    """The last part of a dotted path, in words.

    Args:
        path: of a field, such as `optimizer.weight_decay`.

    Example:
        >>> leaf_name("optimizer.weight_decay")
        'weight decay'
    """
    return path.rpartition(".")[2].replace("_", " ")


def short(value: object) -> str:
    """A value as one would write it by hand."""
    return f"{value:g}" if isinstance(value, float) else str(value)
