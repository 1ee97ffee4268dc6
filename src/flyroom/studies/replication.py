from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from .. import figures
from ..figures._svg import variables
from .claim import Verdict
from .report import claims_html, facts, line, pictures_html
from .run import Outcome
from .words import HEAD, table, verdicts


def write_replication(outcomes: Sequence[Outcome], folder: str | Path) -> tuple[Path, Path]:
    """Writes what came of many studies on one page: `replication.md` and `replication.html`.

    Both have every claim with its published value, ours, the interval, the number of runs and the
    verdict; the page also has the first picture of each study.

    Args:
        outcomes: as `run` gives them.
        folder: where the two files go; the reports of the studies lie in it, each in a folder of
            its own.

    Returns:
        The two paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "replication.md", folder / "replication.html"
    for path, text in zip(paths, (_markdown(outcomes), _page(outcomes)), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def _lead(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(answer.verdict for outcome in outcomes for answer in outcome.answers)
    parts = ", ".join(f"{counts[v]} {v}" for v in Verdict if counts[v])
    return f"{len(outcomes)} studies, {sum(counts.values())} claims: {parts}."


def _markdown(outcomes: Sequence[Outcome]) -> str:
    lines = ["# Replication", "", _lead(outcomes), ""]
    for outcome in outcomes:
        name, size = outcome.study.name, outcome.size
        lines += [f"## {name}", "", outcome.study.question, ""]
        lines += [f"At size [{size}]({name}/report-{size}.md), {verdicts(outcome)}.", ""]
        lines += [line(HEAD), line(["---"] * len(HEAD)), *map(line, table(outcome)), ""]
        made = facts(outcome)
        commit = made.get("commit", "unknown")
        lines += [f"{made['source']}; {made['machine']}; commit {commit}", ""]
    return "\n".join(lines)


def _page(outcomes: Sequence[Outcome]) -> str:
    body = "\n".join(part for outcome in outcomes for part in _study(outcome))
    page = files(figures).joinpath("report.html").read_text(encoding="utf-8")
    return Template(page).substitute(
        title="Replication",
        summary=escape(_lead(outcomes)),
        body=body,
        light=variables(dark=False),
        dark=variables(dark=True),
    )


def _study(outcome: Outcome) -> Iterator[str]:
    name, size = escape(outcome.study.name), escape(outcome.size)
    yield f'<h1 id="{name}">{name}</h1><p>{escape(outcome.study.question)} '
    link = f'<a href="{name}/report-{size}.html">At size {size}</a>'
    yield f"{link}, {escape(verdicts(outcome))}.</p>"
    yield from claims_html(outcome)
    yield from pictures_html(outcome, first=1)
