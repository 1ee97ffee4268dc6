from ..losses import CrossEntropy
from ..models import Transformer
from ..optim import AdamW
from ..tasks import AbstractTask, GroupOperation, ModularArithmetic
from ..training import Experiment

_ADAMW = AdamW(learning_rate=1e-3, weight_decay=1.0, b1=0.9, b2=0.98, warmup=10.0)


def _decoder(task: AbstractTask) -> Experiment:
    """Two layers with norms after each sum, waves for positions, batches of 512."""
    model = Transformer(
        layers=2, width=128, heads=4, neurons=512, bias=False, norm=True, positions="sinusoidal",
        initial="pytorch",
    )  # fmt: skip
    return Experiment(
        task=task,
        model=model,
        optimizer=_ADAMW,
        loss=CrossEntropy(),
        batch_size=512,
        steps=100_000,
    )


def power_mod97() -> Experiment:
    """The two-layer transformer on addition modulo 97, the first that was seen to grok.

    Equations in the source's vocabulary of 239 tokens. Another operation is set by
    `task.operation`. The source's loss also counts the token that ends an equation; ours asks for
    the answer alone.

    Source: Power et al. 2022, arXiv:2201.02177.
    """
    return _decoder(ModularArithmetic(p=97, train_fraction=0.5, encoding="equation"))


def power_s5() -> Experiment:
    """The same transformer on products of permutations of five.

    Source: Power et al. 2022, arXiv:2201.02177.
    """
    return _decoder(GroupOperation(degree=5, train_fraction=0.5, encoding="equation"))
