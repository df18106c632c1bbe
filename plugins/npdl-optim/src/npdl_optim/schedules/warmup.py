"""A slow start for any schedule."""

from __future__ import annotations

from typing import Any

from npdl_core import registry
from npdl_core.checks import check_float, check_int
from npdl_core.schedules import Schedule

__all__ = ["Warmup"]


class Warmup(Schedule):
    r"""Climb to a schedule's first rate, then follow it.

    :math:`\eta(t) = s(0) \cdot (f + (1 - f) t / T)` for :math:`t < T`, then :math:`s(t - T)`.

    Parameters
    ----------
    schedule : float, name, envelope or Schedule
        s; a number is a constant rate.
    steps : int
        T, at least 1.
    start : float
        f: with what part of the rate to start, in [0, 1].

    Notes
    -----
    Time counts what the schedule inside counts, steps or epochs. Source: Goyal et al., Accurate, large
    minibatch SGD: training ImageNet in 1 hour, 2017.

    Examples
    --------
    >>> schedule = Warmup({"name": "linear", "config": {"lr": 0.5, "steps": 10}}, steps=5, start=0.0)
    >>> schedule(0), schedule(4), schedule(5), schedule(10)
    (0.0, 0.4, 0.5, 0.25)
    """

    def __init__(self, schedule: Any, steps: int, start: float = 0.01) -> None:
        if isinstance(schedule, (int, float)):
            schedule = {"name": "npdl-core:constant", "config": {"lr": schedule}}
        self.schedule = registry.get("schedules", schedule)
        per = getattr(self.schedule, "per", "step")
        super().__init__(per)
        self.steps = check_int("steps", steps, 1)
        self.start = check_float("start", start, 0, 1)

    def __call__(self, time: int) -> float:
        """Return the rate."""
        if time >= self.steps:
            return float(self.schedule(time - self.steps))
        return float(self.schedule(0)) * (self.start + (1 - self.start) * time / self.steps)
