"""The suite that every task, model, optimizer, loss and measure passes, ours and yours.

Each check raises an `AssertionError` that says which rule is broken and how to mend it.

Example:
    >>> import flyroom as fr
    >>> fr.testing.check_task(fr.tasks.ModularArithmetic(p=7))
"""

from .loss import check_loss as check_loss
from .measure import check_measure as check_measure
from .model import check_model as check_model
from .optimizer import check_optimizer as check_optimizer
from .task import check_task as check_task
