"""Where studies are: each in a folder of its own, in a file `study.py`; and statements on them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ..spec import SpecError
from .statement import Statement
from .study import Study

_FILE = "study.py"
_STATEMENTS = "statements.py"


def find(folder: str | Path = "studies") -> dict[str, Path]:
    """Every `NAME/study.py` below a folder, by name, in alphabetical order."""
    return {path.parent.name: path for path in sorted(Path(folder).glob(f"*/{_FILE}"))}


def load(name: str | Path, folder: str | Path = "studies") -> Study:
    """The study of that name, or the one in a file.

    Args:
        name: a name, in which hyphens stand for underscores, or the path of a `study.py`, or the
            folder of one.
        folder: where studies are looked for by name.

    Raises:
        SpecError: there is none, or the file defines no `study`. The message lists what there is.
    """
    known = find(folder)
    path = known.get(str(name).replace("-", "_"))
    for candidate in (Path(name), Path(name) / _FILE):
        if path is None and candidate.is_file():
            path = candidate
    if path is None:
        raise SpecError(
            f"`{name}` is neither a study in `{folder}` nor a {_FILE} that exists. "
            f"Studies found: {', '.join(known) or 'none'}."
        )
    study = getattr(_run(path, f"flyroom_study_{path.resolve().parent.name}"), "study", None)
    if not isinstance(study, Study):
        raise SpecError(f"{path} defines no `study`; it needs `study = Study(…)`.")
    return study


def load_statements(folder: str | Path = "studies") -> list[Statement]:
    """The statements in the file `statements.py` of a folder of studies; none if it has none.

    Raises:
        SpecError: the file defines no list `statements`.
    """
    path = Path(folder) / _STATEMENTS
    if not path.is_file():
        return []
    found = getattr(_run(path, "flyroom_statements"), "statements", None)
    if not isinstance(found, list):
        raise SpecError(f"{path} defines no list; it needs `statements = [Statement(…), …]`.")
    return found


def _run(path: Path, name: str) -> ModuleType:
    """The module that a file makes."""
    described = importlib.util.spec_from_file_location(name, path)
    if described is None or described.loader is None:
        raise SpecError(f"{path} is not a file of Python.")
    made = importlib.util.module_from_spec(described)
    # Its own measures and models are written down by the name of this module.
    sys.modules[name] = made
    described.loader.exec_module(made)
    return made
