"""Does the (50, 2)-parity network memorise and then generalise, when the blog says it does?"""

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, mean, median

EPOCH = 10  # steps: 300 examples in batches of 32
BLOG = "Fuangkawinsombut and Somsirivattana 2023"

experiment = fr.spec.replace(
    fr.recipes.blog_parity(),
    {
        "record": (*fr.CURVES, fr.measures.spectral_norm),
        "schedule": fr.Schedule(per_octave=0, every=EPOCH),
    },
)
study = Study(
    name="blog_parity",
    question="Does a ReLU network on (50, 2)-parity memorise first and generalise much later?",
    source=f'{BLOG}, "Grokking", 6.S898 blog',
    sweeps={
        "quick": {"seeds": Sweep(experiment, {"seed": range(10)})},
        "full": {"seeds": Sweep(experiment, {"seed": range(64)})},
    },
)


def epochs(times, word: str) -> Finding:
    """The median of a time over all runs, in epochs."""
    late = int(times.isnull().sum())
    return median(times / EPOCH, note=f"{late} of {times.size} did not {word} within the budget")


@study.claim(
    "B1-mem",
    "median epoch at which training accuracy is 1",
    "12–16",
    "Figure 1",
    band=(10, 20),
    needs=5,
    units="epochs",
)
def memorised(data):
    return epochs(fr.measures.memorization_step(data["seeds"], 1.0), "memorise")


@study.claim(
    "B1-gen",
    "median epoch at which test accuracy is 1",
    "≈ 170–200",
    "Figure 1",
    band=(130, 230),
    needs=5,
    units="epochs",
)
def generalised(data):
    return epochs(fr.measures.generalization_step(data["seeds"], 1.0), "generalise")


@study.claim(
    "B1-test50",
    "mean test accuracy at epoch 50",
    "≈ 0.6",
    "Figure 1",
    band=(0.55, 0.75),
    needs=5,
)
def before(data):
    return mean(data["seeds"].test_accuracy.sel(step=50 * EPOCH))


def spectral_norm_at(epoch: int, published: float) -> None:
    """Adds the claim that the mean spectral norm is within 5 % of the published one."""

    @study.claim(
        f"B4-{epoch}",
        f"mean spectral norm of the first layer's weights at epoch {epoch}",
        f"{published:.2f}",
        "Figure 4",
        band=(0.95 * published, 1.05 * published),
        needs=5,
    )
    def norm(data):
        return mean(data["seeds"].spectral_norm.sel(step=epoch * EPOCH))


spectral_norm_at(0, 2.33)
spectral_norm_at(100, 1.42)
spectral_norm_at(500, 1.30)


@study.picture(
    "Accuracy, loss and spectral norm of the first layer over epochs, as in Figures 1 and 4 of the "
    "source: each run faint, the median of all bold."
)
def figures_1_and_4(data):
    rows = (("train_accuracy", "test_accuracy"), ("train_loss", "test_loss"), "spectral_norm")
    return curves(data["seeds"], *rows, per=EPOCH, unit="epoch")


@study.picture(
    "Accuracy of every run on training (blue) and test examples (vermilion), steps on a "
    "logarithmic axis."
)
def every_run(data):
    return fr.figures.overview(data["seeds"], threshold=1.0)
