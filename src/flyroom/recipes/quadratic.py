from ..losses import Squared
from ..measures import corrected_accuracy, corrupted_accuracy
from ..models import MLP, normal, square
from ..optim import AdamW
from ..tasks import Corrupted, ModularArithmetic
from ..training import CURVES, Experiment


def doshi_mod97() -> Experiment:
    """The quadratic network on addition modulo 97, of whose training labels some may be wrong.

    500 neurons that square, no biases, squared distance to the one-hot label. `task.noise` is the
    share of training labels that are drawn anew; without any it is Gromov's network. Weight decay
    chooses the phase: 0 coexistence, 5 partial inversion, 15 full inversion, 20 forgetting.

    Source: Doshi et al. 2023, arXiv:2310.13061; without noise: Gromov 2023, arXiv:2301.02679.
    """
    return Experiment(
        task=Corrupted(ModularArithmetic(p=97, train_fraction=0.5), noise=0.0),
        # The standard deviation is 0.5 / (2 * 500)^(1/3).
        model=MLP(widths=(500,), activation=square, bias=False, initial=normal, init_scale=0.05),
        optimizer=AdamW(learning_rate=1e-2, weight_decay=5.0, b1=0.9, b2=0.98),
        loss=Squared(),
        steps=500,
        record=(*CURVES, corrected_accuracy, corrupted_accuracy),
    )
