class CheckpointError(Exception):
    """A file of weights cannot be read, or is none that we know."""
