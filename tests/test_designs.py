"""Points that are no grid: joined and conditional axes, random and Sobol designs, files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import flyroom as fr
from flyroom import spec
from flyroom.cli import app
from flyroom.cli.sources import over
from flyroom.spec import SpecError
from flyroom.sweeps import Space, plan, points, random, sobol, values

EXPERIMENT = fr.Experiment(
    task=fr.tasks.ModularArithmetic(p=11),
    model=fr.models.FactoredMLP(width=4, embed_width=5),
    steps=4,
)
QUIET = fr.Machine(progress=False)
CONDITIONAL: dict[Any, Any] = {
    ("optimizer", "optimizer.momentum"): [
        (fr.optim.SGD(), 0.0),
        (fr.optim.SGD(), 0.9),
        (fr.optim.AdamW(), ...),
    ],
    "seed": [5, 6],
}


# --- Tables ---


def test_axes_that_are_joined_go_together():
    over = {("task.p", "model.width"): [(11, 4), (13, 6)], "seed": range(3)}
    space = Space(EXPERIMENT, over)
    assert space.shape == (2, 3)
    seen = [tuple(space.point(run).values()) for run in range(space.count)]
    assert seen == [(11, 4, 0), (11, 4, 1), (11, 4, 2), (13, 6, 0), (13, 6, 1), (13, 6, 2)]
    assert [len(group.runs) for group in plan(EXPERIMENT, over).groups] == [3, 3]


def test_a_conditional_axis_is_only_where_there_is_such_a_field(tmp_path: Path):
    planned = plan(EXPERIMENT, CONDITIONAL)
    assert [group.runs.tolist() for group in planned.groups] == [[0, 1, 2, 3], [4, 5]]
    runs = fr.train(EXPERIMENT, CONDITIONAL, store=tmp_path / "a.zarr", machine=QUIET)
    wanted = [0.0, 0.0, 0.9, 0.9, np.nan, np.nan]
    np.testing.assert_array_equal(runs["optimizer.momentum"].values, wanted)
    for run in range(6):
        written = fr.results.experiment_of(runs, run)
        assert spec.fingerprint(written) == spec.fingerprint(planned.space.at(run))
    # The momentum tells two runs apart that share everything else.
    assert float(runs.train_loss[0, -1]) != float(runs.train_loss[2, -1])
    further = fr.resume(tmp_path / "a.zarr", steps=6, machine=QUIET)
    assert further.last_step.values.tolist() == [6] * 6


def test_a_space_is_made_again_from_what_it_says_of_itself():
    space = Space(EXPERIMENT, CONDITIONAL)
    again = Space(EXPERIMENT, space.over)
    assert [again.point(run) for run in range(6)] == [space.point(run) for run in range(6)]


# --- Designs ---


@pytest.mark.parametrize("design", [sobol, random])
def test_a_design_covers_what_it_draws_from(design: Any):
    axes = {
        "optimizer.weight_decay": stats.loguniform(1e-3, 1),
        "model.width": stats.randint(4, 9),
        "model.activation": [fr.models.relu, fr.models.square],
    }
    space = Space(EXPERIMENT, design(axes, 256, seed=3) | {"seed": range(2)})
    assert space.count == 512
    decays = np.array(space.axes["optimizer.weight_decay"])
    assert decays.min() > 1e-3
    assert decays.max() < 1
    # Half of them lie below the middle of the logarithm: 2 of 256 off at most where it is even.
    below = np.sum(decays < 10**-1.5)
    assert abs(below - 128) <= (2 if design is sobol else 48)
    assert sorted(space.axes["model.width"]) == [4, 5, 6, 7, 8]
    assert {type(width) for width in space.axes["model.width"]} == {int}
    assert len(space.axes["model.activation"]) == 2
    assert plan(EXPERIMENT, space.over).space.count == 512


@pytest.mark.parametrize("design", [sobol, random])
def test_a_design_is_a_function_of_its_seed(design: Any):
    axes = {"optimizer.eps": stats.uniform(0, 1)}
    one, same, other = (design(axes, 10, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_sobol_points_are_evener_than_random_ones():
    axes = {"optimizer.b1": stats.uniform(), "optimizer.b2": stats.uniform()}
    key = tuple(axes)
    spread = [
        stats.qmc.discrepancy(np.array(design(axes, 64, seed=0)[key])) for design in (sobol, random)
    ]
    assert spread[0] < spread[1] / 5


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: sobol({}, 4), "got no axes"),
        (lambda: sobol({"optimizer.eps": [0.1]}, 0), "got 0 runs; allowed: at least 1"),
        (lambda: random({"optimizer.eps": 0.1}, 4), "optimizer.eps`: got 0.1; allowed: a list"),
        (lambda: random({"optimizer.eps": []}, 4), "no values were given"),
        (lambda: Space(EXPERIMENT, {("seed", "task.p"): [(1, 2), (1, 2)]}), "1, 2 is given twice"),
        (lambda: Space(EXPERIMENT, {("seed", "task.p"): [(1,)]}), "row 0 is \\(1,\\); allowed: 2"),
        (lambda: Space(EXPERIMENT, {("seed",): [(1,)], "seed": [2]}), "`seed`: the field is given"),
        (lambda: plan(EXPERIMENT, {("seed", "model.widht"): [(1, 2)]}), "has no field `widht`"),
        (lambda: plan(EXPERIMENT, {"optimizer.momentum": [0.9]}), "AdamW has no field `momentum`"),
    ],
)
def test_what_is_no_design_is_refused(made: Any, message: str):
    with pytest.raises(SpecError, match=message):
        made()


# --- Files ---


def written(folder: Path, text: str) -> Path:
    file = folder / "points.csv"
    file.write_text(text)
    return file


def test_points_come_from_a_file(tmp_path: Path):
    text = "optimizer,optimizer.momentum,task.train_fraction\nSGD,0.9,0.5\n\nAdamW,,0.25\n"
    space = Space(EXPERIMENT, points(EXPERIMENT, written(tmp_path, text)))
    assert space.point(0)["optimizer.momentum"] == 0.9
    assert isinstance(space.at(1).optimizer, fr.optim.AdamW)
    assert set(space.point(1)) == {"optimizer", "task.train_fraction"}
    assert [len(group.runs) for group in plan(EXPERIMENT, space.over).groups] == [1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed\n1\n2,3\n", "line 3: got 2 values; allowed: 1"),
        ("optimizer.weight_decay\n0.1\nnan\n", "line 3: AdamW.weight_decay: got nan; allowed"),
        ("optimizer.weight_decay\n0.1\n\n-1\n", "line 4: AdamW.weight_decay: got -1"),
        ("optimizer.weight_decay\nmuch\n", "line 2: AdamW.weight_decay: got 'much'"),
        ("optimizer.decay\n0.1\n", "line 2: `optimizer.decay`: AdamW has no field"),
        ("optimizer\nSDG\n", "line 2: .*SDG"),
        ("seed\n", "no row below the head"),
        ("", "got the head"),
        ("seed,seed\n1,2\n", "a different path in each column"),
    ],
)
def test_a_file_that_is_wrong_is_told_by_its_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(SpecError, match=message):
        points(EXPERIMENT, written(tmp_path, text))


def test_a_file_that_is_none(tmp_path: Path):
    with pytest.raises(SpecError, match="cannot be read as CSV"):
        points(EXPERIMENT, tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00seed")
    with pytest.raises(SpecError, match="cannot be read as CSV"):
        points(EXPERIMENT, tmp_path / "b.csv")


# --- The shell ---


def test_what_to_draw_from_is_written_as_scipy_names_it():
    assert values.distribution("0.1,0.2") is None
    assert values.distribution("uniform(-1, 3)").interval(1) == (-1, 3)
    assert values.distribution("loguniform(1e-3,1)").median() == pytest.approx(10**-1.5)
    assert values.distribution("randint(4, 9)").support() == (4, 8)
    for wrong in ("uniform(1, 1)", "loguniform(0, 1)", "randint(a, 3)", "uniform(nan, 2)"):
        with pytest.raises(SpecError, match="two numbers, the second larger"):
            values.distribution(wrong)


TINY = ["--set", "task.p=11", "--set", "model.embed_width=8", "--steps", "4", "--quiet"]


def test_the_shell_trains_designs_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path, "optimizer.weight_decay,model.init_scale\n0.1,1\n0.3,\n")
    words = ["train", "pair-mod67", *TINY, "--over", f"@{file.name}"]
    drawn = ["--over", "optimizer.learning_rate=loguniform(1e-3, 1e-2)", "--samples", "4"]
    with pytest.raises(SystemExit) as end:
        app([*words, *drawn, "--design", "random", "--over", "seed=0:2", "--store", "a.zarr"])
    assert end.value.code == 0
    runs = fr.open("a.zarr")
    assert [list(table) for table in json.loads(runs.attrs["over"])] == [
        ["optimizer.learning_rate"],
        ["optimizer.weight_decay", "model.init_scale"],
        ["seed"],
    ]
    assert runs.sizes["run"] == 16
    assert np.isnan(runs["model.init_scale"].values).sum() == 8
    for wrong in (drawn[:2], ["--samples", "4"]):
        with pytest.raises(SystemExit) as end:
            app(["train", "pair-mod67", *TINY, *wrong, "--store", "b.zarr"])
        assert end.value.code != 0
        assert "--samples: allowed: together with an axis to draw from" in capsys.readouterr().err


def test_points_of_the_same_fields_are_refused(tmp_path: Path):
    file = written(tmp_path, "optimizer.weight_decay,seed\n0.1,1\n")
    (tmp_path / "more.csv").write_text("optimizer.weight_decay,seed\n0.3,1\n")
    both = [f"@{file}", f"@{tmp_path / 'more.csv'}"]
    drawn = ["optimizer.weight_decay=uniform(0, 1)", "seed=randint(0, 9)"]
    for words, samples in ((both, None), ([both[0], *drawn], 4)):
        with pytest.raises(SpecError, match=r"`optimizer.weight_decay, seed` are given twice"):
            over(EXPERIMENT, words, samples, "sobol")


def test_a_toml_file_joins_axes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "a.toml"
    file.write_text(
        '[task]\nclass = "ModularArithmetic"\np = 11\n[over]\n'
        '"optimizer, optimizer.momentum" = [["SGD", 0.9], ["AdamW", {}]]\nseed = [1, 2]\n'
    )
    for name in (str(file), "again.toml"):
        with pytest.raises(SystemExit) as end:
            app(["show", name] if name == str(file) else ["show", str(tmp_path / name)])
        assert end.value.code == 0
        shown = capsys.readouterr().out
        (tmp_path / "again.toml").write_text(shown)
        assert '"optimizer, optimizer.momentum" = [' in shown
        assert "seed = [" in shown
