"""The project's own law: configuration names what exists, and no file becomes a landfill."""

import ast
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "flyroom"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in SOURCES}
NAMES = {path: str(path.relative_to(PACKAGE)) for path in SOURCES}
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
# The files that import an extra, and which; nothing that is loaded with flyroom imports them.
OPTIONAL = {
    "explorer/_packed.py": "explorer",
    "explorer/server.py": "explorer",
    "explorer/widget.py": "explorer",
    "sweeps/cluster.py": "ray",
    "exports/parquet.py": "tables",
    "exports/remote.py": "remote",
    "exports/tensorboard.py": "trackers",
    "exports/wandb.py": "trackers",
}


# What configuration mentions exists.


def room_exists(room: str) -> bool:
    return (PACKAGE / f"{room}.py").is_file() or (PACKAGE / room / "__init__.py").is_file()


def test_folders_and_files_of_pyproject_exist():
    tool = CONFIG["tool"]
    named = [
        CONFIG["project"]["readme"],
        *CONFIG["project"]["license-files"],
        *tool["hatch"]["build"]["targets"]["wheel"]["packages"],
        *(name.lstrip("/") for name in tool["hatch"]["build"]["targets"]["sdist"]["include"]),
        *tool["pyright"]["include"],
        *tool["pytest"]["ini_options"]["testpaths"],
        *tool["ruff"]["src"],
        "src/flyroom/py.typed",
    ]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_room_of_the_contract_exists():
    (contract,) = CONFIG["tool"]["importlinter"]["contracts"]
    rooms = [room.strip() for layer in contract["layers"] for room in layer.split("|")]
    assert [room for room in rooms if not room_exists(room)] == []
    assert contract["exhaustive"]
    assert "utils" not in rooms


def test_entry_points_exist():
    for module, _, name in (
        entry.partition(":") for entry in CONFIG["project"]["scripts"].values()
    ):
        assert callable(getattr(importlib.import_module(module), name))


def test_tools_that_configuration_names_are_declared():
    declared = {distribution(line) for lines in extras().values() for line in lines}
    tools = set(re.findall(r"\$\(bin\)/([\w-]+)", MAKEFILE)) - {"python", "flyroom"}
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    tools |= set(re.findall(r"\.venv/bin/([\w-]+)", hooks))
    provider = {"lint-imports": "import-linter", "mkdocs": "mkdocs-material"}
    assert {provider.get(tool, tool) for tool in tools} <= declared


def test_modules_that_the_makefile_runs_exist():
    modules = set(re.findall(r"python -m (\w+)", MAKEFILE)) - {"venv"}
    found = {name for name in modules if importlib.util.find_spec(name)}
    assert modules - found - {path.parent.name for path in ROOT.glob("*/__main__.py")} == set()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_commands_that_pages_name_exist(page: str):
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, flags=re.MULTILINE))
    text = (ROOT / page).read_text()
    named = set(re.findall(r"^make ([a-z0-9-]+)", text, flags=re.MULTILINE))
    named |= set(re.findall(r"`make ([a-z0-9-]+)[^`]*`", text))
    assert named
    assert named <= targets


def test_pages_of_the_documentation_exist():
    entry = r"^\s*- (?:[^:\n]+: *)?(?!/)([\w./-]+\.(?:md|ipynb|css|js))\s*$"
    pages = re.findall(entry, (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    assert pages
    assert [page for page in pages if not (ROOT / "docs" / page).is_file()] == []


# The size and shape of the code.


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level modules that the absolute imports of a module name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]


def test_files_are_short():
    lengths = {NAMES[path]: len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_functions_are_short():
    lengths = {
        f"{NAMES[path]}: {function.name}": body_length(function)
        for path, tree in TREES.items()
        for function in functions(tree)
    }
    assert {name: length for name, length in lengths.items() if length > 60} == {}


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        (("training/engine.py", "training/ensemble.py"), 300),
        (("sweeps/worker.py",), 250),
        (("sweeps/checkpoint.py",), 150),
    ],
)
def test_the_engine_keeps_to_its_budget(files: tuple[str, ...], lines: int):
    assert sum(len((PACKAGE / file).read_text().splitlines()) for file in files) <= lines


