"""Where programs run: plans, workers, checkpoints, and the verb `train`."""

from .designs import points as points, random as random, sobol as sobol
from .local import Interrupted as Interrupted, Machine as Machine, resume as resume, train as train
from .manifest import Manifest as Manifest
from .plan import Plan as Plan, plan as plan
from .space import Over as Over, Space as Space
