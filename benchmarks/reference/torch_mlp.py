"""Reference loop: a full-batch one-hidden-layer MLP on (a + b) mod 113 in eager PyTorch.

This is what flyroom is timed against, written the way the field writes it and in our own words.

Source: Prieto et al. 2025, "Grokking at the Edge of Numerical Stability" (arXiv:2501.04697),
`grokking_experiments.py`, `models.py` and `logger.py` of
github.com/LucasPrietoAl/grokking-at-the-edge-of-numerical-stability. What is carried over:

- every pair as two concatenated one-hot vectors (226 wide), 30 % of the 113^2 pairs for training
  (that script's default), all data in memory, one full-batch update per Python iteration;
- ReLU layers without biases, PyTorch's default initialisation;
- the training rows are permuted anew before every update, as there;
- the loss is `log_softmax` then `gather`, AdamW is PyTorch's own;
- the logits are multiplied by a constant, 1 here, in the network and again before the loss;
- an evaluation passes both the training and the test set through the network again, pulls each
  number (losses, accuracies, weight norms, zero terms, softmax collapse) to the host by itself,
  appends the numbers of each measure to a growing pandas table, and keeps a copy of the weights.

What differs: one hidden layer of 512 instead of two of 200 (that script takes the sizes as
`--hidden_sizes`; so does `run` here), the optimizer settings of Power et al. 2022
(arXiv:2201.02177), and two threads instead of five. The script evaluates every 50 updates by
default, and every 10 to 5,000 in the paper; `evaluate_every=1` is the habit of other published
loops (progress-measures-paper, d-doshi/Grokking).

`inputs="gather"` is the same network with its first layer as a table look-up, which does less
arithmetic: no published loop does this, so it is the stronger baseline.

Run `python torch_mlp.py --help`; one JSON line comes out.
"""

import argparse
import copy
import itertools
import json
import time
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import nn

MODULUS = 113
# The published loop rescales the logits to study softmax collapse; it multiplies by 1 too.
LOGIT_SCALE = 1.0


class Split(NamedTuple):
    """Inputs and labels of one part of the data."""

    inputs: torch.Tensor
    labels: torch.Tensor


class GatherLinear(nn.Module):
    """`nn.Linear` without bias on concatenated one-hot vectors, as a look-up of two rows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # The same distribution as the dense layer, whose fan-in is the one-hot width.
        dense = nn.Linear(2 * MODULUS, width, bias=False)
        self.table = nn.Embedding.from_pretrained(dense.weight.detach().T.clone(), freeze=False)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        return self.table(pairs[:, 0]) + self.table(pairs[:, 1] + MODULUS)


class Mlp(nn.Module):
    """ReLU network whose first layer is dense on one-hot vectors, or a look-up."""

    def __init__(self, hidden_sizes: Sequence[int], inputs: str) -> None:
        super().__init__()
        widths = [2 * MODULUS, *hidden_sizes, MODULUS]
        self.layers = nn.ModuleList(
            GatherLinear(fan_out)
            if i == 0 and inputs == "gather"
            else nn.Linear(fan_in, fan_out, bias=False)
            for i, (fan_in, fan_out) in enumerate(itertools.pairwise(widths))
        )

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        *hidden, last = self.layers
        activations = encoded
        for layer in hidden:
            activations = nn.functional.relu(layer(activations))
        return last(activations) * LOGIT_SCALE


def make_data(
    train_fraction: float, dtype: torch.dtype, inputs: str, generator: torch.Generator
) -> tuple[Split, Split]:
    """Makes the training and the test part of all pairs.

    Args:
        train_fraction: Share of the pairs to train on.
        dtype: Type of the one-hot vectors.
        inputs: `"one_hot"` (shape `(n, 226)`) or `"gather"` (integers, shape `(n, 2)`).
        generator: Draws the split.

    Returns:
        Training and test data.
    """
    numbers = torch.arange(MODULUS)
    pairs = torch.cartesian_prod(numbers, numbers)
    labels = pairs.sum(dim=1) % MODULUS
    if inputs == "one_hot":
        encoded = nn.functional.one_hot(pairs, MODULUS).flatten(start_dim=1).to(dtype)
    else:
        encoded = pairs
    order = torch.randperm(len(pairs), generator=generator)
    train_size = int(train_fraction * len(pairs))
    train, test = order[:train_size], order[train_size:]
    return Split(encoded[train], labels[train]), Split(encoded[test], labels[test])


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each example, shape `(n,)`, in the type of the logits."""
    log_probs = nn.functional.log_softmax(logits, dim=-1)
    return -log_probs.gather(dim=-1, index=labels[:, None]).squeeze(-1)


