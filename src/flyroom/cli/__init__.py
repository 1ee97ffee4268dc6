"""The shell: verbs only. Each is loaded when it is called, so that help does not wait for JAX."""

import warnings

import cyclopts

from .. import __version__

app = cyclopts.App(
    name="flyroom",
    version=__version__,
    help="Train many small networks at once, watch them memorise and then generalise.",
    default_parameter=cyclopts.Parameter(negative=""),
)
# The first line of each verb's help once more: to look there would load it, and JAX with it.
VERBS = {
    "train": "Train a recipe or a TOML file, over as many values and seeds as you like.",
    "map": "Train those runs of a grid that say where its phases meet, and draw the diagram.",
    "resume": "Go on with a store that was interrupted, or past its budget.",
    "merge": "Put stores together that hold parts of one sweep, trained apart.",
    "watch": "See how a training stands that somebody else has started.",
    "show": "Print a recipe, a TOML file or the experiment of a store as TOML.",
    "recipes": "List the published set-ups that can be trained by name.",
    "study": "Hold published claims against runs of your own, and report what came of it.",
    "explain": "Say which algorithm a network runs, and what breaks without it.",
    "explore": "Look at the runs of a store in a browser, while they train too, and train there.",
    "export": "Write runs as a page, a table, or what TensorBoard and Weights & Biases read.",
    "demo": "Train networks on addition mod 67 until they grok, and report what happened.",
}
for verb, words in VERBS.items():
    app.command(f"flyroom.cli.{verb}:{verb}", name=verb, help=words)


def main() -> None:
    """The `flyroom` command."""
    # A person at a shell wants to be told, not to be shown a line of our code.
    warnings.formatwarning = lambda message, *_: f"flyroom: {message}\n"
    app()
