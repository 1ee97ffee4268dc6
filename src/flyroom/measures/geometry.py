"""The shape that weights and features have in their space."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import lazy_loader
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int, Shaped
from scipy.spatial.distance import cdist
from scipy.stats import gaussian_kde

from ..models import divide

sklearn: Any = lazy_loader.load("sklearn")  # half a second, which only t-SNE is worth


def representation_quality(
    embedding: Float[np.ndarray, "token channel"], *, tolerance: float = 0.01
) -> float:
    r"""How many of the parallelograms that addition implies an embedding has: RQI.

    The share of all \(i + j = m + n\) with \(\{i, j\} \ne \{m, n\}\) for which
    \(\lVert E_i + E_j - E_m - E_n \rVert^2 / d < \delta\), where each of the \(d\) dimensions has
    mean zero and variance one. Sums are of whole numbers, not modulo anything. Dimensions in which
    all tokens are the same are left out.

    Args:
        embedding: the vector of each token, in the order of the numbers.
        tolerance: \(\delta\), of the squared distance for each dimension.

    Returns:
        A share; NaN if all vectors are the same, or there are fewer than three.

    Example:
        >>> line = np.outer(np.arange(10.0), [1.0, -2.0])
        >>> representation_quality(line)
        1.0

    Source: Liu et al. 2022, arXiv:2205.10343.
    """
    table = _standard(embedding)
    p, d = table.shape
    if d == 0:
        return float("nan")
    found = total = 0
    for number in range(2 * p - 1):
        low = np.arange(max(0, number - p + 1), number // 2 + 1)
        sums = table[low] + table[number - low]
        one, other = np.triu_indices(len(low), 1)
        found += int((((sums[one] - sums[other]) ** 2).mean(1) < tolerance).sum())
        total += len(one)
    return found / total if total else float("nan")


def implied_accuracy(
    embedding: Float[np.ndarray, "token channel"],
    train: Int[np.ndarray, "known 2"],
    test: Int[np.ndarray, "asked 2"],
    *,
    tolerance: float = 0.01,
) -> float:
    r"""Which part of the test pairs an embedding answers with nothing but its parallelograms.

    A pair \((m, n)\) is answered if a training pair \((i, j)\) of the same sum lies where it does:
    \(\lVert E_i + E_j - E_m - E_n \rVert^2 / d < \delta\). It is what a decoder that has learned
    the training pairs, and reads nothing but sums, has to get right.

    Args:
        embedding: as in `representation_quality`.
        train: the pairs of numbers that were trained on.
        test: those that were not.
        tolerance: \(\delta\), as in `representation_quality`.

    Returns:
        A share; NaN if there are no test pairs, or all vectors are the same.

    Example:
        >>> line = np.outer(np.arange(10.0), [1.0, -2.0])
        >>> implied_accuracy(line, np.array([[0, 3]]), np.array([[1, 2], [4, 5]]))
        0.5

    Source: Liu et al. 2022, arXiv:2205.10343.
    """
    table = _standard(embedding)
    if 0 in (len(test), table.shape[1]):
        return float("nan")
    asked, known = (table[pairs].sum(1) for pairs in (test, train))
    hits = 0
    for number in np.unique(test.sum(1)):
        here, there = asked[test.sum(1) == number], known[train.sum(1) == number]
        gaps = ((here[:, None] - there[None]) ** 2).mean(2)
        hits += int((gaps < tolerance).any(1).sum())
    return hits / len(test)


def _standard(embedding: Float[np.ndarray, "token channel"]) -> Float[np.ndarray, "token _channel"]:
    """Each dimension with mean zero and variance one, without those where all tokens are alike."""
    table = np.asarray(embedding, np.float64)
    spread = table.std(0)
    varies = spread > 1e-12 * np.abs(table).max(0)
    return (table - table.mean(0))[:, varies] / spread[varies]


def principal_components(features: Float[np.ndarray, "row channel"], count: int = 2) -> xr.Dataset:
    r"""The directions in which features vary most, and where each row lies along them.

    With \(X\) centred and \(X = U S V^\top\): directions \(V\), scores \(U S\) and shares
    \(S_i^2 / \sum_j S_j^2\) of the variance. The largest entry of each direction is positive.

    Args:
        features: one vector for each row, such as an embedding.
        count: how many components.

    Raises:
        ValueError: there are fewer.

    Returns:
        `score` over `row` and `component`, `direction` over `component` and `channel`, and `share`
        over `component`. Components are counted from 1.

    Example:
        >>> found = principal_components(np.outer([1.0, 2.0, 6.0], [3.0, 4.0]), 1)
        >>> print(found.score.values[:, 0].round(6), found.share.item().__round__(6))
        [-10.  -5.  15.] 1.0
    """
    table = np.asarray(features, np.float64)
    if not 1 <= count <= min(table.shape):
        raise ValueError(
            f"principal_components: got count={count}; allowed: 1 to {min(table.shape)} for "
            f"features of shape {table.shape}."
        )
    left, sizes, directions = np.linalg.svd(table - table.mean(0), full_matrices=False)
    largest = np.abs(directions).argmax(1)
    signs = np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)
    variance = sizes**2
    share = np.divide(variance, variance.sum(), out=np.zeros_like(variance), where=variance > 0)
    return xr.Dataset(
        {
            "score": (("row", "component"), (left * sizes * signs)[:, :count]),
            "direction": (("component", "channel"), (directions * signs[:, None])[:count]),
            "share": ("component", share[:count], {"units": "1"}),
        },
        {"component": np.arange(1, count + 1)},
    )


def t_sne(
    features: Float[np.ndarray, "row channel"], *, perplexity: float = 30.0, seed: int = 0
) -> xr.DataArray:
    r"""Places in the plane at which rows have the neighbours that they have among features.

    t-SNE: with \(p_{ij}\) from normal densities of distances between features, whose widths give
    each row about as many neighbours as the perplexity says, and \(q_{ij} \propto (1 + \lVert y_i -
    y_j \rVert^2)^{-1}\), the places \(y\) make \(\sum_{ij} p_{ij} \log(p_{ij} / q_{ij})\) small. It
    begins with the first two principal components. Who is near whom means something; sizes of
    groups and distances between them do not.

    Args:
        features: one vector for each row, such as the hidden units of each example.
        perplexity: about how many neighbours a row has; less than there are rows.
        seed: of what is drawn on the way.

    Raises:
        ValueError: there are not more rows than the perplexity.

    Returns:
        Places over `row` and `component`.

    Example:
        >>> random = np.random.default_rng(0)
        >>> two = np.concatenate([random.normal(size=(20, 5)), random.normal(9, size=(20, 5))])
        >>> places = t_sne(two, perplexity=5.0).values
        >>> print(round(silhouette(places, np.repeat([0, 1], 20))))
        1

    Source: van der Maaten and Hinton 2008, by `sklearn.manifold.TSNE`.
    """
    if not 0 < perplexity < len(features):
        raise ValueError(
            f"t_sne: got perplexity={perplexity}; allowed: above 0 and less than the "
            f"{len(features)} rows."
        )
    found = sklearn.manifold.TSNE(perplexity=perplexity, init="pca", random_state=seed)
    places = found.fit_transform(np.asarray(features, np.float64))
    return xr.DataArray(places, {"component": [1, 2]}, ("row", "component"), "t_sne")


def silhouette(
    features: Float[np.ndarray, "row channel"], labels: Shaped[np.ndarray, "row"]
) -> float:
    r"""How much nearer rows are to their own class than to the next one.

    The mean of \((b - a) / \max(a, b)\), where \(a\) is the mean distance to the other rows of the
    class and \(b\) the smallest mean distance to those of another. A row alone in its class, or
    with \(a = b = 0\), counts as 0.

    Args:
        features: one vector for each row.
        labels: the class of each row.

    Raises:
        ValueError: there are not at least two classes.

    Returns:
        A number from −1 to 1.

    Example:
        >>> silhouette(np.array([[0.0], [1.0], [9.0], [10.0]]), np.array([0, 0, 1, 1])).__round__(3)
        0.889

    Source: Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    of, counts = _classes("silhouette", labels)
    table = np.asarray(features, np.float64)
    member = np.equal.outer(of, np.arange(len(counts))).astype(np.float64)
    sums = cdist(table, table) @ member
    rows = np.arange(len(of))
    own = sums[rows, of] / np.maximum(counts[of] - 1, 1)
    means = sums / counts
    means[rows, of] = np.inf
    other = means.min(1)
    larger = np.maximum(own, other)
    counts_as = (counts[of] > 1) & (larger > 0)
    score = np.divide(other - own, larger, out=np.zeros(len(of)), where=counts_as)
    return float(score.mean())


