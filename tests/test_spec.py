"""Specs: paths, kinds of field, bounds, and what is written down of them."""

import dataclasses
import subprocess
import sys
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import flyroom as fr
from flyroom import spec
from flyroom.spec import Spec, SpecError, host, leaf, shape


class Grip(Spec):
    """A noun outside the package, so that only the spec's own checks see bad values."""

    size: int = shape(3, minimum=1, maximum=9)
    sizes: tuple[int, ...] = shape((1, 2), minimum=1)
    force: float = leaf(0.5, above=0, below=1)
    name: str = host("left", options=("left", "right"))
    careful: bool = host(True)
    limit: int | None = host(None, minimum=1)
    share: float = host(0.25, minimum=0)


class Robot(Spec):
    grip: Grip
    speed: float = 1.0
    tools: tuple[Grip, ...] = host(())
    extra: dict[str, float] = leaf(default=None)


def cube(x: jax.Array) -> jax.Array:
    return x * x * x


ROBOT = Robot(Grip(), 2.0, (Grip(size=1), Grip(size=2)), {"torque": 3.0})
TASK = fr.tasks.ModularArithmetic(p=11)
EXPERIMENT = fr.Experiment(
    task=TASK,
    model=fr.models.FactoredMLP(width=4, activation=fr.models.square),
    stop=(fr.Reaches(measure="test_accuracy", threshold=0.99, records=3), fr.AtStep(step=50)),
    events=(
        fr.Event(
            fr.Reaches(measure="train_accuracy", threshold=1.0), {"optimizer.weight_decay": 0.5}
        ),
        fr.Event(fr.AtStep(step=7), {"optimizer.learning_rate": 0.01, "optimizer.b1": 0.8}),
    ),
)


# --- Paths ---


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("speed", 2.0),
        ("grip.size", 3),
        ("tools.1.size", 2),
        ("extra.torque", 3.0),
        ("grip.limit", None),
    ],
)
def test_a_path_enters_nouns_tuples_and_mappings(path: str, value: object):
    assert spec.get(ROBOT, path) == value


@pytest.mark.parametrize(
    ("path", "listed"),
    [
        ("grip.weight", "Grip has no field `weight`; it has size, sizes, force, name, careful"),
        ("tools.2", "tuple has no field `2`; it has 0, 1"),
        ("extra.mass", "it has torque"),
        ("speed.of.light", "float has no field `of`; it has none"),
        ("griip", "Robot has no field `griip`; it has grip, speed, tools, extra"),
    ],
)
@pytest.mark.parametrize("use", [spec.get, lambda robot, path: spec.replace(robot, {path: 1})])
def test_an_unknown_path_is_quoted_and_the_choices_listed(path: str, listed: str, use):
    with pytest.raises(SpecError) as error:
        use(ROBOT, path)
    assert f"`{path}`" in str(error.value)
    assert listed in str(error.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("task.p", "shape"),
        ("task.train_fraction", "host"),
        ("task", "shape"),
        ("model.width", "shape"),
        ("model.activation", "shape"),
        ("model.init_scale", "leaf"),
        ("optimizer", "shape"),
        ("optimizer.weight_decay", "leaf"),
        ("loss.class_mean", "shape"),
        ("batch_size", "shape"),
        ("precision", "shape"),
        ("record", "shape"),
        ("steps", "host"),
        ("schedule.per_octave", "host"),
        ("seed", "host"),
        ("split_seed", "host"),
        ("stop.0.threshold", "host"),
        ("events.0.set", "host"),
    ],
)
def test_kinds_of_the_fields_of_an_experiment(path: str, expected: str):
    assert spec.kind(EXPERIMENT, path) == expected


def test_leaves_are_the_numbers_that_are_traced():
    assert set(spec.leaves(EXPERIMENT)) == {
        "model.init_scale",
        *(f"optimizer.{n}" for n in ("learning_rate", "weight_decay", "b1", "b2", "eps", "warmup")),
    }
    assert spec.leaves(ROBOT) == {"grip.force": 0.5, "speed": 2.0, "extra.torque": 3.0}


