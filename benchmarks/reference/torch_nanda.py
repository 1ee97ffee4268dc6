"""Reference loop: a one-layer transformer on (a + b) mod 113 in eager PyTorch, loss in float64.

This is what flyroom is timed against, written the way the field writes it and in our own words.

Source: the grokking demo of TransformerLens, `demos/Grokking_Demo.ipynb` and, for the network that
its configuration makes, `HookedTransformer` of github.com/TransformerLensOrg/TransformerLens
(version 2), which is not needed here. What is carried over:

- tokens `a b =` (114 of them), 30 % of the 113^2 pairs for training, all data in memory, one
  full-batch update of 3,830 rows per Python iteration;
- width 128, four heads of 32, 512 ReLU neurons, a learned embedding of the three positions, a
  causal mask, no layer norm; embedding and unembedding are two matrices;
- every position is computed to the end, logits included, though the loss reads the last one only;
- every activation passes through a module of its own that does nothing and takes hooks;
- biases exist everywhere, are zero and are not trained; the weights are all normal of deviation
  0.8 / sqrt(128);
- heads are one product each for queries, keys and values, put side by side; attention scores are
  products of small matrices, divided, masked with `where`, and looked over for NaN after `softmax`;
- positions are repeated for every row and copied before they are added;
- the logits are float32, `log_softmax` and the mean are float64;
- AdamW of PyTorch, learning rate 1e-3, weight decay 1, betas 0.9 and 0.98, no schedule;
- after each update the test set passes through the network; both losses are pulled to the host;
- a copy of the weights is kept every 100 updates.

`evaluate="never"` leaves out the test pass, and nothing else.

The published code of Nanda et al. 2023 (arXiv:2301.05217; `transformers.py` of
github.com/mechanistic-interpretability-grokking/progress-measures-paper) does the same with einsum,
warms the learning rate up for ten updates, trains the perceptron's biases, has 114 classes and
passes the test set through the network before the update, with gradients. It is the slower one.

Run `python torch_nanda.py --help`; one JSON line comes out.
"""

import argparse
import copy
import json
import time
from typing import NamedTuple

import torch
from torch import nn

MODULUS = 113
POSITIONS = 3
WIDTH, HEADS, CHANNELS, NEURONS = 128, 4, 32, 512
CHECKPOINT_EVERY = 100


class Split(NamedTuple):
    """Tokens, shape `(n, 3)`, and labels of one part of the data."""

    tokens: torch.Tensor
    labels: torch.Tensor


class Tap(nn.Module):
    """Gives back what it is given. A forward hook on it sees an activation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def weight(*shape: int) -> nn.Parameter:
    """Normal, of the same deviation everywhere."""
    return nn.Parameter(torch.randn(shape) * 0.8 * WIDTH**-0.5)


def bias(*shape: int) -> nn.Parameter:
    """Zero, and never trained."""
    return nn.Parameter(torch.zeros(shape), requires_grad=False)


def affine(x: torch.Tensor, matrix: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """The rows of `x`, whatever their shape, times a matrix, plus a vector."""
    rows = torch.addmm(shift, x.view(-1, x.shape[-1]), matrix)
    return rows.view(*x.shape[:-1], matrix.shape[-1])


class Attention(nn.Module):
    """Causal attention whose heads keep their matrices apart."""

    def __init__(self) -> None:
        super().__init__()
        self.query = weight(HEADS, WIDTH, CHANNELS)
        self.key = weight(HEADS, WIDTH, CHANNELS)
        self.value = weight(HEADS, WIDTH, CHANNELS)
        self.out = weight(HEADS, CHANNELS, WIDTH)
        self.query_bias = bias(HEADS, CHANNELS)
        self.key_bias = bias(HEADS, CHANNELS)
        self.value_bias = bias(HEADS, CHANNELS)
        self.out_bias = bias(WIDTH)
        seen = torch.tril(torch.ones(POSITIONS, POSITIONS)).bool()
        self.register_buffer("seen", seen)
        self.register_buffer("unseen_score", torch.tensor(-torch.inf))
        self.taps = nn.ModuleDict({k: Tap() for k in ("q", "k", "v", "scores", "pattern", "z")})

    def project(self, x: torch.Tensor, matrices: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        """Shape `(batch, position, head, channel)`."""
        flat = matrices.permute(0, 2, 1).reshape(HEADS * CHANNELS, WIDTH)
        return nn.functional.linear(x, flat, shift.reshape(-1)).reshape(
            x.shape[0], x.shape[1], HEADS, CHANNELS
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries = self.taps["q"](self.project(x, self.query, self.query_bias))
        keys = self.taps["k"](self.project(x, self.key, self.key_bias))
        values = self.taps["v"](self.project(x, self.value, self.value_bias))
        scores = queries.permute(0, 2, 1, 3) @ keys.permute(0, 2, 3, 1) / CHANNELS**0.5
        scores = self.taps["scores"](torch.where(self.seen, scores, self.unseen_score))
        pattern = nn.functional.softmax(scores, dim=-1)
        pattern = torch.where(torch.isnan(pattern), torch.zeros_like(pattern), pattern)
        pattern = self.taps["pattern"](pattern)
        mixed = self.taps["z"]((pattern @ values.permute(0, 2, 1, 3)).permute(0, 2, 1, 3))
        flat = self.out.permute(2, 0, 1).reshape(WIDTH, HEADS * CHANNELS)
        return nn.functional.linear(
            mixed.reshape(x.shape[0], x.shape[1], HEADS * CHANNELS), flat, self.out_bias
        )


class Perceptron(nn.Module):
    """One hidden layer of ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.into_bias = weight(WIDTH, NEURONS), bias(NEURONS)
        self.out, self.out_bias = weight(NEURONS, WIDTH), bias(WIDTH)
        self.before, self.after = Tap(), Tap()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = self.before(affine(x, self.into, self.into_bias))
        return affine(self.after(nn.functional.relu(before)), self.out, self.out_bias)


