from ..losses import CrossEntropy
from ..models import EmbeddedMLP
from ..optim import AdamW
from ..tasks import GroupOperation
from ..training import Experiment


def chughtai_s5() -> Experiment:
    """The perceptron on products of permutations, which groks after some 100,000 steps.

    Either factor has an embedding of its own; 5,760 of the 14,400 products are trained on.

    Source: Chughtai et al. 2023, arXiv:2302.03025.
    """
    return Experiment(
        task=GroupOperation(degree=5, train_fraction=0.4),
        model=EmbeddedMLP(
            width=256,
            widths=(128,),
            join="concatenate",
            shared=False,
            bias=False,
            initial="normal",
        ),
        optimizer=AdamW(learning_rate=1e-3, weight_decay=1.0, b1=0.9, b2=0.98),
        loss=CrossEntropy(),
        steps=250_000,
    )
