"""The 1cycle policy."""

from __future__ import annotations

from itertools import pairwise

from npdl_core.checks import check_bool, check_choice, check_float, check_int
from npdl_core.errors import ConfigError
from npdl_core.schedules import Schedule
from npdl_optim.schedules.cosine import fall

__all__ = ["OneCycle"]


class OneCycle(Schedule):
    r"""Up to a high rate, then down to a very low one.

    From :math:`\eta / d` up to :math:`\eta` in the first part of T, then down to :math:`\eta / (d f)`, where
    the rate stays. With three phases, down to :math:`\eta / d` as fast as up, then to :math:`\eta / (d f)`.

    Parameters
    ----------
    max_lr : float
        :math:`\eta`.
    steps : int
        T, at least 2.
    pct_start : float
        The part of T that goes up, in (0, 1); at most 0.5 with three phases.
    div_factor, final_div_factor : float
        d and f, at least 1.
    anneal : str
        ``"cos"`` or ``"linear"``.
    three_phase : bool
        See above.
    per : str
        What T counts, ``"step"`` or ``"epoch"``.

    Notes
    -----
    Source: Smith & Topin, Super-convergence: very fast training of neural networks using large learning
    rates, 2018. As PyTorch's ``OneCycleLR`` with ``cycle_momentum=False``.

    Examples
    --------
    >>> schedule = OneCycle(0.5, steps=11, pct_start=0.5, anneal="linear")
    >>> schedule(0), schedule(10) == 0.02 / 1e4
    (0.02, True)
    """

    def __init__(
        self,
        max_lr: float,
        steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        anneal: str = "cos",
        three_phase: bool = False,
        per: str = "step",
    ) -> None:
        super().__init__(per)
        self.max_lr = check_float("max_lr", max_lr, 0)
        self.steps = check_int("steps", steps, 2)
        self.pct_start = check_float("pct_start", pct_start, 0, 1, above=True, below=True)
        self.div_factor = check_float("div_factor", div_factor, 1)
        self.final_div_factor = check_float("final_div_factor", final_div_factor, 1)
        self.anneal = check_choice("anneal", anneal, ("cos", "linear"))
        self.three_phase = check_bool("three_phase", three_phase)
        if self.three_phase and self.pct_start > 0.5:
            raise ConfigError(
                f"one_cycle: three phases leave at most 0.5 for pct_start, got {self.pct_start}"
            )

    def __call__(self, time: int) -> float:
        """Return the rate."""
        time = min(time, self.steps - 1)
        (start, first), (end, last) = next(
            (left, right)
            for left, right in pairwise(self._points())
            if left[0] < right[0] and time <= right[0]
        )
        part = (time - start) / (end - start)
        return fall(first, last, part) if self.anneal == "cos" else (1 - part) * first + part * last

    def _points(self) -> list[tuple[float, float]]:
        """Return the corners: time and rate."""
        first = self.max_lr / self.div_factor
        top = max(self.pct_start * self.steps - 1, 0.0)
        points = [(0.0, first), (top, self.max_lr), (self.steps - 1.0, first / self.final_div_factor)]
        if self.three_phase:
            points.insert(2, (max(2 * self.pct_start * self.steps - 2, 0.0), first))
        return points
