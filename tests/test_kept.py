"""Networks of a store, all in turn, are those that it gives one at a time."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

import flyroom as fr
from flyroom.results import journal_path, kept_steps, networks, reopen

TASK = fr.tasks.ModularArithmetic(p=7, train_fraction=0.5)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Seventy runs of two widths, so that there are two tables and more than a block of rows."""
    experiment = fr.Experiment(
        TASK, fr.models.MLP(widths=(4,)), steps=6, keep=fr.Schedule(at=(0, 3))
    )
    store = tmp_path_factory.mktemp("kept") / "x.zarr"
    over = {"model.widths": [(4,), (5,)], "seed": range(35)}
    return fr.train(experiment, over, store=store, machine=fr.Machine(devices=1, progress=False))


@pytest.mark.parametrize("steps", [None, [0, 3], [3]])
def test_each_is_the_one_that_is_asked_for(runs, steps):
    some = runs.isel(run=[1, 34, 35, 69])
    found = {(run, step): network for run, step, network in networks(some, steps)}
    assert set(found) == {(run, step) for run in (1, 34, 35, 69) for step in steps or [6]}
    for (run, step), network in found.items():
        jax.tree.map(np.testing.assert_array_equal, network, fr.network(runs, run, step))


def test_all_of_a_store_are_given_once(runs):
    found = [(run, step) for run, step, _ in networks(runs.attrs["store"], (0, 3, 6))]
    assert len(found) == len(set(found)) == 3 * 70


def test_what_a_killed_worker_wrote_again_is_given_once(runs, tmp_path: Path):
    store = shutil.copytree(runs.attrs["store"], tmp_path / "x.zarr")
    notes = journal_path(store)
    notes.mkdir()
    reopen(store, notes)
    shutil.copytree(notes / "session-000-00", notes / "session-001-00")
    found = [(run, step) for run, step, _ in networks(store, (0, 3, 6))]
    assert len(found) == len(set(found)) == 3 * 70
    assert kept_steps(store) == kept_steps(runs)
