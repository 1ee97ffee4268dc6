"""What a network has learned, and the proof of it."""

from ._base import AbstractMechanism as AbstractMechanism
from .explain import Explanation as Explanation, explain as explain
from .representations import Representations as Representations
from .subject import Subject as Subject
from .waves import Circle as Circle, FourierSum as FourierSum
