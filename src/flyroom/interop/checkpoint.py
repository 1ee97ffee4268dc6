import dataclasses
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ..models import AbstractNetwork
from .layouts import LAYOUTS
from .pytorch import CheckpointError, read_pytorch


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A network that somebody published.

    Attributes:
        layout: how its weights were kept.
        network: the network, which holds NumPy arrays.
    """

    layout: str
    network: AbstractNetwork


def read(path: str | Path, config: Mapping[str, Any] | None = None) -> Checkpoint:
    """The network in a file of weights, whose layout is recognised by the names of its tensors.

    Args:
        path: a `.pt`, `.pth`, `.safetensors` or `.npz` file.
        config: what the weights do not say, such as `act_fn` and `attn_coeff` as the pizza
            repository writes them; if `None`, the JSON file of the same name beside it, if there
            is one.

    Raises:
        CheckpointError: the file cannot be read, holds code, numbers that are not finite, or
            tensors of no layout that is known.

    Example:
        >>> found = read("model.pt")  # doctest: +SKIP
    """
    path = Path(path)
    tensors = _tensors(path)
    beside = path.with_suffix(".json")
    if config is None:
        config = json.loads(beside.read_text()) if beside.exists() else {}
    broken = [name for name, value in tensors.items() if not np.isfinite(value).all()]
    if broken:
        raise CheckpointError(f"{path}: {broken[0]} has numbers that are not finite.")
    for layout in LAYOUTS:
        if layout.recognises(tensors):
            return Checkpoint(layout.name, layout.build(tensors, config))
    wanted = "; ".join(f"{one.name}: {', '.join(one.names)}" for one in LAYOUTS)
    raise CheckpointError(
        f"{path} has the tensors {', '.join(tensors)}. Looked for: {wanted}."
    )


def _tensors(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file.")
    if path.suffix == ".safetensors":
        try:
            return safetensors.numpy.load_file(path)
        except SafetensorError as error:
            raise CheckpointError(f"{path} is no whole safetensors file: {error}.") from error
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"{path} is no whole file of NumPy arrays: {error}.") from error
    return read_pytorch(path)
