"""What a network has learned, and the proof of it."""

from .explain import Explanation as Explanation, explain as explain
from .subject import Subject as Subject
from .waves import Circle as Circle, FourierSum as FourierSum
