"""What a store is of: the experiment, what it is swept over, and how long it was trained."""

import dataclasses
import io
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from .. import spec
from ..models import AbstractNetwork
from ..results import (
    LAYOUT,
    Curve,
    Schema,
    StoreError,
    check_layout,
    disk,
    journal,
    paths,
    rebuild,
    reopen,
)
from ..spec import SpecError
from ..training import Experiment, outline
from .plan import Plan, plan
from .space import Space

_FILE, _BEGIN = "manifest.json", "begin.npz"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The written form of a sweep.

    Attributes:
        spec: the experiment, as `spec.to_dict` gives it, with its first budget.
        over: the columns of each table, likewise, with `{}` where a field is left as it is.
        budgets: in steps; another one for each time that it was extended.
        provenance: what made it.
        survey: how the runs that are trained are chosen, if not all of them are.
    """

    spec: Any
    over: list[dict[str, list[Any]]]
    budgets: tuple[int, ...]
    provenance: dict[str, Any]
    survey: dict[str, Any] | None = None

    @staticmethod
    def of(
        space: Space, made_by: dict[str, Any], survey: dict[str, Any] | None = None
    ) -> "Manifest":
        """The manifest of a new store."""
        over = [{p: _written(column) for p, column in table.items()} for table in space.tables]
        budget = (space.experiment.steps,)
        return Manifest(spec.to_dict(space.experiment), over, budget, made_by, survey)

    def extended(self, steps: int) -> "Manifest":
        """The same with a larger budget."""
        return dataclasses.replace(self, budgets=(*self.budgets, steps))

    @property
    def fingerprint(self) -> str:
        """What two manifests share if they say the same, whatever their budgets."""
        return spec.fingerprint([_timeless(self.spec), self.over])

    @staticmethod
    def read(path: Path) -> "Manifest":
        """The manifest of a store, from its journal while there is one.

        Raises:
            StoreError: there is no store, or its description is damaged.
        """
        written = journal.journal_path(path) / _FILE
        try:
            if written.exists():
                data = json.loads(written.read_text())
                check_layout(written, data)
                del data["layout"]
            elif (path / "runs").exists():
                attrs = zarr.open_group(path, path="runs", mode="r").attrs
                check_layout(path, attrs)
                data = {f: json.loads(str(attrs[f])) for f in _FIELDS if f in attrs}
            else:
                raise StoreError(f"{path}: there is no store there.")
            return Manifest(**{**data, "budgets": tuple(data["budgets"])})
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{path}: its description is damaged ({error}).") from error

    def write(self, path: Path) -> None:
        """Puts it in the place of the one in the journal, into which nobody else trains."""
        disk.replace(journal.journal_path(path) / _FILE, self._text().encode())

    def stands(self, path: Path) -> bool:
        """Whether there is a journal that says the same."""
        there = (journal.journal_path(path) / _FILE).exists()
        return there and Manifest.read(path)._text() == self._text()

    def _text(self) -> str:
        return json.dumps({"layout": LAYOUT, **dataclasses.asdict(self)}, indent=1)

    def start(self, path: Path, begin: AbstractNetwork | None = None) -> None:
        """Makes a journal with it, if there is none.

        A journal of a finished store begins with everything that the store holds.
        """
        notes = journal.journal_path(path)
        if notes.exists():
            return
        part = notes.with_name(notes.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        if path.exists():
            reopen(path, part)
        if begin is not None:
            buffer = io.BytesIO()
            np.savez(
                buffer, allow_pickle=False, **{k: np.asarray(v) for k, v in paths(begin).items()}
            )
            disk.replace(part / _BEGIN, buffer.getvalue())
        disk.replace(part / _FILE, self._text().encode())
        disk.rename(part, notes)

    def space(
        self, path: Path, experiment: Experiment | None = None, steps: int | None = None
    ) -> Space:
        """The sweep that it describes.

        Raises:
            StoreError: `experiment` is another one; the message names what differs.
        """
        base: Experiment = spec.from_dict(self.spec) if experiment is None else experiment
        asked = spec.to_dict(base)
        different = [
            f"{where} is {stored} in the store and {here} here"
            for where, stored, here in differences(self.spec, asked)
        ]
        if different:
            raise StoreError(
                f"{path} is of another experiment: {'; '.join(different)}. "
                "Resume it with its own, or choose another store."
            )
        over: dict[str | tuple[str, ...], list[Any]] = {
            tuple(table): list(zip(*map(_meant, table.values()), strict=True))
            for table in self.over
        }
        if not any("steps" in table for table in self.over):
            base = spec.replace(base, {"steps": steps or self.budgets[-1]})
        return Space(base, over)

    def begin(self, path: Path, todo: Plan) -> AbstractNetwork | None:
        """The network that every run starts from, if one was given.

        Raises:
            SpecError: it is not of the shape that the experiment needs.
        """
        written = journal.journal_path(path) / _BEGIN
        if not written.exists():
            return None
        with np.load(written) as file:
            arrays = {name: file[name] for name in file.files}
        for group in todo.groups:
            wanted = {k: tuple(v.shape) for k, v in paths(group.program.template).items()}
            got = {k: v.shape for k, v in arrays.items()}
            if wanted != got:
                raise SpecError(f"begin: the network has arrays {got}; the model needs {wanted}.")
        return rebuild(todo.groups[0].program.template, arrays)

    def schema(self, todo: Plan) -> Schema:
        """What the store will hold."""
        ages, space = todo.ages, todo.space
        for budget in self.budgets[:-1]:
            shorter = spec.replace(space.experiment, {"steps": budget})
            ages = np.union1d(ages, plan(shorter, space.over).ages)
        program = np.zeros(space.count, np.int32)
        for number, group in enumerate(todo.groups):
            program[group.runs] = number
        written = {k: json.dumps(v) for k, v in dataclasses.asdict(self).items() if v is not None}
        return Schema(
            count=space.count,
            steps=ages,
            curves=_curves(todo),
            axes={path: _column(space, path) for path in space.axes},
            program=program,
            events=space.most[1],
            attrs={"title": "flyroom runs", "fingerprint": self.fingerprint, **written},
        )


_FIELDS = tuple(field.name for field in dataclasses.fields(Manifest))


def _written(column: list[Any]) -> list[Any]:
    return [{} if value is ... else spec.to_dict(value) for value in column]


def _meant(column: list[Any]) -> list[Any]:
    return [... if value == {} else spec.from_dict(value) for value in column]


def _timeless(written: Any) -> Any:
    return {k: v for k, v in written.items() if k != "steps"}


def differences(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where two written experiments differ but for their budgets, and what each has there."""
    return _differences(_timeless(one), _timeless(other), "")