Measured = dict[str, dict[str, float]]


@torch.no_grad()
def measure(model: nn.Module, train: Split, test: Split) -> Measured:
    """Passes both parts through the network and pulls every number to the host, one by one."""
    train_logits = model(train.inputs)
    test_logits = model(test.inputs)
    shifted = train_logits - train_logits.amax(dim=1, keepdim=True)
    total = shifted.exp().sum(dim=-1, keepdim=True)
    _ = shifted.amax(dim=1, keepdim=True) - total.log()  # computed there too, and not used
    zero_terms = (cross_entropy(train_logits, train.labels) == 0).sum().item()
    return {
        "loss": {
            "train": cross_entropy(train_logits, train.labels).mean().item(),
            "test": cross_entropy(test_logits, test.labels).mean().item(),
        },
        "accuracy": {
            "train": (train_logits.argmax(dim=1) == train.labels).float().mean().item(),
            "test": (test_logits.argmax(dim=1) == test.labels).float().mean().item(),
        },
        "norm": {
            name: parameter.square().sum().sqrt().item()
            for name, parameter in model.named_parameters()
        },
        "zero_terms": {"train": zero_terms / len(train.labels)},
        "softmax_collapse": {"train": (total == 1).float().mean().item()},
    }


def append(table: pd.DataFrame | None, step: int, measured: Measured) -> pd.DataFrame | None:
    """Adds a row for every number, with one concatenation for every measure."""
    for name, values in measured.items():
        rows = [{"step": step, "measure": name, "of": of, "value": v} for of, v in values.items()]
        table = pd.concat([table, pd.DataFrame(rows)], ignore_index=True)
    return table


def update(model: nn.Module, optimizer: torch.optim.Optimizer, train: Split) -> Split:
    """Does one full-batch update and returns the training rows in the order it used."""
    order = torch.randperm(len(train.labels))
    shuffled = Split(train.inputs[order], train.labels[order])
    optimizer.zero_grad()
    logits = model(shuffled.inputs) * LOGIT_SCALE
    loss = cross_entropy(logits, shuffled.labels).mean()
    loss.backward()
    optimizer.step()
    return shuffled


def run(
    steps: int,
    *,
    dtype: str = "float32",
    seed: int = 0,
    evaluate: bool = False,
    evaluate_every: int = 1,
    inputs: str = "one_hot",
    hidden_sizes: Sequence[int] = (512,),
    train_fraction: float = 0.3,
    warmup: int = 5,
) -> dict[str, float]:
    """Trains for `warmup + steps` updates and times the last `steps` of them.

    Args:
        steps: Number of timed updates.
        dtype: `"float32"` or `"float64"`, for data, weights and loss.
        seed: Of the split, the weights and the order of the rows.
        evaluate: Whether to measure both parts of the data during training.
        evaluate_every: Number of updates from one evaluation to the next.
        inputs: `"one_hot"`, as published, or `"gather"`.
        hidden_sizes: Widths of the hidden layers.
        train_fraction: Share of the pairs to train on.
        warmup: Updates before the clock starts.

    Returns:
        Updates per second, and the losses (nats) and accuracies reached.
    """
    torch.set_num_threads(2)
    generator = torch.manual_seed(seed)
    train, test = make_data(train_fraction, getattr(torch, dtype), inputs, generator)
    model = Mlp(hidden_sizes, inputs).to(getattr(torch, dtype))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=1.0
    )
    table, kept = None, {}
    start = 0.0
    for step in range(warmup + steps):
        if step == warmup:
            start = time.perf_counter()
        shuffled = update(model, optimizer, train)
        if evaluate and step % evaluate_every == 0:
            kept[step] = copy.deepcopy(model.state_dict())
            table = append(table, step, measure(model, shuffled, test))
    seconds = time.perf_counter() - start
    final = measure(model, train, test)
    answers = {
        f"{side}_{name}": final[name][side]
        for name in ("loss", "accuracy")
        for side in final["loss"]
    }
    return {"steps_per_second": steps / seconds} | answers


def main() -> None:
    """Runs once from the command line and prints one JSON line."""
    parser = argparse.ArgumentParser(description="Eager PyTorch MLP on (a + b) mod 113.")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--evaluate-every", type=int, default=1)
    parser.add_argument("--inputs", choices=("one_hot", "gather"), default="one_hot")
    parser.add_argument("--hidden-sizes", type=int, nargs="+", default=[512])
    parser.add_argument("--train-fraction", type=float, default=0.3)
    options = vars(parser.parse_args())
    print(json.dumps({"loop": "torch_mlp", **options, **run(**options)}))


if __name__ == "__main__":
    main()
