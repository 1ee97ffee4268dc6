import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from ..spec import SpecError, leaf, shape
from ..tasks import Signature
from ..typing import FloatScalar
from ._base import AbstractModel, AbstractNetwork, Tap, untouched
from .initial import pytorch
from .linear import linear


class LSTMNetwork(AbstractNetwork):
    """Weights of an `LSTM`; the gates are in PyTorch's order: input, forget, cell, output.

    The activations of the first position are named `cell_0` and `hidden_0`; the last is `logits`.
    As in PyTorch there are two biases, of which only the sum counts. Both have its
    gradient, so Adam moves the sum twice as far as it would move a single vector.
    """

    into: Float[Array, "token gate cell"]
    recurrent: Float[Array, "hidden gate cell"]
    into_bias: Float[Array, "gate cell"]
    recurrent_bias: Float[Array, "gate cell"]
    out: Float[Array, "hidden class"]
    out_bias: Float[Array, "class"]
    tokens: bool = shape(True)

    def forward(
        self, x: Shaped[Array, "position *feature"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        del key
        # Before the first position there is nothing, which adds nothing to the gates.
        return self._go_on(x, 0, None, self._bias(), tap)

    def table(
        self,
        inputs: Shaped[Array, "example position *feature"],
        *,
        key: PRNGKeyArray | None = None,
        weights: Float[Array, "example"] | None = None,
    ) -> Float[Array, "example output"]:
        """The logits of many examples. What they read first is read once for each token."""
        del key, weights
        (examples, positions), tokens = inputs.shape[:2], self.into.shape[0]
        if not self.tokens or positions == 1 or examples < tokens:
            return jax.vmap(self)(inputs)

        def begin(token: Array) -> Array:
            cell, hidden = self._step(self._read(token) + self._bias(), None, 0, untouched)
            return jnp.concatenate([self._carried(hidden), cell])

        def finish(x: Array, begun: Array) -> Array:
            width = self.out.shape[0]
            return self._go_on(x, 1, begun[4 * width :], begun[: 4 * width], untouched)

        begun = jax.vmap(begin)(jnp.arange(tokens, dtype=inputs.dtype))
        return jax.vmap(finish)(inputs, begun[inputs[:, 0]])

    def _go_on(
        self, x: Array, first: int, cell: Array | None, carried: Array, tap: Tap
    ) -> Float[Array, "output"]:
        """The answer, from what the positions before the `first` one have left behind."""
        last = x.shape[0] - 1
        for position in range(first, last):
            gates = self._read(x[position]) + carried
            cell, hidden = self._step(gates, cell, position, tap)
            carried = self._carried(hidden)
        _, hidden = self._step(self._read(x[last]) + carried, cell, last, tap)
        return tap("logits", linear(hidden, self.out) + self.out_bias)

    def _read(self, x: Shaped[Array, "*feature"]) -> Float[Array, "unit"]:
        """What the gates are given of one position."""
        into = self.into.reshape(self.into.shape[0], -1)
        # A row of a table is the product with a one-hot vector, without the multiplications.
        return into[x] if self.tokens else linear(x.astype(into.dtype).reshape(-1), into)

    def _bias(self) -> Float[Array, "unit"]:
        return (self.into_bias + self.recurrent_bias).reshape(-1)

    def _carried(self, hidden: Float[Array, "hidden"]) -> Float[Array, "unit"]:
        """What the gates are given of the positions before."""
        return linear(hidden, self.recurrent.reshape(hidden.shape[0], -1)) + self._bias()

    def _step(
        self, gates: Float[Array, "unit"], cell: Array | None, position: int, tap: Tap
    ) -> tuple[Float[Array, "cell"], Float[Array, "hidden"]]:
        # The logistic function of z is (1 + tanh(z/2))/2, so one tanh serves all four gates.
        # Its factors are made by NumPy: XLA would make them anew for every example.
        factors = np.repeat([0.5, 0.5, 1.0, 0.5], self.out.shape[0])
        part = jnp.asarray(factors, gates.dtype)
        opened = part * jnp.tanh(part * gates) + (1 - part)
        enter, keep, new, show = jnp.split(opened, 4)
        cell = enter * new if cell is None else keep * cell + enter * new
        cell = tap(f"cell_{position}", cell)
        return cell, tap(f"hidden_{position}", show * jnp.tanh(cell))


class LSTM(AbstractModel):
    r"""One layer of LSTM cells, as PyTorch's `nn.LSTM`, and a `Linear` on its last hidden state.

    At every position \(c \leftarrow f \odot c + i \odot g\) and \(h = o \odot \tanh c\), from
    nothing at first. Gates are \(i, f, o = \sigma(W x + b + U h + b')\), and \(g\) the same with
    tanh, each with matrices and biases of its own. Tokens are read as one-hot vectors. Of real
    vectors, each number is one position, or each row of a matrix.

    Args:
        width: number of cells.
        init_scale: multiplies every initial weight. Without it all are uniform within
            `±1/√width`, biases too.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=97, train_fraction=0.45)
        >>> optimizer = fr.optim.AdamW(learning_rate=1e-2, weight_decay=0.0)
        >>> experiment = fr.Experiment(task, fr.models.LSTM(width=20), optimizer)

    Source: Hochreiter & Schmidhuber 1997; on modular addition: arXiv:2412.10898.
    """

    width: int = shape(20, minimum=1)
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)

    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> LSTMNetwork:
        tokens, inputs = signature.tokens, signature.inputs
        if len(inputs) not in ((1, 2) if tokens is None else (1,)):
            raise SpecError(
                f"LSTM: one input of the task has shape {inputs}; allowed: (positions,) for tokens "
                "or numbers, (positions, features) for vectors. Use a task that gives a sequence."
            )
        keys, width = jr.split(key, 6), self.width
        features = inputs[1] if len(inputs) == 2 else 1

        def draw(key: PRNGKeyArray, *size: int) -> Float[Array, "..."]:
            # The linear layer reads `width` numbers too, so that its bound is the same.
            return jnp.float32(self.init_scale) * pytorch(key, size, width)

        return LSTMNetwork(
            into=draw(keys[0], features if tokens is None else tokens, 4, width),
            recurrent=draw(keys[1], width, 4, width),
            into_bias=draw(keys[2], 4, width),
            recurrent_bias=draw(keys[3], 4, width),
            out=draw(keys[4], width, outputs),
            out_bias=draw(keys[5], outputs),
            tokens=tokens is not None,
        )