def class_separation(
    features: Float[np.ndarray, "row channel"], labels: Shaped[np.ndarray, "row"]
) -> float:
    r"""Scatter between classes as part of that within them: ILDR.

    \(\mathrm{tr}(S_B) / \mathrm{tr}(S_W)\) with \(S_B = \sum_c n_c (\mu_c - \mu)(\mu_c -
    \mu)^\top\) and \(S_W = \sum_c \sum_{i \in c} (x_i - \mu_c)(x_i - \mu_c)^\top\). Features that
    know nothing of \(C\) classes have about \((C - 1) / (n - C)\).

    Args:
        features: one vector for each row, such as the activations before the logits.
        labels: the class of each row.

    Raises:
        ValueError: there are not at least two classes.

    Returns:
        A number from 0; infinite where each class is a point, NaN where all are the same.

    Example:
        >>> class_separation(np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([0, 0, 1, 1]))
        25.0

    Source: arXiv:2604.20923.
    """
    of, counts = _classes("class_separation", labels)
    table = np.asarray(features, np.float64)
    rounding = 1e-24 * float((table**2).sum())
    table = table - table.mean(0)
    member = np.equal.outer(np.arange(len(counts)), of).astype(np.float64)
    means = member @ table / counts[:, None]
    between = float((counts[:, None] * means**2).sum())
    within = float(((table - means[of]) ** 2).sum())
    if within <= rounding:
        return math.inf if between > rounding else math.nan
    return between / within


