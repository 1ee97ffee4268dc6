from ..losses import CrossEntropy
from ..models import EmbeddedMLP, Transformer
from ..optim import AdamW
from ..tasks import ModularArithmetic
from ..training import Experiment


def zhong_mod59() -> Experiment:
    """The transformer between clock and pizza: `model.attention_rate` 1 is the one, 0 the other.

    2,784 of the 3,481 pairs are trained on. Attention sees both ways.

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    return Experiment(
        task=ModularArithmetic(p=59, train_fraction=0.8),
        model=Transformer(
            width=128, heads=4, neurons=512, causal=False, initial="wide", attention_rate=1.0
        ),
        optimizer=AdamW(learning_rate=1e-3, weight_decay=2.0, b1=0.9, b2=0.98, warmup=10.0),
        loss=CrossEntropy(),
        steps=20_000,
    )


def zhong_linear() -> Experiment:
    """The source's model α, a perceptron on the sum of two embeddings.

    Model β has `model.widths=(256, 256)`, γ also `model.join="sum_after"`, and δ `model.width=128`
    and `model.join="concatenate"`. PyTorch's AdamW as it comes, without a warm-up: so the source's
    code trains these, unlike its transformers.

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    return Experiment(
        task=ModularArithmetic(p=59, train_fraction=0.8),
        model=EmbeddedMLP(width=256, widths=(256,)),
        optimizer=AdamW(learning_rate=1e-3, weight_decay=2.0, b1=0.9, b2=0.999),
        loss=CrossEntropy(),
        steps=20_000,
    )
