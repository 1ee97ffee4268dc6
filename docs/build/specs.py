"""What static analysis cannot see of flyroom's classes, and how its docstrings become pages.

Specs and other dataclasses get the signature that their fields give them; each documented field
says of which kind it is; sources become links.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

import griffe

_DATACLASSES = ("eqx.Module", "NamedTuple")
_KINDS = ("shape", "leaf", "host")
_SECTIONS = {
    "Example:": "Examples: Example",
    "Main arguments:": "Args: Main arguments",
    "Other arguments:": "Args: Other arguments",
}
_LINKS = (
    (re.compile(r"\barXiv:(\d{4}\.\d{4,5})"), r"[arXiv:\1](https://arxiv.org/abs/\1)"),
    (re.compile(r"\bdoi:(10\.[\w./()-]+\w)"), r"[doi:\1](https://doi.org/\1)"),
    (re.compile(r"^Source:", re.MULTILINE), "*Source:*"),
)
_ITEM = re.compile(r"^    (\w+): ", re.MULTILINE)


class Specs(griffe.Extension):
    """Annotations are taken as each object is read; the rest when the whole package is known."""

    def on_function_instance(self, *, node: Any, func: griffe.Function, **_: Any) -> None:
        if not isinstance(node, ast.FunctionDef):
            return
        given = node.args
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            if text := _array(argument.annotation):
                func.parameters[argument.arg].annotation = text
        func.returns = _array(node.returns) or func.returns

    def on_attribute_instance(self, *, node: Any, attr: griffe.Attribute, **_: Any) -> None:
        if isinstance(node, ast.AnnAssign):
            attr.annotation = _array(node.annotation) or attr.annotation

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        for item in _objects(pkg):
            if isinstance(item, griffe.Class) and "__init__" not in item.members:
                _give_signature(item)
            if item.docstring is not None:
                item.docstring.value = _page(item.docstring.value, _kinds(item))


def _array(annotation: ast.expr | None) -> str | None:
    """An annotation that names axes, as it is written: `"p *rest"` is text, and no product."""
    if annotation is None or isinstance(annotation, ast.Constant):
        return None
    texts = [n for n in ast.walk(annotation) if isinstance(n, ast.Constant) and n.value != "..."]
    if not any(isinstance(n.value, str) for n in texts):
        return None
    return ast.unparse(annotation).replace("'", '"').replace("np.", "")


def _objects(parent: griffe.Module | griffe.Class) -> Iterator[griffe.Object]:
    yield parent
    for member in parent.members.values():
        if isinstance(member, griffe.Module | griffe.Class):
            yield from _objects(member)
        elif isinstance(member, griffe.Object):
            yield member


def _give_signature(cls: griffe.Class) -> None:
    """An abstract class has none, for nobody makes one."""
    family = [*reversed(cls.mro()), cls]
    bases = {str(base) for parent in family for base in parent.bases}
    if not bases & {*_DATACLASSES} or cls.name.startswith("Abstract"):
        return
    fields = {f.name: f for parent in family for f in _fields(parent)}
    either = griffe.ParameterKind.positional_or_keyword
    parameters = [griffe.Parameter("self", kind=either)]
    for field in fields.values():
        default = _default(field)
        parameters.append(
            griffe.Parameter(field.name, annotation=field.annotation, kind=either, default=default)
        )
    init = griffe.Function(
        "__init__",
        lineno=cls.lineno,
        endlineno=cls.endlineno,
        parameters=griffe.Parameters(*parameters),
        returns="None",
        parent=cls,
    )
    cls.set_member("__init__", init)


def _fields(cls: griffe.Class) -> Iterator[griffe.Attribute]:
    for member in cls.members.values():
        if not isinstance(member, griffe.Attribute) or "property" in member.labels:
            continue
        if member.annotation is not None and "AbstractVar" not in str(member.annotation):
            yield member


def _default(field: griffe.Attribute) -> Any:
    """`97` for `p: int = shape(97, minimum=2)`."""
    call = field.value
    if not isinstance(call, griffe.ExprCall):
        return call
    if str(call.function) not in (*_KINDS, "eqx.field"):
        return call
    for argument in call.arguments:
        if not isinstance(argument, griffe.ExprKeyword):
            return None if str(argument).startswith("**") else argument
        if argument.name == "default":
            return argument.value
    return None


def _kinds(item: griffe.Object) -> dict[str, str]:
    """Of which kind each field of a spec is, but for those that hold another noun."""
    if not isinstance(item, griffe.Class):
        return {}
    found = {}
    for field in (f for parent in [*reversed(item.mro()), item] for f in _fields(parent)):
        kind = str(field.value.function) if isinstance(field.value, griffe.ExprCall) else ""
        if kind in _KINDS:
            found[field.name] = kind
    return found


def _page(text: str, kinds: dict[str, str]) -> str:
    """A docstring as this library writes them, in the words of the tool that reads it."""
    for ours, theirs in _SECTIONS.items():
        text = re.sub(rf"^{ours}$", theirs, text, flags=re.MULTILINE | re.IGNORECASE)
    for pattern, link in _LINKS:
        text = pattern.sub(link, text)

    def label(match: re.Match[str]) -> str:
        kind = kinds.get(match[1])
        return f'{match[0]}<span class="kind">{kind}</span> ' if kind else match[0]

    return _ITEM.sub(label, text)