def _differences(one: Any, other: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}):
            yield from _differences(one.get(key), other.get(key), f"{where}.{key}".lstrip("."))
    elif one != other:
        yield where, one, other


def _column(space: Space, path: str) -> np.ndarray:
    """The values of one axis for every run: numbers as they are, everything else as text.

    Runs that have a value of their own there, or no such field, have NaN or an empty text.
    """
    values = [spec.to_dict(v) for v in space.axes[path]]
    index = space.index(path)
    if all(isinstance(v, (int, float)) for v in values):
        if (index < 0).any():
            values = [float(v) for v in values] + [np.nan]
        return np.array(values)[index]
    texts = [v if isinstance(v, str) else json.dumps(v) for v in values]
    return np.array([*texts, ""], object)[index]


def _curves(todo: Plan) -> tuple[Curve, ...]:
    """What is recorded; arrays have the largest of the shapes that the programs give them."""
    found: dict[str, Curve] = {}
    for group in todo.groups:
        seen = outline(group.program, group.sizes)
        for measure in group.program.record:
            shape, dtype = seen[measure.name].shape, seen[measure.name].dtype.str
            if len(shape) != len(measure.dims):
                raise SpecError(
                    f"`{measure.name}` is annotated with the axes {measure.dims} and returns an "
                    f"array of shape {shape}."
                )
            old = found.get(measure.name)
            if old is not None:
                shape = tuple(np.maximum(shape, old.shape).tolist())
            found[measure.name] = Curve.of(measure, group.program.nouns.loss, shape, dtype)
    return tuple(found.values())
