import dataclasses

from ..losses import CrossEntropy
from ..models import LSTM, MLP
from ..optim import Adam
from ..tasks import ModularArithmetic
from ..training import Experiment
from .nanda import nanda_mod113


def report_mod97() -> Experiment:
    """The course report's simple transformer: that of `nanda_mod113`, modulo 97.

    Source: arXiv:2412.10898, figures 2 and 5 to 7.
    """
    experiment = nanda_mod113()
    task = ModularArithmetic(p=97, train_fraction=0.3, encoding="equals")
    return dataclasses.replace(experiment, task=task, steps=25_000)


def report_mlp() -> Experiment:
    """The course report's perceptron, two layers of 512, which memorises and does not generalise.

    The report's inputs are "integers"; as numbers they are hard to memorise, as one-hot tokens
    easy. The recipe has the numbers; `task.encoding="pair"` has the tokens.

    Source: arXiv:2412.10898, figures 3 and 8.
    """
    return Experiment(
        task=ModularArithmetic(p=97, train_fraction=0.3, encoding="numbers"),
        model=MLP(widths=(512, 512), output_bias=True),
        optimizer=Adam(learning_rate=1e-3),
        loss=CrossEntropy(),
        steps=20_000,
    )


def report_lstm() -> Experiment:
    """The course report's LSTM of 20 cells, trained for as long as it takes: 100,000 steps.

    Source: arXiv:2412.10898, figure 4.
    """
    return Experiment(
        task=ModularArithmetic(p=97, train_fraction=0.45, encoding="numbers"),
        model=LSTM(width=20),
        optimizer=Adam(learning_rate=1e-2),
        loss=CrossEntropy(),
        steps=100_000,
    )
