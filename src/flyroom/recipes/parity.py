from ..losses import Hinge
from ..models import MLP
from ..optim import SGD
from ..tasks import SparseParity
from ..training import Experiment


def blog_parity() -> Experiment:
    """The (50, 2)-parity network of the MIT blog: 500 epochs of ten steps.

    Source: Fuangkawinsombut and Somsirivattana 2023, "Grokking", 6.S898 blog; after Merrill et al.
    2023, arXiv:2303.11873.
    """
    return Experiment(
        task=SparseParity(n=50, k=2, train_count=300, test_count=100),
        model=MLP(widths=(500,)),
        optimizer=SGD(learning_rate=0.1, weight_decay=0.01),
        loss=Hinge(),
        batch_size=32,
        steps=5_000,
    )


def barak_parity() -> Experiment:
    """The online (50, 3)-parity network of the hidden-progress paper: no example is seen twice.

    The code of the paper is not published. The 1,000 training examples are only measured.

    Source: Barak et al. 2022, arXiv:2207.08799.
    """
    return Experiment(
        task=SparseParity(n=50, k=3, train_count=1000, test_count=2000, fresh=True),
        model=MLP(widths=(100,)),
        optimizer=SGD(learning_rate=0.1),
        loss=Hinge(),
        batch_size=32,
        steps=100_000,
    )


def merrill_parity() -> Experiment:
    """The (40, 3)-parity network whose sparse subnetwork takes over: 300 epochs of 32 steps.

    Source: Merrill, Tsilivis and Shukla 2023, arXiv:2303.11873.
    """
    return Experiment(
        task=SparseParity(n=40, k=3, train_count=1000, test_count=100),
        model=MLP(widths=(1000,)),
        optimizer=SGD(learning_rate=0.1, weight_decay=0.01),
        loss=Hinge(),
        batch_size=32,
        steps=9_600,
    )
