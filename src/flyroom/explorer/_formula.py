"""The formulas by which the page computes what a network answers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from .. import measures
from ..models import EmbeddedNetwork, MLPNetwork, TransformerNetwork
from ..tasks import AbstractTask

ASKED = 64  # questions on which a formula is held against the network itself

Tree = dict[str, Any]
Logits = Float[np.ndarray, "question output"]


class NoFormula(ValueError):
    """Why the page cannot compute a network."""


def formula(network: Any, positions: int) -> Tree:
    """The matrices that the page needs to compute a network, multiplied as far as they can be.

    A perceptron hears the sum of a row of a table for each position, and a bias; every layer after
    it is a matrix and a bias. A transformer hears what its heads mix, in which the first neurons'
    share comes before what goes past them, straight to the outputs.

    Args:
        network: as from a store.
        positions: how many tokens it reads.

    Raises:
        NoFormula: it does more than such formulas say.
    """
    if isinstance(network, TransformerNetwork):
        tree = _transformer(network)
    else:
        tree = _perceptron(network, positions)
    return jax.tree.map(lambda x: np.asarray(x, np.float32), tree)


def _perceptron(network: Any, positions: int) -> Tree:
    if not (measures.has_tables(network) and measures.reads_tokens(network)):
        raise NoFormula("It reads no tokens through tables of a first layer of neurons.")
    if not hasattr(network, "activation"):
        raise NoFormula("Its neurons have no activation that the page could know.")
    first, layers = None, [(measures.output_matrix(network), None)]
    if isinstance(network, MLPNetwork):
        if network.norms:
            raise NoFormula("It has batch norms, which the page does not compute.")
        first, layers = network.biases[0], zip(network.weights, network.biases[1:], strict=True)
    elif isinstance(network, EmbeddedNetwork):
        times = positions if network.join == "sum_after" else 1
        first = None if network.biases[0] is None else times * network.biases[0]
        last = (network.unembed, None)
        layers = [*zip(network.weights[1:], network.biases[1:], strict=True), last]
    tree = {
        "tables": measures.input_tables(network),
        "bias": first,
        "layers": [{"weights": weights, "bias": bias} for weights, bias in layers],
    }
    if any(layer["weights"] is None for layer in tree["layers"]):
        raise NoFormula("It has no matrix from its neurons to its outputs.")
    return tree


def _transformer(network: Any) -> Tree:
    if len(network.blocks) > 1 or network.blocks[0].after_attention is not None:
        raise NoFormula(
            "It has layer norms or more than one layer: the page computes transformers of one "
            "layer without norms."
        )
    exact: Any = jax.tree.map(lambda x: np.asarray(x, np.float64), network)
    block = exact.blocks[0]
    embed, places, unembed = exact.embed, exact.positions[: len(network.spans)], exact.unembed
    first, last = network.spans[-1]
    asks = embed[first:last] + places[-1]
    read = embed[None] + places[:, None]
    queries = np.einsum("qr,rhc->qhc", asks, block.query) * block.query.shape[2] ** -0.5
    beside = np.concatenate([block.into, unembed], axis=1)  # neurons, and past them the outputs
    biases = np.zeros(beside.shape[1])
    if block.into_bias is not None and block.out_bias is not None:
        biases = np.concatenate([block.into_bias, block.out_bias @ unembed])
    return {
        "attention": {
            "scores": np.einsum("qhc,itr,rhc->qith", queries, read, block.key, optimize=True),
            "values": np.einsum("tr,rhc->thc", embed, block.value),
            "places": np.einsum("ir,rhc->ihc", places, block.value),
            "mix": block.mix @ beside,
            "direct": asks @ beside + biases,
            "rate": 1.0 if exact.rate is None else exact.rate,
        },
        "layers": [{"weights": block.out @ unembed, "bias": None}],
    }


class Operands(NamedTuple):
    """At which positions stands what a question is of, and from which token to which."""

    positions: list[int]
    first: int
    last: int


def operands(task: AbstractTask) -> Operands | None:
    """Those of a task of tokens: at other positions, as of `=`, all questions have the same one."""
    inputs, tokens, _, spans = task.signature
    if tokens is None:
        return None
    spans = spans or ((0, tokens),) * inputs[0]
    varying = [i for i, (first, last) in enumerate(spans) if last - first > 1] or [0]
    ends = [spans[i] for i in varying]
    return Operands(varying, min(first for first, _ in ends), max(last for _, last in ends))


def elements(
    tables: Float[Any, "table token neuron"], asked: Operands
) -> Float[Any, "_table element neuron"]:
    """What the operands are to the neurons: only among them are there waves."""
    places = sorted({i % len(tables) for i in asked.positions})
    return tables[np.array(places), asked.first : asked.last]


def first_layer(
    network: Any, task: AbstractTask | None
) -> Float[np.ndarray, "table element neuron"]:
    """What operands are to the first neurons; all inputs, if there is no task or it has none."""
    tables = np.asarray(measures.input_tables(network), np.float32)
    asked = None if task is None else operands(task)
    return tables if asked is None else elements(tables, asked)


def operands_of(task: AbstractTask, inputs: Int[np.ndarray, "question position"]) -> np.ndarray:
    """The operands of each question, as numbers from zero."""
    asked = operands(task)
    assert asked is not None
    return inputs[:, asked.positions] - asked.first


def of_operands(tree: Tree, asked: Operands, question: Int[np.ndarray, "position"]) -> Tree:
    """The formula of a perceptron that is given operands alone: all else adds to its bias."""
    tables, bias = tree["tables"], tree["bias"]
    for i in sorted(set(range(len(question))) - set(asked.positions)):
        row = tables[i % len(tables), question[i]]
        bias = row if bias is None else bias + row
    return {**tree, "tables": elements(tables, asked), "bias": bias}


def heard(tree: Tree, network: Any, inputs: Int[np.ndarray, "question position"]) -> Logits:
    """What the neurons of the first layer hear; beside it, if it attends, what goes past them."""
    if "attention" not in tree:
        tables = tree["tables"]
        rows = [tables[i % len(tables)][inputs[:, i]] for i in range(inputs.shape[1])]
        return np.sum(rows, axis=0) + (0 if tree["bias"] is None else tree["bias"])
    attention, places = tree["attention"], np.arange(inputs.shape[1])
    asks = inputs[:, -1] - network.spans[-1][0]
    scores = attention["scores"][asks[:, None], places, inputs]
    powers = np.exp(scores - scores.max(1, keepdims=True))
    rate = attention["rate"]
    pattern = rate * powers / powers.sum(1, keepdims=True) + (1 - rate)
    values = attention["values"][inputs] + attention["places"]
    mixed = np.einsum("qih,qihc->qhc", pattern, values)
    flat = mixed.reshape(len(mixed), -1) @ attention["mix"].reshape(-1, attention["mix"].shape[-1])
    return flat + attention["direct"][asks]


def answers(tree: Tree, network: Any, inputs: Int[np.ndarray, "question position"]) -> Logits:
    """The logits that the page computes."""
    activation: Callable[[Any], Any] = network.activation
    value, past = heard(tree, network, inputs), 0.0
    if "attention" in tree:
        value, past = np.split(value, [len(tree["layers"][0]["weights"])], axis=1)
    for layer in tree["layers"]:
        value = np.asarray(activation(jnp.asarray(value))) @ layer["weights"]
        value = value if layer["bias"] is None else value + layer["bias"]
    return value + past


def check(tree: Tree, network: Any, inputs: Int[np.ndarray, "question position"]) -> None:
    """Raises `NoFormula` unless the formula gives the network's own logits."""
    some = inputs[np.linspace(0, len(inputs) - 1, ASKED).round().astype(int)]
    ours = answers(tree, network, some)
    theirs = np.asarray(jax.tree.map(jnp.asarray, network).table(jnp.asarray(some)))
    close = ours.shape == theirs.shape and np.allclose(
        ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max()
    )
    if not close:
        raise NoFormula("It does more than its matrices say.")
