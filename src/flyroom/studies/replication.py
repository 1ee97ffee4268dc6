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
from .sizes import reductions
from .statement import Statement
from .words import HEAD, table, verdicts

_STATEMENT_HEAD = ("statement", "says", "source", "rests on", "standing")


def write_replication(
    outcomes: Sequence[Outcome], folder: str | Path, statements: Sequence[Statement] = ()
) -> tuple[Path, Path]:
    """Writes what came of many studies on one page: `replication.md` and `replication.html`.

    Both have every claim with its published value, ours, the interval, the number of runs and the
    verdict, and what that makes of the statements; the page also has the first picture of each
    study.

    Args:
        outcomes: as `run` gives them.
        folder: where the two files go; the reports of the studies lie in it, each in a folder of
            its own.
        statements: what an article says in words, and rests on claims of these studies.

    Returns:
        The two paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "replication.md", folder / "replication.html"
    texts = _markdown(outcomes, statements), _page(outcomes, statements)
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def _lead(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(answer.verdict for outcome in outcomes for answer in outcome.answers)
    parts = ", ".join(f"{counts[v]} {v}" for v in Verdict if counts[v])
    return f"{len(outcomes)} studies, {sum(counts.values())} claims: {parts}."


def _rows(outcomes: Sequence[Outcome], statements: Sequence[Statement]) -> list[tuple[str, ...]]:
    """Each statement in words, with the verdicts that it rests on."""
    answers = [answer for outcome in outcomes for answer in outcome.answers]
    rows = []
    for one in statements:
        on = ", ".join(f"{a.claim.id} {a.verdict}" for a in one.answers(answers)) or "–"
        rows.append((one.id, one.says, one.source, on, str(one.standing(answers))))
    return rows


def _markdown(outcomes: Sequence[Outcome], statements: Sequence[Statement]) -> str:
    lines = ["# Replication", "", _lead(outcomes), ""]
    if statements:
        head = [line(_STATEMENT_HEAD), line(["---"] * len(_STATEMENT_HEAD))]
        lines += ["## Statements", "", *head, *map(line, _rows(outcomes, statements)), ""]
    for outcome in outcomes:
        name, size = outcome.study.name, outcome.size
        lines += [f"## {name}", "", outcome.study.question, ""]
        lines += [f"At size [{size}]({name}/report-{size}.md), {verdicts(outcome)}.", ""]
        lines += [line(HEAD), line(["---"] * len(HEAD)), *map(line, table(outcome)), ""]
        made = facts(outcome)
        commit = made.get("commit", "unknown")
        lines += [f"{made['source']}; {made['machine']}; commit {commit}", ""]
        other = reductions(outcome.study, size).items()
        lines += [
            *(f"- “{label}”, in brackets as at full size: {text}" for label, text in other),
            "",
        ]
    return "\n".join(lines)


def _page(outcomes: Sequence[Outcome], statements: Sequence[Statement]) -> str:
    parts = _statements(_rows(outcomes, statements)) if statements else ""
    body = "\n".join([parts, *(part for outcome in outcomes for part in _study(outcome))])
    page = files(figures).joinpath("report.html").read_text(encoding="utf-8")
    return Template(page).substitute(
        title="Replication",
        summary=escape(_lead(outcomes)),
        body=body,
        light=variables(dark=False),
        dark=variables(dark=True),
    )


def _statements(rows: Sequence[tuple[str, ...]]) -> str:
    """The statements as a table."""
    head = "".join(f'<th scope="col">{name}</th>' for name in _STATEMENT_HEAD)
    cell = '<td style="white-space: normal">{}</td>'
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        f"{''.join(cell.format(escape(text)) for text in row[1:])}</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<section><h2>Statements</h2><div class="scroll">{table}</div></section>'


def _study(outcome: Outcome) -> Iterator[str]:
    name, size = escape(outcome.study.name), escape(outcome.size)
    yield f'<h1 id="{name}">{name}</h1><p>{escape(outcome.study.question)} '
    link = f'<a href="{name}/report-{size}.html">At size {size}</a>'
    yield f"{link}, {escape(verdicts(outcome))}.</p>"
    other = reductions(outcome.study, outcome.size).items()
    yield from (
        f'<p class="note">“{escape(label)}”, in brackets as at full size: {escape(text)}.</p>'
        for label, text in other
    )
    yield from claims_html(outcome)
    yield from pictures_html(outcome, first=1)
