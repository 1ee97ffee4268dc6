"""Weights of others: read, recognised, written."""
from .errors import CheckpointError as CheckpointError
from .pytorch import read_pytorch as read_pytorch
