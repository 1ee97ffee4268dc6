"""What a spec is on paper: dictionaries, TOML, fingerprints."""

import functools
import json
import subprocess
import sys
import textwrap
import tomllib
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax
import pytest
import tomli_w

import flyroom as fr
from flyroom import spec
from flyroom.spec import SpecError
from test_spec import EXPERIMENT, ROBOT, TASK, Grip, cube

# --- Written down ---


def through_toml(value: object) -> object:
    return spec.from_dict(tomllib.loads(tomli_w.dumps(spec.to_dict(value))))


@pytest.mark.parametrize(
    "value",
    [
        EXPERIMENT,
        fr.Experiment(task=fr.tasks.SparseParity(n=9, encoding="bits"), loss=fr.losses.Logistic()),
        fr.Experiment(task=TASK, record=(fr.CURVES[2],), schedule=fr.Schedule(0, 5, (7, 9))),
        fr.Experiment(task=TASK, batch_size=4, precision="float64", split_seed=3),
        fr.Experiment(task=fr.tasks.ModularArithmetic(7, operation="a / b if b % 2 else a - b")),
        fr.Experiment(task=fr.tasks.ModularArithmetic(7, operation=np.maximum)),
        fr.models.MLP((3, 4), jax.nn.silu, initial=fr.models.he, init_scale=2.5),
        fr.models.MLP(activation=cube),
        fr.optim.Optax(optax.lion, {"learning_rate": 1e-3}),
        fr.losses.NaiveCrossEntropy("float64", class_mean=True),
        ROBOT,
    ],
    ids=lambda value: type(value).__name__,
)
def test_written_to_toml_and_read_it_is_the_same(value: object):
    again = through_toml(value)
    assert type(again) is type(value)
    assert spec.to_dict(again) == spec.to_dict(value)
    assert spec.fingerprint(again) == spec.fingerprint(value)
    assert bool(eqx.tree_equal(again, value))


def test_our_own_classes_and_functions_are_written_by_room():
    written = spec.to_dict(EXPERIMENT)
    assert written["class"] == "training:Experiment"
    assert written["task"]["class"] == "tasks:ModularArithmetic"
    assert written["model"]["activation"] == "models:square"
    assert written["record"][0] == "training:train_loss"
    assert "batch_size" not in written  # None is left out


def test_bare_names_are_looked_for_in_the_room_of_the_field():
    text = """
    class = "training:Experiment"
    record = ["test_loss", "training:test_accuracy"]
    task = {class = "SparseParity", n = 10}
    optimizer = {class = "Adam", weight_decay = 1, penalty = "l1"}
    loss = {class = "Hinge"}
    [model]
    class = "MLP"
    activation = "absolute"
    initial = "he"
    [[events]]
    class = "Event"
    when = {class = "Reaches", measure = "test_accuracy", threshold = 0.9}
    set = {"optimizer.weight_decay" = 0.0}
    """
    read = spec.from_dict(tomllib.loads(textwrap.dedent(text)))
    by_hand = fr.Experiment(
        task=fr.tasks.SparseParity(n=10),
        model=fr.models.MLP(activation=fr.models.absolute, initial=fr.models.he),
        optimizer=fr.optim.Adam(weight_decay=1.0, penalty="l1"),
        loss=fr.losses.Hinge(),
        record=(fr.CURVES[1], fr.CURVES[3]),
        events=(
            fr.Event(
                fr.Reaches(measure="test_accuracy", threshold=0.9), {"optimizer.weight_decay": 0.0}
            ),
        ),
    )
    assert spec.fingerprint(read) == spec.fingerprint(by_hand)
    assert read.model.activation is fr.models.absolute


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"class": "tasks:Modular"}, "It has .*ModularArithmetic, .*SparseParity"),
        ({"class": "__main__:MyTask"}, r"only in a notebook is used with `fr\.resume\(store, exp"),
        ({"class": "no_such_package.tasks:MyTask"}, "nothing of that name"),
        ({"class": "MyTask"}, "write it as module:name, such as mypackage.tasks:MyTask"),
        ({"class": "os:getcwd"}, "`os:getcwd` is not the class of a spec"),
        ({"class": "tasks:SparseParity", "bits": 3}, "no field `bits`; it has n, k, train_count"),
        ({"class": "training:Experiment"}, "Experiment needs `task`"),
        ({"class": "models:MLP", "activation": "swish"}, "It has .*absolute, constant"),
    ],
)
def test_what_cannot_be_read_says_why(data: dict, message: str):
    with pytest.raises(SpecError, match=message):
        spec.from_dict(data)


