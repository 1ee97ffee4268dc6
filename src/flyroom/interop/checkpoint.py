import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ..models import AbstractNetwork
from ..tasks import ModularArithmetic
from .layouts import LAYOUTS
from .pytorch import CheckpointError, read_pytorch


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A network that somebody published.

    Attributes:
        layout: how its weights were kept.
        network: the network.
        tokens: how many different ones it knows.
        positions: how many it reads at once.
    """

    layout: str
    network: AbstractNetwork
    tokens: int
    positions: int

    def addition(self, p: int) -> ModularArithmetic:
        """Addition modulo `p` as the network reads it: two residues, and `=` if there is a third.

        Raises:
            CheckpointError: it does not read that many tokens.
        """
        encoding = {2: "pair", 3: "equals"}.get(self.positions)
        if encoding is None:
            raise CheckpointError(
                f"The network reads {self.positions} tokens at once; known are two residues, and "
                "two residues and an equals sign."
            )
        task = ModularArithmetic(p=p, encoding=encoding)
        if not p <= self.tokens <= p + 1 or self.tokens < (task.signature.tokens or 0):
            raise CheckpointError(
                f"The network knows {self.tokens} tokens, and reads {self.positions} at once: that "
                f"is not addition modulo {p}. Was it trained with another p?"
            )
        return task


def read(path: str | Path, config: str | Path | None = None) -> Checkpoint:
    """The network in a file of weights, whose layout is recognised by the names of its tensors.

    Args:
        path: a `.pt`, `.pth`, `.safetensors` or `.npz` file.
        config: a JSON file with what the weights do not say, such as `act_fn` and `attn_coeff` as
            the pizza repository writes them; if `None`, the one of the same name beside the
            weights, if there is one.

    Raises:
        CheckpointError: the file cannot be read, holds code, numbers that are not finite, or
            tensors of no layout that is known.

    Example:
        >>> found = read("model.pt")  # doctest: +SKIP
    """
    path = Path(path)
    tensors = _tensors(path)
    said = _config(path, config)
    broken = [name for name, value in tensors.items() if not np.isfinite(value).all()]
    if broken:
        raise CheckpointError(f"{path}: {broken[0]} has numbers that are not finite.")
    for layout in LAYOUTS:
        if layout.recognises(tensors):
            network, positions = layout.build(tensors, said)
            return Checkpoint(layout.name, network, len(network.embed), positions)
    wanted = "; ".join(f"{one.name}: {', '.join(one.names)}" for one in LAYOUTS)
    raise CheckpointError(f"{path} has the tensors {', '.join(tensors)}. Looked for: {wanted}.")


def _config(path: Path, config: str | Path | None) -> dict[str, Any]:
    """What is written beside the weights, or in the file that was named."""
    beside = path.with_suffix(".json") if config is None else Path(config)
    if config is None and not beside.exists():
        return {}
    try:
        found = json.loads(beside.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{beside} is no JSON file: {error}.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{beside} holds no object, but {type(found).__name__}.")
    return found


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
