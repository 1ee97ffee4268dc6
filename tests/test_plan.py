"""From a sweep to the fewest programs."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import flyroom as fr
from flyroom import spec
from flyroom.spec import SpecError
from flyroom.sweeps import Space, plan
from flyroom.training import fixed, program_of, rung

EXPERIMENT = fr.Experiment(
    task=fr.tasks.ModularArithmetic(p=11), model=fr.models.FactoredMLP(width=4, embed_width=5)
)


def sizes(**over: Any) -> list[int]:
    """How many runs each program has."""
    planned = plan(EXPERIMENT, {path.replace("__", "."): values for path, values in over.items()})
    return [len(group.runs) for group in planned.groups]


# --- Programs ---


def test_leaves_and_seeds_share_one_program():
    assert sizes(optimizer__weight_decay=[0.1, 1, 3.0], model__init_scale=[0.5, 1.0]) == [6]
    assert sizes(seed=range(50)) == [50]
    assert sizes(split_seed=range(3), init_seed=[None, 7], batch_seed=[1], noise_seed=[2]) == [6]


def test_every_value_of_a_shape_field_is_a_program():
    assert sizes(model__width=[4, 8, 16], seed=range(2)) == [2, 2, 2]
    assert sizes(model__activation=[fr.models.relu, fr.models.square]) == [1, 1]
    assert sizes(loss__class_mean=[True, False], precision=["float32", "float64"]) == [1] * 4
    assert sizes(batch_size=[None, 16, 48]) == [1] * 3
    assert sizes(task__p=[11, 13]) == [1, 1]
    assert sizes(optimizer=[fr.optim.AdamW(), fr.optim.Adam(), fr.optim.AdamW(1e-2)]) == [2, 1]


def test_host_fields_make_no_programs():
    assert sizes(steps=[10, 20, 30], schedule__per_octave=[4, 8]) == [6]
    assert sizes(task__operation=["a + b", "a * b"]) == [2]
    stops = [(), (fr.AtStep(step=5),), (fr.Reaches(measure="test_loss", threshold=0.1),)]
    assert sizes(stop=stops) == [3]


def test_splits_of_one_rung_share_a_program():
    """Of 289 pairs, 119 and 120 are padded to 120 and the rest to 172; 126 are a program more."""
    assert sizes(task__p=[17], task__train_count=[119, 120]) == [2]
    assert sizes(task__p=[17], task__train_count=[119, 120, 126]) == [2, 1]
    # In minibatches the number of steps of an epoch is compiled in as well.
    batched = spec.replace(EXPERIMENT, {"task.p": 17, "batch_size": 119})
    assert len(plan(batched, {"task.train_count": [119, 120]}).groups) == 2


def test_leaves_do_not_tell_programs_apart():
    one, two = (
        program_of(spec.replace(EXPERIMENT, {"optimizer.weight_decay": d, "seed": s}))
        for d, s in ((0.1, 0), (3.0, 8))
    )
    assert one == two
    assert hash(one) == hash(two)
    assert one != program_of(spec.replace(EXPERIMENT, {"model.width": 5}))


AXES: dict[str, list[Any]] = {
    "seed": [3, 1, 2],
    "optimizer.weight_decay": [0.5, 0.0, 2],
    "optimizer": [fr.optim.AdamW(), fr.optim.Adam(1e-2), fr.optim.AdamW(5e-3)],
    "model.width": [3, 7],
    "task.train_count": [30, 31, 60],
    "steps": [9, 12],
    "init_seed": [None, 5],
}


@st.composite
def overs(draw: st.DrawFn) -> dict[str, list[Any]]:
    paths = draw(st.lists(st.sampled_from(sorted(AXES)), min_size=1, max_size=4, unique=True))
    return {p: draw(st.permutations(AXES[p]).map(lambda v: v[:2])) for p in paths}


@settings(max_examples=12, deadline=None)
@given(over=overs())
def test_groups_are_those_of_asking_every_run(over: dict[str, list[Any]]):
    planned = plan(EXPERIMENT, over)
    runs = np.concatenate([group.runs for group in planned.groups])
    assert sorted(runs.tolist()) == list(range(planned.space.count))
    wanted = [program_of(planned.space.at(run)) for run in range(planned.space.count)]
    for group in planned.groups:
        assert group.runs.tolist() == sorted(group.runs)
        for run in group.runs.tolist():
            assert wanted[run] == (group.program, group.sizes)
    distinct: list[Any] = []
    for program in wanted:
        distinct += [] if program in distinct else [program]
    assert len(planned.groups) == len(distinct)
    assert planned.steps == sum(planned.space.at(run).steps for run in range(planned.space.count))


@settings(max_examples=12, deadline=None)
@given(over=overs(), data=st.data())
def test_permuting_the_axes_permutes_the_runs_and_nothing_else(over, data: st.DataObject):
    shuffled = {p: over[p] for p in data.draw(st.permutations(list(over)))}
    plans = [plan(EXPERIMENT, o) for o in (over, shuffled)]

    def programs(planned) -> dict[str, tuple[Any, Any]]:
        return {
            spec.fingerprint(planned.space.at(run)): (group.program, group.sizes)
            for group in planned.groups
            for run in group.runs.tolist()
        }

    one, other = map(programs, plans)
    assert len(one) == len(other)
    assert one == other


def test_all_runs_of_a_program_are_padded_to_its_sizes():
    larger = spec.replace(EXPERIMENT, {"task.p": 17})
    planned = plan(larger, {"task.train_count": [119, 120, 160], "seed": range(2)})
    assert len(planned.groups) == 2
    for group in planned.groups:
        for run in group.runs.tolist():
            split = fixed(planned.space.at(run), group.sizes).split
            count = planned.space.point(run)["task.train_count"]
            assert (len(split.train.labels), len(split.test.labels)) == group.sizes
            assert split.train.weights.sum() == count
            assert split.test.weights.sum() == 289 - count
            assert split.train.weights[:count].all()


# --- Runs ---


def test_runs_count_with_the_last_axis_the_fastest():
    over = {"seed": [4, 5], "optimizer.eps": [0.1, 0.2, 0.3]}
    space = Space(EXPERIMENT, over)
    points = [space.point(run) for run in range(space.count)]
    assert points == [
        dict(zip(over, values, strict=True)) for values in itertools.product(*over.values())
    ]
    assert space.index("seed").tolist() == [0, 0, 0, 1, 1, 1]
    assert space.index("optimizer.eps").tolist() == [0, 1, 2, 0, 1, 2]
    assert space.at(4).seed == 5
    assert spec.get(space.at(4), "optimizer.eps") == 0.2


def test_without_axes_there_is_one_run():
    for over in (None, {}):
        space = Space(EXPERIMENT, over)
        assert space.count == 1
        assert spec.fingerprint(space.at(0)) == spec.fingerprint(EXPERIMENT)


def test_axes_may_come_from_numpy():
    space = Space(EXPERIMENT, {"seed": np.arange(3), "optimizer.eps": np.geomspace(0.01, 1, 3)})
    assert [type(v) for v in space.point(8).values()] == [int, float]
    assert space.at(8).seed == 2


# --- Rungs ---

SIZES = np.unique(np.geomspace(1, 10**7, 4000).astype(int))


@given(st.integers(1, 10**7))
def test_a_rung_holds_what_is_padded_to_it(rows: int):
    size = rung(rows)
    assert size >= rows
    assert rung(size) == size
    assert rung(rows + 1) >= size


@given(st.integers(16, 10**7))
def test_padding_wastes_less_than_a_thirtieth(rows: int):
    assert rung(rows) < 1.033 * rows


def test_there_are_32_rungs_to_a_doubling():
    for octave in range(5, 14):
        assert len({rung(rows) for rows in range(2**octave + 1, 2 ** (octave + 1) + 1)}) == 32
    assert all(rung(2**octave) == 2**octave for octave in range(24))


# --- What is refused ---


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"optimizer.decay": [1.0]}, "AdamW has no field `decay`; it has learning_rate"),
        ({"seed": []}, "over `seed`: no values were given; it needs at least one"),
        ({"seed": [1, 2, 1]}, "over `seed`: the value 1 is given twice"),
        ({"optimizer.weight_decay": [1, 1.0]}, "`optimizer.weight_decay`: the value 1.0 is given"),
        ({"task.operation": "a + b"}, "over `task.operation`: got 'a \\+ b'; allowed: a list"),
        ({"optimizer.weight_decay": [1.0, -1.0]}, "weight_decay: got -1.0; allowed: at least 0"),
        ({"seed": [0, -2]}, "seed: got -2; allowed: at least 0"),
        ({"model.width": [4, 0]}, "width: got 0; allowed: at least 1"),
        ({"task.train_count": [10, 121]}, "leaves 121 to train on and 0 to test on"),
        ({"task.train_fraction": [0.5, 1.0]}, "train_fraction: got 1.0; allowed: more than 0 and"),
        ({"batch_size": [16, 49]}, "batch_size: got 49; allowed: at most the 48 training examples"),
        ({"loss": [fr.losses.Hinge()]}, "Hinge tells two classes apart; the task has 11"),
        ({"task": [fr.tasks.SparseParity()]}, "FactoredMLP reads tokens; the task gives real vec"),
        (
            {"optimizer": [fr.optim.AdamW(), fr.optim.SGD()], "optimizer.b1": [0.8, 0.9]},
            "`optimizer.b1`: SGD has no field `b1`; it has learning_rate, momentum",
        ),
    ],
)
def test_a_sweep_that_cannot_run_is_refused_before_anything_compiles(over: Any, message: str):
    with pytest.raises(SpecError, match=message):
        plan(EXPERIMENT, over)