def weight_density(
    weights: Any, *, points: int = 512, bandwidth: float | None = None
) -> xr.DataArray:
    r"""How densely the weights of a network lie along the real line.

    \(\hat f(x) = \frac{1}{nh}\sum_i \varphi\big((x - w_i)/h\big)\) with the normal density
    \(\varphi\). Its largest value is the peak density: it grows as weights gather, such as at zero.

    Args:
        weights: a network, or any pytree of arrays; all numbers in it that learn are looked at.
        points: at how many places the density is looked at, from the smallest weight to the
            largest.
        bandwidth: \(h\) as part of the weights' standard deviation; if `None`,
            \(n^{-1/5}\) (Scott's rule).

    Raises:
        ValueError: there are not at least two different weights.

    Returns:
        A DataArray of densities over `weight`.

    Example:
        >>> weights = np.random.default_rng(0).normal(size=4000)
        >>> density = weight_density({"w": weights})
        >>> print(density.max().item().__round__(1))
        0.4

    Source: the estimate of Scott 1992, by `scipy.stats.gaussian_kde`.
    """
    leaves = [np.ravel(x) for x in jax.tree.leaves(divide(weights)[0])]
    values = np.concatenate([*leaves, np.zeros(0)]).astype(np.float64)
    if not len(values) or np.ptp(values) == 0:
        raise ValueError(
            f"weight_density: got {len(values)} weights, all the same; it needs at least two that "
            "differ."
        )
    places = np.linspace(values.min(), values.max(), points)
    density = gaussian_kde(values, bandwidth)(places)
    attrs = {"units": "1", "long_name": "density of the weights"}
    return xr.DataArray(density, {"weight": places}, ("weight",), "weight_density", attrs)


def local_complexity(
    preactivations: Callable[[Float[Array, "input"]], Mapping[str, Array]],
    inputs: Float[np.ndarray, "example input"],
    *,
    directions: int = 40,
    radius: float = 0.005,
    seed: int = 0,
) -> xr.DataArray:
    r"""How many neurons change their sign close to an input.

    Around each input \(x\) stand the vertices \(x \pm r v_i\) of a cross-polytope, with random
    orthonormal \(v_i\). A neuron counts if its preactivation is positive at some of them and not at
    others: the edge of one of its linear regions passes between.

    Args:
        preactivations: those of one input, by layer. What answers is not to be among them.
        inputs: real vectors; of a network that reads tokens, their embeddings.
        directions: how many \(v_i\), at most as many as an input has entries.
        radius: \(r\), in the units of the inputs.
        seed: of the directions, which are drawn for each input.

    Raises:
        ValueError: there are more directions than an input has entries.

    Returns:
        Counts over `example` and `layer`; the measure is their sum over layers.

    Example:
        >>> import flyroom as fr, jax
        >>> task = fr.tasks.SparseParity(n=50, k=3, train_count=20, test_count=20)
        >>> network = fr.models.MLP(widths=(8,)).init(task.signature, 1, key=jax.random.key(0))
        >>> def layers(x):
        ...     return {"preactivation_0": network.activations(x)["preactivation_0"]}
        >>> found = local_complexity(layers, task.split(seed=0).train.inputs, radius=100.0)
        >>> print(found.sum("layer").mean().item())  # so far away every neuron changes
        8.0

    Source: Humayun et al. 2024, arXiv:2402.15555.
    """
    width = inputs.shape[1]
    if not 1 <= directions <= width:
        raise ValueError(
            f"local_complexity: got directions={directions}; allowed: 1 to {width}, the entries "
            "of an input."
        )
    random = np.random.default_rng(seed)
    frames, _ = np.linalg.qr(random.normal(size=(len(inputs), width, directions)))
    around = radius * np.concatenate([frames, -frames], axis=2).transpose(0, 2, 1)
    vertices = jnp.asarray(inputs[:, None] + around.astype(inputs.dtype))

    def changed(value: Array) -> np.ndarray:
        positive = np.asarray(value).reshape(*value.shape[:2], -1) > 0
        return (positive.any(1) & ~positive.all(1)).sum(1)

    layers = jax.jit(jax.vmap(jax.vmap(lambda x: dict(preactivations(x)))))(vertices)
    counts = np.stack([changed(value) for value in layers.values()], axis=1)
    attrs = {"units": "1", "directions": directions, "radius": radius}
    return xr.DataArray(
        counts, {"layer": list(layers)}, ("example", "layer"), "local_complexity", attrs
    )


def _classes(
    measure: str, labels: Shaped[np.ndarray, "row"]
) -> tuple[Shaped[np.ndarray, "row"], Shaped[np.ndarray, "class"]]:
    """The class of each row as a number from 0, and how many rows each class has."""
    names, of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"{measure}: got {len(names)} class; allowed: at least 2.")
    return of, counts