@pytest.mark.parametrize("file", ["training/engine.py", "training/ensemble.py"])
def test_the_engine_asks_no_noun_what_it_is(file: str):
    calls = [node for node in ast.walk(TREES[PACKAGE / file]) if isinstance(node, ast.Call)]
    assert "isinstance" not in {getattr(call.func, "id", "") for call in calls}


def test_imports_stand_at_the_top():
    """The shell's verbs load what they need when they are called, so that help is quick."""
    hidden = [
        f"{NAMES[path]}: {function.name}, line {node.lineno}"
        for path, tree in TREES.items()
        if not path.is_relative_to(PACKAGE / "cli")
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_annotations_are_evaluated():
    """Postponed annotations would switch off the shape checks."""
    assert [NAMES[path] for path, tree in TREES.items() if "__future__" in imported(tree)] == []


def test_no_module_is_named_utils():
    assert [name for name in NAMES.values() if re.search(r"\b_?util(s|ities)?\b", name)] == []


# What is imported, and when.


def distribution(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match, requirement
    return match.group().lower().replace("_", "-")


def extras() -> dict[str, list[str]]:
    return CONFIG["project"]["optional-dependencies"]


def modules_of(distributions: set[str]) -> set[str]:
    installed = packages_distributions().items()
    return {
        module
        for module, providers in installed
        if distributions & {provider.lower().replace("_", "-") for provider in providers}
    }


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running `code`."""
    tail = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tail}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_imports_are_declared():
    base = modules_of({distribution(line) for line in CONFIG["project"]["dependencies"]})
    known = base | {"flyroom"} | sys.stdlib_module_names
    undeclared = {NAMES[path]: set(imported(tree)) - known for path, tree in TREES.items()}
    for name, extra in OPTIONAL.items():
        declared = {distribution(line) for line in extras()[extra]}
        undeclared[name] -= modules_of(declared) | declared  # not all of them are installed
    assert {name: modules for name, modules in undeclared.items() if modules} == {}


def test_importing_flyroom_imports_no_extra():
    base = {distribution(line) for line in CONFIG["project"]["dependencies"]}
    extra = {distribution(line) for lines in extras().values() for line in lines}
    # Pandas, zarr and jax load these by themselves where they are.
    extra -= base | {"flyroom", "pyarrow", "fsspec", "zstandard"}
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in SOURCES
        if path.name not in ("__init__.py", "__main__.py") and NAMES[path] not in OPTIONAL
    ]
    loaded = loaded_by(f"import {', '.join(['flyroom', *modules])}")
    assert "jax" in loaded
    assert loaded & (modules_of(extra) | {"torch", "ray"}) == set()


@pytest.mark.parametrize(
    ("module", "user", "extra"),
    [
        ("anywidget", "explorer.widget", "explorer"),
        ("starlette", "explorer.server", "explorer"),
        ("uvicorn", "explorer.server", "explorer"),
        ("zstandard", "explorer.server", "explorer"),
        ("ray", "sweeps.cluster", "ray"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(module: str, user: str, extra: str):
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"try: import flyroom.{user}\n"
        f"except ImportError as error: assert \"pip install 'flyroom[{extra}]'\" in str(error)\n"
        "else: raise AssertionError"
    )
    assert "jax" in loaded_by(code)


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [
        ("pyarrow", "parquet", "tables"),
        ("fsspec", "remote", "remote"),
        ("tensorboardX", "tensorboard", "trackers"),
        ("wandb", "wandb", "trackers"),
    ],
)
def test_an_extra_of_an_export_that_is_not_installed_is_named(module: str, name: str, extra: str):
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"try: import flyroom.exports.{name}\n"
        f"except ImportError as error: assert \"pip install 'flyroom[{extra}]'\" in str(error)\n"
        "else: raise AssertionError"
    )
    assert "jax" in loaded_by(code)


def test_help_does_not_wait_for_jax():
    loaded = loaded_by(
        "import runpy, sys\n"
        "sys.argv = ['flyroom', '--help']\n"
        "try: runpy.run_module('flyroom', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as exit: assert not exit.code, exit.code"
    )
    assert "cyclopts" in loaded
    assert loaded & {"jax", "jaxlib", "matplotlib", "scipy", "xarray", "zarr"} == set()
