"""Learning-rate schedules: pure functions of the number of updates or epochs."""

from __future__ import annotations

from npdl_optim.schedules.cosine import Cosine, CosineRestarts
from npdl_optim.schedules.decay import Exponential, InverseTime, Piecewise, Step
from npdl_optim.schedules.one_cycle import OneCycle
from npdl_optim.schedules.ramps import Linear, LinearSaturate, Polynomial
from npdl_optim.schedules.warmup import Warmup

__all__ = [
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseTime",
    "Linear",
    "LinearSaturate",
    "OneCycle",
    "Piecewise",
    "Polynomial",
    "Step",
    "Warmup",
]
