"""Specs are pytrees of three kinds of field: shape, leaf and host.

*Shape* fields (a modulus, a width, an activation) decide the compiled program. *Leaves* (a learning
rate, an initial scale) are traced scalars, so that sweeping one compiles nothing. *Host* fields
(a budget, a schedule, a stop rule) never reach the compiler.
"""

import dataclasses
import hashlib
import importlib.util
import json
import operator
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar

import equinox as eqx
import jax
import numpy as np

Kind = Literal["shape", "leaf", "host"]
_S = TypeVar("_S")


class SpecError(ValueError):
    """A spec, or a path into one, that cannot be what was meant."""


def shape(default: Any = dataclasses.MISSING, **bounds: Any) -> Any:
    """A field whose value decides the compiled program."""
    return _field(default, "shape", bounds)


def host(default: Any = dataclasses.MISSING, **bounds: Any) -> Any:
    """A field that is read on the host and never compiled."""
    return _field(default, "host", bounds)


def leaf(default: Any = dataclasses.MISSING, **bounds: Any) -> Any:
    """A traced real number: an axis of sweeps. A plain annotated field is a leaf too.

    Args:
        default: its value when none is given.
        **bounds: `minimum`, `maximum` (both allowed), `above`, `below` (both not allowed);
            `initial=True` for one that acts only when a network begins, so that no event can
            change it.
    """
    return _field(default, "leaf", bounds)


def _field(default: Any, kind: Kind, bounds: dict[str, Any]) -> Any:
    keep = {} if default is dataclasses.MISSING else {"default": default}
    if kind == "leaf":
        return eqx.field(metadata={"kind": kind, **bounds}, converter=_real, **keep)
    # The compiler's view of a spec is made by `leaves`; static keeps these fields out of it.
    return eqx.field(static=True, metadata={"kind": kind, **bounds}, converter=_plain, **keep)


def _real(value: Any) -> Any:
    """`1` and `1.0` are the same learning rate, and must have the same fingerprint."""
    number = isinstance(value, (int, np.number)) and not isinstance(value, bool)
    return float(value) if number else value


def _plain(value: Any) -> Any:
    """A number that came out of NumPy, such as a seed of `np.arange`, is a number of Python."""
    return value.item() if isinstance(value, np.generic) else value


class Spec(eqx.Module):
    """A noun of an experiment: numbers and names, checked where they are written down."""

    def __check_init__(self) -> None:
        for field in dataclasses.fields(self):
            check(type(self).__name__, field, getattr(self, field.name, None))

    def __hash__(self) -> int:
        # A mapping of leaves has no hash, but the structure that it is part of has.
        leaves, structure = jax.tree.flatten(self)
        return hash((structure, *leaves))


_BOUNDS = {
    "minimum": (np.less, "at least {}"),
    "maximum": (np.greater, "at most {}"),
    "above": (np.less_equal, "more than {}"),
    "below": (np.greater_equal, "less than {}"),
}


def check(owner: str, field: dataclasses.Field, value: Any) -> None:
    """Raises `SpecError` if a concrete `value` of `field` is outside its declared bounds."""
    _check_type(owner, field, value)
    check_bounds(owner, field, value)


def check_bounds(owner: str, field: dataclasses.Field, value: Any) -> None:
    """The part of it that may be asked of many numbers at once, as an array."""
    options = field.metadata.get("options")
    if options is not None and value not in options:
        raise SpecError(
            f"{owner}.{field.name}: got {value!r}; allowed: {', '.join(map(repr, options))}."
        )
    limits = {b: v for b in _BOUNDS if (v := field.metadata.get(b)) is not None}
    numbers = value if isinstance(value, tuple) else (value,)
    plain = all(isinstance(v, (int, float, np.ndarray, np.generic)) for v in numbers)
    values = np.asarray(value if plain else "")
    if values.dtype.kind not in "iufO":  # whole numbers of any length are objects
        return
    wrong = values != values
    for name, limit in limits.items():
        wrong = wrong | _BOUNDS[name][0](values, limit)
    if np.any(wrong):
        allowed = " and ".join(_BOUNDS[b][1].format(v) for b, v in limits.items()) or "a number"
        raise SpecError(f"{owner}.{field.name}: got {values[wrong].flat[0]}; allowed: {allowed}.")


_PLAIN = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def _check_type(owner: str, field: dataclasses.Field, value: Any) -> None:
    """Values come from files and shells too, where a number is easily a word."""
    form: Any = field.type
    if isinstance(form, type) and issubclass(form, Spec) and not isinstance(value, form):
        raise SpecError(f"{owner}.{field.name}: got {value!r}; allowed: {form.__name__}.")
    if field.metadata.get("kind", "leaf") == "leaf":
        named = callable(value) and not dataclasses.is_dataclass(type(value))
        if named or isinstance(value, (bool, str)):
            raise SpecError(
                f"{owner}.{field.name}: got {value!r}; allowed: a number, or a spec. "
                "A field that holds anything else is declared with shape(...) or host(...)."
            )
        return
    origin = typing.get_origin(field.type)
    if origin is tuple and not isinstance(value, tuple):
        raise SpecError(f"{owner}.{field.name}: got {value!r}; allowed: a tuple of such, `(…,)`.")
    union = origin in (typing.Union, types.UnionType)
    allowed = {*typing.get_args(field.type)} if union else {field.type}
    fits = type(value) in allowed or (type(value) is int and float in allowed)
    if not fits and allowed <= {*_PLAIN, type(None)}:
        words = " or ".join(text for plain, text in _PLAIN.items() if plain in allowed)
        raise SpecError(f"{owner}.{field.name}: got {value!r}; allowed: {words}.")


