"""The recipes have the settings that were published, copied by hand from the claims' catalogue.

Where that says nothing, what a recipe's own docstring says is held: the number of parities that
are only measured, how weights begin, and what is marked below.
"""

import operator
from typing import Any

import pytest

from flyroom.losses import CrossEntropy, Hinge, Logistic, Squared
from flyroom.models import (
    LSTM,
    MLP,
    EmbeddedMLP,
    FactoredMLP,
    Transformer,
    gelu,
    normal,
    pytorch,
    relu,
    square,
)
from flyroom.optim import SGD, Adam, AdamW
from flyroom.recipes.names import by_name
from flyroom.tasks import Corrupted, GroupOperation, ModularArithmetic, SparseParity
from flyroom.training import Experiment

Settings = dict[str, Any]


def adamw(rate: float, decay: float, b1: float, b2: float, warmup: float = 0.0) -> Settings:
    """AdamW without amsgrad and the like, in the order in which papers give its numbers."""
    return {
        "optimizer": AdamW,
        "optimizer.learning_rate": rate,
        "optimizer.weight_decay": decay,
        "optimizer.b1": b1,
        "optimizer.b2": b2,
        "optimizer.eps": 1e-8,
        "optimizer.warmup": warmup,
    }


def adam(rate: float, decay: float = 0.0, penalty: str = "l2") -> Settings:
    return {
        "optimizer": Adam,
        "optimizer.learning_rate": rate,
        "optimizer.weight_decay": decay,
        "optimizer.penalty": penalty,
    }


def sgd(rate: float, decay: float) -> Settings:
    return {
        "optimizer": SGD,
        "optimizer.learning_rate": rate,
        "optimizer.weight_decay": decay,
        "optimizer.momentum": 0.0,
        "optimizer.penalty": "l2",
    }


def addition(p: int, fraction: float, examples: int, encoding: str = "pair") -> Settings:
    return {
        "task": ModularArithmetic,
        "task.p": p,
        "task.operation": "a + b",
        "task.ordered": True,
        "task.train_fraction": fraction,
        "task.encoding": encoding,
        "examples": examples,
    }


def parities(n: int, k: int, train: int, test: int, encoding: str = "signs") -> Settings:
    return {
        "task": SparseParity,
        "task.n": n,
        "task.k": k,
        "task.encoding": encoding,
        "task.fresh": False,
        "examples": train,
        "task.test_count": test,
    }


def hinged(width: int) -> Settings:
    """One hidden layer with torch's initial weights, no bias on the single output."""
    return {
        "model": MLP,
        "model.widths": (width,),
        "model.activation": relu,
        "model.bias": True,
        "model.output_bias": False,
        "model.initial": pytorch,
        "loss": Hinge,
        "batch_size": 32,
    }


def transformer(layers: int, initial: str) -> Settings:
    """128 wide, four heads, four times as many neurons."""
    return {
        "model": Transformer,
        "model.layers": layers,
        "model.width": 128,
        "model.heads": 4,
        "model.neurons": 512,
        "model.activation": relu,
        "model.initial": initial,
        "loss": CrossEntropy,
        "loss.class_mean": False,
    }


def unordered(examples: int, neurons: int, embed: int, fraction: float) -> Settings:
    """PAIR's: the embedding is also the unembedding, the loss a mean over classes too."""
    return {
        **addition(67, fraction, examples),
        "task.ordered": False,
        "model": FactoredMLP,
        "model.width": neurons,
        "model.embed_width": embed,
        "model.tied": True,
        "model.shared": True,
        "model.activation": relu,
        "loss": CrossEntropy,
        "loss.class_mean": True,
        "batch_size": None,
        "precision": "float64",
    }


def bits(examples: int) -> Settings:
    """PAIR's ones and zeros."""
    return {
        **parities(30, 3, examples, 5000, "bits"),
        "model": MLP,
        "model.activation": relu,
        "model.output_bias": False,
        "loss": Logistic,
        "batch_size": None,
        "steps": 20_000,
    }


