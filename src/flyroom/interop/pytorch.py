import collections
import math
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np


class CheckpointError(Exception):
    """A file of weights that cannot be read, or that holds no network that we know."""


class Saved(NamedTuple):
    """What `torch.save` was given.

    Attributes:
        tensors: by their names; those of nested dicts and lists have dots in theirs.
        config: what was saved beside them under the name of `config`.
    """

    tensors: dict[str, np.ndarray]
    config: Mapping[str, Any]


_DTYPES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": jnp.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
# What is named in a config beside tensors, and is none.
_WORDS = ("Size", "device", "float64", "float32", "float16", "bfloat16", "int64", "int32")


def read_pytorch(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a file that `torch.save` wrote, by their names. No code of it is run.

    A pickle is a program. Of this one only what makes tensors, strings, numbers, lists and dicts is
    obeyed, and what names a type, a shape or a device is passed over; of an object whose class is
    called a `…Config` nothing but its attributes are read. At the first other word the file is
    refused. Tensors of nested dicts have names with dots.

    Args:
        path: a `.pt` or `.pth` file in the zip format, PyTorch's since 1.6.

    Raises:
        CheckpointError: the file is cut short, is no such file, holds anything but tensors, or no
            tensor.

    Example:
        >>> tensors = read_pytorch("model.pt")  # doctest: +SKIP
    """
    return unpickled(path).tensors


def unpickled(path: str | Path) -> Saved:
    """The tensors, as `read_pytorch` has them, and the config beside them, if there is one."""
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
            if len(pickles) != 1:
                raise CheckpointError(f"{path} is a zip file, but not one that torch.save writes.")
            root = pickles[0].removesuffix("data.pkl")
            with archive.open(pickles[0]) as file:
                found = _Unpickler(file, archive, root).load()
    except CheckpointError:
        raise
    except Exception as error:  # whatever a damaged pickle makes of itself
        raise CheckpointError(
            f"{path} is not a whole file of torch.save in its zip format: {error}"
        ) from error
    tensors = dict(_flat(found, ""))
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors, but {type(found).__name__}.")
    config = found.get("config") if isinstance(found, Mapping) else None
    return Saved(tensors, config if isinstance(config, Mapping) else {})


# The unpickler in Python: the one in C allocates what a damaged file tells it to.
_InPython: Any = pickle._Unpickler  # pyright: ignore[reportAttributeAccessIssue]


class _Unpickler(_InPython):
    """Builds tensors as NumPy arrays, and nothing else."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(file)
        self.archive, self.root = archive, root

    def build(self) -> None:
        """What an object is told of itself: for a dict no more than notes on its layout."""
        told = self.stack.pop()
        if isinstance(self.stack[-1], _Attributes) and isinstance(told, dict):
            self.stack[-1].update(told)

    dispatch: ClassVar = {**_InPython.dispatch, pickle.BUILD[0]: build}

    def find_class(self, module: str, name: str) -> Any:
        if (found := _OBEYED.get((module, name))) is not None:
            return found
        if name.endswith("Config"):
            return _Attributes
        raise CheckpointError(
            f"The file asks for `{module}.{name}`, which is code and not a tensor; it was not run. "
            "Save the state dict alone: torch.save(model.state_dict(), path)."
        )

    def persistent_load(self, pid: Any) -> np.ndarray:
        _, dtype, name, _, count = pid
        values = np.frombuffer(self.archive.read(f"{self.root}data/{name}"), dtype)
        if values.size < count:
            raise CheckpointError(f"Tensor data {name} has {values.size} of its {count} numbers.")
        return values


def _tensor(
    storage: np.ndarray, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> np.ndarray:
    """A view into a storage, copied. The last number it reads has to be in there."""
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    beyond = 0 not in shape and (last >= storage.size or math.prod(shape) > storage.size)
    if min(offset, *shape, *stride, 0) < 0 or beyond:
        raise CheckpointError(f"A tensor of shape {shape} reaches beyond its data.")
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides).copy()


def _parameter(data: np.ndarray, *_: Any) -> np.ndarray:
    return data


class _Attributes(dict[str, Any]):
    """The attributes of an object that says how a network is made. Of its class nothing is run."""


def _word(*_: Any) -> None:
    """A type, a shape or a device, which says nothing that is asked for."""


def _number(dtype: np.dtype, content: bytes) -> Any:
    """A number of NumPy's, such as the scale that TransformerLens writes into its config."""
    return np.frombuffer(content, dtype)[0].item()


_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")  # before its version 2, and since
_OBEYED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("_codecs", "encode"): str.encode,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): _word,
    **{(module, "scalar"): _number for module in _NUMPY},
    **{(module, "_reconstruct"): _word for module in _NUMPY},
    **{("torch", name): np.dtype(dtype) for name, dtype in _DTYPES.items()},
    **{("torch", name): _word for name in _WORDS},
}


def _flat(node: Any, name: str) -> list[tuple[str, np.ndarray]]:
    """The tensors of nested dicts and lists, with dotted names; other values are passed over."""
    if isinstance(node, np.ndarray):
        return [(name, node)]
    if isinstance(node, Mapping):
        items = list(node.items())
    elif isinstance(node, list | tuple):
        items = list(enumerate(node))
    else:
        return []
    return [
        one for key, value in items for one in _flat(value, f"{name}.{key}" if name else str(key))
    ]
