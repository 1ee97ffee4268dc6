import enum


class Status(enum.IntEnum):
    """What became of a run. Whether it memorised or generalised is a measure, not a status."""

    QUEUED = 0
    RUNNING = 1
    FINISHED = 2  # reached its budget
    STOPPED = 3  # met a stop rule
    DIVERGED = 4  # its training loss is no longer a number
    FAILED = 5  # raised an error

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self >= Status.FINISHED