class Transformer(nn.Module):
    """Embedding, one layer, unembedding: logits of shape `(batch, position, 113)`."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = weight(MODULUS + 1, WIDTH)
        self.place = weight(POSITIONS, WIDTH)
        self.attention, self.perceptron = Attention(), Perceptron()
        self.unembed, self.unembed_bias = weight(WIDTH, MODULUS), bias(MODULUS)
        names = ("embed", "place", "pre", "attention", "mid", "perceptron", "post")
        self.taps = nn.ModuleDict({name: Tap() for name in names})

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        embedded = self.taps["embed"](self.embed[tokens, :])
        places = self.place[: tokens.shape[1]].expand(tokens.shape[0], -1, -1).clone()
        residual = self.taps["pre"](embedded + self.taps["place"](places))
        attended = self.taps["attention"](self.attention(residual))
        residual = self.taps["mid"](residual + attended)
        perceived = self.taps["perceptron"](self.perceptron(residual))
        residual = self.taps["post"](residual + perceived)
        return affine(residual, self.unembed, self.unembed_bias)


def make_data(train_fraction: float, generator: torch.Generator) -> tuple[Split, Split]:
    """Training and test part of all ordered pairs, as tokens `a b =`."""
    numbers = torch.arange(MODULUS)
    pairs = torch.cartesian_prod(numbers, numbers)
    labels = pairs.sum(dim=1) % MODULUS
    tokens = torch.cat([pairs, torch.full((len(pairs), 1), MODULUS)], dim=1)
    order = torch.randperm(len(pairs), generator=generator)
    train_size = int(train_fraction * len(pairs))
    train, test = order[:train_size], order[train_size:]
    return Split(tokens[train], labels[train]), Split(tokens[test], labels[test])


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy at the last position, in float64."""
    log_probs = logits[:, -1].to(torch.float64).log_softmax(dim=-1)
    return -log_probs.gather(dim=-1, index=labels[:, None])[:, 0].mean()


@torch.inference_mode()
def measure(model: nn.Module, part: Split) -> dict[str, float]:
    """Loss and accuracy of one part of the data."""
    logits = model(part.tokens)
    right = logits[:, -1].argmax(dim=-1) == part.labels
    loss = cross_entropy(logits, part.labels)
    return {"loss": loss.item(), "accuracy": right.float().mean().item()}


def run(
    steps: int,
    *,
    seed: int = 0,
    evaluate: str = "as_written",
    train_fraction: float = 0.3,
    warmup: int = 3,
) -> dict[str, float]:
    """Trains for `warmup + steps` updates and times the last `steps` of them.

    Args:
        steps: Number of timed updates.
        seed: Of the split and the weights.
        evaluate: `"as_written"` (a test pass after each update) or `"never"`.
        train_fraction: Share of the pairs to train on.
        warmup: Updates before the clock starts.

    Returns:
        Updates per second, and the losses (nats) and accuracies reached.
    """
    torch.set_num_threads(2)
    train, test = make_data(train_fraction, torch.manual_seed(seed))
    model = Transformer()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=1.0
    )
    losses: dict[str, list[float]] = {"train": [], "test": []}
    kept = {}
    start = 0.0
    for step in range(warmup + steps):
        if step == warmup:
            start = time.perf_counter()
        loss = cross_entropy(model(train.tokens), train.labels)
        loss.backward()
        losses["train"].append(loss.item())
        optimizer.step()
        optimizer.zero_grad()
        if evaluate == "as_written":
            with torch.inference_mode():
                test_loss = cross_entropy(model(test.tokens), test.labels)
                losses["test"].append(test_loss.item())
        if (step + 1) % CHECKPOINT_EVERY == 0:
            kept[step] = copy.deepcopy(model.state_dict())
    seconds = time.perf_counter() - start
    final = {"train": measure(model, train), "test": measure(model, test)}
    answers = {
        f"{side}_{name}": final[side][name] for name in ("loss", "accuracy") for side in final
    }
    return {"steps_per_second": steps / seconds} | answers


def main() -> None:
    """Runs once from the command line and prints one JSON line."""
    parser = argparse.ArgumentParser(description="Eager PyTorch transformer on (a + b) mod 113.")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate", choices=("as_written", "never"), default="as_written")
    parser.add_argument("--train-fraction", type=float, default=0.3)
    options = vars(parser.parse_args())
    print(json.dumps({"loop": "torch_nanda", **options, **run(**options)}))


if __name__ == "__main__":
    main()
