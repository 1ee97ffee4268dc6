"""The shell: verbs only. Each is loaded when it is called, so that help does not wait for JAX."""

import warnings

import cyclopts

from .. import __version__

app = cyclopts.App(
    name="flyroom",
    version=__version__,
    help="Train many small networks at once, watch them memorise and then generalise.",
)
for verb in ("train", "resume", "show", "recipes", "study", "demo"):
    app.command(f"flyroom.cli.{verb}:{verb}", name=verb)


def main() -> None:
    """The `flyroom` command."""
    # A person at a shell wants to be told, not to be shown a line of our code.
    warnings.formatwarning = lambda message, *_: f"flyroom: {message}\n"
    app()
