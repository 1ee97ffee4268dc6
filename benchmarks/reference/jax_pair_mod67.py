"""Reference loop: the 24-neuron factored mod-67 MLP in JAX, one jitted step per Python iteration.

This is what flyroom is timed against, written the way the field writes it and in our own words.

Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?"
(pair.withgoogle.com/explorables/grokking), notebook
`server-side/grokking/MLP_Modular_Addition.ipynb` of github.com/PAIR-code/ai-explorables
(Apache-2.0). What is carried over:

- 911 of the 2,278 unordered pairs a <= b for training (40 %), the other 1,367 for evaluation;
- one-hot inputs made inside the step from integer pairs; embedding 67 x 500 shared by both inputs,
  in-projection 500 x 24 shared by both, ReLU, out-projection 24 x 500, logits by the transposed
  embedding; no biases; the initialisers of dm-haiku;
- loss is the mean over examples *and* classes, hence cross-entropy / 67;
- `optax.adamw`, learning rate 1e-3, weight decay 1, betas 0.9 and 0.98, full batch;
- a state of weights, optimizer state, random key and step count goes through one `jax.jit`
  function, not donated; the batch is two host arrays that every call hands over; nothing is pulled
  to the host between evaluations, so steps are dispatched while earlier ones run;
- every 100 updates an evaluation outside `jit`, operation by operation: evaluation loss, both
  accuracies, L1 and L2 norm, all pulled to the host; every 500 updates the state is kept.

In the notebook's float64 the embedding is nevertheless stored in float32, because
`haiku.get_parameter` defaults to it; so it is here. The notebook ran with JAX 0.4.13, whose random
bits are those of `jax_threefry_partitionable=False`; with them seed 165 starts from the published
run's weights and split, and the first losses are those of its printed log (0.0651885 at step 0).

What differs: the model is plain functions instead of dm-haiku's, so that `jax` and `optax` are all
it needs; a per-step test for a batch size, which fails on NumPy >= 1.25, is left out.

Run `python jax_pair_mod67.py --help`; one JSON line comes out. `run` sets JAX's global
configuration, so give it a process of its own.
"""

import argparse
import json
import time
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

MODULUS = 67
EMBED = 500
HIDDEN = 24
TRAIN_FRACTION = 0.4
LOG_EVERY = 100
KEEP_EVERY = 500

OPTIMIZER = optax.adamw(learning_rate=1e-3, b1=0.9, b2=0.98, weight_decay=1.0)

Params = dict[str, jax.Array]
Batch = tuple[np.ndarray, np.ndarray]


class State(NamedTuple):
    """What one training step hands to the next."""

    params: Params
    opt_state: optax.OptState
    key: jax.Array
    step: jax.Array


def make_data(seed: int) -> tuple[Batch, Batch]:
    """Splits all unordered pairs as the notebook's seed does, hence the legacy generator."""
    pairs = np.array([(a, b) for a in range(MODULUS) for b in range(a, MODULUS)], dtype=np.int32)
    sums = pairs.sum(axis=1, dtype=np.int32) % MODULUS
    order = np.random.RandomState(seed).permutation(len(pairs))
    train_size = int(TRAIN_FRACTION * len(pairs))
    train, test = order[:train_size], order[train_size:]
    return (pairs[train], sums[train]), (pairs[test], sums[test])


def truncated_normal(
    key: jax.Array, shape: tuple[int, int], stddev: float, dtype: jnp.dtype
) -> jax.Array:
    """Normal numbers cut at two standard deviations, then scaled."""
    return stddev * jax.random.truncated_normal(key, -2, 2, shape, dtype)


@jax.jit
def init(key: jax.Array) -> State:
    """Draws the weights from the keys that dm-haiku would draw them from."""
    key, chain = jax.random.split(key)
    chain, embed_key = jax.random.split(chain)
    chain, hidden_key = jax.random.split(chain)
    chain, out_key = jax.random.split(chain)
    dtype = jnp.result_type(float)
    # VarianceScaling(2) divides by the standard deviation that the cut leaves; Linear does not.
    embed_stddev = (2 / MODULUS) ** 0.5 / 0.87962566103423978
    params = {
        "embed": truncated_normal(embed_key, (MODULUS, EMBED), embed_stddev, jnp.dtype("float32")),
        "hidden": truncated_normal(hidden_key, (EMBED, HIDDEN), EMBED**-0.5, dtype),
        "out": truncated_normal(out_key, (HIDDEN, EMBED), HIDDEN**-0.5, dtype),
    }
    return State(params, OPTIMIZER.init(params), key, jnp.array(0))


