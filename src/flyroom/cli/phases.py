"""The rules that name phases, as options name them."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, Literal

Name = Literal["pair", "liu", "doshi", "nanda"]


def rule(name: Name, words: list[str], steps: int) -> Callable[[Any], Any]:
    """A rule of that name. Where it has a budget, that is the experiment's unless it is given."""
    from .. import measures
    from ..spec import SpecError
    from ..sweeps.values import assignments

    function = getattr(measures, f"phase_{name}")
    known = [path for path in inspect.signature(function).parameters if path != "runs"]
    given = {"budget": float(steps)} if "budget" in known else {}
    for path, text in assignments(words, "--threshold").items():
        number = re.fullmatch(r"[0-9.]+(e-?[0-9]+)?", text)
        if path not in known or number is None:
            raise SpecError(
                f"--threshold: got `{path}={text}`; allowed: a number for {' or '.join(known)}, "
                f"which the rule `{name}` has."
            )
        given[path] = float(text)
    return functools.partial(function, **given)


def counts(runs: Any, rule: Callable[[Any], Any]) -> dict[str, int]:
    """How many runs are in each phase, those of which it cannot be said yet left out."""
    from ..spec import SpecError

    try:
        phase = rule(runs)
    except KeyError as error:
        what = str(error.args[0]).partition(". ")[0]
        raise SpecError(
            f"--rule: {what}, which the rule needs: record it, or choose another."
        ) from error
    names = zip(phase.flag_values.tolist(), phase.flag_meanings.split(), strict=True)
    found = {name: int((phase.values == code).sum()) for code, name in names if code >= 0}
    return {name: count for name, count in found.items() if count}
