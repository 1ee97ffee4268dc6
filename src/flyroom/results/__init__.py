"""What training leaves behind: a journal while it runs, a labelled store when it is done."""

from . import disk as disk, journal as journal, store as store
from .access import (
    check_layout as check_layout,
    experiment_of as experiment_of,
    open as open,
)
from .journal import JournalError as JournalError, journal_path as journal_path
from .kept import (
    Kept as Kept,
    kept_steps as kept_steps,
    network as network,
    networks as networks,
)
from .labels import paths as paths, rebuild as rebuild
from .place import folder as folder, place as place
from .provenance import provenance as provenance
from .reopen import copy_runs as copy_runs, reopen as reopen
from .schema import LAYOUT as LAYOUT, Curve as Curve, Schema as Schema
from .store import StoreError as StoreError
