"""Mathematics that knows no networks."""

from .cyclic import (
    fourier_basis as fourier_basis,
    frequency_margin as frequency_margin,
    power as power,
    waves as waves,
)
from .groups import (
    Group as Group,
    irrep as irrep,
    symmetric as symmetric,
)
