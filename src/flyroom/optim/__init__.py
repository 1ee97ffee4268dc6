"""How networks learn: optimizers whose hyperparameters are leaves."""

from ._base import AbstractOptimizer as AbstractOptimizer
from .clamp import Clamped as Clamped
from .foreign import Optax as Optax
from .noise import Noisy as Noisy
from .regularisers import coupled as coupled
from .standard import SGD as SGD, Adam as Adam, AdamW as AdamW