NANDA = {
    **addition(113, 0.3, 3830, "equals"),
    **transformer(1, "width"),
    **adamw(1e-3, 1.0, 0.9, 0.98, 10),
    "model.norm": False,
    "model.bias": True,
    "model.init_scale": 1.0,
    "model.positions": "learned",
    "batch_size": None,
    "steps": 40_000,
}
POWER = {
    **transformer(2, "pytorch"),
    **adamw(1e-3, 1.0, 0.9, 0.98, 10),
    "task.train_fraction": 0.5,
    "task.encoding": "equation",
    "task.signature.classes": 239,
    "model.norm": True,
    "model.bias": False,
    "model.positions": "sinusoidal",
    "batch_size": 512,
    "steps": 100_000,
}
PUBLISHED: dict[str, Settings] = {
    "pair-mod67": {
        **unordered(911, 24, 500, 0.4),
        **adamw(1e-3, 1.0, 0.9, 0.98),
        "steps": 50_000,
    },
    "pair-five-neurons": {
        **unordered(683, 5, 2, 0.3),
        **adamw(1e-2, 1e-3, 0.9, 0.98),
        "model.circles": (1,),
        "steps": 15_000,
    },
    "pair-reverse": {
        **unordered(911, 10, 5, 0.4),
        **adamw(1e-3, 0.0, 0.9, 0.98),
        "steps": 20_000,
    },
    "pair-twice": {
        **unordered(1594, 16, 8, 0.7),
        **adamw(1e-3, 0.05, 0.9, 0.98),
        "steps": 80_000,
    },
    "pair-parity": {  # not in the catalogue: the decay; the width is one of 32 to 64
        **bits(1200),
        **adam(3e-3, 1e-6, "l1"),
        "optimizer.b1": 0.99,
        "optimizer.b2": 0.98,
        "model.widths": (64,),
    },
    "pair-parity-sweep": {
        **bits(1250),
        **adamw(3e-3, 0.1, 0.99, 0.98),
        "model.widths": (64,),
    },
    "blog-parity": {
        **parities(50, 2, 300, 100),
        **hinged(500),
        **sgd(0.1, 0.01),
        "steps": 500 * 10,
    },
    "merrill-parity": {
        **parities(40, 3, 1000, 100),
        **hinged(1000),
        **sgd(0.1, 0.01),
        "steps": 300 * 32,
    },
    "barak-parity": {
        **parities(50, 3, 1000, 2000),
        **hinged(100),
        **sgd(0.1, 0.0),
        "task.fresh": True,
        "steps": 100_000,
    },
    "report-mod97": {**NANDA, **addition(97, 0.3, 2822, "equals"), "steps": 25_000},
    "report-mlp": {
        **addition(97, 0.3, 2822, "numbers"),
        **adam(1e-3),
        "model": MLP,
        "model.widths": (512, 512),
        "model.activation": relu,
        "loss": CrossEntropy,
        "steps": 20_000,
    },
    "report-lstm": {
        **addition(97, 0.45, 4234, "numbers"),
        **adam(1e-2),
        "model": LSTM,
        "model.width": 20,
        "loss": CrossEntropy,
        "steps": 100_000,
    },
    "power-mod97": {**POWER, **addition(97, 0.5, 4704, "equation")},
    "power-s5": {**POWER, "task": GroupOperation, "task.degree": 5, "examples": 7200},
    "nanda-mod113": NANDA,
    "nanda-demo": {  # in the catalogue by its curve alone
        **NANDA,
        "optimizer.warmup": 0.0,
        "model.bias": False,
        "model.init_scale": 0.8,
        "steps": 20_000,
    },
    "zhong-mod59": {
        **addition(59, 0.8, 2785),
        **transformer(1, "wide"),
        **adamw(1e-3, 2.0, 0.9, 0.98, 10),
        "model.norm": False,
        "model.causal": False,
        "batch_size": None,
        "steps": 20_000,
    },
    "zhong-linear": {  # not in the catalogue: the sizes
        **addition(59, 0.8, 2785),
        **adamw(1e-3, 2.0, 0.9, 0.98, 10),
        "model": EmbeddedMLP,
        "model.width": 256,
        "model.widths": (256,),
        "model.join": "sum",
        "loss": CrossEntropy,
        "batch_size": None,
        "steps": 20_000,
    },
    "chughtai-s5": {
        **adamw(1e-3, 1.0, 0.9, 0.98),
        "task": GroupOperation,
        "task.degree": 5,
        "task.train_fraction": 0.4,
        "examples": 5760,
        "model": EmbeddedMLP,
        "model.width": 256,
        "model.widths": (128,),
        "model.join": "concatenate",
        "model.shared": False,
        "model.bias": False,
        "model.activation": relu,
        "loss": CrossEntropy,
        "batch_size": None,
        "steps": 250_000,
    },
    "doshi-mod97": {
        **adamw(1e-2, 5.0, 0.9, 0.98),
        "task": Corrupted,
        "task.noise": 0.0,
        "task.clean.p": 97,
        "task.clean.train_fraction": 0.5,
        "examples": 4704,
        "model": MLP,
        "model.widths": (500,),
        "model.activation": square,
        "model.bias": False,
        "model.output_bias": False,
        "model.initial": normal,
        "model.init_scale": pytest.approx(0.5 / (2 * 500) ** (1 / 3)),
        "loss": Squared,
        "batch_size": None,
        "steps": 500,
    },
    "panickssery-mod53": {
        **addition(53, 0.4, 1123),
        **adam(5e-3, 2e-4),
        "model": EmbeddedMLP,
        "model.width": 12,
        "model.widths": (48,),
        "model.activation": gelu,
        "loss": CrossEntropy,
        "batch_size": 128,
        "steps": 25_000,
    },
}
# Where ours is not what the catalogue says, and why; nothing else may be.
FLOAT32 = {"precision": "float32"}  # in which our cross-entropy is exact
FLOORED = {"examples": 2784}  # 0.8 of 3,481 pairs is 2,784.8, which the source rounds
OURS: dict[str, Settings] = {
    "pair-mod67": FLOAT32,
    "pair-five-neurons": FLOAT32,
    "pair-reverse": FLOAT32,
    "pair-twice": FLOAT32,
    "pair-parity": {"optimizer.learning_rate": 1e-3},  # 3e-3 is that of the sweep
    "zhong-mod59": FLOORED,
    # The catalogue has one optimizer for all of the source's networks.
    "zhong-linear": {**FLOORED, "optimizer.b2": 0.999, "optimizer.warmup": 0.0},
}


def found(experiment: Experiment, path: str) -> Any:
    """What an experiment has at a path, or how many examples it trains on."""
    if path == "examples":
        return len(experiment.task.split(0).train.labels)
    return operator.attrgetter(path)(experiment)


def test_every_recipe_is_in_the_table():
    assert set(PUBLISHED) == set(by_name())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_the_published_settings(name: str):
    experiment = by_name()[name]()
    expected = {**PUBLISHED[name], **OURS.get(name, {})}
    ours = {path: found(experiment, path) for path in expected}
    for path, value in expected.items():
        if isinstance(value, type):
            assert type(ours[path]) is value, path
        else:
            assert ours[path] == value, path


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_is_not_what_was_published(name: str):
    for path, value in OURS[name].items():
        assert PUBLISHED[name][path] != value, path