def test_a_class_of_a_notebook_is_written_but_not_read_elsewhere(tmp_path):
    code = """
    import json
    import flyroom as fr
    from flyroom import spec

    class Mine(fr.tasks.ModularArithmetic.__base__):
        p: int = spec.shape(5)
        train_fraction: float = spec.host(0.5)
        train_count: int = spec.host(3)
        signature = property(lambda self: fr.tasks.Signature((2,), self.p, self.p))
        def table(self): ...

    print(json.dumps(spec.to_dict(Mine())))
    """
    path = tmp_path / "notebook.py"
    path.write_text(textwrap.dedent(code))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    data = json.loads(done.stdout)
    assert data["class"] == "__main__:Mine"
    with pytest.raises(SpecError, match="only in a notebook"):
        spec.from_dict(data)


def test_a_module_of_the_user_may_be_called_like_a_room(tmp_path, monkeypatch):
    (tmp_path / "losses.py").write_text(
        "from flyroom.losses import AbstractLoss\n"
        "class Mine(AbstractLoss):\n"
        "    def outputs(self, classes): return classes\n"
        "    def __call__(self, logits, label): return logits[label]\n"
        "    def predict(self, logits): return logits.argmax()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    mine = spec.resolve("losses:Mine")
    assert spec.to_dict(mine()) == {"class": "losses:Mine"}
    assert type(through_toml(mine())) is mine
    assert spec.resolve("losses:Hinge") is fr.losses.Hinge


def test_what_has_no_name_cannot_be_written():
    task = fr.tasks.ModularArithmetic(7, operation=functools.partial(np.add, dtype=np.int64))
    with pytest.raises(SpecError, match="cannot be written down; use a function or class that"):
        spec.to_dict(task)


# --- Fingerprints ---


def test_equal_specs_share_a_fingerprint():
    assert spec.fingerprint(EXPERIMENT) == spec.fingerprint(spec.replace(EXPERIMENT, {"seed": 0}))
    assert len(spec.fingerprint(EXPERIMENT)) == 12


@pytest.mark.parametrize(
    "values",
    [
        {"task.p": 13},
        {"task.train_fraction": 0.41},
        {"model.activation": fr.models.relu},
        {"model": fr.models.MLP()},
        {"optimizer.eps": 1e-9},
        {"loss.class_mean": True},
        {"steps": 9_999},
        {"seed": 1},
        {"init_seed": 0},
        {"precision": "float64"},
        {"stop.0.threshold": 0.98},
        {"events.1.set": {"optimizer.learning_rate": 0.01, "optimizer.b1": 0.81}},
        {"record": fr.CURVES[1:]},
    ],
    ids=lambda values: next(iter(values)),
)
def test_any_difference_changes_the_fingerprint(values: dict):
    if "record" in values:
        values = {**values, "stop": (), "events": EXPERIMENT.events[1:]}
    assert spec.fingerprint(spec.replace(EXPERIMENT, values)) != spec.fingerprint(EXPERIMENT)


@pytest.mark.parametrize("one", [1, 1.0, np.int64(1), np.float32(1), np.float64(1)])
def test_a_leaf_of_one_is_one_however_it_is_written(one: Any):
    assert spec.fingerprint(fr.optim.AdamW(weight_decay=one)) == spec.fingerprint(fr.optim.AdamW())


def test_a_host_number_of_one_is_one_however_it_is_written():
    assert spec.fingerprint(Grip(share=1)) == spec.fingerprint(Grip(share=1.0))


def test_numbers_of_numpy_are_numbers():
    eleven: Any = np.int64(11)
    seeds: Any = np.arange(2)
    for seed in seeds:
        numpy = fr.Experiment(task=fr.tasks.ModularArithmetic(p=eleven), seed=seed)
        python = fr.Experiment(task=TASK, seed=int(seed))
        assert type(numpy.seed) is int
        assert spec.fingerprint(numpy) == spec.fingerprint(python)


def test_functions_without_a_name_differ_by_what_they_do():
    def task(operation) -> str:
        return spec.fingerprint(fr.tasks.ModularArithmetic(7, operation=operation))

    first, second = (task(lambda a, b, k=k: a + k * b) for k in (1, 2))
    assert first != second
    assert task(lambda a, b: a - b) != task(lambda a, b: a * b)
    assert task(lambda a, b: a - b) == task(lambda a, b: a - b)
    factors = [lambda a, b, k=k: a * b + k for k in (1, 2)]
    assert task(factors[0]) != task(factors[1])


def test_the_fingerprint_is_the_same_in_another_process():
    code = (
        "import flyroom as fr\nfrom flyroom import spec\n"
        "print(spec.fingerprint(fr.Experiment(task=fr.tasks.ModularArithmetic(p=11))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == spec.fingerprint(fr.Experiment(task=TASK))
