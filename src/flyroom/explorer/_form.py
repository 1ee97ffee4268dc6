"""The form of a training, made from the fields of the spec."""

import dataclasses
import inspect
import json
import re
import sys
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import spec
from ..recipes.names import by_name, first_line
from ..spec import Spec, SpecError
from ..sweeps import Space, values
from ..training import Experiment
from ._trust import is_at_hand, values_in

LONGEST = 2000  # letters of one answer
MOST = 100_000  # values of one axis
_RANGE = re.compile(r"(-?\d{1,10}):(-?\d{1,10})(?::(-?\d{1,10}))?")
_ITEM = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


class Answers(NamedTuple):
    """What was filled in: a recipe, what is to be different of it, and what it is swept over."""

    recipe: str
    set: dict[str, str]
    over: dict[str, str]

    @staticmethod
    def read(data: Any) -> "Answers":
        """The answers that a page has sent.

        Raises:
            SpecError: they are not of the form `{"recipe": …, "set": {…}, "over": {…}}`.
        """
        asked = "a recipe, and texts by path in `set` and in `over`"
        if not isinstance(data, dict) or set(data) != {"recipe", "set", "over"}:
            raise SpecError(f"form: allowed: {asked}.")
        tables = [data["set"], data["over"]]
        if not all(isinstance(table, dict) for table in tables):
            raise SpecError(f"form: allowed: {asked}.")
        texts = [
            data["recipe"],
            *(text for table in tables for one in table.items() for text in one),
        ]
        if not all(isinstance(text, str) and len(text) <= LONGEST for text in texts):
            raise SpecError(f"form: allowed: {asked}, none longer than {LONGEST} letters.")
        for text in (text for table in tables for text in table.values()):
            _check_names(text)
        return Answers(data["recipe"], *tables)

    def words(self) -> list[str]:
        """The words that `flyroom train` is given to train the same."""
        told = [self.recipe]
        for option, table in (("--set", self.set), ("--over", self.over)):
            for path, text in _outer_first(table):
                told += [option, f"{path}={text}"]
        return told

    def experiment(self) -> Experiment:
        """What is to be trained.

        Raises:
            SpecError: there is no such recipe or field, or a value is not allowed.
        """
        known = by_name()
        if self.recipe not in known:
            raise SpecError(f"`{self.recipe}` is no recipe. Recipes: {', '.join(sorted(known))}.")
        found = known[self.recipe]()
        for path, text in _outer_first(self.set):
            found = spec.replace(found, {path: values.value(found, path, text)})
        return found

    def runs(self, experiment: Experiment) -> int:
        """How many runs the sweep has.

        Raises:
            SpecError: an axis does not exist, or one of its values is not allowed.
        """
        axes = {}
        for path, text in self.over.items():
            if whole := _RANGE.fullmatch(text):
                start, stop, step = (int(n or 1) for n in whole.groups())
                if step and len(range(start, stop, step)) > MOST:
                    raise SpecError(f"over `{path}`: got `{text}`; allowed: {MOST:,} values.")
            axes[path] = values.values(experiment, path, text)
            for value in axes[path]:
                spec.replace(experiment, {path: value})  # checks its bounds
        return Space(experiment, axes).count


def _outer_first(table: dict[str, str]) -> list[tuple[str, str]]:
    """A whole noun before what is in it."""
    return sorted(table.items(), key=lambda one: one[0].count("."))


def _check_names(text: str) -> None:
    """Whoever fills in a form says what is trained, and does not have modules imported."""
    if _RANGE.fullmatch(text):
        return
    # As they are read: a letter of TOML can be written as its number.
    read = [values._literal(part) for part in (text, *values._split(text))]
    for _, name in values_in("", read):
        if isinstance(name, str) and not _is_ours(name):
            raise SpecError(
                f"form: got `{text}`; allowed: what flyroom itself has. Train classes of your own "
                "with `flyroom train FILE.toml --live`."
            )


def _is_ours(text: str) -> bool:
    """Whether a text, if it is a name, is one of flyroom."""
    module, colon, _ = text.rpartition(":")
    return is_at_hand(text) and (not colon or spec._is_room(module))


def form(answers: Answers) -> dict[str, Any]:
    """What the page has to know to draw the form as it is filled in.

    Raises:
        SpecError: the answers make no experiment.
    """
    experiment = answers.experiment()
    return {
        "recipes": [{"name": name, "words": first_line(f)} for name, f in by_name().items()],
        "fields": list(_fields(experiment, "")),
        "runs": answers.runs(experiment),
        "command": answers.words(),
    }


def _fields(node: Spec, above: str) -> Iterator[dict[str, Any]]:
    """The fields of a spec and of the specs in it, each after the one that it is in."""
    told = dict(_ITEM.findall(inspect.getdoc(type(node)) or ""))
    hints = typing.get_type_hints(type(node))
    for field in dataclasses.fields(node):
        value, path = getattr(node, field.name), f"{above}{field.name}"
        words = " ".join(told.get(field.name, "").split())
        described = {
            "path": path,
            "kind": field.metadata.get("kind", "leaf"),
            "words": "" if "\\(" in words else words.replace("`", ""),
            "bounds": _bounds(field),
        }
        if isinstance(value, Spec):
            options = sorted({type(value).__name__, *_nouns(hints[field.name])})
            yield {**described, "value": type(value).__name__, "options": options}
            yield from _fields(value, f"{path}.")
        else:
            yield {**described, "value": _text(value), "options": _options(field, value)}


def _nouns(annotation: Any) -> list[str]:
    """The classes of the room that can stand in a field and need nothing to be given."""
    room = vars(sys.modules[annotation.__module__.rpartition(".")[0]])
    return [
        name
        for name, found in room.items()
        if isinstance(found, type)
        and issubclass(found, annotation)
        and not inspect.isabstract(found)
        and not any(map(spec._required, dataclasses.fields(found)))
    ]


def _options(field: dataclasses.Field, value: Any) -> list[str] | None:
    if isinstance(value, bool):
        return ["true", "false"]
    options = field.metadata.get("options")
    return None if options is None else [_text(one) for one in options]


def _bounds(field: dataclasses.Field) -> str:
    limits = {name: field.metadata.get(name) for name in spec._BOUNDS}
    return " and ".join(
        spec._BOUNDS[name][1].format(limit) for name, limit in limits.items() if limit is not None
    )


def _text(value: Any) -> str:
    """A value as it is typed into the form, and read by `values.value`."""
    data = spec.to_dict(value)
    if data is None:
        return "none"
    return data if isinstance(data, str) else _toml(data)


def _toml(data: Any) -> str:
    if isinstance(data, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(_toml, data)) + "]"
    return json.dumps(data) if isinstance(data, (str, bool)) else repr(data)
