"""What a network has learned, and the proof of it."""

from ._base import AbstractMechanism as AbstractMechanism, AbstractSpans as AbstractSpans
from ._subject import AbstractSubject as AbstractSubject
from .cosets import Cosets as Cosets
from .explain import Explanation as Explanation, explain as explain
from .hearing import AbstractHearing as AbstractHearing
from .idealise import idealise as idealise
from .neurons import neurons as neurons
from .pairs import Pairs as Pairs
from .parity import Parity as Parity
from .quadrature import Quadrature as Quadrature
from .remainder import Remainder as Remainder, remainder as remainder
from .remembered import MemorizedTable as MemorizedTable
from .representations import Representations as Representations
from .runs import explain_runs as explain_runs
from .strings import Strings as Strings
from .waves import Circle as Circle, FourierSum as FourierSum
