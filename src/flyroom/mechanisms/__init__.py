"""What a network has learned, and the proof of it."""

from ._base import AbstractMechanism as AbstractMechanism
from .explain import Explanation as Explanation, explain as explain
from .neurons import neurons as neurons
from .remainder import Remainder as Remainder, remainder as remainder
from .representations import Representations as Representations
from .runs import explain_runs as explain_runs
from .subject import Subject as Subject
from .waves import Circle as Circle, FourierSum as FourierSum
