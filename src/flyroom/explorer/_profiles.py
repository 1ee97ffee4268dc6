"""What each run's last network listens to, so that many can be looked at beside each other."""

from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from .. import measures, results
from ..figures import swept
from ..results import StoreError
from ..spec import SpecError
from ..tasks import AbstractTask
from ._formula import first_layer
from ._kept import is_finite
from ._tasks import relevant_bits

NO_WEIGHTS = "No weights of it were kept."
NO_PROFILE = "It has no first layer of neurons on its inputs."
NOT_NUMBERS = "Its last weights are not numbers: it diverged."


def profiles_of(runs: xr.Dataset, *, share: float) -> dict[int, dict[str, Any]]:
    """How the weights into the neurons of each last network are spread over what it reads.

    Of tokens these are shares of power over frequencies, and the frequencies that neurons have; of
    features the sums of absolute weights from each of them, and which of them matter.
    """
    told: dict[int, dict[str, Any]] = {run: {"why": NO_WEIGHTS} for run in runs.run.values.tolist()}
    # Experiments take long to read: where none of the task's fields is swept, one says it of all.
    varies = any(path.startswith("task.") for path in swept(runs))
    try:
        task = _task(runs, None)
        for one in results.networks(runs):
            task = _task(runs, one.run) if varies else task
            told[one.run] = _profile(one.network, share, task)
    except (StoreError, SpecError) as error:
        return {run: {"why": f"Its weights cannot be read here: {error}"} for run in told}
    return told


def _task(runs: xr.Dataset, run: int | None) -> AbstractTask:
    return results.experiment_of(runs, run, recording=False).task


def _profile(network: Any, share: float, task: AbstractTask) -> dict[str, Any]:
    if not measures.has_tables(network):
        return {"why": NO_PROFILE}
    if not is_finite(network):
        return {"why": NOT_NUMBERS}
    tables = first_layer(network, task)
    if not measures.reads_tokens(network):
        mass = np.abs(tables).sum((0, 2))
        return {
            "kind": "input",
            "shares": _shares(mass),
            "marked": [bit for bit in relevant_bits(task) if bit < len(mass)],
            "neurons": [],
        }
    power = measures.neuron_power(tables).sum("neuron").values
    found = measures.neuron_frequencies(tables, share=share).frequency.values
    counts = Counter(int(k) for k in found if k)
    return {
        "kind": "frequency",
        "shares": _shares(power),
        "marked": sorted(counts),
        "neurons": [counts[k] for k in sorted(counts)],
    }


def _shares(values: np.ndarray) -> np.ndarray:
    total = values.sum()
    return (values / total if total > 0 else values).astype(np.float32)
