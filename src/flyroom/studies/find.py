"""Where studies are: each in a folder of its own, in a file `study.py`."""

import importlib.util
import sys
from pathlib import Path

from ..spec import SpecError
from .study import Study

_FILE = "study.py"


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
    module = f"flyroom_study_{path.resolve().parent.name}"
    described = importlib.util.spec_from_file_location(module, path)
    if described is None or described.loader is None:
        raise SpecError(f"{path} is not a file of Python.")
    made = importlib.util.module_from_spec(described)
    # Its own measures and models are written down by the name of this module.
    sys.modules[module] = made
    described.loader.exec_module(made)
    study = getattr(made, "study", None)
    if not isinstance(study, Study):
        raise SpecError(f"{path} defines no `study`; it needs `study = Study(…)`.")
    return study