def test_arguments_of_an_optax_optimizer_are_leaves():
    lion = fr.optim.Optax(optax.lion, {"learning_rate": 1e-3, "weight_decay": 0.1})
    assert spec.leaves(lion) == {"arguments.learning_rate": 1e-3, "arguments.weight_decay": 0.1}
    assert spec.kind(lion, "arguments.learning_rate") == "leaf"


# --- Replacing ---


def test_replacing_changes_that_and_nothing_else():
    new = spec.replace(ROBOT, {"tools.1.size": 7, "extra.torque": 4.0, "grip.name": "right"})
    changed = {"tools.1.size": 7, "extra.torque": 4.0, "grip.name": "right"}
    for path in ("speed", "tools.0.size", "grip.size", *changed):
        assert spec.get(new, path) == changed.get(path, spec.get(ROBOT, path))
    assert spec.get(ROBOT, "tools.1.size") == 2


def test_a_value_inside_an_event_is_replaced_by_number():
    new = spec.replace(EXPERIMENT, {"events.0.set": {"optimizer.weight_decay": 0.25}})
    assert new.events[0].set == {"optimizer.weight_decay": 0.25}
    assert new.events[1] == EXPERIMENT.events[1]


def test_the_order_of_replacements_means_nothing():
    values = {"grip": Grip(size=8), "grip.force": 0.75, "speed": 3.0}
    backwards = dict(reversed(values.items()))
    assert spec.fingerprint(spec.replace(ROBOT, values)) == spec.fingerprint(
        spec.replace(ROBOT, backwards)
    )
    assert spec.replace(ROBOT, backwards).grip.size == 8
    assert spec.replace(ROBOT, backwards).grip.force == 0.75


def test_values_that_are_only_right_together_are_set_together():
    task = fr.tasks.SparseParity(n=20, k=2)
    for values in ({"n": 30, "k": 25}, {"k": 25, "n": 30}):
        new = spec.replace(task, values)
        assert (new.n, new.k) == (30, 25)


def test_replacing_is_checked_again():
    with pytest.raises(SpecError, match=r"AdamW\.weight_decay: got -1\.0; allowed: at least 0"):
        spec.replace(EXPERIMENT, {"optimizer.weight_decay": -1.0})


def test_a_leaf_may_be_a_tracer():
    @jax.jit
    def traced(value: jax.Array) -> jax.Array:
        return spec.get(
            spec.replace(EXPERIMENT, {"optimizer.weight_decay": value}), "optimizer.weight_decay"
        )

    assert float(traced(jnp.float32(-3.0))) == -3.0


# --- What is refused ---


@pytest.mark.parametrize(
    ("field", "value", "got", "allowed"),
    [
        ("size", 0, "got 0", "at least 1 and at most 9"),
        ("size", 10, "got 10", "at least 1 and at most 9"),
        ("size", "three", "got 'three'", "a whole number"),
        ("size", 3.0, "got 3.0", "a whole number"),
        ("size", True, "got True", "a whole number"),
        ("sizes", (3, 0), "got 0", "at least 1"),
        ("force", 0.0, "got 0.0", "more than 0 and less than 1"),
        ("force", 1, "got 1.0", "more than 0 and less than 1"),
        ("force", float("nan"), "got nan", "more than 0"),
        ("force", np.array([0.5, 2.0]), "got 2.0", "less than 1"),
        ("force", "strong", "got 'strong'", "a number"),
        ("force", True, "got True", "a number"),
        ("force", Grip, "Grip", "a number"),
        ("name", "top", "got 'top'", "'left', 'right'"),
        ("careful", 1, "got 1", "true or false"),
        ("sizes", 3, "got 3", "a tuple"),
        ("sizes", [3, 2], "got [3, 2]", "a tuple"),
        ("limit", 0, "got 0", "at least 1"),
        ("limit", "none", "got 'none'", "a whole number"),
        ("share", -0.5, "got -0.5", "at least 0"),
        ("share", "half", "got 'half'", "a number"),
    ],
)
def test_an_error_names_the_field_what_was_got_and_what_is_allowed(
    field: str, value: object, got: str, allowed: str
):
    with pytest.raises(SpecError) as error:
        dataclasses.replace(Grip(), **{field: value})
    message = str(error.value)
    assert message.startswith(f"Grip.{field}: ")
    assert got in message
    assert allowed in message


