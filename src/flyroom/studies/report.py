import json
import platform
import re
import traceback
from collections.abc import Iterator
from datetime import date
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import tomli_w
import xarray as xr

from .. import environment, figures
from ..figures._svg import inline, variables
from ..training import Status
from .claim import Verdict
from .run import Outcome
from .sizes import listed, reductions
from .words import HEAD, table, verdicts

_COLORS = {
    Verdict.REPRODUCED: "frequency-0",
    Verdict.NOT_REPRODUCED: "test",
    Verdict.RAISED: "test",
    Verdict.NOT_ENOUGH: "quiet",
    Verdict.NOT_RUN: "quiet",
}
_VERSIONS = ("flyroom", "revision", "jax", "jaxlib", "numpy", "python")


def write_report(outcome: Outcome, folder: str | Path) -> tuple[Path, Path]:
    """Writes what came of a study: `report-SIZE.md`, and `report-SIZE.html` with its pictures.

    Both hold the table of claims and how the runs were made. The page needs no other file.

    Args:
        outcome: as `run` gives it.
        folder: where the two files go; it is made if it does not exist.

    Returns:
        The two paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"report-{outcome.size}.{kind}" for kind in ("md", "html"))
    for path, text in zip(paths, (_markdown(outcome, paths[1].name), _page(outcome)), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths[0], paths[1]


def _lead(outcome: Outcome) -> str:
    return f"At size {outcome.size}, {verdicts(outcome)}."


def facts(outcome: Outcome) -> dict[str, str]:
    """How the runs of each sweep were made."""
    made_by = {"source": outcome.study.source, "size": outcome.size}
    for label, runs in outcome.data.items():
        made_by[f"runs “{label}”"] = _runs(runs)
    for label, words in reductions(outcome.study, outcome.size).items():
        made_by[f"“{label}” (full size)"] = words
    made = [json.loads(runs.attrs.get("provenance", "{}")) for runs in outcome.data.values()]
    for key in _VERSIONS:
        values = sorted({str(one[key]) for one in made if key in one})
        if values:
            made_by[{"revision": "commit"}.get(key, key)] = ", ".join(values)
    made_by["machine"] = machine()
    made_by["training"] = (
        f"{outcome.seconds:.0f} s" if outcome.seconds else "none now: the stores were there already"
    )
    made_by["judged on"] = date.today().isoformat()
    return made_by


def _runs(runs: xr.Dataset) -> str:
    ends = runs.status.values.tolist() if "status" in runs else []
    counts = ", ".join(
        f"{ends.count(int(s))} {s.name.lower()}" for s in Status if ends.count(int(s))
    )
    tables = json.loads(runs.attrs.get("over", "[]"))
    axes = ", ".join(_table(table) for table in tables)
    budget = int(runs.step.max())
    return f"{runs.sizes['run']} ({counts}), {budget:,} steps each; {axes}"


def _table(table: dict[str, list[Any]]) -> str:
    (path, values), *others = table.items()
    if others:
        return f"{len(values)} points of {', '.join(table)}"
    return f"{path} = {listed(values)}"


def machine() -> str:
    """This machine in words, such as `2-core Intel Xeon 2.8 GHz`."""
    info = Path("/proc/cpuinfo")  # not on macOS
    found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.M) if info.exists() else None
    name = found.group(1) if found else platform.processor() or platform.machine()
    name = re.sub(r"\((R|TM)\)|\b(CPU|Processor|\d+-Core)\b|@", " ", name, flags=re.I)
    name = re.sub(r"(\d+\.\d)0?GHz", r"\1 GHz", name)
    return f"{environment.cores()}-core {' '.join(name.split())}"


# As Markdown.


def _markdown(outcome: Outcome, page: str) -> str:
    study = outcome.study
    lines = [f"# {study.name}", "", study.question, "", _lead(outcome), ""]
    lines += [f"Pictures are in [{page}]({page}).", ""]
    lines += [line(HEAD), line(["---"] * len(HEAD)), *map(line, table(outcome)), ""]
    for answer in outcome.answers:
        if answer.finding is not None and answer.finding.note:
            lines.append(f"- **{answer.claim.id}**: {answer.finding.note}.")
        if answer.error:
            lines += [
                f"- **{answer.claim.id}** raised:",
                "",
                "```",
                answer.error.rstrip(),
                "```",
                "",
            ]
    lines += ["", "## How it was made", ""]
    lines += [f"- {name}: {text}" for name, text in facts(outcome).items()]
    return "\n".join(lines) + "\n"


def line(cells: Any) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


# As a page.


def _page(outcome: Outcome) -> str:
    study = outcome.study
    body = "\n".join([*claims_html(outcome), *pictures_html(outcome), *_made(outcome)])
    page = files(figures).joinpath("report.html").read_text(encoding="utf-8")
    return Template(page).substitute(
        title=escape(study.name),
        summary=f"{escape(study.question)} {escape(_lead(outcome))}",
        body=body,
        light=variables(dark=False),
        dark=variables(dark=True),
    )


def claims_html(outcome: Outcome) -> Iterator[str]:
    """The table of claims, and notes."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in HEAD)
    yield "<section><h2>Claims</h2>"
    yield f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>'
    for answer, row in zip(outcome.answers, table(outcome), strict=True):
        cells = [f'<th scope="row">{escape(row[0])}</th>']
        cells.append(f'<td style="white-space: normal; min-width: 12rem">{escape(row[1])}</td>')
        cells += [f'<td style="white-space: normal">{escape(text)}</td>' for text in row[2:-1]]
        color = f"color: var(--{_COLORS[answer.verdict]}); white-space: normal"
        cells.append(f'<td style="{color}"><strong>{escape(row[-1])}</strong></td>')
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"
    for answer in outcome.answers:
        name = f"<strong>{escape(answer.claim.id)}</strong>"
        if answer.finding is not None and answer.finding.note:
            yield f'<p class="note">{name}: {escape(answer.finding.note)}.</p>'
        if answer.error:
            yield f"<p>{name} raised:</p><pre>{escape(answer.error)}</pre>"
    yield "</section>"


def pictures_html(outcome: Outcome, first: int | None = None) -> Iterator[str]:
    """The pictures, or the first ones."""
    if not outcome.study.pictures:
        return
    yield '<section><h2>Pictures</h2><div class="pictures">'
    for number, (caption, draw) in enumerate(outcome.study.pictures[:first]):
        try:
            figure = draw(outcome.data).get_figure(root=True)
            svg = inline(figure, f"{outcome.study.name}-{number}", escape(caption, quote=True))
        except Exception:
            svg = f"<pre>{escape(traceback.format_exc())}</pre>"
        yield f'<figure><div class="scroll">{svg}</div>'
        yield f"<figcaption>{escape(caption)}</figcaption></figure>"
    yield "</div></section>"


def _made(outcome: Outcome) -> Iterator[str]:
    items = facts(outcome).items()
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in items)
    yield f"<section><h2>How it was made</h2><dl>{told}</dl>"
    for label, runs in outcome.data.items():
        if "spec" in runs.attrs:
            toml = tomli_w.dumps(json.loads(runs.attrs["spec"]))
            yield f"<h3>The experiment of {escape(label)}</h3><pre>{escape(toml)}</pre>"
    yield "</section>"
