"""Optimizers around any optimizer: averaging, looking ahead, accumulating, noise, constraints."""

from __future__ import annotations

from npdl_optim.wrappers.accumulate import Accumulate
from npdl_optim.wrappers.base import Wrapper
from npdl_optim.wrappers.ema import Ema
from npdl_optim.wrappers.gradient_noise import GradientNoise
from npdl_optim.wrappers.lookahead import Lookahead
from npdl_optim.wrappers.max_norm import MaxNorm

__all__ = ["Accumulate", "Ema", "GradientNoise", "Lookahead", "MaxNorm", "Wrapper"]
