import json
import math
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import tomli_w
import xarray as xr
from matplotlib.figure import Figure

from .. import measures
from ..training import Status
from ._labels import leaf_name, run_label, short, swept
from ._svg import inline, variables
from .curves import learning_curves, overview
from .run import kept_networks
from .times import survival_curves
from .weights import neurons_by_frequency, spectrum, weights_before_after

Networks = Mapping[int, tuple[Any, Any]]


def write_report(
    runs: xr.Dataset,
    path: str | Path,
    *,
    title: str | None = None,
    networks: Networks | None = None,
    threshold: float = 0.99,
    detail: int = 12,
) -> Path:
    """Writes one HTML file that says what happened in every run, with pictures, and needs no other.

    Args:
        runs: results, as from `fr.train` or `fr.open`.
        path: the file.
        title: its heading.
        networks: for some runs, the network as it began (or `None`) and as it ended. Read from the
            store of `runs` for the first `detail` runs if not given.
        threshold: the accuracy that counts as memorised and as generalised.
        detail: how many runs have pictures of their own.

    Returns:
        The path.

    Example:
        >>> import flyroom as fr
        >>> fr.figures.write_report(runs, "report.html", title="Addition mod 67")  # doctest: +SKIP
    """
    shown = runs.run.values[:detail].tolist()
    if networks is None:
        networks = {run: kept_networks(runs, run) for run in shown}
    title = escape(title or str(runs.attrs.get("title", "flyroom runs")))
    body = "\n".join(
        [
            _table(runs, networks, threshold),
            _all_runs(runs, threshold),
            *(_one_run(runs, run, networks, threshold) for run in shown),
            _provenance(runs),
        ]
    )
    page = Template(
        files(__name__.rpartition(".")[0]).joinpath("report.html").read_text(encoding="utf-8")
    )
    text = page.substitute(
        title=title,
        summary=_summary(runs, threshold),
        body=body,
        light=variables(dark=False),
        dark=variables(dark=True),
    )
    path = Path(path)
    path.write_text(text, encoding="utf-8")
    return path


def _summary(runs: xr.Dataset, threshold: float) -> str:
    """The result in two sentences."""
    count = runs.sizes["run"]
    began = measures.memorization_step(runs, threshold)
    ended = measures.generalization_step(runs, threshold)
    censored = int(ended.censored_at.notnull().sum())
    rest = f"; {censored:,} did not while observed (censored)" if censored else ""
    median = measures.median_time(ended).item()
    when = (
        "The median time to generalise was not reached"
        if math.isnan(median)
        else f"Half of the runs had generalised by step {median:,.0f}"
    )
    return (
        f"{count:,} {'run' if count == 1 else 'runs'}: {int(began.notnull().sum()):,} memorised "
        f"the training examples (accuracy ≥ {threshold:g}), {int(ended.notnull().sum()):,} "
        f"generalised to the test examples{rest}. "
        + (f"{when} (Kaplan–Meier)." if count > 1 else "")
    )


def _table(runs: xr.Dataset, networks: Networks, threshold: float) -> str:
    """One row for each run."""
    axes = swept(runs)
    head = ["run", *(leaf_name(path) for path in axes), *(["status"] if "status" in runs else [])]
    head += ["memorised", "generalised", "test accuracy"]
    words = (
        f"Memorised and generalised: the first recorded step with an accuracy of at least "
        f"{threshold:g} on the training and on the test examples."
    )
    keys = _frequencies(networks)
    if keys:
        head.append("key frequencies")
        words += (
            " Key frequencies: those that hold at least 85 % of the power of a neuron's input "
            "weights at the end."
        )
    rows = "\n".join(_rows(runs, networks, keys, threshold))
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    return (
        f'<section><h2>What happened</h2><p class="note" id="what">{words}</p>'
        '<div class="scroll"><table aria-describedby="what">'
        f"<thead><tr>{cells}</tr></thead><tbody>\n{rows}\n</tbody></table></div></section>"
    )


