"""Published set-ups, with exact hyperparameters and their source."""

from .nanda import nanda_mod113 as nanda_mod113
from .pair import pair_mod67 as pair_mod67, pair_parity as pair_parity
from .parity import (
    barak_parity as barak_parity,
    blog_parity as blog_parity,
    merrill_parity as merrill_parity,
)
from .quadratic import doshi_mod97 as doshi_mod97
