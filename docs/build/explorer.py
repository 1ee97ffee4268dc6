"""The explorer stands in the documentation, with runs that are trained while that is built."""

import logging
import tempfile
from pathlib import Path
from typing import Any

import flyroom as fr

LOG = logging.getLogger("mkdocs.hooks.explorer")


def on_post_build(config: Any, **_: Any) -> None:
    """Trains a few small networks until they have grokked, and writes their page."""
    experiment = fr.spec.replace(
        fr.recipes.pair_mod67(),
        {
            "task.p": 31,
            "task.ordered": True,
            "task.train_fraction": 0.6,
            "model.width": 48,
            "steps": 6000,
            "keep": fr.Schedule(per_octave=4),
        },
    )
    quiet = fr.Machine(progress=False)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "runs.zarr")
        runs = fr.train(experiment, {"seed": range(4)}, store=store, machine=quiet)
        grokked = float((runs.test_accuracy.max("step") > 0.99).mean())
        path = Path(config["site_dir"], "explorer.html")
        fr.explorer.write_page(runs, path, title="Addition modulo 31", explained=12)
    LOG.info("%s: %.0f %% of its runs have grokked", path, 100 * grokked)