# --- Paths ----------------------------------------------------------------------------------------


def walk(spec: Any, path: str) -> Iterator[tuple[Any, str, dataclasses.Field | None]]:
    """Each `(node, name, field)` that the dotted `path` passes, the root first.

    Tuples are entered by number and mappings by key, which may be a dotted path itself; those steps
    have no field.

    Raises:
        SpecError: a step does not exist; the message lists the ones that do.
    """
    node, rest = spec, path
    while rest:
        known = _children(node)
        name = _first(known, rest)
        if name not in known:
            raise _no_field(node, name, path)
        child, field = known[name]
        yield node, name, field
        node, rest = child, rest[len(name) + 1 :]


def _children(node: Any) -> dict[str, tuple[Any, dataclasses.Field | None]]:
    if dataclasses.is_dataclass(node):
        return {f.name: (getattr(node, f.name), f) for f in dataclasses.fields(node)}
    if isinstance(node, tuple):
        node = dict(enumerate(node))
    return {str(k): (v, None) for k, v in node.items()} if isinstance(node, Mapping) else {}


def _first(known: Mapping[str, Any], path: str) -> str:
    """The first step of a path: up to the first dot, or all of it where that is a key."""
    return path if path in known else path.partition(".")[0]


def _no_field(node: Any, name: str, path: str) -> SpecError:
    known = ", ".join(_children(node)) or "none"
    return SpecError(f"`{path}`: {type(node).__name__} has no field `{name}`; it has {known}.")


def get(spec: Any, path: str) -> Any:
    """The value at the dotted `path`."""
    *_, (node, name, _) = walk(spec, path)
    return _children(node)[name][0]


def kind(spec: Any, path: str) -> Kind:
    """Whether the value at `path` makes programs, is an axis of one, or stays on the host."""
    kinds = [f.metadata.get("kind", "leaf") for *_, f in walk(spec, path) if f is not None]
    if "host" in kinds:
        return "host"
    numeric = isinstance(get(spec, path), (int, float, np.ndarray, np.generic, jax.Array))
    return "leaf" if set(kinds) == {"leaf"} and numeric else "shape"


def replace(spec: _S, values: Mapping[str, Any]) -> _S:
    """A copy of `spec` with the value at every dotted path replaced, and checked again.

    All values are set at once, a whole noun before what is in it: their order means nothing, and
    no combination of old and new values is ever checked.
    """
    return _replace(spec, values, "") if values else spec


def _replace(node: Any, values: Mapping[str, Any], above: str) -> Any:
    known = _children(node)
    new, below = dict[str, Any](), dict[str, dict[str, Any]]()
    for path, value in values.items():
        name = _first(known, path)
        rest = path[len(name) + 1 :]
        if name not in known:
            raise _no_field(node, name, above + path)
        into = below.setdefault(name, {}) if rest else new
        into[rest or name] = value
    for name, deeper in below.items():
        new[name] = _replace(new.get(name, known[name][0]), deeper, f"{above}{name}.")
    if isinstance(node, tuple):
        return tuple(new.get(str(i), value) for i, value in enumerate(node))
    return {**node, **new} if isinstance(node, Mapping) else dataclasses.replace(node, **new)


def leaves(spec: Any, prefix: str = "") -> dict[str, Any]:
    """Every leaf below `spec`, by its dotted path."""
    found: dict[str, Any] = {}
    for name, (value, field) in _children(spec).items():
        if field is not None and field.metadata.get("kind", "leaf") != "leaf":
            continue
        if isinstance(value, (int, float, np.generic, jax.Array)) and not isinstance(value, bool):
            found[prefix + name] = value
        else:
            found |= leaves(value, f"{prefix}{name}.")
    return found


# --- Written down ---------------------------------------------------------------------------------


def reference(value: Any) -> str | None:
    """`module:name` of a class, a function or a named object; our own as `room:name`."""
    text = getattr(value, "reference", None)
    if text is None:
        if not isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)) and not (
            callable(value) and hasattr(value, "__qualname__")
        ):
            return None
        text = f"{value.__module__}:{value.__qualname__}"
        if isinstance(value, types.FunctionType) and "<" in value.__qualname__:
            return f"{text}#{_digest(value)}"
    module, _, name = text.partition(":")
    room = _room(module)
    if room and getattr(importlib.import_module(f"flyroom.{room}"), name, None) is value:
        return f"{room}:{name}"
    return text


