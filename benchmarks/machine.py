"""Matrix-multiplication ceiling of this machine, in GFLOP/s.

Two numbers to hold a training speed against:

- `both_cores`: one large square product on all cores, by NumPy's BLAS and by JAX;
- `workers`: given shapes by a thread for each core at once, which is how a batch of small networks
  is spread over the cores. The rate is the sum over the threads.

Run `python machine.py`; one JSON line comes out. `best` is the ceiling, `median` what other load
left of it.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

# The products (m, k, n) of one training step, forward and backward, with factored weights
# multiplied out first and one-hot first layers looked up.
WORKLOADS = {
    "square_1024": [(1024, 1024, 1024)],
    "pair_mod67": [
        *[(67, 500, 24), (24, 500, 67), (911, 24, 67)],
        *[(911, 67, 24), (24, 911, 67)],
        *[(67, 24, 500), (500, 67, 24), (24, 67, 500), (67, 24, 500)],
    ],
    "mlp_mod113": [(3830, 512, 113), (3830, 113, 512), (512, 3830, 113)],
}


def rates(work: Callable[[], object], flops: float, repeats: int) -> dict[str, float]:
    """Times `work` after one warm-up call.

    Args:
        work: Does everything and returns when it is done.
        flops: Operations in one call, a multiplication and an addition counting two.
        repeats: Timed calls.

    Returns:
        Best and median rate in GFLOP/s.
    """
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return {
        "best": flops / min(seconds) / 1e9,
        "median": flops / statistics.median(seconds) / 1e9,
    }


def both_cores(dtype: str, *, size: int = 2048, repeats: int = 9) -> dict[str, dict[str, float]]:
    """Measures a square product of NumPy and of JAX on all cores."""
    left = np.random.default_rng(0).standard_normal((size, size)).astype(dtype)
    right = left.T.copy()
    device_left, device_right = jnp.asarray(left), jnp.asarray(right)
    matmul = jax.jit(jnp.matmul)
    flops = 2.0 * size**3
    return {
        "numpy": rates(lambda: left @ right, flops, repeats),
        "jax": rates(lambda: matmul(device_left, device_right).block_until_ready(), flops, repeats),
    }


def repeated_products(
    lefts: list[jax.Array], rights: list[jax.Array], iterations: ArrayLike
) -> list[jax.Array]:
    """Multiplies each left by a right that changes from one iteration to the next.

    Were both operands the same in every iteration, XLA would multiply once and reuse it. Four
    rights in turn cost a copy of `k n` numbers, the sum of the products `m n` additions: little
    beside the `2 m k n` operations that are counted.
    """

    def body(i: jax.Array, sums: list[jax.Array]) -> list[jax.Array]:
        return [
            total + left @ right[i % len(right)]
            for total, left, right in zip(sums, lefts, rights, strict=True)
        ]

    zeros = [
        jnp.zeros((left.shape[0], right.shape[-1]), left.dtype)
        for left, right in zip(lefts, rights, strict=True)
    ]
    return jax.lax.fori_loop(0, iterations, body, zeros)


class Products:
    """Products of the given shapes, ready to be done by several threads at once.

    Args:
        shapes: the products `(m, k, n)`, done in this order over and over.
        dtype: `"float32"`, or `"float64"` where JAX has it enabled.
        workers: how many threads.

    Attributes:
        flops: operations of all of them, once, by every thread.
    """

    def __init__(self, shapes: Sequence[tuple[int, int, int]], dtype: str, workers: int) -> None:
        rng = np.random.default_rng(0)
        lefts = [rng.standard_normal((m, k)).astype(dtype) for m, k, _ in shapes]
        rights = [rng.standard_normal((4, k, n)).astype(dtype) for _, k, n in shapes]
        self.flops = sum(2.0 * m * k * n for m, k, n in shapes) * workers
        self._operands = [jax.device_put((lefts, rights)) for _ in range(workers)]
        self._program = jax.jit(repeated_products)
        self._pool = ThreadPoolExecutor(workers)

    def multiply(self, times: int) -> None:
        """Does all of them so many times, by every thread at the same time."""
        run = self._pool.map(lambda each: self._program(*each, times), self._operands)
        jax.block_until_ready(list(run))


def workers(
    shapes: Sequence[tuple[int, int, int]], dtype: str, *, target: float = 2e10, repeats: int = 9
) -> dict[str, float]:
    """Measures the products of the given shapes with a thread for each core at the same time.

    Args:
        shapes: The products `(m, k, n)`.
        dtype: `"float32"`, or `"float64"` where JAX has it enabled.
        target: Operations per thread and timed call; long enough to hide the dispatch.
        repeats: Timed calls.

    Returns:
        Best and median rate in GFLOP/s, summed over the threads.
    """
    count = os.cpu_count() or 1
    products = Products(shapes, dtype, count)
    times = max(1, round(target * count / products.flops))
    return rates(lambda: products.multiply(times), products.flops * times, repeats)


def main() -> None:
    """Measures everything for both number types, and prints one JSON line."""
    jax.config.update("jax_enable_x64", True)
    types = ("float32", "float64")
    report = {
        "cores": os.cpu_count(),
        "both_cores": {dtype: both_cores(dtype) for dtype in types},
        "workers": {
            dtype: {name: workers(shapes, dtype) for name, shapes in WORKLOADS.items()}
            for dtype in types
        },
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
