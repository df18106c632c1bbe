"""npdl-optim: the optimizer family, wrappers around any optimizer, and learning-rate schedules."""

from __future__ import annotations

from npdl_core.optimizers.base import clip_global_norm, global_norm
from npdl_optim import schedules
from npdl_optim.adadelta import Adadelta
from npdl_optim.adagrad import Adagrad
from npdl_optim.adam import Adam, AdamW, AMSGrad
from npdl_optim.adamax import Adamax
from npdl_optim.lamb import Lamb
from npdl_optim.lion import Lion
from npdl_optim.momentum import EmaMomentum, Momentum, NesterovMomentum
from npdl_optim.nadam import NAdam
from npdl_optim.radam import RAdam
from npdl_optim.rmsprop import RMSprop
from npdl_optim.wrappers import Accumulate, Ema, GradientNoise, Lookahead, MaxNorm, Wrapper

__all__ = [
    "AMSGrad",
    "Accumulate",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ema",
    "EmaMomentum",
    "GradientNoise",
    "Lamb",
    "Lion",
    "Lookahead",
    "MaxNorm",
    "Momentum",
    "NAdam",
    "NesterovMomentum",
    "RAdam",
    "RMSprop",
    "Wrapper",
    "clip_global_norm",
    "global_norm",
    "schedules",
]
