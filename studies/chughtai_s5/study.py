"""How does a perceptron multiply permutations: by irreps, by cosets, by both?"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import flyroom as fr
from flyroom.studies import Finding, Study, Sweep, curves, median, share

CHUGHTAI = "Chughtai et al. 2023, arXiv:2302.03025"
STANDER = "Stander et al. 2024, arXiv:2312.06581"
DEGREE = 5
Network = fr.models.EmbeddedNetwork

experiment = fr.spec.replace(
    fr.recipes.chughtai_s5(), {"schedule": fr.Schedule(per_octave=8, every=2000)}
)
# Three fifths of the products instead of two, which need fewer steps, for two cores.
short = {
    "task.train_fraction": 0.6,
    "steps": 20_000,
    "keep": fr.Schedule(at=tuple(range(500, 15_000, 500))),
}
study = Study(
    name="chughtai_s5",
    question=(
        "With which irreps does a network multiply permutations of five, which does it learn "
        "first, and are its neurons functions of cosets?"
    ),
    source=f"{CHUGHTAI}; {STANDER}",
    sweeps={
        "quick": {"seeds": Sweep(fr.spec.replace(experiment, short), {"seed": range(2)})},
        "full": {
            "seeds": Sweep(
                fr.spec.replace(
                    experiment, {"keep": fr.Schedule(at=tuple(range(5000, 150_001, 5000)))}
                ),
                {"seed": range(8)},
            )
        },
    },
)


def grokked(runs):
    """The runs that answer 99 % of the test examples at the end."""
    return runs.isel(run=runs.test_accuracy.isel(step=-1).values >= 0.99)


@functools.lru_cache(maxsize=1)
def explanations_of(store: str) -> list[fr.mechanisms.Explanation]:
    """The explanation of every network that generalised; claims share them."""
    runs = fr.open(store)
    return [fr.explain(runs, run=int(run)) for run in grokked(runs).run.values]


def explained(data) -> list[fr.mechanisms.Explanation]:
    return explanations_of(data["seeds"].attrs["store"])


def with_mechanism(data, kind: type) -> list[fr.mechanisms.Explanation]:
    """What one mechanism says of each network, whether it is the best or not."""
    return [one.by(kind) for one in explained(data)]


def each(data, number: Callable[[Network], float]) -> np.ndarray:
    """A number of every network that generalised."""
    runs = grokked(data["seeds"])
    return np.array([number(fr.network(runs, int(run))) for run in runs.run.values])


def accuracy(network: Network) -> float:
    """The share of all products that a network answers rightly."""
    rows, labels = fr.tasks.GroupOperation(degree=DEGREE).table()
    ready = jax.tree.map(jnp.asarray, network)
    return float((np.asarray(ready.table(jnp.asarray(rows))).argmax(1) == labels).mean())


@study.claim(
    "CH1-grok",
    "share of seeds that answer 99 % of the test examples within 250,000 steps",
    "50 of 50",
    CHUGHTAI,
    band=(7 / 8, 1),
    needs=8,
    at="full",
)
def all_grok(data):
    runs = data["seeds"]
    return share(runs.test_accuracy.max("step").values >= 0.99)


@study.claim(
    "CH1-time",
    "median step at which 99 % of the test examples are answered",
    "93,600 (quartiles 81,800 and 122,700)",
    CHUGHTAI,
    band=(60_000, 140_000),
    needs=8,
    units="steps",
    at="full",
)
def time(data):
    return median(fr.measures.generalization_step(data["seeds"], threshold=0.99))


@study.claim(
    "CH1-sign",
    "share of networks whose logits are first like the characters of the sign (0.05)",
    "45 of 50 learn the sign first",
    CHUGHTAI,
    band=(0.75, 1),
    needs=2,
)
def sign_first(data):
    first: dict[int, tuple[int, bool]] = {}
    runs = grokked(data["seeds"])
    own = fr.experiment_of(runs)
    for run, step, network in fr.results.networks(runs, own.keep.at):
        logits = fr.mechanisms.Pairs.of(network, own.task).logits
        alike = fr.measures.character_similarity(logits, DEGREE).values
        if alike.max() >= 0.05 and step < first.get(run, (np.inf, True))[0]:
            first[run] = (step, bool(alike.argmax() == len(alike) - 1))  # the sign comes last
    steps = ", ".join(f"{step:,}" for step, _ in first.values())
    return share([is_sign for _, is_sign in first.values()], note=f"at steps {steps}")


@study.claim(
    "CH1-unembed",
    "share of the variance of the unembedding in the key irreps, median",
    "0.941",
    CHUGHTAI,
    band=(0.85, 1),
)
def unembedding(data):
    return median(in_keys(data, lambda network: np.asarray(network.unembed).T))


@study.claim(
    "CH1-embed",
    "share of the variance of what either factor adds to the neurons in the key irreps, median",
    "1.00",
    CHUGHTAI,
    band=(0.9, 1),
)
def inputs(data):
    return median(in_keys(data, lambda network: np.moveaxis(np.asarray(network.w_in), 0, -1)))


def in_keys(data, functions: Callable[[Network], np.ndarray]) -> list[float]:
    """Of each network's functions the share of the variance that is in its key irreps."""
    return [
        share_in(functions(one.subject.network), list(one.fit.spans))
        for one in with_mechanism(data, fr.mechanisms.Representations)
    ]


