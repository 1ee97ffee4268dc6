import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from jaxtyping import Array, Float, Int
from safetensors import SafetensorError

from ..models import AbstractNetwork, TransformerNetwork
from ..typing import AnyArray
from ._base import Tensors
from .layouts import LAYOUTS
from .own import NAME, as_own
from .pytorch import CheckpointError, Saved, unpickled
from .transformers import LENS, as_lens, lacks


class Reading(NamedTuple):
    """How a network reads pairs of elements.

    Attributes:
        inputs: a row of tokens for each pair; the second element changes fastest.
        tokens: the token of each element, for each vocabulary that there is.
    """

    inputs: Int[np.ndarray, "pair position"]
    tokens: Int[np.ndarray, "vocabulary element"]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A network that somebody published.

    Attributes:
        layout: how its weights were kept.
        network: the network.
        embedding: the vector of each token, at the first position if others have another table.
        positions: how many tokens it reads at once.
        shared: whether the embedding is that of all positions.
    """

    layout: str
    network: AbstractNetwork
    embedding: Float[np.ndarray, "token channel"]
    positions: int
    shared: bool

    def reading(self, size: int) -> Reading:
        """How it reads pairs of `size` elements.

        Elements are the first tokens. If there are twice as many, the second has tokens of its own;
        a third position has the last token, which stands for `=`.

        Raises:
            CheckpointError: it does not read that many elements.
        """
        tokens = len(self.embedding)
        if self.positions not in (2, 3):
            raise CheckpointError(
                f"The network reads {self.positions} tokens at once; known are two elements, and "
                "two elements and an equals sign."
            )
        sign = self.positions == 3
        apart = tokens - sign == 2 * size
        if not apart and not size + sign <= tokens <= size + 1:
            raise CheckpointError(
                f"The network knows {tokens} tokens, and reads {self.positions} at once: those are "
                f"not pairs of {size} elements. Was it trained with another p, or group?"
            )
        first = np.arange(size)
        both = np.stack([first, size + first]) if apart else first[None]
        a, b = np.divmod(np.arange(size**2), size)
        columns = [both[0][a], both[-1][b], np.full(size**2, tokens - 1)][: self.positions]
        return Reading(np.stack(columns, 1).astype(np.int32), both)

    def answer(self, pair: Float[AnyArray, "2 channel"]) -> Float[Array, "output"]:
        """The logits for the vectors of two elements in the place of their tokens.

        Raises:
            AttributeError: its kind of network reads no vectors.
        """
        network: Any = self.network
        # A network may have a channel more, for biases.
        pair = jnp.pad(pair, ((0, 0), (0, network.embed.shape[1] - pair.shape[1])))
        return network.answer(jnp.concatenate([pair, network.embed[-1:]])[: self.positions])


def read(path: str | Path, config: str | Path | None = None) -> Checkpoint:
    """The network in a file of weights, whose layout is recognised by the names of its tensors.

    Args:
        path: a `.pt`, `.pth`, `.safetensors` or `.npz` file.
        config: a JSON file with what the weights do not say, such as `act_fn` and `attn_coeff` as
            the pizza repository writes them; if `None`, the one of the same name beside the
            weights, or `config_NAME.json` beside `model_NAME.pt`, or else what a `.pt` file itself
            holds under the name of `config`, as that of TransformerLens's demonstration does.

    Raises:
        CheckpointError: the file cannot be read, holds code, numbers that are not finite, or
            tensors of no layout that is known.

    Example:
        >>> found = read("model.pt")  # doctest: +SKIP
    """
    path = Path(path)
    saved = _saved(path)
    # What attention must not see is no weight; some keep it, as minus infinity.
    tensors = {
        name: value
        for name, value in saved.tensors.items()
        if name.rpartition(".")[2] not in ("mask", "IGNORE")
    }
    said = _config(path, config) or saved.config
    broken = [name for name, value in tensors.items() if not np.isfinite(value).all()]
    if broken:
        raise CheckpointError(f"{path}: {broken[0]} has numbers that are not finite.")
    for layout in LAYOUTS:
        if found := layout.find(tensors, said):
            return Checkpoint(layout.name, *found)
    raise CheckpointError(f"{path} has the tensors {', '.join(tensors)}. {_unknown(tensors)}")


def _unknown(tensors: Tensors) -> str:
    """What was looked for, and what the layout that is nearest to some tensors misses in them."""
    named = [one for one in LAYOUTS if one.names]
    wanted = "; ".join(f"{one.name}: {', '.join(one.names)}" for one in named)
    nearest = max(named, key=lambda one: sum(n in tensors for n in one.names) / len(one.names))
    missing = [name for name in nearest.names if name not in tensors]
    near = f" Nearest is {nearest.name}; missing: {', '.join(missing)}."
    return f"Looked for: {wanted}.{near if 0 < len(missing) < len(nearest.names) else ''}"


def write(path: str | Path, network: AbstractNetwork, *, positions: int = 2) -> str:
    """Writes a network: weights, and a config beside them. `read` reads both files.

    A transformer that TransformerLens has is written as TransformerLens 3 reads it:
    `HookedTransformer(HookedTransformerConfig(**config))` loads the tensors. Any other network is
    written as flyroom keeps it, each array under its name, and the config says how they belong.

    Args:
        path: a `.safetensors` file; the config is a `.json` file of the same name.
        network: one of flyroom's kinds.
        positions: how many tokens it reads, if its weights do not say.

    Returns:
        The name of the layout: `"TransformerLens"` or `"flyroom"`.

    Raises:
        CheckpointError: the path ends otherwise, or there is something in the network that flyroom
            has not, such as an activation of your own.

    Example:
        >>> import flyroom as fr, jax, tempfile
        >>> task = fr.tasks.ModularArithmetic(p=7)
        >>> network = fr.models.FactoredMLP(width=4).init(task.signature, 7, key=jax.random.key(0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     wrote = write(f"{folder}/model.safetensors", network)
        ...     wrote, read(f"{folder}/model.safetensors").layout
        ('flyroom', 'flyroom')
    """
    path = Path(path)
    if path.suffix != ".safetensors" or not isinstance(network, AbstractNetwork):
        raise CheckpointError(
            f"write: got {type(network).__name__} and {path}; allowed: a network and a "
            ".safetensors file."
        )
    if isinstance(network, TransformerNetwork) and not lacks(network):
        layout, (tensors, config) = LENS, as_lens(network)
    else:
        layout, (tensors, config) = NAME, as_own(network, positions)
    for end, content in (
        (".safetensors", safetensors.numpy.save(tensors)),
        (".json", json.dumps(config, indent=2).encode()),
    ):
        # Renamed when it is whole, so that no half of it is ever seen.
        part = path.with_suffix(f"{end}.part")
        part.write_bytes(content)
        part.replace(path.with_suffix(end))
    return layout


def read_logits(path: str | Path) -> Float[np.ndarray, "a b answer"] | None:
    """The logits of all pairs that a file holds, if it holds nothing else.

    Args:
        path: an `.npy` file, or one that `read` reads.

    Raises:
        CheckpointError: the file cannot be read.
    """
    found = list(_saved(Path(path)).tensors.values())
    one = found[0] if len(found) == 1 else np.empty(0)
    return one if one.ndim == 3 and len(set(one.shape)) == 1 else None


def _config(path: Path, config: str | Path | None) -> dict[str, Any]:
    """What is written beside the weights, or in the file that was named."""
    name = path.with_suffix(".json")
    # The pizza repository keeps a config_NAME.json for each model_NAME.pt.
    candidates = [name, name.with_name(name.name.replace("model_", "config_", 1))]
    beside = next((one for one in candidates if one.exists()), None)
    beside = beside if config is None else Path(config)
    if beside is None:
        return {}
    try:
        found = json.loads(beside.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{beside} is no JSON file: {error}.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{beside} holds no object, but {type(found).__name__}.")
    return found


def _saved(path: Path) -> Saved:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file.")
    if path.suffix == ".safetensors":
        try:
            return Saved(safetensors.numpy.load_file(path), {})
        except SafetensorError as error:
            raise CheckpointError(f"{path} is no whole safetensors file: {error}.") from error
    if path.suffix in (".npz", ".npy"):
        try:
            return Saved(_arrays(path), {})
        except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"{path} is no whole file of NumPy arrays: {error}.") from error
    return unpickled(path)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".npy":
        return {"array": np.load(path, allow_pickle=False)}
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return {n: a for n, a in arrays.items() if np.issubdtype(a.dtype, np.number)}
