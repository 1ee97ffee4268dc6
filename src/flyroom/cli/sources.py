"""Where an experiment comes from: a recipe's name, a TOML file, or a store."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from .. import spec, sweeps
from ..recipes.names import by_name
from ..results import experiment_of, open as open_store
from ..spec import SpecError
from ..sweeps import AbstractMachine, Over, values
from ..training import Experiment

Design = Literal["sobol", "random"]


def load(name: str) -> tuple[Experiment, dict[Any, list[Any]]]:
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
    return experiment, dict(_read(experiment, key, rows) for key, rows in over.items())


def _read(experiment: Experiment, key: str, rows: Any) -> tuple[Any, list[Any]]:
    """One table of a file: its paths, and its rows, in which `{}` leaves a field as it is."""
    paths = tuple(path.strip() for path in key.split(","))
    if not isinstance(rows, list):
        raise SpecError(f"over `{key}`: got {rows!r}; allowed: a list of values.")
    if len(paths) == 1:
        return key, [spec.read(experiment, key, value) for value in rows]

    def plain(path: str, value: Any) -> Any:
        if isinstance(value, int | float):
            return value  # only some rows may have such a field
        return ... if value == {} else spec.read(experiment, path, value)

    fits = [isinstance(row, list) and len(row) == len(paths) for row in rows]
    return paths, [
        tuple(map(plain, paths, row)) if fit else row for row, fit in zip(rows, fits, strict=True)
    ]


def changed(experiment: Experiment, words: list[str], **others: object) -> Experiment:
    """The same with the values of `--set`, and those of options that are fields themselves.

    Raises:
        SpecError: a field or a value is not what it should be.
    """
    given = values.assignments(words, "--set")
    given |= {path: str(value) for path, value in others.items() if value is not None}
    for path, text in given.items():
        experiment = spec.replace(experiment, {path: values.value(experiment, path, text)})
    return experiment


def over(experiment: Experiment, words: list[str], samples: int | None, design: Design) -> Over:
    """The sweep that `--over`, `--samples` and `--design` ask for.

    Raises:
        SpecError: a file, an axis or a value is not what it should be.
    """
    axes: dict[Any, Any] = {}
    for word in words:
        if word.startswith("@"):
            axes = _joined(axes, sweeps.points(experiment, word[1:]))
    drawn: dict[str, Any] = {}
    for path, text in values.assignments(filter(_is_axis, words), "--over").items():
        if (distribution := values.distribution(text)) is not None:
            spec.get(experiment, path)
            drawn[path] = distribution
        else:
            axes[path] = values.values(experiment, path, text)
    if bool(drawn) != (samples is not None):
        raise SpecError(
            "--samples: allowed: together with an axis to draw from, such as "
            "--over 'optimizer.weight_decay=loguniform(1e-3, 1)' --samples 64."
        )
    if samples is None:
        return axes
    points = (sweeps.sobol if design == "sobol" else sweeps.random)(drawn, samples)
    return _joined(points, axes)


def _joined(one: Over, other: Over) -> dict[Any, Any]:
    """The tables of both, none of which takes the place of another."""
    for paths in one.keys() & other:
        head = paths if isinstance(paths, str) else ", ".join(paths)
        raise SpecError(f"--over: the points of `{head}` are given twice; allowed: once.")
    return {**one, **other}


def _is_axis(word: str) -> bool:
    return not word.startswith("@")


def machine(on: str, devices: int | None, slots: int | None, quiet: bool) -> AbstractMachine:
    """What `--on`, `--devices` and `--slots` name.

    Raises:
        SpecError: it is neither this machine nor a cluster.
    """
    if on == "here":
        return sweeps.Machine(devices=devices, slots=slots, progress=not quiet)
    if on != "ray" and not on.startswith("ray://"):
        raise SpecError(f"--on: got `{on}`; allowed: here, ray, ray://host:port.")
    address = None if on == "ray" else on
    return sweeps.RayCluster(address=address, cpus=devices, slots=slots, progress=not quiet)
