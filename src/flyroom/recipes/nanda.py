import dataclasses

from ..losses import CrossEntropy
from ..models import Transformer
from ..optim import AdamW
from ..tasks import ModularArithmetic
from ..training import Experiment


def nanda_mod113() -> Experiment:
    """The one-layer transformer on addition modulo 113 whose circuit was reverse-engineered.

    3,830 of the 12,769 ordered pairs are trained on. The source computes its loss in float64; ours
    is exact in float32.

    Source: Nanda et al. 2023, arXiv:2301.05217.
    """
    return Experiment(
        task=ModularArithmetic(p=113, train_fraction=0.3, encoding="equals"),
        model=Transformer(layers=1, width=128, heads=4, neurons=512),
        optimizer=AdamW(learning_rate=1e-3, weight_decay=1.0, b1=0.9, b2=0.98, warmup=10.0),
        loss=CrossEntropy(),
        steps=40_000,
    )


def nanda_demo() -> Experiment:
    """Nanda et al.'s transformer as their demonstration trains it: smaller weights, no biases.

    Without the 10 steps of warm-up, and with initial weights 0.8 times as large, it memorises as
    fast and generalises later.

    Source: Nanda et al. 2023, demonstration notebook.
    """
    experiment = nanda_mod113()
    return dataclasses.replace(
        experiment,
        model=Transformer(layers=1, width=128, heads=4, neurons=512, bias=False, init_scale=0.8),
        optimizer=AdamW(learning_rate=1e-3, weight_decay=1.0, b1=0.9, b2=0.98),
        steps=20_000,
    )
