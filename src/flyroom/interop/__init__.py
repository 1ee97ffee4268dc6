"""Networks from and to the tools of others."""

from .checkpoint import (
    Checkpoint as Checkpoint,
    Reading as Reading,
    read as read,
    read_logits as read_logits,
    write as write,
)
from .pytorch import CheckpointError as CheckpointError, read_pytorch as read_pytorch
