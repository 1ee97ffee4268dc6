"""How networks learn: optimizers whose hyperparameters are leaves."""

from ._base import AbstractOptimizer as AbstractOptimizer
from .foreign import Optax as Optax
from .regularisers import coupled as coupled
from .standard import SGD as SGD, Adam as Adam, AdamW as AdamW