def test_one_stop_rule_is_no_tuple_of_them():
    """As a user meets it, without the suite's checks of types."""
    code = (
        "import flyroom as fr\n"
        "try: fr.Experiment(fr.tasks.ModularArithmetic(p=5), stop=fr.Reaches('test_loss', 1.0))\n"
        "except fr.SpecError as error: assert 'Experiment.stop: got Reaches(' in str(error)\n"
        "else: raise AssertionError"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_noun_of_another_kind_is_refused():
    with pytest.raises(SpecError, match=r"Robot.grip: got Robot\(.*allowed: Grip\."):
        Robot(cast(Any, Robot(Grip())))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 9),
        ("sizes", (3, 2)),
        ("share", 1),
        ("force", 1e-9),
        ("limit", None),
        ("share", np.float32(0.5)),
    ],
)
def test_values_at_the_edge_are_allowed(field: str, value: object):
    assert getattr(dataclasses.replace(Grip(), **{field: value}), field) == value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fr.tasks.ModularArithmetic(p=1), "p: got 1; allowed: at least 2"),
        (lambda: fr.tasks.ModularArithmetic(train_fraction=0.0), "more than 0 and less than 1"),
        (lambda: fr.tasks.ModularArithmetic(train_fraction=1.0), "more than 0 and less than 1"),
        (lambda: fr.tasks.SparseParity(n=3, k=4), r"k: got 4; allowed: at most n, which is 3"),
        (lambda: fr.optim.AdamW(weight_decay=-1e-3), "weight_decay: got -0.001"),
        (lambda: fr.optim.Adam(b1=1.0), "b1: got 1.0; allowed: at least 0 and less than 1"),
        (lambda: fr.optim.SGD(penalty="l3"), "penalty: got 'l3'; allowed: 'l2', 'l1'"),
        (lambda: fr.models.MLP(widths=(4, 0)), "widths: got 0; allowed: at least 1"),
        (lambda: fr.models.FactoredMLP(input="square"), "allowed: 'factored', 'collapsed'"),
        (lambda: fr.Experiment(task=TASK, steps=0), "steps: got 0; allowed: at least 1"),
        (lambda: fr.Experiment(task=TASK, seed=-1), "seed: got -1"),
        (lambda: fr.Experiment(task=TASK, precision="float16"), "'float32', 'float64'"),
        (lambda: fr.Schedule(per_octave=3), "per_octave: got 3; allowed: 0, 1, 2, 4"),
        (
            lambda: fr.Experiment(task=TASK, stop=(fr.Reaches(measure="accuracy", threshold=1.0),)),
            "`accuracy` is not a recorded scalar; recorded are train_loss",
        ),
        (
            lambda: fr.Experiment(task=TASK, record=(fr.CURVES[0], fr.CURVES[0])),
            "a name is given twice among train_loss, train_loss",
        ),
    ],
)
def test_bad_experiments_are_refused_before_anything_compiles(make, message: str):
    with pytest.raises(SpecError) as error:
        make()
    assert message in str(error.value)


def test_a_switch_is_no_argument_of_an_optax_optimizer():
    """As a leaf it would be traced, and `nesterov=True` silently become 0."""
    switches: Any = {"learning_rate": 0.1, "nesterov": True}
    with pytest.raises((SpecError, TypeError), match="nesterov"):
        fr.optim.Optax(optax.sgd, switches)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("batch_size", 5, "`batch_size` is neither a leaf nor in the task"),
        ("task.train_fraction", 1.5, "train_fraction: got 1.5; allowed: more than 0 and less than"),
        ("task.p", 7, "the task would have the form"),
        ("model.init_scale", 2.0, "acts only when a network begins"),
        ("optimizer.decay", 0.5, "AdamW has no field `decay`"),
        ("optimizer.weight_decay", -0.5, "weight_decay: got -0.5; allowed: at least 0"),
    ],
)
def test_an_event_changes_what_can_change_within_bounds(path: str, value: float, message: str):
    event = fr.Event(fr.AtStep(step=3), {path: value})
    with pytest.raises(SpecError, match=message):
        fr.Experiment(task=TASK, events=(event,))
