"""Questions with published answers: claims held against numbers, and a report."""

from .claim import Answer as Answer, Claim as Claim, Finding as Finding, Verdict as Verdict
from .find import find as find, load as load, load_statements as load_statements
from .pictures import (
    arrows as arrows,
    clouds as clouds,
    curves as curves,
    lines as lines,
    points as points,
    stacks as stacks,
)
from .replication import write_replication as write_replication
from .report import machine as machine, write_report as write_report
from .run import Outcome as Outcome, finished as finished, judge as judge, run as run
from .sizes import reductions as reductions
from .statement import Standing as Standing, Statement as Statement
from .statistics import mean as mean, median as median, share as share
from .study import Study as Study, Sweep as Sweep
from .words import table as table, verdicts as verdicts
