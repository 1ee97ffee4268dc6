from ..losses import CrossEntropy
from ..models import EmbeddedMLP, gelu
from ..optim import Adam
from ..tasks import ModularArithmetic
from ..training import Experiment


def panickssery_mod53() -> Experiment:
    """The small perceptron on addition modulo 53 whose learning coefficient was followed.

    Source: Panickssery and Vaintrob 2023, "Investigating the learning coefficient of modular
    addition: hackathon project"; the numbers: the grokking example of devinterp.
    """
    return Experiment(
        task=ModularArithmetic(p=53, train_fraction=0.4),
        model=EmbeddedMLP(width=12, widths=(48,), join="concatenate", activation=gelu),
        optimizer=Adam(learning_rate=5e-3, weight_decay=2e-4),
        loss=CrossEntropy(),
        batch_size=128,
        steps=25_000,
    )
