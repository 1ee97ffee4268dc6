"""The wheel, installed outside the checkout, holds everything and runs."""

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=root)
    (built,) = folder.glob("flyroom-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel, and with our dependencies but not our checkout.

    A folder that a `.pth` file names is searched, but the `.pth` files in it, such as the one of
    the editable install, are not read.
    """
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    bin = Path(sysconfig.get_path("scripts", "venv", scheme))
    pip = [sys.executable, "-m", "pip", "--python", bin / "python", "install"]
    run(*pip, "--no-deps", "--no-index", "--force-reinstall", wheel, cwd=folder)
    return bin


def test_wheel_holds_the_whole_package_and_nothing_else(wheel: Path, root: Path):
    source = root / "src"
    files = [path for path in source.rglob("*") if path.is_file()]
    expected = {str(path.relative_to(source)) for path in files if path.suffix != ".pyc"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    held = {name for name in names if ".dist-info/" not in name}
    assert held == expected
    assert {"flyroom/py.typed", "flyroom/explorer/static/explorer.js"} <= held
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_installed_wheel_is_not_the_checkout(installed: Path, tmp_path: Path):
    where = run(installed / "python", "-c", "import flyroom; print(flyroom.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


@pytest.mark.parametrize("command", [("flyroom",), ("python", "-m", "flyroom")])
def test_installed_command_trains(installed: Path, tmp_path: Path, command: tuple[str, ...]):
    flyroom = (installed / command[0], *command[1:])
    assert "train" in run(*flyroom, "--help", cwd=tmp_path)
    size = ("--set", "task.p=11", "--set", "model.embed_width=8", "--steps", "5")
    store = tmp_path / "runs.zarr"
    out = run(*flyroom, "train", "pair-mod67", *size, "--store", store, "--json", cwd=tmp_path)
    summary = json.loads(out.splitlines()[-1])
    assert summary["runs"] == 1
    assert sum(summary["statuses"].values()) == 1
    assert Path(summary["store"]).resolve() == store
    assert store.is_dir()
    page = tmp_path / "page.html"
    assert str(page) in run(*flyroom, "export", store, page, cwd=tmp_path)
    assert page.stat().st_size > 50_000  # the explorer and its data


def test_a_wheel_is_built_without_the_explorer_if_its_packages_cannot_be_had(
    root: Path, tmp_path: Path
):
    ignored = shutil.ignore_patterns("node_modules", "static", "package-lock.json", "__pycache__")
    for name in ("src", "frontend"):
        shutil.copytree(root / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(root / name, tmp_path)
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist")
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "The explorer could not be built: npm" in done.stdout + done.stderr
    (built,) = (tmp_path / "dist").glob("flyroom-*.whl")
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    assert "flyroom/explorer/page.py" in names
    assert "flyroom/explorer/static/explorer.js" not in names
