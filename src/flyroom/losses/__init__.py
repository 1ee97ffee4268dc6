"""What a wrong answer costs."""

from ._base import AbstractLoss as AbstractLoss
from .binary import Hinge as Hinge, Logistic as Logistic
from .cross_entropy import (
    CrossEntropy as CrossEntropy,
    NaiveCrossEntropy as NaiveCrossEntropy,
    exact_cross_entropy as exact_cross_entropy,
)
from .squared import Squared as Squared
