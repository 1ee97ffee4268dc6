"""Where programs run: plans, workers, checkpoints, and the verbs `train`, `map` and `merge`."""

from typing import TYPE_CHECKING

import lazy_loader

from .adaptive import map as map
from .designs import points as points, random as random, sobol as sobol
from .local import Interrupted as Interrupted, resume as resume, train as train
from .machine import AbstractMachine as AbstractMachine, Machine as Machine
from .manifest import Manifest as Manifest
from .merge import merge as merge
from .plan import Plan as Plan, plan as plan
from .pulse import Pulse as Pulse
from .space import Over as Over, Space as Space
from .survey import Survey as Survey

if TYPE_CHECKING:
    from .cluster import RayCluster as RayCluster

# Ray is an extra: what needs it is loaded when it is first asked for.
__getattr__, *_ = lazy_loader.attach(__name__, submod_attrs={"cluster": ["RayCluster"]})