def share_in(functions: np.ndarray, irreps: list[str]) -> float:
    return fr.measures.irrep_shares(functions, DEGREE).sel(irrep=irreps).sum().item()


@study.claim(
    "CH1-hidden",
    "share of the variance of the neurons that is functions, in the key irreps, of a, of b and of "
    "their product, median",
    "0.889, of which 0.121 of the product",
    CHUGHTAI,
    band=(0.8, 1),
)
def hidden(data):
    shares = [
        hidden_shares(one.subject.network, list(one.fit.spans))
        for one in with_mechanism(data, fr.mechanisms.Representations)
    ]
    note = "of a, of b and of the product: " + "; ".join(
        ", ".join(f"{share:.3f}" for share in of_one) for of_one in shares
    )
    return median([sum(of_one) for of_one in shares], note=note)


def hidden_shares(network: Network, irreps: list[str]) -> list[float]:
    """Shares of the variance of the neurons, over all products, in functions of a, of b, of ab.

    These are orthogonal to each other as soon as each has no mean.
    """
    group = fr.algebra.symmetric(DEGREE)
    left, right = np.asarray(network.w_in, np.float64)
    neurons = np.asarray(network.activation(left[:, None] + right))  # [a, b, neuron]
    neurons = neurons - neurons.mean((0, 1))
    # At [a, c], the product being c: b is the inverse of a, times c.
    by_product = neurons[np.arange(len(left))[:, None], group.table[group.inverses]]
    total = (neurons**2).sum() / len(left)
    found = []
    for mean in (neurons.mean(1), neurons.mean(0), by_product.mean(0)):
        found.append(share_in(mean, irreps) * (mean**2).sum() / total)
    return found


@study.claim(
    "CH1-keys",
    "share of networks that have two to five key irreps",
    "50 of 50 (2 in 20, 3 in 19, 4 in 9, 5 in 2)",
    CHUGHTAI,
    band=(1, 1),
)
def keys(data):
    found = [one.fit.similarity for one in with_mechanism(data, fr.mechanisms.Representations)]
    note = "; ".join(", ".join(map(str, similarity)) for similarity in found)
    return share([2 <= len(similarity) <= 5 for similarity in found], note=note)


@study.claim(
    "ST1-cosets",
    "share of neurons whose left input varies less within the cosets of a subgroup than a random "
    "function",
    "0.992",
    STANDER,
    band=(0.95, 1),
)
def cosets(data):
    values = each(data, lambda n: concentration(n) < 1)
    least = of_random()
    note = (
        f"random functions: {(least < 1).mean():.2f}; the least concentration, at the median, is "
        f"{np.median(each(data, concentration)):.2f}, and of random ones {np.median(least):.2f}"
    )
    return Finding(float(values.mean()), None, len(values), note=note)


