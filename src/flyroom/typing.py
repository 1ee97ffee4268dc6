"""Names for arrays that are NumPy on the host, JAX on a device and tracers in between."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

if TYPE_CHECKING:
    FloatScalar = float | Array
    IntScalar = int | Array
    AnyArray = Any
else:
    AnyArray = Array | np.ndarray
    FloatScalar = Float[ArrayLike, ""]
    IntScalar = Int[ArrayLike, ""]
