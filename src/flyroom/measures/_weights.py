from typing import Any

from jaxtyping import Array, Float
from numpy import ndarray


def input_tables(network: Any) -> Float[Array | ndarray, "table input neuron"]:
    """What each input adds to each neuron: one table, or one for each position.

    Args:
        network: a network with `w_in` or `first`, or the matrix itself.

    Raises:
        TypeError: the network has neither.
    """
    tables = _tables(network)
    if tables is None:
        raise TypeError(
            f"{type(network).__name__} has neither `w_in` nor `first`, the matrix from inputs to "
            "neurons. Give that matrix, or name it so."
        )
    return tables if tables.ndim == 3 else tables[None]


def token_tables(network: Any) -> Float[Array | ndarray, "table token neuron"]:
    """The input tables of a network that reads tokens.

    Raises:
        TypeError: its inputs are real vectors, whose features stand in no order.
    """
    if not reads_tokens(network):
        raise TypeError(
            f"{type(network).__name__} reads real vectors: there is no order of its features in "
            "which its weights could be waves. Give a network that reads tokens, or a matrix."
        )
    return input_tables(network)


def output_matrix(network: Any) -> Float[Array | ndarray, "neuron output"] | None:
    """What each neuron of the first layer adds to each output or next neuron, if there is that."""
    if hasattr(network, "w_out"):
        return network.w_out
    weights = getattr(network, "weights", ())
    return weights[0] if weights else None


def answer_matrix(network: Any) -> Float[Array | ndarray, "neuron output"] | None:
    """What each neuron adds to each output, if there is one layer of neurons and such a matrix."""
    return output_matrix(network) if len(getattr(network, "weights", ())) < 2 else None


def last_matrix(network: Any) -> Float[Array | ndarray, "feature output"]:
    """What is multiplied last, and gives the logits."""
    if getattr(network, "unembed", None) is not None:
        return network.unembed
    if getattr(network, "weights", ()):
        return network.weights[-1]
    return network.w_out if hasattr(network, "w_out") else network.out


def has_tables(network: Any) -> bool:
    """Whether a network has a first layer of neurons that `input_tables` finds."""
    return _tables(network) is not None


def reads_tokens(network: Any) -> bool:
    """Whether the rows of the input tables are tokens, so that their order means something."""
    if hasattr(network, "ndim") or hasattr(network, "w_in"):
        return True
    return has_tables(network) and network.first.ndim == 3


def _tables(network: Any) -> Any:
    """`w_in` if there is one, or `first`, or `None`; a matrix is its own."""
    if hasattr(network, "ndim"):
        return network
    return getattr(network, "w_in", getattr(network, "first", None))
