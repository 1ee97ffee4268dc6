"""The documentation: every public name is in it, and everything that it shows runs.

The python and shell blocks of a page run in their order, in one folder. A `text` block after one is
what it prints, unless it is marked `.once`: numbers of a training run differ between machines.
"""

import ast
import contextlib
import functools
import importlib
import importlib.util
import inspect
import io
import re
import shlex
import sys
import tempfile
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path

import cyclopts
import pytest

import flyroom as fr
from flyroom.cli import app

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "flyroom"
PAGES = sorted(DOCS.rglob("*.md"))
README = ROOT / "README.md"
ENOUGH = 40  # steps of a command of the documentation that names no budget

FENCE = re.compile(
    r"^```(?:(\w+)|\{ *\.(\w+)([^}]*)\})[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL
)


# Every public name.


def rooms() -> list[str]:
    """The rooms of the import contract, but for those that are not meant for import."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = config["tool"]["importlinter"]["contracts"]
    names = [room.strip() for layer in contract["layers"] for room in layer.split("|")]
    return [name for name in names if name not in ("__main__", "cli")]


def public_names(room: str) -> set[str]:
    """What the `__init__` of a room exports, or what a room of one file defines."""
    if (PACKAGE / room).is_dir():
        tree = ast.parse((PACKAGE / room / "__init__.py").read_text())
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        found = {alias.asname for node in nodes for alias in node.names}
    else:
        tree = ast.parse((PACKAGE / f"{room}.py").read_text())
        found = set(defined(tree.body))
    return {name for name in found if name and not name.startswith("_")}


def defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.If):
            yield from defined(node.body)


def documented() -> list[str]:
    """The objects that the pages of the API show, by their paths."""
    pages = (page.read_text() for page in (DOCS / "api").glob("*.md"))
    return [path for page in pages for path in re.findall(r"^::: (\S+)$", page, re.MULTILINE)]


@pytest.mark.parametrize("room", rooms())
def test_every_public_name_is_in_the_documentation(room: str):
    shown = {path.rpartition(".")[2] for path in documented() if path.split(".")[1] == room}
    assert public_names(room) - shown == set()


def test_every_name_of_the_package_itself_is_in_the_documentation():
    index = (DOCS / "api" / "index.md").read_text()
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    names = {alias.asname for node in imports for alias in node.names}
    assert names
    assert {name for name in names if f"[`fr.{name}`]" not in index} == set()


def test_the_documentation_shows_what_exists_and_nothing_twice():
    paths = documented()
    assert sorted(paths) == sorted(set(paths))
    for path in paths:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name), path


def test_what_the_documentation_shows_has_words():
    for path in documented():
        module, _, name = path.rpartition(".")
        thing = getattr(importlib.import_module(module), name)
        if inspect.isclass(thing) or inspect.isfunction(thing) or inspect.ismodule(thing):
            # Not the words that a dataclass, a Spec or a tuple makes up or inherits.
            assert (thing.__doc__ or "").strip("."), path
            assert not (thing.__doc__ or "").startswith(f"{name}("), path


# Files.


def test_files_that_the_configuration_of_the_pages_names_exist():
    text = (ROOT / "mkdocs.yml").read_text()
    named = re.findall(r"[\w./-]+\.(?:md|css|svg|py)\b", text)
    assert len(named) > 20
    homes = [(ROOT / name, DOCS / name) for name in named]
    assert [str(home[1]) for home in homes if not any(path.is_file() for path in home)] == []


def test_every_page_is_in_the_navigation():
    named = set(re.findall(r"- ([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert {str(page.relative_to(DOCS)) for page in PAGES} == named


def test_pages_of_the_repository_link_to_what_exists():
    for page in (README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"):
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", page.read_text())
        links += re.findall(r'src="(?!https?:)([^"]+)"', page.read_text())
        assert [link for link in links if not (ROOT / link).exists()] == [], page.name


# The shell.


def verbs() -> list[str]:
    return [name for name in app if not name.startswith("-")]


@pytest.mark.parametrize("verb", verbs())
def test_every_option_of_a_verb_is_in_the_documentation(verb: str):
    page = (DOCS / "reference" / "shell.md").read_text()
    section = re.search(rf"^## flyroom {verb}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section, f"no section for flyroom {verb}"
    if importlib.util.find_spec(f"flyroom.cli.{verb}") is None:
        pytest.fail(f"flyroom {verb} does not exist")
    arguments = app[verb].assemble_argument_collection()
    options = {argument.names[0] for argument in arguments if argument.names[0].startswith("--")}
    assert options
    assert {option for option in options if f"`{option}" not in section[1]} == set()
    named = set(re.findall(r"^\| `(--[\w-]+)", section[1], re.MULTILINE))
    assert named - options == set()


# Blocks.


def blocks(page: Path) -> list[tuple[str, bool, str]]:
    """The language of each fenced block, whether it is only shown, and its text."""
    found = FENCE.findall(page.read_text())
    return [(plain or dotted, ".once" in more, text) for plain, dotted, more, text in found]


def shown_pages() -> list[Path]:
    return [p for p in PAGES if any(kind in ("python", "shell") for kind, _, _ in blocks(p))]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("page", shown_pages(), ids=lambda page: page.stem)
def test_what_a_page_shows_runs(page: Path, shell: Path, monkeypatch: pytest.MonkeyPatch):
    run_page(page, monkeypatch)


def test_what_the_readme_shows_runs(shell: Path, monkeypatch: pytest.MonkeyPatch):
    small = fr.spec.replace(fr.recipes.pair_mod67(), {"steps": ENOUGH, "model.embed_width": 16})
    monkeypatch.setattr(fr.recipes, "pair_mod67", lambda: small)
    run_page(README, monkeypatch)


def run_page(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = functools.partial(fr.figures.write_report, detail=1)
    monkeypatch.setattr(fr.figures, "write_report", short)
    # A module of its own, because specs find the annotations of a class through its module.
    module = types.ModuleType(f"page_{page.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    printed, lines = None, page.read_text()
    for kind, once, text in blocks(page):
        where = f"{page.name}, line {lines[: lines.index(text)].count(chr(10)) + 1}"
        if kind == "text":
            assert printed is not None, f"{where}: output of nothing"
            assert once or printed.rstrip() == text.rstrip(), where
            continue
        if kind not in ("python", "shell", "toml"):
            continue
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            if kind == "python":
                exec(compile(text, where, "exec"), module.__dict__)
            elif kind == "shell":
                run_shell(text)
            elif name := re.match(r"# ([\w.-]+\.toml)\n", text):
                Path(name[1]).write_text(text)
        printed = output.getvalue()


# Examples.


def example(name: str) -> types.ModuleType:
    found = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_examples_run_at_a_small_size(shell: Path):
    example("first_sweep").main(shell / "first", steps=ENOUGH, detail=1)
    assert len(list((shell / "first").glob("*.png"))) == 4
    example("front_page").main(shell / "front", steps=ENOUGH)
    assert (shell / "front" / "pair_mod67.png").is_file()
    example("wrong_labels").main(shell / "wrong", steps=ENOUGH)
    assert (shell / "wrong" / "wrong_labels.png").is_file()


@pytest.mark.slow
def test_the_first_sweep_groks(tmp_path: Path):
    """Every run memorises first; with enough decay most of them generalise, much later.

    Which of them do within the budget depends on last digits, and so on the machine.
    """
    runs = example("first_sweep").train(tmp_path)
    memorised = fr.measures.memorization_step(runs)
    generalised = fr.measures.generalization_step(runs)
    assert (memorised <= 256).all()
    assert runs.test_accuracy.where(runs.step <= memorised).max() <= 0.15
    enough = (runs["optimizer.weight_decay"] >= 1).values
    there = generalised[enough].notnull()
    assert there.mean() > 0.5
    assert (generalised[enough] >= 3 * memorised[enough])[there].all()
    slow, quick = (fr.measures.median_time(generalised[x]).item() for x in (~enough, enough))
    assert not slow <= quick  # NaN, if half of them did not get there


def run_shell(text: str) -> None:
    """The lines of a block that begin with `flyroom`, at a size that a test has time for."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["flyroom"]:
            continue
        target = words[words.index(">") + 1] if ">" in words else None
        words = smaller(words[1 : words.index(">")] if target else words[1:])
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            try:
                if too_long(words):
                    app.parse_args(words, exit_on_error=False, print_error=False)
                else:
                    app(words, exit_on_error=False, print_error=False, result_action="return_value")
            except cyclopts.CycloptsError as error:
                pytest.fail(f"`{line}`: {error}")
            except SystemExit as end:
                if end.code:
                    pytest.fail(f"`{line}` ended with {end.code}: {output.getvalue()}")
        if target:
            Path(target).write_text(output.getvalue())
        else:
            print(output.getvalue(), end="")


def too_long(words: list[str]) -> bool:
    """Whether a command is read and not run: it asks for many steps or studies, or never ends."""
    steps = int(words[words.index("--steps") + 1]) if "--steps" in words else 0
    return steps > 1000 or words[0] in ("study", "explore") or "--live" in words


def smaller(words: list[str]) -> list[str]:
    """The same command with a budget of a few steps."""
    words = list(words)
    if words[0] in ("train", "demo") and "--steps" not in words:
        words += ["--steps", str(ENOUGH)]
    if words[0] == "demo" and "--seeds" not in words:
        words += ["--seeds", "1"]
    return words
