"""Who learns: networks written for one example, and the specs they are made from."""

from . import constructed as constructed
from ._base import (
    AbstractModel as AbstractModel,
    AbstractNetwork as AbstractNetwork,
    Patch as Patch,
    Tap as Tap,
    constant as constant,
    divide as divide,
)
from .activations import (
    absolute as absolute,
    gelu as gelu,
    identity as identity,
    monomial as monomial,
    relu as relu,
    sine as sine,
    square as square,
    tanh as tanh,
)
from .batch_norm import BatchNorm as BatchNorm
from .embedded import EmbeddedMLP as EmbeddedMLP, EmbeddedNetwork as EmbeddedNetwork
from .factored import FactoredMLP as FactoredMLP, FactoredNetwork as FactoredNetwork
from .initial import (
    haiku as haiku,
    he as he,
    normal as normal,
    pytorch as pytorch,
    variance_scaling_2 as variance_scaling_2,
)
from .linear import linear as linear
from .mlp import MLP as MLP, MLPNetwork as MLPNetwork
from .recurrent import LSTM as LSTM, LSTMNetwork as LSTMNetwork
from .transformer import (
    Block as Block,
    Norm as Norm,
    Transformer as Transformer,
    TransformerNetwork as TransformerNetwork,
)
