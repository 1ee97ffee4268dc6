"""Reference loop: a quadratic network on (a + b) mod 97 in eager PyTorch, squared error.

This is what flyroom is timed against, written the way the field writes it and in our own words.

Source: Doshi et al. 2024, "To grok or not to grok" (arXiv:2310.13061), `utils/models.py`,
`utils/optimization.py`, `utils/datasets.py` and `Training_scripts/phase_diagrams_wd.py` of
github.com/d-doshi/Grokking; the network is that of Gromov 2023 (arXiv:2301.02679). What is carried
over:

- every pair as two one-hot vectors in float32, kept as `(n, 2, 97)` and flattened in the network;
  half of the 97^2 pairs for training (that script goes through fractions from 0.1 to 0.9), in
  memory and shuffled once;
- 194 inputs, 500 hidden units that are squared (`torch.pow`), 97 outputs, no biases; a dropout
  layer of probability 0 in between; both matrices are normal of deviation
  0.5 / (2 * 500)^(1/3) = 0.05;
- the loss is the mean over rows *and* outputs of the squared difference to the one-hot label, which
  is made anew every time;
- AdamW of PyTorch, learning rate 1e-2, weight decay 5 (that script goes through 0, 5, 15 and 20),
  betas 0.9 and 0.98, one full-batch update per call of a function that moves network and data to
  where and in which type they already are;
- an evaluation is three more forward passes: training accuracy, test accuracy, and the test set
  again for its loss. Both accuracies also collect the rows that are wrong. The losses and both
  gradients are turned into NumPy arrays, and thrown away but for the numbers.

What differs: no label is corrupted, and the participation ratios of the weights, which are computed
beside the evaluation, are left out. The function that does an update evaluates unless told not to,
as `evaluate="every_step"` does here; the script asks for it at the last of its 2,000 updates only,
and the notebook at every second of its 100. `evaluate="never"` leaves it out.

Run `python torch_quadratic.py --help`; one JSON line comes out.
"""

import argparse
import json
import time
from typing import NamedTuple

import torch
from torch import nn

MODULUS = 97


class Split(NamedTuple):
    """One-hot pairs, shape `(n, 2, 97)`, and labels of one part of the data."""

    inputs: torch.Tensor
    labels: torch.Tensor


class Square(nn.Module):
    """Raises every number to the second power."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.pow(x, 2)


class Quadratic(nn.Module):
    """Two matrices, and squares in between."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.into = nn.Linear(2 * MODULUS, hidden, bias=False)
        self.out = nn.Linear(hidden, MODULUS, bias=False)
        self.dropout, self.activation = nn.Dropout(0.0), Square()
        for layer in (self.into, self.out):
            nn.init.normal_(layer.weight, mean=0.0, std=0.5 / (2 * hidden) ** (1 / 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.activation(self.dropout(self.into(x.flatten(1)))))


def make_data(train_fraction: float, generator: torch.Generator) -> tuple[Split, Split]:
    """Training and test part of all ordered pairs."""
    numbers = torch.arange(MODULUS)
    pairs = torch.cartesian_prod(numbers, numbers)
    pairs = pairs[torch.randperm(len(pairs), generator=generator)]
    labels = pairs.sum(dim=1) % MODULUS
    inputs = nn.functional.one_hot(pairs, MODULUS).to(torch.float32)
    cut = int(train_fraction * len(pairs))
    return Split(inputs[:cut], labels[:cut]), Split(inputs[cut:], labels[cut:])


def squared_error(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over rows and outputs."""
    target = nn.functional.one_hot(labels, outputs.shape[-1]).to(outputs.dtype)
    return nn.functional.mse_loss(outputs, target)


@torch.no_grad()
def accuracy(model: nn.Module, part: Split) -> float:
    """Share of rows whose greatest output is the label; the other rows are collected too."""
    model.eval()
    predicted = model(part.inputs).max(dim=1).indices
    right = (predicted == part.labels).sum()
    _ = part.inputs[part.labels != predicted]
    return float(right) / len(part.labels)


@torch.no_grad()
def loss_of(model: nn.Module, part: Split) -> float:
    """Squared error over one part of the data."""
    model.eval()
    return squared_error(model(part.inputs).squeeze(), part.labels).item()


def update(
    model: Quadratic, optimizer: torch.optim.Optimizer, train: Split, test: Split, evaluate: bool
) -> dict[str, float]:
    """One full-batch update, and what was measured with it."""
    model.train()
    model.to(device="cpu", dtype=torch.float32)
    inputs = train.inputs.to(device="cpu", dtype=torch.float32)
    labels = train.labels.to(device="cpu", dtype=torch.long)
    optimizer.zero_grad()
    loss = squared_error(model(inputs).squeeze(), labels)
    loss.backward()
    optimizer.step()
    if not evaluate:
        return {}
    _ = [layer.weight.grad.detach().cpu().numpy() for layer in (model.into, model.out)]
    return {
        "train_loss": float(loss.detach().cpu().numpy()),
        "train_accuracy": accuracy(model, train),
        "test_accuracy": accuracy(model, test),
        "test_loss": loss_of(model, test),
    }


def run(
    steps: int,
    *,
    seed: int = 0,
    evaluate: str = "every_step",
    hidden: int = 500,
    train_fraction: float = 0.5,
    weight_decay: float = 5.0,
    warmup: int = 5,
) -> dict[str, float]:
    """Trains for `warmup + steps` updates and times the last `steps` of them.

    Args:
        steps: Number of timed updates.
        seed: Of the split and the weights.
        evaluate: `"every_step"` (after each update) or `"never"`.
        hidden: Number of hidden units.
        train_fraction: Share of the pairs to train on.
        weight_decay: Of AdamW; multiplied with the learning rate, 0.01.
        warmup: Updates before the clock starts.

    Returns:
        Updates per second, and the losses (mean squared errors) and accuracies reached.
    """
    torch.set_num_threads(2)
    train, test = make_data(train_fraction, torch.manual_seed(seed))
    model = Quadratic(hidden)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-2, betas=(0.9, 0.98), eps=1e-8, weight_decay=weight_decay
    )
    measured = []
    start = 0.0
    for step in range(warmup + steps):
        if step == warmup:
            start = time.perf_counter()
        measured.append(update(model, optimizer, train, test, evaluate == "every_step"))
    seconds = time.perf_counter() - start
    return {
        "steps_per_second": steps / seconds,
        "train_loss": loss_of(model, train),
        "test_loss": loss_of(model, test),
        "train_accuracy": accuracy(model, train),
        "test_accuracy": accuracy(model, test),
    }


def main() -> None:
    """Runs once from the command line and prints one JSON line."""
    parser = argparse.ArgumentParser(description="Eager PyTorch quadratic network modulo 97.")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate", choices=("every_step", "never"), default="every_step")
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--train-fraction", type=float, default=0.5)
    parser.add_argument("--weight-decay", type=float, default=5.0)
    options = vars(parser.parse_args())
    print(json.dumps({"loop": "torch_quadratic", **options, **run(**options)}))


if __name__ == "__main__":
    main()
