import re
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

from rich.table import Table

from .options import Count

NUMBERS = ("sufficient", "necessary", "predictive")
CIRCLES = 12  # that are shown; what explains nothing has many


def explain(
    file: Path,
    /,
    *,
    task: Literal["modular-addition", "permutations"] | None = None,
    p: int | None = None,
    operation: str = "a + b",
    group: str | None = None,
    config: Path | None = None,
    run: int | None = None,
    step: int | None = None,
    devices: Count = None,
    json: bool = False,
) -> None:
    """Say which algorithm a network runs, and what breaks without it.

    Parameters
    ----------
    file
        A store; or somebody's weights: a .pt, .pth, .safetensors or .npz file, of which no code is
        run; or an .npy file of the logits of all pairs.
    task
        What somebody's network was trained on. A modulus or a group says it as well.
    p
        The modulus.
    operation
        What is done modulo p, such as "a - b"; modulo a prime also "a * b" and "a / b".
    group
        The group of products, such as S5.
    config
        A JSON file with what the weights do not say; the one beside them of the same name, if
        there is one and none is given.
    run
        Which run of a store; all of them, in a line each, if not given and there are several.
    step
        At which step its weights were kept; the last if not given.
    devices
        How many workers the CPU has; one for each core if not given (or FLYROOM_DEVICES).
    json
        End with one line of JSON on standard output.
    """
    from json import dumps

    from rich.console import Console

    from . import output

    with output.errors(json):
        if file.suffix == ".zarr":
            table, told = _of_store(file, run, step, devices)
        else:
            told = _of_file(file, config, _asked(task, p, operation, group))
            table = _lines(told)
        Console().print(table)
        if json:
            print(dumps(_known(told)))


def _asked(task: str | None, p: int | None, operation: str, group: str | None) -> Any:
    """The task that a modulus or a group names."""
    from ..spec import SpecError
    from ..tasks import GroupOperation, ModularArithmetic

    meant = "modular-addition" if group is None else "permutations"
    if (p is None) == (group is None) or task not in (None, meant):
        raise SpecError(
            "explain: say what the network was trained on: `--p 59` for addition modulo 59, or "
            "`--group S5` for products of permutations of five, and not both."
        )
    if p is not None:
        return ModularArithmetic(p=p, operation=operation)
    found = re.fullmatch(r"[sS]_?(\d+)", group or "")
    if not found:
        raise SpecError(f"explain.group: got `{group}`; allowed: S2 to S5, such as `--group S5`.")
    return GroupOperation(degree=int(found[1]))


def _of_store(
    path: Path, run: int | None, step: int | None, devices: int | None
) -> tuple[Table, Any]:
    """What is said of one run or of all, as people and as programs read it."""
    from .. import mechanisms, results

    runs = results.open(path)
    if run is not None or runs.sizes["run"] == 1:
        one = run or 0
        found = mechanisms.explain(runs, run=one, step=step)
        told = {"layout": f"store, run {one}", **_told(found)}
        return _lines(told), told
    data = mechanisms.explain_runs(runs, steps=None if step is None else [step], devices=devices)
    rows = data.squeeze(drop=True).to_dataframe().reset_index().to_dict("records")
    table = Table(box=None)
    for name in rows[0]:
        table.add_column(name, no_wrap=name != "parts")
    for row in rows:
        parts = shorten(row["parts"], 40, placeholder=" …")  # what explains nothing has many
        table.add_row(*(_words(value) for value in {**row, "parts": parts}.values()))
    return table, rows


def _lines(told: dict[str, Any]) -> Table:
    """A line for each thing that there is to say."""
    table = Table(show_header=False, box=None)
    for name, value in told.items():
        if name == "circles":
            for one in value[:CIRCLES]:
                table.add_row(f"circle {one['frequency']}", _circle(one))
        elif name == "others":
            for one in value:
                numbers = [f"{number} {one[number]:.4f}" for number in NUMBERS]
                table.add_row(f"or {one['mechanism']}", ", ".join(numbers))
        elif value is not None:
            table.add_row(name.replace("_", " "), _words(value))
    return table


def _of_file(path: Path, config: Path | None, task: Any) -> dict[str, Any]:
    """What is said of a file of weights or logits, by name."""
    from .. import interop, measures, mechanisms

    logits = interop.read_logits(path)
    if logits is not None:
        return {"layout": "logits", **_told(mechanisms.explain(logits, task))}
    found = interop.read(path, config)
    explanation = mechanisms.explain(found, task)
    told = {"layout": found.layout, **_told(explanation)}
    if "irreps" in told:
        return told
    tables = [found.embedding[tokens] for tokens in explanation.subject.reading.tokens]
    if found.shared:
        told["gradient_symmetricity"] = measures.gradient_symmetricity(
            found.answer, tables[0], tables[-1]
        )
    told["circularity"] = measures.circularity(tables[0])
    tokens, size = len(found.embedding), explanation.subject.size
    if found.positions == 2 and tokens == size + 1 and not explanation.holds:
        told["verdict"] += f" It knows {tokens} tokens: was it trained modulo {tokens}?"
    return told


def _told(explanation: Any) -> dict[str, Any]:
    """An explanation by name; what may be measured besides is `None`."""
    from .. import measures, mechanisms

    subject = explanation.subject
    told: dict[str, Any] = {"accuracy": explanation.accuracy}
    for one in (explanation, *explanation.others):
        told |= one.fit.found if one.fit.rule or one.remembers else {}
    waves = "key_frequencies" in told
    left = mechanisms.remainder(explanation)
    heard = mechanisms.neurons(explanation) if subject.heard is not None else None
    return {
        **told,
        "gradient_symmetricity": None,
        "distance_irrelevance": measures.distance_irrelevance(subject.logits) if waves else None,
        "circularity": None,
        "mechanism": explanation.mechanism,
        **{name: getattr(explanation, name) for name in NUMBERS},
        "left_over": left.kind,
        "neurons": None if heard is None else f"{(heard.part != '').sum():d} of {heard.part.size}",
        "pure": None if heard is None else heard.attrs["pure"],
        "idealised": _idealised(explanation),
        "verdict": explanation.verdict,
        "others": [
            {"mechanism": one.fit.kind, **{name: getattr(one, name) for name in NUMBERS}}
            for one in explanation.others
        ],
    }


def _idealised(explanation: Any) -> float | None:
    """The accuracy of the network that the mechanism says it is, of kinds that have one."""
    from .. import mechanisms
    from ..spec import SpecError

    try:
        ideal = mechanisms.idealise(explanation)
    except SpecError:
        return None
    subject = mechanisms.Pairs.of(ideal, explanation.subject.task)
    return subject.accuracy(subject.logits)


def _circle(one: dict[str, Any]) -> str:
    """How strong a circle is, and what explains its logits when it enters alone."""
    numbers = [f"{name} {one[name]:.4f}" for name in ("share", "clock", "pizza") if name in one]
    beside = [f"accompanied by {one['accompanying']}"] if one["accompanying"] else []
    return ", ".join(numbers + beside)


def _known(told: Any) -> Any:
    """The same with `None` for what is no number, which JSON has no word for."""
    if isinstance(told, dict):
        return {name: _known(value) for name, value in told.items()}
    if isinstance(told, list):
        return [_known(value) for value in told]
    return None if told != told else told


def _words(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {share:.3g}" for name, share in value.items()) or "none"
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