def _rows(
    runs: xr.Dataset, networks: Networks, keys: Mapping[int, str], threshold: float
) -> Iterator[str]:
    status = runs.get("status")
    times = (
        measures.memorization_step(runs, threshold),
        measures.generalization_step(runs, threshold),
    )
    said = [measures.describe_times(time, status) for time in times]
    for i, run in enumerate(runs.run.values.tolist()):
        name = f'<a href="#run-{run}">{run}</a>' if run in networks else str(run)
        cells = [f'<th scope="row">{name}</th>']
        cells += [_cell(short(runs[path].values[i])) for path in swept(runs)]
        if status is not None:
            cells.append(_cell(Status(int(status[i])).name.lower()))
        for words in said:
            cells.append(_cell(words[i], "number" if words[i].startswith("at") else "censored"))
        accuracy = runs.test_accuracy.isel(run=i).dropna("step").values
        cells.append(_cell(f"{accuracy[-1]:.3f}" if accuracy.size else "–", "number"))
        if keys:
            cells.append(_cell(keys.get(run, "–")))
        yield f"<tr>{''.join(cells)}</tr>"


def _frequencies(networks: Networks) -> dict[int, str]:
    """The key frequencies, in words, of every network that can have some."""
    return {
        run: ", ".join(map(str, measures.key_frequencies(last))) or "none"
        for run, (_, last) in networks.items()
        if last is not None and measures.reads_tokens(last)
    }


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def _all_runs(runs: xr.Dataset, threshold: float) -> str:
    if runs.sizes["run"] == 1:
        return ""
    times = measures.generalization_step(runs, threshold)
    pictures = [
        _figure(
            overview(runs, threshold=threshold),
            "overview",
            "Accuracy on training (blue) and test examples (vermilion) of every run. A filled mark "
            "is where the run generalised, an open one where it is censored.",
        )
    ]
    if len(measures.censored_data(times)):
        pictures.append(
            _figure(
                survival_curves(times),
                "survival",
                "Share of runs that had generalised by each step (Kaplan–Meier, 95 % interval). "
                "Upright strokes are censored runs.",
            )
        )
    return f'<section><h2>All runs</h2><div class="pictures">{"".join(pictures)}</div></section>'


def _one_run(runs: xr.Dataset, run: int, networks: Networks, threshold: float) -> str:
    """The pictures of one run."""
    name = f"run-{run}"
    first, last = networks.get(run, (None, None))
    pictures = [
        _figure(
            learning_curves(runs, run, threshold=threshold),
            f"{name}-curves",
            "Accuracy and loss at every recorded step.",
        )
    ]
    waves = last is not None and measures.reads_tokens(last)
    if waves:
        words = (
            "How the power of the input weights at the end is spread over frequencies. A neuron "
            "above the dashed line is a wave of one frequency."
        )
        pictures.append(_figure(spectrum(last), f"{name}-spectrum", words))
    if first is not None and last is not None and measures.has_tables(last):
        words = (
            "Weights into and out of every neuron, before and after training, with the neurons in "
            "the same order. Each matrix has a colour scale of its own."
        )
        pictures.append(_figure(weights_before_after(first, last), f"{name}-weights", words))
    if waves:
        words = "Input weights of every neuron at the end, grouped by frequency, sorted by phase."
        pictures.append(_figure(neurons_by_frequency(last), f"{name}-waves", words))
    label = escape(run_label(runs, runs.run.values.tolist().index(run)))
    heading = label if label.startswith("run ") else f"Run {run}: {label}"
    return (
        f'<section id="{name}"><h2>{heading}</h2>'
        f'<div class="pictures">{"".join(pictures)}</div></section>'
    )


def _figure(figure: Figure, name: str, words: str) -> str:
    svg = inline(figure, name, escape(words, quote=True))
    return f'<figure><div class="scroll">{svg}</div><figcaption>{words}</figcaption></figure>'


def _provenance(runs: xr.Dataset) -> str:
    """What made the results, and the spec that makes them again."""
    known = {k: _parsed(v) for k, v in runs.attrs.items() if k not in ("title", "spec")}
    flat = {k: v for k, v in known.items() if not isinstance(v, Mapping)}
    for name in (k for k, v in known.items() if isinstance(v, Mapping)):
        flat |= {f"{'over ' if name == 'over' else ''}{k}": v for k, v in known[name].items()}
    items = "".join(
        f"<dt>{escape(str(k))}</dt><dd>{escape(_text(v))}</dd>" for k, v in flat.items()
    )
    parts = ["<section><h2>How it was made</h2>", f"<dl>{items}</dl>"]
    if "spec" in runs.attrs:
        toml = tomli_w.dumps(json.loads(runs.attrs["spec"]))
        parts.append(f"<h3>The experiment</h3><pre>{escape(toml)}</pre>")
    return "".join([*parts, "</section>"])


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value
    except ValueError:
        return value


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | np.ndarray) else str(value)
