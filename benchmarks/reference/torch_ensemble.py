"""Reference loop: a sweep of many small networks at once with `torch.func`, in PyTorch.

This is what flyroom is timed against, written the way the field writes it and in our own words.

Source: the model-ensembling recipe of PyTorch's documentation (`stack_module_state`,
`functional_call`, `vmap`) with its gradients taken by `grad`. As `torch.optim` would give all
networks one weight decay, Adam is written by hand inside of what is vmapped, as those do who sweep
over it. The network and its data are one cell of the sweep over parities of Pearce et al. 2023, "Do
Machine Learning Models Memorize or Generalize?", PAIR Explorables:

- inputs are 30 random bits and a constant 1, the label is the exclusive or of the first three;
  1,200 examples to train on (or as many as are asked for), 5,000 to test, drawn anew for every
  network;
- one hidden layer of ReLU, one output, no biases; Haiku's default initialisation (normal of
  deviation 1 / sqrt(inputs), cut at two of it);
- logistic loss, full batch, AdamW with learning rate 3e-3, betas 0.99 and 0.98, and the five weight
  decays of that sweep, 0.01 to 1, in turn from network to network.

One call of the vmapped function is one update of every network; nothing is measured in between. The
state is new tensors after each update, which is what the functions of `torch.func` give.
`compiled=True` passes that function through `torch.compile`.

Run `python torch_ensemble.py --help`; one JSON line comes out.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

BITS, RELEVANT = 30, 3
TEST_SIZE = 5000
LEARNING_RATE, BETAS, EPSILON = 3e-3, (0.99, 0.98), 1e-8
WEIGHT_DECAYS = (0.01, 0.03, 0.1, 0.3, 1.0)

Parameters = dict[str, torch.Tensor]


class Split(NamedTuple):
    """Inputs `(network, n, 31)` and labels `(network, n)` of one part of the data."""

    inputs: torch.Tensor
    labels: torch.Tensor


class State(NamedTuple):
    """Weights of all networks and the two moments of their gradients."""

    parameters: Parameters
    first: Parameters
    second: Parameters


class Mlp(nn.Module):
    """One hidden layer of ReLU and one output."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.into = nn.Linear(BITS + 1, width, bias=False)
        self.out = nn.Linear(width, 1, bias=False)
        for layer in (self.into, self.out):
            scale = layer.in_features**-0.5
            nn.init.trunc_normal_(layer.weight, std=scale, a=-2 * scale, b=2 * scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(nn.functional.relu(self.into(x))).squeeze(-1)


def make_data(networks: int, examples: int) -> tuple[Split, Split]:
    """Training and test part for every network. Equal rows are left in; there are next to none."""
    bits = torch.randint(0, 2, (networks, examples + TEST_SIZE, BITS))
    labels = (bits[..., :RELEVANT].sum(dim=-1) % 2).float()
    inputs = nn.functional.pad(bits, (0, 1), value=1).float()
    train, test = slice(None, examples), slice(examples, None)
    # Copies: parts of the whole would be strided.
    return (
        Split(inputs[:, train].contiguous(), labels[:, train].contiguous()),
        Split(inputs[:, test].contiguous(), labels[:, test].contiguous()),
    )


def make_loss(width: int) -> Callable[[Parameters, torch.Tensor, torch.Tensor], torch.Tensor]:
    """The mean logistic loss of one network."""
    skeleton = Mlp(width).to("meta")

    def loss(parameters: Parameters, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = functional_call(skeleton, parameters, (inputs,))
        return nn.functional.binary_cross_entropy_with_logits(logits, labels)

    return loss


def make_step(
    loss: Callable[[Parameters, torch.Tensor, torch.Tensor], torch.Tensor], compiled: bool
) -> Callable[..., State]:
    """The update of all networks, from state, decays, data and the number of the step."""
    gradient = grad(loss)

    def step(
        state: State,
        weight_decay: torch.Tensor,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        count: torch.Tensor,
    ) -> State:
        gradients = gradient(state.parameters, inputs, labels)
        parameters, first, second = {}, {}, {}
        for name, g in gradients.items():
            first[name] = BETAS[0] * state.first[name] + (1 - BETAS[0]) * g
            second[name] = BETAS[1] * state.second[name] + (1 - BETAS[1]) * g * g
            mean = first[name] / (1 - BETAS[0] ** count)
            deviation = (second[name] / (1 - BETAS[1] ** count)).sqrt()
            shrunk = state.parameters[name] * (1 - LEARNING_RATE * weight_decay)
            parameters[name] = shrunk - LEARNING_RATE * mean / (deviation + EPSILON)
        return State(parameters, first, second)

    over_networks = vmap(step, in_dims=(0, 0, 0, 0, None))
    return torch.compile(over_networks) if compiled else over_networks


def run(
    steps: int,
    *,
    networks: int = 64,
    width: int = 64,
    examples: int = 1200,
    seed: int = 0,
    compiled: bool = False,
    warmup: int = 5,
) -> dict[str, float]:
    """Trains for `warmup + steps` updates and times the last `steps` of them.

    Args:
        steps: Number of timed updates of all networks.
        networks: How many.
        width: Of the hidden layer.
        examples: To train on, for each network.
        seed: Of data and weights.
        compiled: Whether `torch.compile` is used. It works during the first update.
        warmup: Updates before the clock starts.

    Returns:
        Updates per second of all networks together and counted by network, and the medians over
        networks of the losses (nats) and accuracies reached.
    """
    torch.set_num_threads(2)
    torch.manual_seed(seed)
    train, test = make_data(networks, examples)
    made, _ = stack_module_state([Mlp(width) for _ in range(networks)])
    parameters = {name: value.detach() for name, value in made.items()}
    zeros = {name: torch.zeros_like(value) for name, value in parameters.items()}
    state = State(parameters, zeros, zeros)
    decays = torch.tensor([WEIGHT_DECAYS[i % len(WEIGHT_DECAYS)] for i in range(networks)])
    loss = make_loss(width)
    step = make_step(loss, compiled)
    start = 0.0
    for number in range(warmup + steps):
        if number == warmup:
            start = time.perf_counter()
        count = torch.tensor(number + 1.0)  # a tensor, so that nothing is compiled twice
        state = step(state, decays, train.inputs, train.labels, count)
    speed = steps / (time.perf_counter() - start)
    answers = {}
    skeleton = Mlp(width).to("meta")
    for side, part in (("train", train), ("test", test)):
        losses = vmap(loss)(state.parameters, part.inputs, part.labels)
        logits = vmap(lambda p, x: functional_call(skeleton, p, (x,)))(
            state.parameters, part.inputs
        )
        right = ((logits > 0) == (part.labels > 0)).float().mean(dim=1)
        answers[f"{side}_loss"] = losses.median().item()
        answers[f"{side}_accuracy"] = right.median().item()
    return {"steps_per_second": speed, "model_steps_per_second": networks * speed} | answers


def main() -> None:
    """Runs once from the command line and prints one JSON line."""
    parser = argparse.ArgumentParser(description="Many small networks at once with torch.func.")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--networks", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--examples", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", action="store_true", dest="compiled")
    options = vars(parser.parse_args())
    print(json.dumps({"loop": "torch_ensemble", **options, **run(**options)}))


if __name__ == "__main__":
    main()
