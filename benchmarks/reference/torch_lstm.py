"""Reference loop: an LSTM of 20 units on (a + b) mod 97 in eager PyTorch.

This is what flyroom is timed against, written the way the field writes it and in our own words.

Source: the course report arXiv:2412.10898, whose code is not public. From it: an LSTM of hidden
size 20, modulo 97, 45 % of the pairs for training (one of its three fractions), Adam with learning
rate 1e-2. Ours, where it is silent:

- `nn.LSTM` of one layer reads two positions, `a` then `b`; an affine map takes its last hidden
  state to 97 logits; PyTorch's default initialisation everywhere;
- a number is a one-hot vector of 97, or with `encoding="scalar"` itself divided by 97;
- `CrossEntropyLoss`, one full-batch update of 4,234 rows per Python iteration, Adam of PyTorch with
  its default betas and no weight decay; the loss is pulled to the host after every update;
- with `evaluate="every_step"` the test set passes through the network after every update, and its
  loss and both accuracies, which the report draws, are pulled to the host; `"never"` leaves that
  out.

Run `python torch_lstm.py --help`; one JSON line comes out.
"""

import argparse
import json
import time
from typing import NamedTuple

import torch
from torch import nn

MODULUS = 97


class Split(NamedTuple):
    """Inputs, shape `(n, 2, features)`, and labels of one part of the data."""

    inputs: torch.Tensor
    labels: torch.Tensor


class Lstm(nn.Module):
    """One recurrent layer, read out from its last hidden state."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.out = nn.Linear(hidden, MODULUS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.lstm(x)
        return self.out(hidden[-1])


def make_data(
    train_fraction: float, encoding: str, generator: torch.Generator
) -> tuple[Split, Split]:
    """Training and test part of all ordered pairs."""
    numbers = torch.arange(MODULUS)
    pairs = torch.cartesian_prod(numbers, numbers)
    labels = pairs.sum(dim=1) % MODULUS
    if encoding == "one_hot":
        inputs = nn.functional.one_hot(pairs, MODULUS).float()
    else:
        inputs = pairs[..., None].float() / MODULUS
    order = torch.randperm(len(pairs), generator=generator)
    cut = int(train_fraction * len(pairs))
    train, test = order[:cut], order[cut:]
    return Split(inputs[train], labels[train]), Split(inputs[test], labels[test])


@torch.no_grad()
def measure(model: nn.Module, part: Split) -> dict[str, float]:
    """Loss and accuracy of one part of the data."""
    model.eval()
    logits = model(part.inputs)
    right = logits.argmax(dim=1) == part.labels
    loss = nn.functional.cross_entropy(logits, part.labels)
    return {"loss": loss.item(), "accuracy": right.float().mean().item()}


def run(
    steps: int,
    *,
    seed: int = 0,
    evaluate: str = "every_step",
    encoding: str = "one_hot",
    hidden: int = 20,
    train_fraction: float = 0.45,
    warmup: int = 5,
) -> dict[str, float]:
    """Trains for `warmup + steps` updates and times the last `steps` of them.

    Args:
        steps: Number of timed updates.
        seed: Of the split and the weights.
        evaluate: `"every_step"` (a test pass after each update) or `"never"`.
        encoding: `"one_hot"` or `"scalar"`.
        hidden: Number of units.
        train_fraction: Share of the pairs to train on.
        warmup: Updates before the clock starts.

    Returns:
        Updates per second, and the losses (nats) and accuracies reached.
    """
    torch.set_num_threads(2)
    train, test = make_data(train_fraction, encoding, torch.manual_seed(seed))
    model = Lstm(train.inputs.shape[-1], hidden)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    kept = []
    start = 0.0
    for step in range(warmup + steps):
        if step == warmup:
            start = time.perf_counter()
        model.train()
        optimizer.zero_grad()
        logits = model(train.inputs)
        loss = criterion(logits, train.labels)
        loss.backward()
        optimizer.step()
        row = {"train_loss": loss.item()}
        if evaluate == "every_step":
            right = logits.argmax(dim=1) == train.labels
            row["train_accuracy"] = right.float().mean().item()
            row |= {f"test_{name}": value for name, value in measure(model, test).items()}
        kept.append(row)
    seconds = time.perf_counter() - start
    final = {"train": measure(model, train), "test": measure(model, test)}
    answers = {
        f"{side}_{name}": final[side][name] for name in ("loss", "accuracy") for side in final
    }
    return {"steps_per_second": steps / seconds} | answers


def main() -> None:
    """Runs once from the command line and prints one JSON line."""
    parser = argparse.ArgumentParser(description="Eager PyTorch LSTM on (a + b) mod 97.")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate", choices=("every_step", "never"), default="every_step")
    parser.add_argument("--encoding", choices=("one_hot", "scalar"), default="one_hot")
    parser.add_argument("--hidden", type=int, default=20)
    parser.add_argument("--train-fraction", type=float, default=0.45)
    options = vars(parser.parse_args())
    print(json.dumps({"loop": "torch_lstm", **options, **run(**options)}))


if __name__ == "__main__":
    main()
