import inspect
from collections.abc import Callable

from .. import recipes
from ..training import Experiment


def by_name() -> dict[str, Callable[[], Experiment]]:
    """Every recipe by the name that the shell and the explorer use."""
    public = inspect.getmembers(recipes, inspect.isfunction)
    return {name.replace("_", "-"): make for name, make in public}


def first_line(make: Callable[[], Experiment]) -> str:
    """What a recipe is, in a line."""
    return str(inspect.getdoc(make)).split("\n")[0]
