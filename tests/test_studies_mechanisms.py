"""The studies of what was learned judge as they say, on networks that were written down."""

import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import flyroom as fr
from flyroom import studies
from flyroom.mechanisms import Pairs, explain
from flyroom.models import EmbeddedNetwork, constructed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1] / "studies"


def module(name: str):
    """The module that the file of a study is."""
    studies.load(name, ROOT)
    return sys.modules[f"flyroom_study_{name}"]


def test_without_a_frequency_there_are_the_others():
    task = fr.tasks.ModularArithmetic(p=67)
    found = explain(constructed.circles(67, 5, (4, 7, 26)), task)
    accuracy, ratio = module("pair_mechanism").without_one(found.subject, found.fit.spans["7"])
    others = Pairs.of(constructed.circles(67, 5, (4, 26)), task)
    assert accuracy == pytest.approx(others.accuracy(others.logits), abs=0.01)
    assert ratio > 1


def test_cosets_are_told_from_random_functions():
    elements = fr.algebra.symmetric(5).elements
    random = np.random.default_rng(0).normal(size=120)
    left = np.stack([elements[:, 0] == 0, elements[:, 2] == 4, random], axis=1)
    network = EmbeddedNetwork(
        embed=jnp.asarray(np.stack([left, left]), jnp.float32),
        weights=(jnp.concatenate([jnp.eye(3), jnp.zeros((3, 3))]),),
        biases=(None,),
        unembed=jnp.zeros((3, 120)),
        join="concatenate",
    )
    least = module("chughtai_s5").concentration(network)
    np.testing.assert_allclose(least[:2], 0, atol=1e-9)
    assert 0.5 < least[2] < 1
