"""The public suite passes everything of ours and a user's own, and refuses what breaks a rule."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from jaxtyping import Array, Float

import flyroom as fr
from flyroom import measures, training
from flyroom.models import AbstractModel, AbstractNetwork
from flyroom.spec import host, leaf, shape
from flyroom.tasks import AbstractTask, Signature
from flyroom.testing import check_loss, check_measure, check_model, check_optimizer, check_task

TOKENS = Signature((2,), 5, 5)
VECTORS = Signature((4,), None, 2)


# --- A user's own ---


class Maximum(fr.tasks.AbstractTable):
    """Which of two numbers is larger."""

    n: int = shape(6, minimum=2)
    train_fraction: float = host(0.5, above=0, below=1)
    train_count: int | None = host(None, minimum=1)

    @property
    def signature(self) -> Signature:
        return Signature((2,), self.n, self.n)

    def table(self):
        a, b = np.divmod(np.arange(self.n**2), self.n)
        return np.stack([a, b], axis=1), np.maximum(a, b)


class PairNetwork(AbstractNetwork):
    """A network that shares work between the rows of a table."""

    table_of: Float[Array, "position token neuron"]
    out: Float[Array, "neuron class"]
    gain: Float[Array, ""]

    def forward(self, x, tap, key):
        del key
        hidden = tap("hidden", jnp.tanh(self.table_of[0, x[0]] * self.table_of[1, x[1]]))
        return tap("logits", self.gain * hidden @ self.out)

    def table(self, inputs, *, key=None, weights=None):
        del key
        every = jnp.tanh(self.table_of[0][:, None] * self.table_of[1][None]) @ self.out
        return self.gain * every[inputs[:, 0], inputs[:, 1]]


class Pairwise(AbstractModel):
    width: int = shape(4, minimum=1)
    gain: float = leaf(2.0, above=0)  # with a bound that no placeholder may meet

    def init(self, signature: Signature, outputs: int, *, key: Any) -> PairNetwork:
        first, second = jr.split(key)
        shape = (2, signature.tokens or 0, self.width)
        return PairNetwork(
            jr.normal(first, shape, jnp.float32),
            jr.normal(second, (self.width, outputs), jnp.float32),
            jnp.float32(self.gain),
        )


class Signs(fr.optim.AbstractOptimizer):
    """Descends by the sign of an average gradient."""

    rate: float = leaf(0.01, minimum=0)
    memory: float = leaf(0.9, minimum=0, below=1)

    def transform(self) -> optax.GradientTransformation:
        return optax.chain(
            optax.ema(self.memory, debias=False),
            optax.scale_by_sign(),
            optax.scale_by_learning_rate(self.rate),
        )


class Margin(fr.losses.AbstractLoss):
    """How much the right logit is short of leading by a margin."""

    margin: float = leaf(1.0, above=0)

    def outputs(self, classes: int) -> int:
        return classes

    def __call__(self, logits: Array, label: Array) -> Array:
        others = jnp.where(jnp.arange(logits.shape[0]) == label, -jnp.inf, logits)
        return jax.nn.relu(self.margin - logits[label] + others.max())

    def predict(self, logits: Array) -> Array:
        return jnp.argmax(logits)


@fr.snapshot()
def neuron_norms(network, context) -> Float[Array, "neuron"]:
    """Norm of what leaves each neuron."""
    del context
    return jnp.linalg.norm(network.out, axis=1)


def test_a_users_own_parts_pass():
    check_task(Maximum())
    check_model(Pairwise(), Maximum().signature, 6)
    check_optimizer(Signs())
    check_loss(Margin(), classes=3)
    network = Pairwise().init(Maximum().signature, 6, key=jr.key(0))
    check_measure(neuron_norms, network, context_of(Maximum(), fr.losses.CrossEntropy()))


def test_a_users_own_parts_train_together(tmp_path):
    """Nothing from the plan to the report knows anything of these classes."""
    experiment = fr.Experiment(
        task=Maximum(),
        model=Pairwise(),
        optimizer=Signs(),
        loss=Margin(),
        record=(*fr.CURVES, neuron_norms),
        steps=32,
    )
    over = {"optimizer.rate": [0.01, 0.02], "model.gain": [1.0, 2.0]}
    runs = fr.train(experiment, over, machine=fr.Machine(devices=1, slots=2, progress=False))
    assert runs["neuron_norms"].dims == ("run", "step", "neuron")
    loss = runs["train_loss"]
    assert loss.units == "1"
    assert (loss.isel(step=-1) < 0.7 * loss.isel(step=0)).all()
    assert len(set(loss.isel(step=-1).values.tolist())) == 4
    # There is no matrix from inputs to neurons, so curves are all that can be drawn.
    axes = fr.figures.plot(runs, run=1).get_axes()
    assert {a.get_ylabel() for a in axes} == {"accuracy", "loss"}
    page = fr.figures.write_report(runs, tmp_path / "own.html").read_text()
    assert [f'id="run-{i}"' in page for i in range(5)] == [True] * 4 + [False]
    assert "key frequencies" not in page


def test_a_class_that_is_gone_costs_a_picture_and_no_more(monkeypatch, tmp_path):
    runs = fr.train(
        fr.Experiment(task=Maximum(), model=Pairwise(), steps=4),
        machine=fr.Machine(devices=1, progress=False),
    )
    monkeypatch.delattr(f"{__name__}.Pairwise")
    with pytest.raises(fr.SpecError, match="Pairwise"):
        fr.network(runs, 0)
    assert len(fr.figures.plot(runs).get_axes()) == 2
    assert "Pairwise" in fr.figures.write_report(runs, tmp_path / "gone.html").read_text()


# --- Ours ---


def context_of(task: AbstractTask, loss: fr.losses.AbstractLoss) -> training.Context:
    split = task.split(0)
    return training.Context(split.train, split.test, loss)


@pytest.mark.parametrize(
    "task",
    [
        fr.tasks.ModularArithmetic(p=5),
        fr.tasks.ModularArithmetic(p=7, operation="a / b", train_count=9),
        fr.tasks.ModularArithmetic(p=6, operation=np.maximum, ordered=False),
        fr.tasks.ModularArithmetic(p=5, encoding="equals"),
        fr.tasks.ModularArithmetic(p=5, operation="a / b", encoding="equation"),
        fr.tasks.GroupOperation(degree=3),
        fr.tasks.GroupOperation(degree=2, operation="a b a", train_count=2, encoding="equals"),
        fr.tasks.GroupOperation(degree=4, operation="a b a^-1", encoding="equation"),
        fr.tasks.SparseParity(n=8, k=3, train_count=40, test_count=20),
        fr.tasks.SparseParity(n=8, k=3, train_count=40, test_count=20, encoding="bits"),
        fr.tasks.ModularArithmetic(p=5, encoding="numbers"),
        fr.tasks.Corrupted(fr.tasks.ModularArithmetic(p=5), noise=0.5),
    ],
)
def test_our_tasks(task: AbstractTask):
    check_task(task)


@pytest.mark.parametrize(
    ("model", "signature", "outputs"),
    [
        (fr.models.MLP((6, 4), output_bias=True, activation=fr.models.gelu), TOKENS, 5),
        (fr.models.MLP((6,), bias=False, initial=fr.models.he), VECTORS, 1),
        (fr.models.FactoredMLP(4, 6), TOKENS, 5),
        (fr.models.FactoredMLP(4, 6, "collapsed", tied=False), TOKENS, 3),
        (fr.models.FactoredMLP(4, 6, "collapsed", "collapsed"), TOKENS, 5),
        (fr.models.Transformer(1, 6, 2, 8), TOKENS, 5),
        (fr.models.Transformer(3, 6, 3, 4, bias=False, activation=fr.models.gelu), TOKENS, 3),
        (fr.models.MLP((6,), dropout=0.5), TOKENS, 5),
        (fr.models.MLP((6, 4), batch_norm=True), TOKENS, 5),
        (fr.models.EmbeddedMLP(3, (6, 4)), TOKENS, 5),
        (fr.models.LSTM(4), TOKENS, 5),
    ],
)
def test_our_models(model: AbstractModel, signature: Signature, outputs: int):
    check_model(model, signature, outputs)


@pytest.mark.parametrize(
    "optimizer",
    [
        fr.optim.SGD(momentum=0.9, weight_decay=0.1, penalty="l1"),
        fr.optim.Adam(weight_decay=0.1),
        fr.optim.AdamW(warmup=10.0),
        fr.optim.Optax(optax.lion, {"learning_rate": 1e-3, "b1": 0.8}),
        fr.optim.Optax(optax.identity),
        fr.optim.Noisy(weight=0.1, gradient=0.1, update=0.1),
        fr.optim.Clamped(ratio=0.5),
    ],
)
def test_our_optimizers(optimizer: fr.optim.AbstractOptimizer):
    check_optimizer(optimizer)


def test_an_optimizer_of_optax_is_swept_in_one_program(tmp_path):
    lion = fr.optim.Optax(optax.lion, {"learning_rate": 1e-3, "weight_decay": 0.0})
    experiment = fr.Experiment(
        fr.tasks.ModularArithmetic(p=5),
        fr.models.MLP((8,), activation=fr.models.monomial(3)),
        optimizer=lion,
        steps=3,
    )
    over = {"optimizer.arguments.weight_decay": [0.0, 1.0, 100.0]}
    assert len(fr.sweeps.plan(experiment, over).groups) == 1
    runs = fr.train(experiment, over, store=tmp_path / "x.zarr", machine=fr.Machine(progress=False))
    assert (np.diff(runs.weight_norm.isel(step=-1)) < 0).all()
    again: Any = fr.experiment_of(fr.open(tmp_path / "x.zarr"), 1)
    assert again.optimizer.arguments == {"learning_rate": 1e-3, "weight_decay": 1.0}
    assert again.model.activation is fr.models.monomial(3)


@pytest.mark.parametrize(
    ("loss", "classes"),
    [
        (fr.losses.CrossEntropy(class_mean=True), 4),
        (fr.losses.NaiveCrossEntropy("float16"), 3),
        (fr.losses.NaiveCrossEntropy("float32"), 3),
        (fr.losses.NaiveCrossEntropy("float64"), 3),
        (fr.losses.Squared(), 3),
        (fr.losses.Logistic(), 2),
        (fr.losses.Hinge(), 2),
    ],
)
def test_our_losses(loss: fr.losses.AbstractLoss, classes: int):
    check_loss(loss, classes)


def snapshots() -> list[training.Snapshot]:
    found = [v for v in vars(measures).values() if isinstance(v, training.Snapshot)]
    return [*fr.CURVES, *(v for v in found if v not in fr.CURVES)]


@pytest.mark.parametrize("snapshot", snapshots(), ids=lambda s: s.name)
def test_our_measures(snapshot: training.Snapshot):
    task = fr.tasks.Corrupted(fr.tasks.ModularArithmetic(p=5), noise=0.5)
    network = fr.models.FactoredMLP(4, 6).init(task.signature, 5, key=jr.key(0))
    check_measure(snapshot, network, context_of(task, fr.losses.CrossEntropy()))


def public(room: Any, base: type) -> set[str]:
    """Classes of a room that can be instantiated."""
    classes = {n: v for n, v in vars(room).items() if isinstance(v, type) and issubclass(v, base)}
    return {name for name in classes if not name.startswith(("Abstract", "_"))}


@pytest.mark.parametrize(
    ("room", "base", "tested"),
    [
        (
            fr.tasks,
            AbstractTask,
            {"ModularArithmetic", "GroupOperation", "SparseParity", "Corrupted"},
        ),
        (fr.models, AbstractModel, {"MLP", "EmbeddedMLP", "FactoredMLP", "LSTM", "Transformer"}),
        (
            fr.optim,
            fr.optim.AbstractOptimizer,
            {"SGD", "Adam", "AdamW", "Optax", "Noisy", "Clamped"},
        ),
        (
            fr.losses,
            fr.losses.AbstractLoss,
            {"CrossEntropy", "NaiveCrossEntropy", "Squared", "Logistic", "Hinge"},
        ),
    ],
)
def test_every_public_class_is_checked(room: Any, base: type, tested: set[str]):
    assert public(room, base) == tested
