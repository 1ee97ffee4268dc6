"""Published set-ups, with exact hyperparameters and their source."""

from .chughtai import chughtai_s5 as chughtai_s5
from .nanda import nanda_demo as nanda_demo, nanda_mod113 as nanda_mod113
from .pair import (
    pair_five_neurons as pair_five_neurons,
    pair_mod67 as pair_mod67,
    pair_parity as pair_parity,
    pair_parity_sweep as pair_parity_sweep,
    pair_reverse as pair_reverse,
    pair_twice as pair_twice,
)
from .panickssery import panickssery_mod53 as panickssery_mod53
from .parity import (
    barak_parity as barak_parity,
    blog_parity as blog_parity,
    merrill_parity as merrill_parity,
)
from .power import power_mod97 as power_mod97, power_s5 as power_s5
from .quadratic import doshi_mod97 as doshi_mod97
from .report import (
    report_lstm as report_lstm,
    report_mlp as report_mlp,
    report_mod97 as report_mod97,
)
from .zhong import zhong_linear as zhong_linear, zhong_mod59 as zhong_mod59