def forward(params: Params, pairs: jax.Array | np.ndarray) -> jax.Array:
    """Logits, shape `(n, 67)`, of integer pairs, shape `(n, 2)`."""
    embedded_a = jnp.dot(jax.nn.one_hot(pairs[:, 0], MODULUS), params["embed"])
    embedded_b = jnp.dot(jax.nn.one_hot(pairs[:, 1], MODULUS), params["embed"])
    hidden_a = jnp.dot(embedded_a, params["hidden"])
    hidden_b = jnp.dot(embedded_b, params["hidden"])
    out = jnp.dot(jax.nn.relu(hidden_a + hidden_b), params["out"])
    return jnp.matmul(out, params["embed"].T)


def loss_fn(params: Params, batch: Batch) -> jax.Array:
    """Cross-entropy / 67: the mean runs over the classes too."""
    pairs, sums = batch
    log_probs = jax.nn.log_softmax(forward(params, pairs), axis=-1)
    return -jnp.mean(jax.nn.one_hot(sums, MODULUS) * log_probs)


def accuracy_fn(params: Params, batch: Batch) -> jax.Array:
    """Share of the pairs whose largest logit is the right one."""
    pairs, sums = batch
    return jnp.mean(jnp.argmax(forward(params, pairs), axis=1) == sums)


@jax.jit
def update(state: State, batch: Batch) -> tuple[State, dict[str, jax.Array]]:
    """Does one full-batch update; the loss is that before it."""
    _, key = jax.random.split(state.key)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, batch)
    updates, opt_state = OPTIMIZER.update(gradients, state.opt_state, state.params)
    params = cast(Params, optax.apply_updates(state.params, updates))
    return State(params, opt_state, key, state.step + 1), {"step": state.step, "train_loss": loss}


def measure(state: State, train: Batch, test: Batch) -> dict[str, jax.Array]:
    """Computes what the notebook logs, outside `jit`."""
    l1_norm = jnp.array(0.0)
    l2_square = jnp.array(0.0)
    for weights in jax.tree_util.tree_leaves(state.params):
        l1_norm += jnp.sum(jnp.abs(weights))
        l2_square += jnp.sum(jnp.square(weights))
    return {
        "test_loss": loss_fn(state.params, test),
        "train_accuracy": accuracy_fn(state.params, train),
        "test_accuracy": accuracy_fn(state.params, test),
        "l1_norm": l1_norm,
        "l2_norm": jnp.sqrt(l2_square),
    }


def run(
    steps: int,
    *,
    dtype: str = "float64",
    seed: int = 165,
    evaluate: bool = True,
    warmup: int = 20,
) -> dict[str, float]:
    """Trains for `warmup + steps` updates and times the last `steps` of them.

    Args:
        steps: Number of timed updates; a multiple of 100 holds as many evaluations as it should.
        dtype: `"float64"`, as the notebook runs, or `"float32"`.
        seed: Of the split and of the weights; the published run's is 165.
        evaluate: Whether to evaluate and keep states as often as the notebook does.
        warmup: Updates before the clock starts; the first of them compiles the evaluation too.

    Returns:
        Updates per second, and the losses (cross-entropy / 67) and accuracies reached.
    """
    jax.config.update("jax_enable_x64", dtype == "float64")
    jax.config.update("jax_default_matmul_precision", "float32")
    jax.config.update("jax_threefry_partitionable", False)
    train, test = make_data(seed)
    state = init(jax.random.PRNGKey(seed))
    log = []
    kept = []
    start = 0.0
    for step in range(warmup + steps):
        if step == warmup:
            jax.block_until_ready(state)
            start = time.perf_counter()
        state, metrics = update(state, train)
        if evaluate and step % KEEP_EVERY == 0:
            kept.append(state)
        if evaluate and step % LOG_EVERY == 0:
            metrics |= measure(state, train, test)
            log.append({name: value.item() for name, value in metrics.items()})
    jax.block_until_ready(state)
    seconds = time.perf_counter() - start
    final = {"train_loss": loss_fn(state.params, train)} | measure(state, train, test)
    answer = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    return {"steps_per_second": steps / seconds} | {name: final[name].item() for name in answer}


def main() -> None:
    """Runs once from the command line and prints one JSON line."""
    parser = argparse.ArgumentParser(description="Factored mod-67 MLP, one jitted step at a time.")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.add_argument("--seed", type=int, default=165)
    parser.add_argument("--evaluate", action="store_true")
    options = vars(parser.parse_args())
    print(json.dumps({"loop": "jax_pair_mod67", **options, **run(**options)}))


if __name__ == "__main__":
    main()
