"""Weights of others: read, and recognised."""

from .checkpoint import Checkpoint as Checkpoint, read as read
from .pytorch import CheckpointError as CheckpointError, read_pytorch as read_pytorch
