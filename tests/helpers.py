"""Small experiments that every suite of the engine trains, and how stores are compared."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import flyroom as fr

MAPPED = fr.Machine(devices=1, slots=3, mapping="map", progress=False)
BATCHED = fr.Machine(devices=1, slots=8, mapping="vmap", progress=False)
both_mappings = pytest.mark.parametrize("machine", [MAPPED, BATCHED], ids=["map", "vmap"])


def modular(**changes: object) -> fr.Experiment:
    """A small full-batch network on addition modulo 7."""
    experiment = fr.Experiment(
        task=fr.tasks.ModularArithmetic(p=7, train_fraction=0.6),
        model=fr.models.FactoredMLP(width=6, embed_width=8),
        optimizer=fr.optim.AdamW(learning_rate=0.01),
        loss=fr.losses.CrossEntropy(class_mean=True),
        schedule=fr.Schedule(per_octave=4),
        steps=40,
    )
    return fr.spec.replace(experiment, changes)


def parity(**changes: object) -> fr.Experiment:
    """A small network trained in minibatches, the last of which is ragged."""
    experiment = fr.Experiment(
        task=fr.tasks.SparseParity(n=8, k=2, train_count=21, test_count=10),
        model=fr.models.MLP(widths=(10,)),
        optimizer=fr.optim.SGD(learning_rate=0.1, momentum=0.5, weight_decay=0.01),
        loss=fr.losses.Hinge(),
        batch_size=8,
        schedule=fr.Schedule(per_octave=4),
        steps=40,
    )
    return fr.spec.replace(experiment, changes)


class Moody(fr.tasks.AbstractTask):
    """A task that does not give the examples of seed 2."""

    task: fr.tasks.AbstractTask = fr.spec.host(fr.tasks.ModularArithmetic(p=7))

    @property
    def signature(self):
        return self.task.signature

    def split(self, seed):
        if seed == 2:
            self.refuse()
        return self.task.split(seed)

    def refuse(self):
        raise RuntimeError("not this one, " + "é" * 1000)


def assert_same_bits(one: xr.Dataset, other: xr.Dataset) -> None:
    """Two datasets hold the same numbers, to the last bit."""
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        left, right = one[name].values, other[name].values
        assert left.dtype == right.dtype, name
        np.testing.assert_array_equal(left, right, err_msg=str(name))


def bytes_of(store: Path) -> dict[str, bytes]:
    """Every file of a store, by its path."""
    files = [p for p in sorted(store.rglob("*")) if p.is_file()]
    return {str(p.relative_to(store)): p.read_bytes() for p in files}
