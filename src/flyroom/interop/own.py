"""Networks of any kind as flyroom keeps them: each array once, and how they make a network."""

import inspect
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import models
from ..models import AbstractNetwork
from ._base import Built, Config, Tensors
from .pytorch import CheckpointError

NAME = "flyroom"


def as_own(network: AbstractNetwork, positions: int) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays of a network by their places in it, and a config that says how they belong.

    Args:
        network: one of flyroom's own kinds.
        positions: how many tokens it reads, if its weights do not say.

    Raises:
        CheckpointError: something in it is neither an array nor flyroom's, or it reads vectors, one
            after the other, and not tokens.
    """
    if isinstance(network, models.LSTMNetwork) and not network.tokens:
        raise CheckpointError("The network reads vectors, one after the other; known are tokens.")
    tensors: dict[str, np.ndarray] = {}
    form = _form(network, "", tensors)
    return tensors, {"layout": NAME, "positions": positions, "network": form}


def own(tensors: Tensors, config: Config) -> Built:
    """The network of a config that `as_own` wrote.

    Raises:
        CheckpointError: the config describes no network of flyroom's.
    """
    network = _made(config["network"], tensors)
    if not isinstance(network, AbstractNetwork):
        raise CheckpointError("Its config describes no network.")
    embedding, tables = _embedding(network)
    return Built(network, embedding, tables or int(config["positions"]), _answers(network))


def _embedding(network: Any) -> tuple[np.ndarray, int | None]:
    """What a first token adds, as a vector; and how many tokens are read, if weights say it."""
    if isinstance(network, models.TransformerNetwork):
        return np.asarray(network.embed), len(network.positions)
    if isinstance(network, models.LSTMNetwork):
        return np.asarray(network.into).reshape(len(network.into), -1), None
    if isinstance(network, models.FactoredNetwork):
        table = network.whole_in if network.embedding is None else network.embedding
        sides = network.whole_in if network.into is None else network.into
    else:
        table = network.first if isinstance(network, models.MLPNetwork) else network.embed
        sides = table
    table, sides = np.asarray(table), np.asarray(sides)
    if isinstance(network, models.MLPNetwork) and table.ndim == 2:
        return table, len(table)  # it reads numbers, such as bits
    return (table[0] if table.ndim == 3 else table), len(sides) if sides.ndim == 3 else None


def _answers(network: Any) -> bool:
    """Whether it reads vectors in the place of tokens, of one embedding for all positions."""
    embed = getattr(network, "embed", None)
    reads = getattr(network, "into", embed) is not None
    return hasattr(network, "answer") and embed is not None and embed.ndim == 2 and reads


def _form(value: Any, place: str, tensors: dict[str, np.ndarray]) -> Any:
    """What a config says of one part of a network; its arrays are put among the tensors."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.ndarray | jax.Array):
        tensors[place] = np.asarray(value, order="C")
        return {"tensor": place}
    if isinstance(value, tuple):
        return [_form(one, f"{place}.{n}", tensors) for n, one in enumerate(value)]
    name = getattr(value, "__name__", type(value).__name__)
    if _named(name) not in (value, type(value)):
        raise CheckpointError(f"The network has {name}, which flyroom has not: it cannot be read.")
    if callable(value) and not isinstance(value, eqx.Module):
        return {"function": name}
    fields = type(value).__dataclass_fields__
    parts = {n: _form(getattr(value, n), f"{place}.{n}".strip("."), tensors) for n in fields}
    return {"is": name} | parts


def _made(form: Any, tensors: Tensors) -> Any:
    """The part of a network that a config describes."""
    if isinstance(form, list):
        return tuple(_made(one, tensors) for one in form)
    if not isinstance(form, dict):
        return form
    if "tensor" in form:
        return jnp.asarray(tensors[form["tensor"]])
    name = str(form.get("is", form.get("function")))
    found = _named(name)
    if found is None:
        raise CheckpointError(f"Its config names {name!r}, which is no part of a network.")
    if "is" not in form:
        return found
    return found(**{n: _made(one, tensors) for n, one in form.items() if n != "is"})


def _named(name: str) -> Any:
    """A part of networks by its name: a kind of them, or an activation. Nothing else is found."""
    kind = getattr(models, name, None)
    if inspect.isclass(kind) and issubclass(kind, eqx.Module):
        return kind
    known = getattr(models.activations, name, None)
    return known if inspect.isfunction(known) and not name.startswith("_") else None
