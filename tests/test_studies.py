"""Claims are judged as they were written down, and every study can be run and reported."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import xarray as xr

import flyroom as fr
from flyroom import studies
from flyroom.cli import app
from flyroom.results import journal_path
from flyroom.studies import Finding, Study, Sweep, Verdict, mean, median, share
from flyroom.sweeps import Manifest, Space, plan

ROOT = Path(__file__).resolve().parents[1] / "studies"
QUIET = fr.Machine(devices=1, progress=False)


def tiny(**over: list) -> Sweep:
    """Runs that take no time."""
    experiment = fr.Experiment(fr.tasks.ModularArithmetic(p=5), fr.models.MLP(widths=(6,)), steps=6)
    return Sweep(experiment, over or {"seed": [0, 1]})


def empty(**claims: Finding) -> Study:
    """A study whose claims find what they are told to, in the band from 1 to 2."""
    study = Study("made_up", "Is it?", "nobody", {"quick": {"seeds": tiny()}})
    for name, finding in claims.items():
        study.claim(name, name, "1.5", "Figure 1", band=(1, 2), needs=8)(
            lambda data, finding=finding: finding
        )
    return study


# Verdicts.


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (Finding(1.0, None, 8), Verdict.REPRODUCED),
        (Finding(2.0, (0.0, 9.0), 80), Verdict.REPRODUCED),
        (Finding(2.01, (1.5, 2.5), 8), Verdict.NOT_REPRODUCED),
        (Finding(math.inf, None, 8), Verdict.NOT_REPRODUCED),
        (Finding(math.nan, None, 8), Verdict.NOT_REPRODUCED),
        (Finding(1.5, None, 7), Verdict.NOT_ENOUGH),
        (Finding(math.nan, None, 0), Verdict.NOT_ENOUGH),
        (Finding(9.0, None, 8, holds=True), Verdict.REPRODUCED),
        (Finding(1.5, None, 7, holds=True), Verdict.NOT_ENOUGH),
        (Finding(1.5, None, 1, proof=True), Verdict.REPRODUCED),
        (Finding(1.5, None, 7, holds=False), Verdict.NOT_ENOUGH),
        (Finding(1.5, None, 8, holds=False), Verdict.NOT_REPRODUCED),
    ],
)
def test_verdicts(finding: Finding, verdict: Verdict):
    (answer,) = studies.judge(empty(claim=finding), {})
    assert answer.verdict == verdict
    assert answer.finding == finding


def test_the_band_is_the_one_for_that_many_runs():
    study = empty()
    study.claim("it", "it", "3", "p. 1", band={8: (1, 9), 16: (2, 4)}, needs=8)(
        lambda data: Finding(8.0, None, data["seeds"].sizes["run"])
    )
    runs = xr.Dataset(coords={"run": range(16)})
    verdicts = [
        studies.judge(study, {"seeds": runs.isel(run=slice(n))})[0].verdict for n in (7, 8, 15, 16)
    ]
    assert verdicts == [
        Verdict.NOT_ENOUGH, Verdict.REPRODUCED, Verdict.REPRODUCED, Verdict.NOT_REPRODUCED
    ]  # fmt: skip


def test_a_claim_that_raises_stops_no_other():
    study = empty(before=Finding(1.5, None, 8))
    study.claim("broken", "?", "?", "?", band=(0, 1))(lambda data: share(data["nothing"].x))
    study.claim("after", "?", "?", "?", band=(0, 1))(lambda data: share([True]))
    before, broken, after = studies.judge(study, {})
    assert (before.verdict, after.verdict) == (Verdict.REPRODUCED, Verdict.REPRODUCED)
    assert broken.verdict == Verdict.RAISED
    assert broken.finding is None
    assert "KeyError: 'nothing'" in broken.error


def test_mistakes_in_a_study_are_named():
    study = empty(it=Finding(1.0, None, 8))
    with pytest.raises(fr.SpecError, match="two claims named `it`"):
        study.claim("it", "", "", "", band=(0, 1))
    with pytest.raises(fr.SpecError, match="nothing is between 2 and 1"):
        study.claim("other", "", "", "", band={8: (0, 1), 16: (2, 1)})
    with pytest.raises(fr.SpecError, match="got size 'huge'; allowed: quick"):
        study.at("huge")
    with pytest.raises(fr.SpecError, match="letters, digits and _"):
        Study("a b", "", "", {"quick": {"seeds": tiny()}})
    with pytest.raises(fr.SpecError, match="nothing to train"):
        Study("ab", "", "", {"quick": {}})


# Numbers and intervals.


def test_share_is_wilsons():
    yes, n, z = 7, 10, scipy.stats.norm.ppf(0.975)
    centre = (yes + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * math.sqrt(yes * (n - yes) / n + z**2 / 4)
    found = share([True] * yes + [False] * (n - yes))
    assert (found.value, found.runs) == (0.7, 10)
    assert found.interval == pytest.approx((centre - half, centre + half))
    assert share([]).runs == 0


@pytest.mark.parametrize("count", range(1, 31))
def test_the_interval_of_a_median_is_the_narrowest_of_ranks_that_covers_it(count: int):
    values = np.random.default_rng(count).permutation(count) + 1.0
    found = median(values)
    assert found.value == np.median(values)
    # The number of values below the median is binomial.
    covered = [1 - 2 * scipy.stats.binom.cdf(k, count, 0.5) for k in range(count // 2)]
    ranks = [k + 1 for k, level in enumerate(covered) if level >= 0.95]
    assert found.interval == ((ranks[-1], count + 1 - ranks[-1]) if ranks else None)


def test_censored_runs_count_as_later_than_all_others():
    times = np.array([3.0, np.nan, 1.0, 2.0, np.nan, np.nan, np.nan])
    found = median(times)
    assert (found.value, found.interval, found.runs) == (math.inf, (1.0, math.inf), 7)
    assert median(times[:4]).value == 2.5
    assert studies.judge(empty(late=found), {})[0].verdict == Verdict.NOT_ENOUGH
    assert median([]).runs == 0


def test_the_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(0).exponential(size=12)
    found = mean(values)
    rng = np.random.default_rng(0)
    expected = scipy.stats.bootstrap((values,), np.mean, rng=rng).confidence_interval
    assert found.value == pytest.approx(values.mean())
    assert found.interval == tuple(expected)
    assert mean([2.0, 2.0]).interval == (2.0, 2.0)
    assert mean([2.0]).interval == (2.0, 2.0)
    assert mean([]).runs == 0


def test_a_mean_with_a_missing_value_is_missing():
    found = mean([1.5] * 8 + [np.nan])
    assert math.isnan(found.value)
    assert studies.judge(empty(it=found), {})[0].verdict == Verdict.NOT_REPRODUCED


# A study from the shell.

STUDY = '''
import flyroom as fr
from flyroom.studies import Study, Sweep, curves, share
from jaxtyping import Array, Float

@fr.snapshot()
def bias(network, context) -> Float[Array, ""]:
    """Sum of the first bias."""
    return network.biases[0].sum()

experiment = fr.Experiment(
    fr.tasks.ModularArithmetic(p=5), fr.models.MLP(widths=(6,)), steps=STEPS,
    record=(*fr.CURVES, bias),
)
study = Study("tiny", "Is <it> | so?", "Nobody & 2024", {
    "quick": {"seeds": Sweep(experiment, {"seed": range(3)})},
    "full": {"seeds": Sweep(experiment, {"seed": range(4)})},
})

@study.claim("T1", "share of runs", "all | of them", "Figure <1>", band=(0.5, 1.0), needs=3)
def holds(data):
    return share(data["seeds"].train_loss.isel(step=-1) > 0, note="a < b")

@study.claim("T2", "broken", "none", "p. 2", band=(0, 1))
def broken(data):
    return 1 / 0

@study.picture("Losses & the bias.")
def losses(data):
    fr.network(data["seeds"], 0)
    return curves(data["seeds"], ("train_loss", "test_loss"), "bias", per=2, unit="pair")

@study.picture("Nothing.")
def nothing(data):
    raise RuntimeError("no picture")
'''


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a study in it, in which the shell works."""
    (tmp_path / "studies" / "tiny_one").mkdir(parents=True)
    (tmp_path / "studies" / "tiny_one" / "study.py").write_text(STUDY.replace("STEPS", "6"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit status of a command, and what it said."""
    code = 0
    try:
        app(["study", *words], result_action="return_value")
    except SystemExit as exit:
        code = int(exit.code or 0)
    told = capsys.readouterr()
    return code, told.out, told.err


class Text(HTMLParser):
    """The text of a page all of whose elements close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag, attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_study_from_the_shell(lab: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = shell(capsys, "tiny-one", "--store", "kept", "--devices", "1", "--json")
    assert code == 0
    assert "reproduced" in out
    assert "raised an error" in out
    (told,) = json.loads(out.splitlines()[-1])["studies"]
    assert (told["study"], told["size"]) == ("tiny", "quick")
    assert told["stores"] == {"seeds": "kept/tiny-quick-seeds.zarr"}
    first, second = told["claims"]
    assert (first["id"], first["verdict"], first["value"], first["runs"]) == (
        "T1", "reproduced", 1.0, 3
    )  # fmt: skip
    assert first["interval"] == pytest.approx(list(share([True] * 3).interval or ()))
    assert "ZeroDivisionError" in second["error"]
    assert told["reports"] == [f"kept/tiny/report-quick.{kind}" for kind in ("md", "html")]
    assert all((lab / report).is_file() for report in told["reports"])


def test_the_report_says_everything_and_needs_no_other_file(
    lab: Path, capsys: pytest.CaptureFixture[str]
):
    shell(capsys, "studies/tiny_one/study.py", "--report", "out")
    page = (lab / "out" / "tiny" / "report-quick.html").read_text()
    words = Text(page).text
    notes = (lab / "out" / "tiny" / "report-quick.md").read_text()
    for text in (words, notes.replace("\\|", "|")):
        for said in (
            "Is <it> | so?", "Nobody & 2024", "of 2 claims 1 reproduced, 1 raised an error",
            "share of runs", "all | of them", "Figure <1>", "0.5 to 1", "0.439 to 1", "a < b",
            "ZeroDivisionError", "3 (3 finished), 6 steps each; seed = 0 … 2", fr.__version__,
            studies.machine(), "seed 0 … 2 (0 … 3)",
        ):  # fmt: skip
            assert said in text, said
    assert "Losses & the bias." in words
    assert "RuntimeError: no picture" in words
    assert "pair" in words
    assert page.count("<svg") == 1
    assert re.findall(r'(?:src|href)="(?!#|data:)', page) == []
    (rows,) = [block for block in notes.split("\n\n") if block.startswith("| claim")]
    assert {row.replace("\\|", "").count("|") for row in rows.splitlines()} == {10}


def test_what_is_smaller_than_at_full_size_is_said():
    whole = tiny(seed=[*range(9)]).experiment
    some = fr.spec.replace(whole, {"task.p": 7, "keep": fr.Schedule(at=(3,)), "steps": 2_000})
    other = fr.spec.replace(
        whole, {"model": fr.models.MLP(widths=(4, 4)), "stop": (fr.Reaches("test_loss", 1.0),)}
    )
    pairs = {("seed", "optimizer.learning_rate"): [(3, 0.1), (4, 0.1)]}
    sizes = {
        "quick": {
            "p": Sweep(some, {"seed": [0, 1]}), "pairs": Sweep(whole, pairs), "now": tiny(),
            "same": Sweep(fr.spec.replace(whole, {"schedule": fr.Schedule(0)}), {"seed": [0]}),
        },
        "full": {
            "p": Sweep(whole, {"seed": range(9)}), "pairs": Sweep(other, {"seed": [3, 4]}),
            "same": Sweep(whole, {"seed": [0]}), "later": tiny(),
        },
    }  # fmt: skip
    study = Study("made_up", "Is it?", "nobody", sizes)
    rate = fr.spec.get(whole, "optimizer.learning_rate")
    told = studies.reductions(study, "quick")
    assert told == {
        "p": "task.p 7 (5), steps 2,000 (6), seed 0, 1 (0 … 8)",
        "pairs": told["pairs"],
        "now": "at size quick only",
        "later": "at full size only",
    }
    assert told["pairs"].startswith("model.widths (6) ((4, 4)), ")
    assert f"optimizer.learning_rate 0.1 ({rate})" in told["pairs"]
    assert "stop none ((class training:Reaches, measure test_loss, threshold 1.0" in told["pairs"]
    assert "seed" not in told["pairs"]
    assert studies.reductions(study, "full") == {}


def test_stores_are_used_again_and_gone_on_with(lab: Path, capsys: pytest.CaptureFixture[str]):
    study = studies.load("tiny_one")
    sweep = study.at("full")["seeds"]
    store = lab / "runs" / "tiny-full-seeds.zarr"
    store.parent.mkdir()
    Manifest.of(Space(sweep.experiment, sweep.over), {}).start(store)  # interrupted at once
    assert journal_path(store).exists()
    first = studies.run(study, "full", "runs", QUIET)
    assert first.seconds > 0
    assert not journal_path(store).exists()
    files = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    again = studies.run(study, "full", "runs", QUIET)
    assert again.seconds == 0
    assert files == {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    assert [a.finding for a in again.answers] == [a.finding for a in first.answers]


def test_a_store_of_another_study_is_not_used(lab: Path, capsys: pytest.CaptureFixture[str]):
    assert shell(capsys, "tiny_one", "--devices", "1")[0] == 0
    for steps in ("5", "7"):
        (lab / "studies/tiny_one/study.py").write_text(STUDY.replace("STEPS", steps))
        code, _, error = shell(capsys, "tiny_one", "--devices", "1")
        assert code == 2
        assert "holds other runs than those of this study" in error


def test_a_store_that_does_not_fit_is_named_before_anything_is_trained(
    lab: Path, capsys: pytest.CaptureFixture[str]
):
    assert shell(capsys, "tiny_one", "--devices", "1")[0] == 0
    for name, steps in (("a_first", "5"), ("tiny_one", "7")):
        (lab / "studies" / name).mkdir(exist_ok=True)
        text = STUDY.replace("STEPS", steps).replace('"tiny"', f'"{name.replace("_one", "")}"')
        (lab / "studies" / name / "study.py").write_text(text)
    code, _, error = shell(capsys, "--all", "--devices", "1")
    assert code == 2
    assert "tiny-quick-seeds.zarr holds other runs" in error
    assert not (lab / "runs" / "a_first-quick-seeds.zarr").exists()


def test_a_sweep_that_cannot_be_run_is_named_before_another_is_trained(tmp_path: Path):
    batches = fr.spec.replace(tiny().experiment, {"batch_size": 11})  # of ten examples
    sweeps = {"fine": tiny(), "large": Sweep(batches, {"seed": [0]})}
    study = Study("made_up", "Is it?", "nobody", {"quick": sweeps})
    with pytest.raises(fr.SpecError, match=r"made_up, sweep large: Experiment\.batch_size: got 11"):
        studies.run(study, "quick", tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "`nothing` is neither a study in `studies` nor a study.py that exists"),
        (["nothing"], "Studies found: tiny_one."),
        ([], "name one, or say --all. Found in ./studies: tiny_one."),
        (["tiny_one", "--quick", "--full"], "choose one"),
        (["other.py"], "other.py defines no `study`"),
    ],
)
def test_what_a_wrong_call_is_told(
    lab: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
):
    (lab / "other.py").write_text("study = 1")
    code, out, error = shell(capsys, *words, "--json")
    assert code == 2
    assert said in error
    assert said in json.loads(out.splitlines()[-1])["error"]
    assert not (lab / "runs").exists()


# Our own studies.

NAMES = (
    "barak_parity", "blog_parity", "chughtai_s5", "doshi_corrupted", "early_signs",
    "merrill_parity", "morwani_parity", "nanda_fractions", "nanda_mod113", "pair_collapsed",
    "pair_five_neurons", "pair_mechanism", "pair_mod67", "pair_parity", "pair_reverse",
    "pair_sweep", "panickssery_mod53", "parity_decay", "parity_noise", "power_tables",
    "report_fractions", "report_optimizers", "varma_efficiency", "zhong_circles",
)  # fmt: skip


def test_every_study_is_found():
    assert tuple(studies.find(ROOT)) == NAMES


def test_the_claims_that_the_studies_hold():
    known = {c.id for name in NAMES for c in studies.load(name, ROOT).claims}
    ids = """
        B1 B2 B3 B4 B5 B5x B5y B6 B7 B8 B9 B10 BA BA1 BA2 BA3 CH1 GD1 GD2 GD3 GD4 GD5 GD6
        GD7 GD8 GD9 GD10 LL1 ME1 ME2 MO2 NA1 NA2 NA3 NA4 NA5 NA6 NA8 NO1 NO2 P1 P2 P3 P4 P5 P6 P7 P8
        P9 P10 P11 P12 P13 P14 P15 P16 P17 P18 P19 P20 P21 P22 PW1 PW2 PW3 PW4 PW5 Q8 R1 R2 R3
        R4 R5 R6 ST1 VA1 ZH ZH1 ZH2 ZH3 ZH4 ZH5 ZH6 ZH7
    """
    ours = {"explained", "explained-small", "not-explained"}  # of what was not published
    assert {name.partition("-")[0] for name in known - ours} == set(ids.split())


@pytest.mark.parametrize("name", NAMES)
def test_a_report_of_every_study_is_kept(name: str):
    study = studies.load(name, ROOT)
    page, notes = (ROOT / name / f"report-quick.{kind}" for kind in ("html", "md"))
    assert page.stat().st_size < 1e6
    text = page.read_text()
    assert Text(text).text.count("Traceback") == 0
    assert text.count("<svg") == len(study.pictures)
    for claim in study.claims:
        rows = [row for row in notes.read_text().splitlines() if row.startswith(f"| {claim.id} |")]
        assert len(rows) == 1
        assert rows[0].rstrip(" |").endswith(tuple(Verdict))


@pytest.mark.parametrize("name", NAMES)
def test_every_sweep_of_every_study_can_be_planned(name: str):
    for sweeps in studies.load(name, ROOT).sweeps.values():
        for sweep in sweeps.values():
            assert plan(sweep.experiment, sweep.over).steps > 0


def test_small_fractions_are_trained_on_in_the_smaller_batches_of_the_source():
    sweep = studies.load("report_fractions", ROOT).at("full")["power"]
    space = Space(sweep.experiment, sweep.over)
    points = [space.point(run) for run in range(space.count)]
    found = {(point["task.train_fraction"], point["batch_size"]) for point in points}
    assert found == {(0.05, 235)} | {(f, 512) for f in (0.3, 0.45, 0.6, 0.75, 0.9)}


def test_wider_networks_have_more_neurons_as_in_the_source():
    sweep = studies.load("zhong_circles", ROOT).at("full")["widths"]
    space = Space(sweep.experiment, sweep.over)
    models = [fr.spec.to_dict(space.at(run).model) for run in range(space.count)]
    sizes = {(model["width"], model["neurons"]) for model in models}
    assert sizes == {(32, 128), (64, 256), (128, 512), (256, 1024), (512, 2048)}
    assert space.count == 5 * 3 * 8


def test_runs_that_never_generalise_have_no_slope():
    """Not one of minus infinity, which the band of the claim holds."""
    study = studies.load("report_fractions", ROOT)
    (claim,) = [claim for claim in study.claims if claim.id == "R6-slope"]
    steps = np.array([0, 100, 1000, 10_000])

    def answer(middle: float, high: float) -> tuple[Verdict, str]:
        reached = np.array([[middle], [middle], [high], [high]]) <= steps
        fractions = ("run", [0.3, 0.3, 0.45, 0.45])
        runs = xr.Dataset(
            {"test_accuracy": (("run", "step"), reached.astype(float))},
            {"run": range(4), "step": steps, "task.train_fraction": fractions},
        )
        found = claim.answer({"transformers": runs})
        return found.verdict, found.finding.note if found.finding else found.error

    never = "no slope: half of the runs or more do not generalise at one of the fractions"
    assert answer(10_000, 1000) == (Verdict.REPRODUCED, "")
    assert answer(1000, 1000) == (Verdict.NOT_REPRODUCED, "")
    for middle, high in ((math.inf, 1000), (1000, math.inf), (math.inf, math.inf)):
        assert answer(middle, high) == (Verdict.NOT_REPRODUCED, never)


def in_their_bands(name: str, seeds: int, claims: list[str]) -> None:
    """A few seeds of a study give numbers that its claims accept."""
    study = studies.load(name, ROOT)
    sweep = study.at("quick")["seeds"]
    data = {"seeds": fr.train(sweep.experiment, {"seed": range(seeds)}, machine=QUIET)}
    for claim in study.claims:
        if claim.id in claims:
            found = claim.judge(data)
            low, high = claim.band(claim.needs)
            assert low <= found.value <= high, (claim.id, found)


@pytest.mark.parametrize(
    ("name", "family"),
    [("pair_five_neurons", "P10"), ("pair_five_neurons", "P11"), ("blog_parity", "B9"),
     ("doshi_corrupted", "GD2"), ("morwani_parity", "MO2-exists")],
)  # fmt: skip
def test_what_is_constructed_is_as_published(name: str, family: str):
    claims = [one for one in studies.load(name, ROOT).claims if one.id.startswith(family)]
    assert claims
    for claim in claims:
        low, high = claim.band(claim.needs)
        assert low <= claim.judge({}).value <= high, claim.id


def test_b1_and_b4_hold_for_a_few_seeds():
    claims = ["B1-mem", "B1-gen", "B1-test50", "B4-0", "B4-100", "B4-500"]
    in_their_bands("blog_parity", 3, claims)
