"""Reference loop: a two-layer transformer on tables modulo 97 in minibatches, in eager PyTorch.

This is what flyroom is timed against, written the way the field writes it and in our own words.

Source: `grokking/model.py`, `training.py`, `data.py` and `cli.py` of
github.com/danielmamay/grokking, after Power et al. 2022 (arXiv:2201.02177). What is carried over:

- tokens `x o y =` (99 of them), half of the table for training; for `x/y` the rows are all of
  `(x * y, y) -> x` with `y` not zero: 9,312, of which 4,656 are trained on;
- a `DataLoader` over a `random_split` serves shuffled batches of 512, ten an epoch, the last one
  smaller;
- width 128, learned embeddings of tokens and of five positions, of which four are used;
- two layers: `nn.MultiheadAttention` of four heads, the positions first, with a causal mask that is
  made anew in every forward pass and weights that are averaged over heads and thrown away; a
  perceptron of 512 GELU neurons; a layer norm *after* each addition to the residual; then one more
  layer norm and an affine map to 99 logits; biases everywhere; no dropout;
- PyTorch's default initialisation everywhere;
- every position is computed to the end, logits included, though the loss reads the last one only;
- AdamW of PyTorch, learning rate 1e-3, weight decay 1 on everything, betas 0.9 and 0.98; the
  learning rate rises from a tenth over the first nine updates (`LinearLR`);
- after every update its loss and accuracy are logged; after every epoch the whole test set passes
  through the network in shuffled batches of 512, and its loss and accuracy are logged.

What differs: Weights & Biases, which the script logs to, is a list of numbers here, pulled to the
host as that does; sums and differences are reduced modulo 97, without which they are no labels.

`evaluate="never"` leaves out the test pass, and nothing else.

Run `python torch_power.py --help`; one JSON line comes out.
"""

import argparse
import itertools
import json
import math
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

MODULUS = 97
EQUALS, OPERATION = MODULUS, MODULUS + 1
TOKENS, POSITIONS = MODULUS + 2, 5
BATCH_SIZE = 512

Rows = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
# What stands left, what stands right, and the answer.
OPERATIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], Rows]] = {
    "x/y": lambda x, y: (x * y % MODULUS, y, x),
    "x+y": lambda x, y: (x, y, (x + y) % MODULUS),
    "x-y": lambda x, y: (x, y, (x - y) % MODULUS),
}


class Layer(nn.Module):
    """Attention and a perceptron, each followed by a layer norm of the sum."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads)
        self.attention_norm = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.perceptron_norm = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        unseen = torch.full((len(x), len(x)), -math.inf, device=x.device, dtype=x.dtype)
        attended, _ = self.attention(x, x, x, attn_mask=torch.triu(unseen, diagonal=1))
        x = self.attention_norm(x + attended)
        return self.perceptron_norm(x + self.perceptron(x))


class Transformer(nn.Module):
    """Tokens of shape `(batch, position)` to logits of shape `(position, batch, 99)`."""

    def __init__(self, layers: int, width: int, heads: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, width)
        self.places = nn.Embedding(POSITIONS, width)
        self.model = nn.Sequential(
            *(Layer(width, heads) for _ in range(layers)),
            nn.LayerNorm(width),
            nn.Linear(width, TOKENS),
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape)
        embedded = self.tokens(tokens) + self.places(places)
        return self.model(embedded.permute(1, 0, 2))


def make_data(operation: str, train_fraction: float) -> tuple[DataLoader, DataLoader]:
    """Loaders of the training and the test part of the table."""
    x = torch.arange(MODULUS)
    y = torch.arange(1 if operation == "x/y" else 0, MODULUS)
    left, right, labels = OPERATIONS[operation](*torch.cartesian_prod(x, y).T)
    signs = (torch.full_like(left, OPERATION), torch.full_like(left, EQUALS))
    table = TensorDataset(torch.stack([left, signs[0], right, signs[1]], dim=1), labels)
    train_size = int(train_fraction * len(table))
    parts: list[Dataset] = random_split(table, [train_size, len(table) - train_size])
    train, test = (DataLoader(part, batch_size=BATCH_SIZE, shuffle=True) for part in parts)
    return train, test


Log = list[dict[str, float]]


def log(table: Log, **numbers: torch.Tensor) -> None:
    """Pulls numbers to the host, one by one, and keeps them."""
    table.append({name: value.item() for name, value in numbers.items()})


def train_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    table: Log,
) -> None:
    """One pass over the training part, with an update for every batch."""
    model.train()
    criterion = nn.CrossEntropyLoss()
    for tokens, labels in loader:
        optimizer.zero_grad()
        logits = model(tokens)[-1, :, :]
        loss = criterion(logits, labels)
        accuracy = (logits.argmax(dim=1) == labels).sum() / len(labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        log(table, loss=loss, accuracy=accuracy)


def measure(model: nn.Module, loader: DataLoader, table: Log) -> None:
    """Logs mean loss and accuracy over one part of the table."""
    model.eval()
    criterion = nn.CrossEntropyLoss()
    loss, right = torch.zeros(()), torch.zeros(())
    for tokens, labels in loader:
        with torch.no_grad():
            logits = model(tokens)[-1, :, :]
            right += (logits.argmax(dim=1) == labels).sum()
            loss += criterion(logits, labels) * len(labels)
    count = len(loader.dataset)
    log(table, loss=loss / count, accuracy=right / count)


def run(
    steps: int,
    *,
    seed: int = 0,
    evaluate: str = "as_written",
    operation: str = "x/y",
    train_fraction: float = 0.5,
) -> dict[str, float]:
    """Trains for one epoch and then for at least `steps` updates, in whole epochs, which are timed.

    Args:
        steps: Number of timed updates, rounded up to whole epochs (of ten updates by default).
        seed: Of the split, the weights and the batches.
        evaluate: `"as_written"` (a test pass after each epoch) or `"never"`.
        operation: `"x/y"`, `"x+y"` or `"x-y"`.
        train_fraction: Share of the table to train on.

    Returns:
        Updates per second, how many were timed, and the losses (nats) and accuracies reached.
    """
    torch.set_num_threads(2)
    torch.manual_seed(seed)
    train, test = make_data(operation, train_fraction)
    model = Transformer(layers=2, width=128, heads=4)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=1.0
    )
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=9)
    tables: tuple[Log, Log] = ([], [])
    epochs = math.ceil(steps / len(train))
    start = 0.0
    for epoch in range(1 + epochs):
        if epoch == 1:
            start = time.perf_counter()
        train_epoch(model, train, optimizer, schedule, tables[0])
        if evaluate == "as_written":
            measure(model, test, tables[1])
    timed = epochs * len(train)
    speed = timed / (time.perf_counter() - start)
    final: Log = []
    for loader in (train, test):
        measure(model, loader, final)
    answers = {
        f"{side}_{name}": numbers[name]
        for name, (side, numbers) in itertools.product(
            ("loss", "accuracy"), zip(("train", "test"), final, strict=True)
        )
    }
    return {"steps_per_second": speed, "timed_steps": timed} | answers


def main() -> None:
    """Runs once from the command line and prints one JSON line."""
    parser = argparse.ArgumentParser(description="Eager PyTorch transformer on tables modulo 97.")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate", choices=("as_written", "never"), default="as_written")
    parser.add_argument("--operation", choices=tuple(OPERATIONS), default="x/y")
    parser.add_argument("--train-fraction", type=float, default=0.5)
    options = vars(parser.parse_args())
    print(json.dumps({"loop": "torch_power", **options, **run(**options)}))


if __name__ == "__main__":
    main()
