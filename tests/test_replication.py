"""One report of many studies: every claim once, with its verdict and a way to its study."""

import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

import flyroom as fr
from drawn import four_runs
from flyroom import studies
from flyroom.studies import Finding, Standing, Statement, Study, Sweep, Verdict, curves
from flyroom.studies.run import Outcome, judge


def outcome(name: str, value: float) -> Outcome:
    """A study with three claims: one of our number, one for another size, one that fails."""
    experiment = fr.recipes.blog_parity()
    sizes = {"quick": range(2), "full": range(4)}
    sweeps = {size: {"seeds": Sweep(experiment, {"seed": s})} for size, s in sizes.items()}
    study = Study(name, f"Is {name} < 1?", "A 2020", sweeps)

    @study.claim(f"{name}-one", "a number", "1", "table 1", band=(0, 1))
    def one(data):
        return Finding(value, None, 4, note="of four")

    @study.claim(f"{name}-large", "another", "2", "table 2", band=(0, 1), at="full")
    def large(data):
        raise KeyError("nobody has trained this")

    @study.claim(f"{name}-broken", "a third", "3", "table 3", band=(0, 1))
    def broken(data):
        return data["nothing"]

    for _ in range(2):

        @study.picture(f"What {name} did")
        def draw(data):
            return curves(data["seeds"], "test_accuracy")

    data = {"seeds": four_runs()}
    return Outcome(study, "quick", data, judge(study, data, "quick"), 0.0)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder: Path = tmp_path_factory.mktemp("all")
    outcomes = [outcome("small", 0.5), outcome("big", 5.0)]
    statements = [
        Statement(
            "S1", "Networks are < 1 | small.", "A 2020", ("small-one", "big-one", "big-large")
        ),
        Statement("S2", "Nobody asked.", "A 2020", ("elsewhere",)),
    ]
    markdown, page = studies.write_replication(outcomes, folder, statements)
    return markdown.read_text(), page.read_text()


def test_what_needs_another_size_is_said_not_to_be_run():
    verdicts = [answer.verdict for answer in outcome("small", 0.5).answers]
    assert verdicts == [Verdict.REPRODUCED, Verdict.NOT_RUN, Verdict.RAISED]
    (_, full, _) = judge(outcome("small", 0.5).study, {}, "full")
    assert full.verdict == Verdict.RAISED


def test_a_size_that_a_study_lacks_cannot_be_asked_for():
    study = outcome("small", 0.5).study
    with pytest.raises(fr.SpecError, match="got size 'huge'; allowed: quick, full"):
        study.claim("x", "y", "z", "w", band=(0, 1), at="huge")


def test_every_claim_is_there_with_its_verdict(pages: tuple[str, str]):
    markdown, _ = pages
    assert "2 studies, 6 claims: 1 reproduced, 1 not reproduced, 2 full size not run" in markdown
    rows = re.findall(r"^\| (\S+) \|.*\| ([^|]+) \|$", markdown, re.M)
    found = [row for row in rows if "-" in row[0] and row[0] != "---"]
    assert found == [
        ("small-one", "reproduced"), ("small-large", "full size not run"),
        ("small-broken", "raised an error"), ("big-one", "not reproduced"),
        ("big-large", "full size not run"), ("big-broken", "raised an error"),
    ]  # fmt: skip
    assert "[quick](big/report-quick.md)" in markdown
    for page in pages:
        assert page.count("“seeds”, in brackets as at full size: seed 0, 1 (0 … 3)") == 2


def test_the_page_has_a_picture_of_each_study_and_valid_names(pages: tuple[str, str]):
    _, page = pages
    assert page.count("<svg") == 2
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    for svg in re.findall(r"<svg.*?</svg>", page, re.S):
        ElementTree.fromstring(svg)
    assert 'href="small/report-quick.html"' in page


def test_a_statement_stands_on_the_claims_that_were_judged():
    answers = [*outcome("small", 0.5).answers, *outcome("big", 5.0).answers]

    def standing(*claims: str) -> Standing:
        return Statement("S", "It is so.", "A 2020", claims).standing(answers)

    assert standing("small-one") == Standing.HOLDS
    assert standing("big-one") == Standing.FAILS
    assert standing("small-one", "big-one") == Standing.IN_PART
    assert standing("big-large", "big-broken", "unknown") == Standing.OPEN
    assert standing("small-one", "small-large", "small-broken") == Standing.SO_FAR


def test_the_report_says_what_statements_rest_on(pages: tuple[str, str]):
    for text in (pages[0].replace("\\|", "|"), unescape(re.sub(r"<[^>]+>", "|", pages[1]))):
        assert "Networks are < 1 | small." in text
        rests = "small-one reproduced, big-one not reproduced, big-large full size not run"
        assert rests in text
        assert re.search(r"not run\W+in part", text)
        assert re.search(r"Nobody asked\.\W+A 2020\W+open", text)


def test_our_statements_rest_on_claims_that_there_are():
    folder = Path(__file__).resolve().parents[1] / "studies"
    known = {c.id for name in studies.find(folder) for c in studies.load(name, folder).claims}
    statements = studies.load_statements(folder)
    assert [s.id for s in statements] == [f"Q{n}" for n in range(1, 10)]
    assert {name for s in statements for name in s.rests_on} <= known


def test_a_folder_may_have_no_statements_but_no_wrong_ones(tmp_path: Path):
    assert studies.load_statements(tmp_path) == []
    (tmp_path / "statements.py").write_text("statements = 3")
    with pytest.raises(fr.SpecError, match="defines no list"):
        studies.load_statements(tmp_path)
