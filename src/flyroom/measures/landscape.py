r"""The loss around the weights of a network, and how the weights move its answers.

A `loss` is a function of the weights alone, `loss(weights)`, or of weights and rows of data,
`loss(weights, rows)`. The weights are a network, or any pytree of arrays of one precision; what
does not learn of a network stays as it is. Give weights in float64 for more digits.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy.optimize
import scipy.sparse.linalg
import xarray as xr
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, Shaped

from ..models import divide

_lanczos: Any = scipy.sparse.linalg  # it has no types, and guessed ones are wrong


def sharpness(
    loss: Callable[[Any], Array], weights: Any, *, tolerance: float = 1e-4, seed: int = 0
) -> float:
    r"""The largest eigenvalue of the Hessian of a loss: how sharply it rises around the weights.

    \(\lambda_\mathrm{max}(\nabla^2 L)\) by Lanczos' method (`scipy.sparse.linalg.eigsh`) on
    products of the Hessian with vectors. Gradient descent with the step \(\eta\) is stable along
    that direction below \(2 / \eta\).

    Args:
        loss: of the weights.
        weights: a network, or any pytree of arrays.
        tolerance: the relative error of the eigenvalue.
        seed: of the vector to begin with.

    Returns:
        The largest, not the largest in size: it is negative only at the top of a hill.

    Raises:
        scipy.sparse.linalg.ArpackNoConvergence: the tolerance is too small for the precision of the
            weights.

    Example:
        >>> import flyroom as fr
        >>> split = fr.tasks.ModularArithmetic(p=7).split(seed=0)
        >>> network = fr.models.FactoredMLP(width=4, embed_width=6).init(
        ...     fr.tasks.ModularArithmetic(p=7).signature, 7, key=jr.key(0)
        ... )
        >>> inputs, labels = jnp.asarray(split.train.inputs), jnp.asarray(split.train.labels)
        >>> def loss(network):
        ...     return jax.vmap(fr.losses.CrossEntropy())(network.table(inputs), labels).mean()
        >>> sharpness(loss, network) > 0
        True

    Source: ours; of grokking: Notsawo et al. 2023, arXiv:2306.13253.
    """
    flat, rebuild = _flat(weights)
    slope = jax.grad(lambda values: loss(rebuild(values)))

    @jax.jit
    def product(vector: Array) -> Array:
        return jax.jvp(slope, (flat,), (vector,))[1]

    def apply(vector: np.ndarray) -> np.ndarray:
        return np.asarray(product(jnp.asarray(vector.ravel(), flat.dtype)), np.float64)

    if flat.size == 1:  # which Lanczos' method has no room for
        return float(apply(np.ones(1))[0])
    start = np.random.default_rng(seed).normal(size=flat.size)
    operator = _lanczos.LinearOperator((flat.size, flat.size), matvec=apply, dtype=np.float64)
    settings = {"which": "LA", "v0": start, "tol": tolerance}
    return float(_lanczos.eigsh(operator, 1, return_eigenvectors=False, **settings)[0])


def keskar_sharpness(
    loss: Callable[[Any], Array], weights: Any, *, size: float = 1e-4, iterations: int = 10
) -> float:
    r"""How far a loss rises in a small box around the weights: \(\phi\), in percent.

    \(100\,\big(\max_{|y_i| \le \varepsilon(|w_i| + 1)} L(w + y) - L(w)\big) / (1 + L(w))\), with as
    many iterations of L-BFGS-B towards the maximum as the source has, from the weights.

    Args:
        loss: of the weights.
        weights: a network, or any pytree of arrays.
        size: \(\varepsilon\).
        iterations: at most.

    Example:
        >>> print(round(keskar_sharpness(lambda w: 3 * (w**2).sum(), jnp.ones(1), size=0.1), 4))
        33.0

    Source: Keskar et al. 2017, arXiv:1609.04836; of grokking: Power et al. 2022, arXiv:2201.02177.
    """
    flat, rebuild = _flat(weights)
    both = jax.jit(jax.value_and_grad(lambda values: -loss(rebuild(values))))
    start = np.asarray(flat, np.float64)
    room = size * (np.abs(start) + 1)

    def fall(values: np.ndarray) -> tuple[float, np.ndarray]:
        height, slope = both(jnp.asarray(values, flat.dtype))
        return float(height), np.asarray(slope, np.float64)

    bounds = np.stack([start - room, start + room], axis=1)
    options = {"maxiter": iterations}
    found = scipy.optimize.minimize(
        fall, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    there = float(loss(rebuild(flat)))
    return 100 * (-float(found.fun) - there) / (1 + there)


def tangent_kernel(
    answer: Callable[[Any, Any], Float[Array, "output"]],
    weights: Any,
    inputs: Shaped[np.ndarray, "example *input"],
) -> Float[np.ndarray, "example example"]:
    r"""The tangent kernel of a network: how a step for one example moves the answer to another.

    \(K_{ij} = \sum_o \langle \nabla_\theta f_o(x_i), \nabla_\theta f_o(x_j) \rangle\), over all
    outputs. It holds one gradient for each example and output at a time: give it some hundred
    examples.

    Args:
        answer: the outputs for weights and one input.
        weights: a network, or any pytree of arrays.
        inputs: the examples.

    Returns:
        The kernel, in float64.

    Example:
        >>> weights = {"w": jnp.array([1.0, 2.0])}
        >>> inputs = np.array([[1.0, 0.0], [1.0, 1.0]], np.float32)
        >>> tangent_kernel(lambda weights, x: weights["w"] @ x[:, None], weights, inputs)
        array([[1., 1.],
               [1., 2.]])

    Source: Jacot et al. 2018, arXiv:1806.07572.
    """
    flat, rebuild = _flat(weights)
    slope = jax.jacrev(lambda values, x: answer(rebuild(values), x))
    slopes = np.asarray(jax.jit(jax.vmap(slope, (None, 0)))(flat, jnp.asarray(inputs)), np.float64)
    rows = slopes.reshape(len(inputs), -1)
    return rows @ rows.T


def kernel_alignment(
    one: Float[np.ndarray, "example example"], other: Float[np.ndarray, "example example"]
) -> float:
    r"""How alike two kernels of the same examples are, without their means: CKA.

    \(\langle HKH, HK'H \rangle_F / (\lVert HKH \rVert_F \lVert HK'H \rVert_F)\) with
    \(H = 1 - \tfrac1n 11^\top\). Between the tangent kernels at the beginning and later it is 1
    while learning is lazy; with \(YY^\top\) of the one-hot labels \(Y\) it says how well a kernel
    fits the task.

    Args:
        one: a kernel, such as one from `tangent_kernel`.
        other: another.

    Returns:
        A number from −1 to 1, from 0 for kernels; NaN where one is constant.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=7)
        >>> rows, model = task.split(seed=0).train, fr.models.MLP(widths=(16,))
        >>> first, later = (
        ...     tangent_kernel(
        ...         lambda network, x: network(x),
        ...         model.init(task.signature, 7, key=jr.key(seed)),
        ...         rows.inputs,
        ...     )
        ...     for seed in (0, 1)
        ... )
        >>> labels = np.eye(7)[rows.labels]
        >>> kernel_alignment(first, later) > kernel_alignment(first, labels @ labels.T)
        True

    Source: Cortes et al. 2012; of grokking: Kumar et al. 2023, arXiv:2310.06110.
    """

    def centred(kernel: np.ndarray) -> np.ndarray:
        values = np.asarray(kernel, np.float64)
        return values - values.mean(0) - values.mean(1)[:, None] + values.mean()

    left, right = centred(one), centred(other)
    size = float(np.linalg.norm(left) * np.linalg.norm(right))
    rounding = 1e-12 * float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((left * right).sum()) / size if size > rounding else float("nan")


def local_learning_coefficient(
    loss: Callable[[Any, Any], Array],
    weights: Any,
    rows: Any,
    *,
    strength: float = 2.0,
    localization: float = 5.0,
    step: float = 3e-3,
    draws: int = 500,
    burn_in: int = 0,
    chains: int = 4,
    batch_size: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    r"""How many directions the weights are held in: half of them for a regular model, or fewer.

    \(\hat\lambda = n\beta\,\big(\mathrm{E}[L(w)] - L(w^*)\big)\), the mean over draws of Langevin
    dynamics that are tied to the weights \(w^*\): \(\Delta w = -\tfrac{\varepsilon}{2}\big(n\beta
    \nabla L + \gamma (w - w^*)\big) + \mathcal{N}(0, \varepsilon)\). It is near
    \(\lambda\) only where \(n\beta\) times the curvature \(h\) is far above \(\gamma\), chains are
    long, and steps are far below \(4 / (n\beta h + \gamma)\), towards which it grows without bound.
    A negative one says that \(w^*\) is no minimum.

    Args:
        loss: the mean over rows, of weights and rows.
        weights: \(w^*\): a trained network, or any pytree of arrays.
        rows: a pytree of arrays whose first axes are the examples.
        strength: \(n\beta\), which at Watanabe's temperature is \(n / \log n\).
        localization: \(\gamma\).
        step: \(\varepsilon\), the variance of the noise.
        draws: how many a chain gives.
        burn_in: steps before them. The published settings have none.
        chains: how many, each from \(w^*\).
        batch_size: rows in each step, drawn anew; all of them if `None`.
        seed: of the noise and the draws.

    Raises:
        ValueError: a batch has more rows than there are.

    Returns:
        The `coefficient` over `chain`, the `loss` over `chain` and `draw`, and the `loss_there` at
        the weights. Report `coefficient.mean()` with `coefficient.std()`.

    Example:
        >>> def loss(weights, rows):  # one direction of two is free
        ...     return jnp.mean((rows - weights["a"] - weights["b"]) ** 2)
        >>> weights = {"a": jnp.float32(0), "b": jnp.float32(0)}
        >>> found = local_learning_coefficient(
        ...     loss, weights, jnp.zeros(8), strength=100.0, localization=0.1, step=5e-4, draws=4000
        ... )
        >>> print(0.4 < found.coefficient.mean().item() < 0.6, found.sizes["chain"])
        True 4

    Source: Lau et al. 2023, arXiv:2308.12108; the numbers: the grokking example of devinterp.
    """
    flat, rebuild = _flat(weights)
    count = jax.tree.leaves(rows)[0].shape[0]
    if batch_size is not None and not 1 <= batch_size <= count:
        raise ValueError(
            f"local_learning_coefficient: got batch_size={batch_size}; allowed: 1 to {count}."
        )
    value = jax.value_and_grad(lambda values, seen: loss(rebuild(values), seen))

    def draw(values: Array, key: Array) -> tuple[Array, Array]:
        k_rows, k_noise = jr.split(key)
        seen = rows
        if batch_size is not None:
            seen = _taken(rows, jr.choice(k_rows, count, (batch_size,), replace=False))
        height, slope = value(values, seen)
        drift = strength * slope + localization * (values - flat)
        noise = jr.normal(k_noise, values.shape, values.dtype)
        return values - step / 2 * drift + step**0.5 * noise, height

    @jax.jit
    @jax.vmap
    def chain(key: Array) -> Array:
        return jax.lax.scan(draw, flat, jr.split(key, burn_in + draws))[1]

    heights = np.asarray(chain(jr.split(jr.key(seed), chains)), np.float64)[:, burn_in:]
    there = float(loss(rebuild(flat), rows))
    asked = {"strength": strength, "localization": localization, "step": step, "burn_in": burn_in}
    return xr.Dataset(
        {
            "coefficient": ("chain", strength * (heights.mean(1) - there), {"units": "1"}),
            "loss": (("chain", "draw"), heights),
            "loss_there": there,
        },
        attrs=asked,
    )


def commutator_defect(
    loss: Callable[[Any, Any], Array],
    weights: Any,
    rows: Any,
    *,
    batch_size: int | None = None,
    step: float = 1e-3,
    pairs: int = 9,
    seed: int = 0,
) -> float:
    r"""How much it matters in which order two batches are learned.

    The median of \(\lVert \theta_{AB} - \theta_{BA} \rVert / (\lVert \eta g_A \rVert \lVert \eta
    g_B \rVert)\) over pairs of batches without a common row: \(\theta_{AB}\) is where a step of
    gradient descent on \(A\) and then one on \(B\) lead, and \(g\) are the gradients at the
    weights. For small \(\eta\) it is \(\lVert H_B g_A - H_A g_B \rVert / (\lVert g_A \rVert \lVert
    g_B \rVert)\), of the Hessians of the batches.

    Args:
        loss: the mean over rows, of weights and rows.
        weights: a network, or any pytree of arrays.
        rows: a pytree of arrays whose first axes are the examples.
        batch_size: of each batch; half of the rows if `None`.
        step: \(\eta\).
        pairs: how many pairs are drawn.
        seed: of the draw.

    Raises:
        ValueError: there are not enough rows for two batches.

    Returns:
        The median; NaN where a gradient is zero.

    Example:
        >>> def loss(w, rows):
        ...     return jnp.mean((rows @ w - 1) ** 2)
        >>> rows = jnp.asarray(np.random.default_rng(0).normal(size=(20, 3)), jnp.float32)
        >>> commutator_defect(loss, jnp.zeros(3), rows) > 0.1
        True
        >>> commutator_defect(loss, jnp.zeros(3), jnp.ones((20, 3)))  # batches that are alike
        0.0

    Source: Xu 2026, arXiv:2602.16746.
    """
    flat, rebuild = _flat(weights)
    count = jax.tree.leaves(rows)[0].shape[0]
    size = count // 2 if batch_size is None else batch_size
    if not 1 <= size <= count // 2:
        raise ValueError(
            f"commutator_defect: got batch_size={size}; allowed: 1 to {count // 2}, half of the "
            f"{count} rows."
        )
    slope = jax.grad(lambda values, seen: loss(rebuild(values), seen))

    @jax.jit
    def defect(index: Array) -> Array:
        first, second = (_taken(rows, half) for half in index)
        one, other = slope(flat, first), slope(flat, second)
        # θ_AB − θ_BA, in an order that keeps the digits of two differences of the size η.
        moved_one = one - slope(flat - step * other, first)
        moved_other = other - slope(flat - step * one, second)
        gap = jnp.linalg.norm(moved_other - moved_one)
        return gap / (step * jnp.linalg.norm(one) * jnp.linalg.norm(other))

    random = np.random.default_rng(seed)
    halves = [random.permutation(count)[: 2 * size].reshape(2, size) for _ in range(pairs)]
    return float(np.median([np.asarray(defect(jnp.asarray(index))) for index in halves]))


def _taken(rows: Any, index: Int[Array, "row"]) -> Any:
    """Some of the rows."""
    return jax.tree.map(lambda x: jnp.asarray(x)[index], rows)


def _flat(weights: Any) -> tuple[Float[Array, "weight"], Callable[[Array], Any]]:
    """What learns as one vector, and how the weights are made of such a vector again."""
    learns, constants = divide(jax.tree.map(jnp.asarray, weights))
    flat, unravel = ravel_pytree(learns)
    return flat, lambda values: eqx.combine(unravel(values), constants)
