"""Plug-ins that keep a rule badly are told which one."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from jaxtyping import Array, Float

import flyroom as fr
from flyroom.models import AbstractModel, AbstractNetwork
from flyroom.spec import host, leaf
from flyroom.tasks import AbstractTask, Examples, Signature, Split, examples
from flyroom.testing import check_loss, check_measure, check_model, check_optimizer, check_task
from test_plugins import VECTORS, Maximum, Pairwise, context_of, neuron_norms

# --- What is refused ---


class Broken(AbstractTask):
    """A right task, of which one thing at a time is wrong."""

    wrong: str = host("")

    @property
    def signature(self) -> Signature:
        return Signature((1,), None, 4)

    def split(self, seed: int) -> Split:
        seed = {"fixed": 0, "random": int(np.random.default_rng().integers(2**32))}.get(
            self.wrong, seed
        )
        inputs = np.random.default_rng(seed).normal(size=(12 + (self.wrong == "size") * seed, 1))
        inputs = inputs.astype(np.int32 if self.wrong == "tokens" else np.float32)
        labels = np.arange(len(inputs)) % (5 if self.wrong == "labels" else 4)
        sides = [slice(0, 8), slice(7 if self.wrong == "shared" else 8, None)]
        train, test = (examples(inputs[rows], labels[rows]) for rows in sides)
        changes: dict[str, dict[str, Any]] = {
            "truth": {"truth": test.truth + 4},
            "weights": {"weights": 0 * test.weights},
            "nan": {"inputs": test.inputs * np.float32("nan")},
            "device": {"inputs": jnp.asarray(test.inputs)},
            "empty": {f.name: getattr(test, f.name)[:0] for f in dataclasses.fields(Examples)},
        }
        return Split(train, dataclasses.replace(test, **changes.get(self.wrong, {})))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("labels", "labels run from 0 to 4; allowed: 0 to 3"),
        ("truth", "test truth is outside 0 to 3"),
        ("empty", "the test side of the split is empty"),
        ("shared", "1 inputs are both trained and tested on"),
        ("random", "gives different examples for the same seed"),
        ("fixed", "trains on the same examples, in the same order, for seeds 0 and 1"),
        ("size", r"gives \(8, 4\) examples for seed 0 and \(8, 5\) for seed 1"),
        ("weights", "test weights are not all positive"),
        ("nan", "test inputs are not all finite"),
        ("tokens", "training inputs are int32; tokens are whole numbers, and vectors"),
        ("device", "test inputs are a ArrayImpl; data are NumPy arrays"),
    ],
)
def test_a_task_that_breaks_a_rule(wrong: str, message: str):
    check_task(Broken())
    with pytest.raises(AssertionError, match=message):
        check_task(Broken(wrong))


class Linear(AbstractNetwork):
    w: Float[Array, "feature class"]
    extra: Any = None
    wrong: str = eqx.field(static=True, default="")

    def forward(self, x, tap, key):
        logits = x.astype(self.w.dtype) @ self.w
        if self.extra is not None:
            logits = logits + jnp.sum(self.extra)
        return logits if self.wrong == "nameless" else tap("logits", logits)

    def table(self, inputs, *, key=None, weights=None):
        table = jax.vmap(self)(inputs)
        if self.wrong == "padding" and weights is not None:
            return table + table.sum(0, keepdims=True)
        return table * (1 + 1e-7) if self.wrong == "table" else table


class Unnamed(AbstractNetwork):
    w: Array

    def forward(self, x, tap, key):
        return tap("logits", x @ self.w)


class BrokenModel(AbstractModel):
    wrong: str = host("")
    width: int = 4  # decides a shape, and is not declared so
    scale: float = leaf(1.0)

    def init(self, signature: Signature, outputs: int, *, key: Any) -> AbstractNetwork:
        size = (4, outputs)
        if self.wrong == "shape":
            return Linear(jnp.zeros((self.width, outputs)))
        if self.wrong == "branch" and self.scale > 0:
            return Linear(jnp.zeros(size))
        if self.wrong == "random":
            return Linear(jnp.asarray(np.random.default_rng().normal(size=size), jnp.float32))
        w = jr.normal(jr.key(0) if self.wrong == "keyless" else key, size)
        if self.wrong == "outputs":
            return Linear(w[:, :-1])
        if self.wrong == "unnamed":
            return Unnamed(w)
        if self.wrong == "integer":
            return Linear(w, jnp.arange(3))
        if self.wrong == "infinite":
            return Linear(w / 0)
        return Linear(w, wrong=self.wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("shape", r"leaves \(width, scale\) are traced.*declared with shape\(\.\.\.\)"),
        ("branch", r"declared with shape\(\.\.\.\)"),
        ("random", "does not depend on its key alone|same weights for any key"),
        ("keyless", "gives the same weights for any key"),
        ("outputs", r"gives shape \(2,\) for one example and not \(3,\)"),
        ("unnamed", "annotate `w` with a name for each axis"),
        ("integer", "`extra` of its network is .*; everything in a network is trained"),
        ("infinite", "initial `w` is not finite"),
        ("nameless", "no activation passes through `tap`"),
        ("table", "`table` is not the map of `__call__`"),
        ("padding", "a row of weight zero changes other rows' logits"),
    ],
)
def test_a_model_that_breaks_a_rule(wrong: str, message: str):
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        check_model(BrokenModel(wrong), VECTORS, 3)


class BrokenOptimizer(fr.optim.AbstractOptimizer):
    wrong: str = host("")
    rate: float = leaf(0.1)

    def transform(self) -> optax.GradientTransformation:
        if self.wrong == "state":
            return optax.inject_hyperparams(optax.sgd)(learning_rate=self.rate)
        if self.wrong == "branch":
            return optax.sgd(self.rate if self.rate > 0 else 1.0)

        def update(gradient: Any, state: Any, params: Any = None) -> Any:
            if self.wrong == "form":
                state = jnp.stack([state, state])
            if self.wrong == "infinite":
                gradient = jax.tree.map(lambda g: g / 0, gradient)
            return jax.tree.map(lambda g: -self.rate * g, gradient), state

        make: Any = optax.GradientTransformation
        return make(lambda params: jnp.float32(0), update)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("state", r"the initial state depends on its leaves \(rate\).*the state holds none"),
        ("form", "an update changes the form of the state"),
        ("infinite", "lead to numbers that are not finite"),
        ("branch", r"declared with shape\(\.\.\.\)"),
    ],
)
def test_an_optimizer_that_breaks_a_rule(wrong: str, message: str):
    check_optimizer(BrokenOptimizer())
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        check_optimizer(BrokenOptimizer(wrong))


class BrokenLoss(fr.losses.AbstractLoss):
    wrong: str = host("")

    def outputs(self, classes: int) -> int:
        return 0 if self.wrong == "outputs" else classes

    def __call__(self, logits: Array, label: Array) -> Array:
        if self.wrong == "overflow":
            return jnp.log(jnp.sum(jnp.exp(logits))) - logits[label]
        loss = jax.nn.logsumexp(logits) - logits[label]
        return loss[None] if self.wrong == "shape" else loss

    def predict(self, logits: Array) -> Array:
        return jnp.argmin(logits) if self.wrong == "predict" else jnp.argmax(logits)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("outputs", "outputs gives 0 for 3 classes"),
        ("shape", r"gives shape \(1,\) for one example"),
        ("overflow", "its value is not finite for logits"),
        ("predict", "descending it for label 0 leads to logits that `predict` reads as"),
    ],
)
def test_a_loss_that_breaks_a_rule(wrong: str, message: str):
    with pytest.raises(AssertionError, match=message):
        check_loss(BrokenLoss(wrong), classes=3)


@fr.snapshot()
def counts_padding(network, context) -> Float[Array, ""]:
    """A mean that knows nothing of weights."""
    return jnp.mean(context.losses(network, context.test))


@fr.snapshot()
def other_axes(network, context) -> Float[Array, "neuron"]:
    """One number where several are declared."""
    return jnp.sum(network.out)


@fr.snapshot()
def twice_named(network, context) -> Float[Array, "neuron neuron"]:
    """Two axes of one name."""
    return network.out @ network.out.T


@fr.snapshot()
def no_number(network, context) -> Float[Array, ""]:
    """Nothing over nothing."""
    return 0 * jnp.sum(network.out) / 0


@fr.snapshot()
def undocumented(network, context) -> Float[Array, ""]:
    return jnp.sum(network.out)


@pytest.mark.parametrize(
    ("snapshot", "message"),
    [
        (counts_padding, "changes when rows of weight zero are added"),
        (other_axes, r"gives shape \(\) but declares the axes \('neuron',\)"),
        (twice_named, "every one needs a different name"),
        (no_number, "is not finite for this network"),
        (undocumented, "its docstring, which becomes its definition, is empty"),
        (neuron_norms.fn, "Snapshot"),
    ],
)
def test_a_measure_that_breaks_a_rule(snapshot: Any, message: str):
    network = Pairwise().init(Maximum().signature, 6, key=jr.key(0))
    with pytest.raises((AssertionError, TypeError), match=message):
        check_measure(snapshot, network, context_of(Maximum(), fr.losses.CrossEntropy()))