@study.claim(
    "ST1-removed",
    "accuracy without the neurons that vary no less within cosets than random functions do, as a "
    "share of what it was, median",
    "as before in 126 of 128 networks, without those at 1 or more",
    f"{STANDER}; our threshold",
    band=(0.99, 1.01),
)
def removed(data):
    least = of_random().min()
    kept = each(data, lambda n: (concentration(n) < least).mean())
    note = f"neurons kept: {', '.join(f'{share:.2f}' for share in kept)}, those below {least:.2f}"

    def of_rest(network: Network) -> float:
        return accuracy(without(network, concentration(network) >= least)) / accuracy(network)

    return median(each(data, of_rest), note=note)


def without(network: Network, neurons: np.ndarray) -> Network:
    """The network whose other neurons alone are heard."""
    unembed = np.where(neurons[:, None], 0, np.asarray(network.unembed))
    return dataclasses.replace(network, unembed=jnp.asarray(unembed))


def concentration(network: Network) -> np.ndarray:
    """For each neuron the least that its left input varies within cosets, of either side."""
    return least_within(np.asarray(network.w_in, np.float64)[0])


def of_random() -> np.ndarray:
    """The same of random functions, as many as a network has neurons."""
    return least_within(np.random.default_rng(0).normal(size=(120, 128)))


def least_within(functions: np.ndarray) -> np.ndarray:
    sides = [fr.measures.coset_concentration(functions, DEGREE, side=s) for s in ("left", "right")]
    return np.minimum(*(side.min("subgroup").values for side in sides))


def changed(claim: str, statement: str, published: str, band: tuple[float, float], change) -> None:
    """The claim about accuracy when something of the network is changed."""

    @study.claim(claim, f"accuracy {statement}, median", published, STANDER, band=band)
    def judge(data):
        return median(each(data, lambda network: accuracy(change(network))))


def with_embed(network: Network, embed: np.ndarray) -> Network:
    return dataclasses.replace(network, embed=jnp.asarray(embed))


changed(
    "ST1-absolute",
    "with |x| for ReLU",
    "1.00",
    (0.95, 1),
    lambda n: dataclasses.replace(n, activation=fr.models.absolute),
)
changed(
    "ST1-swapped",
    "with the embeddings of left and right factor exchanged",
    "destroyed",
    (0, 0.1),
    lambda n: with_embed(n, np.asarray(n.embed)[::-1]),
)
changed(
    "ST1-one-sign",
    "with the sign of one embedding changed",
    "0",
    (0, 0.1),
    lambda n: with_embed(n, np.asarray(n.embed) * np.array([-1, 1], np.float32)[:, None, None]),
)
changed(
    "ST1-both-signs",
    "with the signs of both embeddings changed",
    "as before",
    (0.95, 1),
    lambda n: with_embed(n, -np.asarray(n.embed)),
)


@study.claim(
    "ST1-predicts",
    "share of the variance of the logits explained if each neuron hears of either factor nothing "
    "but its coset of a subgroup of order 6 or more, median",
    "coset circuits: neurons are functions of cosets",
    f"{STANDER}; our band",
    band=(0.9, 1),
)
def by_cosets(data):
    found = with_mechanism(data, fr.mechanisms.Cosets)
    note = "; ".join(
        ", ".join(
            f"{count} of order {order}" for order, count in one.fit.found["subgroup_orders"].items()
        )
        for one in found
    )
    return median([one.predictive for one in found], note=f"neurons by subgroup: {note}")


@study.claim(
    "explained",
    "share of the networks that generalised whose cosets, or irreps, are sufficient, necessary and "
    "predictive to 0.9",
    "not published: 88.9 % of the hidden layer is accounted for",
    CHUGHTAI,
    band=(0.9, 1),
    needs=2,
)
def of_all(data):
    found = explained(data)
    note = "; ".join(str(one).rstrip(".") for one in found)
    return share([one.holds for one in found], note=note)


@study.picture("Training (blue) and test accuracy (vermilion), and losses, of all networks.")
def over_steps(data):
    return curves(data["seeds"], ("train_accuracy", "test_accuracy"), ("train_loss", "test_loss"))
