"""What is to be learned: tables and samples of examples, made on the host."""

from ._base import (
    AbstractTable as AbstractTable,
    AbstractTask as AbstractTask,
    Examples as Examples,
    Signature as Signature,
    Split as Split,
    Stream as Stream,
    bits as bits,
    check_split as check_split,
    examples as examples,
    permutation as permutation,
    train_size as train_size,
)
from .corruption import Corrupted as Corrupted
from .groups import GroupOperation as GroupOperation
from .modular import ModularArithmetic as ModularArithmetic
from .parity import SparseParity as SparseParity
