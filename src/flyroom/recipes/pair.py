from ..losses import CrossEntropy, Logistic
from ..models import MLP, FactoredMLP, haiku, relu
from ..optim import Adam, AdamW
from ..spec import replace
from ..tasks import ModularArithmetic, SparseParity
from ..training import Experiment


def pair_mod67() -> Experiment:
    """The 24-neuron network on addition modulo 67, which groks after some 30,000 steps.

    Unordered pairs, 911 of 2,278 trained on; the embedding is also the unembedding; the loss is a
    mean over examples and classes.

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR
    Explorables.
    """
    return Experiment(
        task=ModularArithmetic(p=67, ordered=False, train_fraction=0.4),
        model=FactoredMLP(width=24, embed_width=500),
        optimizer=AdamW(learning_rate=1e-3, weight_decay=1.0, b1=0.9, b2=0.98),
        loss=CrossEntropy(class_mean=True),
        steps=50_000,
    )


def pair_five_neurons() -> Experiment:
    """Twenty parameters on addition modulo 67: five neurons, and a circle for an embedding.

    The embedding, a cosine and a sine of frequency 1, does not learn, and is the unembedding too;
    683 of the 2,278 unordered pairs are trained on.

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR
    Explorables.
    """
    return Experiment(
        task=ModularArithmetic(p=67, ordered=False, train_fraction=0.3),
        model=FactoredMLP(width=5, embed_width=2, circles=(1,)),
        optimizer=AdamW(learning_rate=1e-2, weight_decay=1e-3, b1=0.9, b2=0.98),
        loss=CrossEntropy(class_mean=True),
        steps=15_000,
    )


def pair_reverse() -> Experiment:
    """Addition modulo 67 with ten neurons and no decay: generalises a little, then memorises.

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR
    Explorables.
    """
    return replace(
        pair_mod67(),
        {
            "model": FactoredMLP(width=10, embed_width=5),
            "optimizer.weight_decay": 0.0,
            "steps": 20_000,
        },
    )


def pair_twice() -> Experiment:
    """Addition modulo 67 with 16 neurons: generalises, memorises, and generalises again.

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR
    Explorables.
    """
    return replace(
        pair_mod67(),
        {
            "task.train_fraction": 0.7,
            "model": FactoredMLP(width=16, embed_width=8),
            "optimizer.weight_decay": 0.05,
            "steps": 80_000,
        },
    )


def pair_parity_sweep() -> Experiment:
    """Ones and zeros, as in the source's sweep of 1,125 networks: AdamW, one cell of 125.

    From the source: the task, one hidden layer, the optimizer with its learning rate and the decays
    of its moments, the budget, and the axes: a width of 16, 32, 64, 128 or 258; 750 to 1,750
    sequences in steps of 250; a weight decay of 0.01, 0.03, 0.1, 0.3 or 1. This is the middle of
    them.

    Ours: the initial weights, which are not published with the sweep, and an exact loss. No loss
    that the source publishes is below 1.19e-7, as if probabilities were cut at 1 − 1e-7.

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR
    Explorables.
    """
    return replace(
        pair_parity(),
        {
            "task.train_count": 1250,
            "optimizer": AdamW(learning_rate=3e-3, weight_decay=0.1, b1=0.99, b2=0.98),
        },
    )


def pair_parity() -> Experiment:
    """Ones and zeros: whether the first three of thirty digits hold an odd number of ones.

    From the source: the task with its 1,200 sequences and its constant column, one hidden layer of
    ReLU, a single output, the absolute weights as decay (which enters Adam's gradient, as in the
    published code for the other task), and, from its published sweep, the decays of Adam's moments
    and the budget. That sweep is of AdamW with squared weights: its values of weight decay, 0.01 to
    1, are not those of the network shown, and with absolute weights none of them learns anything.

    Ours: width, learning rate and weight decay. Of 30 settings, each on seeds 0 to 2, these come
    closest to the network shown, which has memorised by step 1,200 and generalised by step 3,750,
    among those whose training loss rises in between, as its does.

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?", PAIR
    Explorables.
    """
    return Experiment(
        task=SparseParity(n=30, k=3, train_count=1200, test_count=5000, encoding="bits"),
        model=MLP(widths=(64,), activation=relu, bias=False, initial=haiku),
        optimizer=Adam(learning_rate=1e-3, weight_decay=1e-6, b1=0.99, b2=0.98, penalty="l1"),
        loss=Logistic(),
        steps=20_000,
    )
