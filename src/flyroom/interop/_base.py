from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..models import AbstractNetwork

Tensors = Mapping[str, np.ndarray]
Config = Mapping[str, Any]


class Built(NamedTuple):
    """A network, and how it reads.

    Attributes:
        network: the network.
        embedding: the vector of each token, at the first position if others have another table.
        positions: how many tokens it reads at once.
        shared: whether the embedding is that of all positions.
    """

    network: AbstractNetwork
    embedding: Float[np.ndarray, "token channel"]
    positions: int = 2
    shared: bool = True
