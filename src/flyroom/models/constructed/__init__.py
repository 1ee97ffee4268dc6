"""Networks whose weights are written down, not learned: what an analysis has to recognise."""

from .cyclic import (
    accompanying_pizza_logits as accompanying_pizza_logits,
    circles as circles,
    clock_logits as clock_logits,
    pizza_logits as pizza_logits,
    quadratic as quadratic,
    quadratic_exact as quadratic_exact,
    sine as sine,
)
from .groups import characters as characters, cosets as cosets
from .parity import (
    parity_cases as parity_cases,
    parity_half_cases as parity_half_cases,
    parity_in_bits as parity_in_bits,
    parity_monomials as parity_monomials,
    parity_ones as parity_ones,
    parity_thresholds as parity_thresholds,
    parity_xor as parity_xor,
)
