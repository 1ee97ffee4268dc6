"""Where an experiment comes from: a recipe's name, a TOML file, or a store."""

import tomllib
from pathlib import Path
from typing import Any

from .. import spec
from ..recipes.names import by_name
from ..results import experiment_of, open as open_store
from ..spec import SpecError
from ..training import Experiment


def load(name: str) -> tuple[Experiment, dict[str, list[Any]]]:
    """The experiment of that name and what its file sweeps over.

    Args:
        name: a recipe such as `pair-mod67`, a TOML file or a store.

    Raises:
        SpecError: there is no such recipe or file; the message lists the recipes.
    """
    known = by_name()
    if name.replace("_", "-") in known:
        return known[name.replace("_", "-")](), {}
    path = Path(name)
    if path.suffix == ".zarr":
        return experiment_of(open_store(path)), {}
    if path.suffix != ".toml" or not path.is_file():
        raise SpecError(
            f"`{name}` is neither a recipe nor a TOML file that exists. "
            f"Recipes: {', '.join(sorted(known))}."
        )
    try:
        data = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path} is not TOML: {error}.") from error
    over = data.pop("over", {})
    experiment = spec.from_dict({"class": "training:Experiment", **data})
    return experiment, {p: [spec.read(experiment, p, v) for v in vs] for p, vs in over.items()}