def _digest(fn: types.FunctionType) -> str:
    """Tells functions without a name of their own apart by what they do."""
    cells = [cell.cell_contents for cell in fn.__closure__ or ()]
    bound = [v for v in (*cells, *(fn.__defaults__ or ())) if isinstance(v, (int, float, str))]

    def parts(code: types.CodeType) -> list[Any]:
        inner = [parts(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
        return [code.co_code, code.co_names, inner]

    return hashlib.sha256(repr((parts(fn.__code__), bound)).encode()).hexdigest()[:8]


def _room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "flyroom" and len(parts) > 1 else None


def resolve(text: str, room: str | None = None) -> Any:
    """The object that `reference` named: `room:name` is ours, or else of a module of that name.

    A bare name is looked for in `room`.

    Raises:
        SpecError: there is no such module or name.
    """
    module, _, name = text.rpartition(":")
    if not module and room is None:
        raise SpecError(f"`{text}`: write it as module:name, such as mypackage.tasks:MyTask.")
    ours = f"flyroom.{module or room}" if _is_room(module or str(room)) else None
    allowed, cause = "", None
    for home in (ours, module):
        try:
            if home:
                return operator.attrgetter(name)(importlib.import_module(home))
        except (ImportError, AttributeError, ValueError) as error:
            cause = cause or error
    if ours:
        public = vars(importlib.import_module(ours))
        names = [n for n, v in public.items() if callable(v) and not n.startswith("_")]
        allowed = f" It has {', '.join(sorted(names))}."
    raise SpecError(
        f"`{text}`: nothing of that name in `{ours or module}`.{allowed} "
        "A class that lives only in a notebook is used with `fr.resume(store, experiment)`."
    ) from cause


def _is_room(name: str) -> bool:
    public = name.isidentifier() and not name.startswith("_")
    return public and importlib.util.find_spec(f"flyroom.{name}") is not None


def to_dict(value: Any) -> Any:
    """A spec as nested plain data: what is written to TOML and hashed. `None` is left out.

    Raises:
        SpecError: it holds something that is neither data nor has a name.
    """
    if (text := reference(value)) is not None:
        return text
    if dataclasses.is_dataclass(value):
        body = {}
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            if field.init and item is not None:
                whole = field.type is float and type(item) is int
                body[field.name] = to_dict(float(item) if whole else item)
        return {"class": reference(type(value)), **body}
    if isinstance(value, Mapping):
        return {str(k): to_dict(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_dict(v) for v in value]
    if isinstance(value, (np.generic, np.ndarray, jax.Array)):
        return np.asarray(value).tolist()
    if not isinstance(value, (bool, int, float, str, type(None))):
        raise SpecError(
            f"{value!r} cannot be written down; use a function or class that a module names."
        )
    return value


def from_dict(data: Any, room: str | None = None) -> Any:
    """The inverse of `to_dict`. Bare class names are looked for in `room`."""
    if isinstance(data, Mapping) and "class" in data:
        cls = resolve(data["class"], room)
        if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
            raise SpecError(f"`{data['class']}` is not the class of a spec.")
        known = {f.name: f for f in dataclasses.fields(cls) if f.init}
        if unknown := sorted(set(data) - set(known) - {"class"}):
            raise SpecError(
                f"{cls.__name__} has no field `{unknown[0]}`; it has {', '.join(known)}."
            )
        rooms = {name: room_of(cls, name) for name in known}
        body = {k: from_dict(v, rooms[k]) for k, v in data.items() if k != "class"}
        if missing := [n for n, f in known.items() if n not in body and _required(f)]:
            raise SpecError(f"{cls.__name__} needs `{missing[0]}`, which is not given.")
        return cls(**body)
    if isinstance(data, Mapping):
        return {k: from_dict(v, room) for k, v in data.items()}
    if isinstance(data, list):
        return tuple(from_dict(v, room) for v in data)
    if isinstance(data, str) and (":" in data or room is not None):
        found = resolve(data, room)
        # The bare name of a noun stands for it with all its defaults.
        noun = isinstance(found, type) and issubclass(found, Spec)
        return from_dict({"class": data}, room) if noun else found
    return data


def _required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def read(root: Any, path: str, data: Any) -> Any:
    """What plain data, as `to_dict` gives it, stands for at the dotted `path` of a spec."""
    *_, (node, name, field) = walk(root, path)
    return from_dict(data, None if field is None else room_of(type(node), name))


def room_of(cls: type, name: str) -> str | None:
    """The room where a bare name given for field `name` of `cls` is looked for, if any.

    Fields that hold plain text have none.
    """
    field = next(f for f in dataclasses.fields(cls) if f.name == name)
    if "room" in field.metadata:
        return field.metadata["room"]
    annotation = typing.get_type_hints(cls).get(name)
    candidates = [annotation, *typing.get_args(annotation)]
    rooms = [_room(c.__module__) for c in candidates if isinstance(c, type)]
    return next((r for r in rooms if r and r != "typing" and _is_room(r)), None)


def fingerprint(value: Any) -> str:
    """Twelve hexadecimal digits that two specs share exactly when they say the same."""
    text = json.dumps(to_dict(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
