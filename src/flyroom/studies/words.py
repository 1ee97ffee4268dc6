"""An outcome in words, for the shell and for reports alike."""

import math
import re
from collections import Counter

from .claim import Answer, Band, Number, Verdict
from .run import Outcome

HEAD = (
    "claim", "statement", "source", "published", "band", "ours", "95 % interval", "runs", "verdict"
)  # fmt: skip


def table(outcome: Outcome) -> list[tuple[str, ...]]:
    """One row for each claim.

    Returns:
        In words: its name, statement, source, published value and band; our value, the interval of
        that and the number of runs; the verdict.
    """
    return [_row(answer) for answer in outcome.answers]


def _row(answer: Answer) -> tuple[str, ...]:
    claim, found = answer.claim, answer.finding
    about = (claim.id, claim.statement, claim.source, claim.published)
    if found is None:
        return (*about, band(claim.band(0)), "–", "–", "–", str(answer.verdict))
    ends = "–" if found.interval is None else " to ".join(map(number, found.interval))
    ours = number(found.value)
    if claim.units != "1" and math.isfinite(found.value):
        ours += f" {claim.units}"
    runs = f"{found.runs:,}"
    if answer.verdict == Verdict.NOT_ENOUGH:
        runs += f" of the {claim.needs:,} it needs"
    return (*about, band(claim.band(found.runs)), ours, ends, runs, str(answer.verdict))


def number(value: Number) -> str:
    """A number to three digits; infinite stands for a time that was not reached.

    Example:
        >>> number(28123.4), number(1.3016), number(10.0), number(float("inf"))
        ('28,123', '1.30', '10', 'not reached')
        >>> number(1.8e-7)
        '1.80e-7'
    """
    if math.isnan(value):
        return "none"
    if math.isinf(value):
        return "not reached"
    if abs(value) >= 1000 or float(f"{value:.3g}").is_integer():
        return f"{value:,.0f}"
    return _short(f"{value:#.3g}")


def _short(text: str) -> str:
    """`1.5e-7` instead of `1.5e-07`."""
    return re.sub(r"e([+-])0*", r"e\1", text)


def band(ends: Band) -> str:
    """A band of acceptance.

    Example:
        >>> band((0.9, float("inf"))), band((16500, 42500))
        ('≥ 0.9', '16,500 to 42,500')
    """
    low, high = (_short(f"{end:,.10g}") for end in ends)
    if math.isinf(ends[1]):
        return f"≥ {low}"
    return f"≤ {high}" if math.isinf(ends[0]) else f"{low} to {high}"


def verdicts(outcome: Outcome) -> str:
    """How many claims have which verdict: `of 4 claims 3 reproduced, 1 not reproduced`."""
    counts = Counter(answer.verdict for answer in outcome.answers)
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    return f"of {len(outcome.answers)} claims {', '.join(parts) or 'none'}"
