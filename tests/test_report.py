"""The report: one file, whole and readable."""

import json
import re
import tomllib
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xarray as xr

from drawn import four_runs, two_networks
from flyroom import figures
from flyroom.figures import _style
from flyroom.models import FactoredNetwork


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    return four_runs()


@pytest.fixture(scope="module")
def networks() -> tuple[FactoredNetwork, FactoredNetwork]:
    return two_networks()


class Page(HTMLParser):
    """What a page consists of; refuses one whose elements do not close."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.pre = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href") and not (value or "").startswith("data:"):
                self.links.append(value or "")
            self.links += re.findall(r"url\(([^)]*)\)", value or "")
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "table" in self.open and data.strip():
            self.rows[-1].append(data.strip())
        if self.open and self.open[-1] == "pre":
            self.pre += data


@pytest.fixture(scope="module")
def text(runs: xr.Dataset, networks, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    found = figures.write_report(runs, path, title="<b>Addition</b>", networks={0: networks})
    assert found == path
    return path.read_text(encoding="utf-8")


def test_the_report_says_what_happened_to_every_run(text: str):
    head, *rows = Page(text).rows
    assert head == [
        "run", "seed", "weight decay", "status", "memorised", "generalised", "test accuracy",
        "key frequencies",
    ]  # fmt: skip
    censored = "not within the budget (censored at step 4,096)"
    diverged = "not before it diverged (censored at step 64)"
    assert rows == [
        ["0", "7", "1", "finished", "at step 16", "at step 1,024", "1.000", "3, 8"],
        ["1", "8", "1", "finished", "at step 64", censored, "0.050", "–"],
        ["2", "9", "0.3", "diverged", "at step 16", diverged, "0.050", "–"],
        ["3", "10", "0.3", "queued", "no record", "no record", "–", "–"],
    ]
    assert "4 runs: 3 memorised the training examples (accuracy ≥ 0.99), 1 generalised" in text
    assert "2 did not while observed (censored)" in text


def test_the_report_is_one_whole_page(text: str):
    page = Page(text)
    assert [name for name, n in Counter(page.ids).items() if n > 1] == []
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert page.tags["script"] == page.tags["link"] == 0
    assert page.tags["figure"] == page.tags["figcaption"] == page.tags["svg"]
    assert page.tags["h1"] == page.tags["main"] == page.tags["table"] == 1
    assert "@import" not in text


def test_titles_are_text(text: str):
    assert "&lt;b&gt;Addition&lt;/b&gt;" in text
    assert "<b>" not in text


def test_pictures_take_their_colours_from_the_page(text: str):
    pictures = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(pictures) == 2 + 4 + 1 + 1 + 1
    for picture in pictures:
        ElementTree.fromstring(picture)
        assert "var(--ink)" in picture
        assert _style.INK not in picture
        assert "<metadata>" not in picture


def test_the_experiment_can_be_read_back_from_the_report(text: str, runs: xr.Dataset):
    assert tomllib.loads(Page(text).pre) == json.loads(runs.attrs["spec"])
    assert "<dt>revision</dt><dd>abc123</dd>" in text


def test_a_report_is_the_same_twice(runs: xr.Dataset, networks, tmp_path: Path):
    one = runs.isel(run=[0])
    pages = [
        figures.write_report(one, tmp_path / name, networks={0: networks}).read_bytes()
        for name in ("a.html", "b.html")
    ]
    assert pages[0] == pages[1]
    assert b"Kaplan" not in pages[0]


def test_a_report_needs_curves_and_nothing_else(runs: xr.Dataset, tmp_path: Path):
    bare = runs.drop_vars(["status", "seed", "optimizer.weight_decay", "program"]).isel(run=[0, 1])
    bare.attrs = {}
    page = Page(figures.write_report(bare, tmp_path / "bare.html", detail=1).read_text())
    assert page.rows[0] == ["run", "memorised", "generalised", "test accuracy"]
    assert page.rows[2] == ["1", "at step 64", "not by step 4,096 (censored)", "0.050"]
    assert "run-0" in page.ids
    assert "run-1" not in page.ids
