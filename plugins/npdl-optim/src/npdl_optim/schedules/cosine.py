"""Schedules along a cosine."""

from __future__ import annotations

import math

from npdl_core.checks import check_float, check_int
from npdl_core.schedules import Schedule

__all__ = ["Cosine", "CosineRestarts"]


class Cosine(Schedule):
    r"""Half a cosine down.

    :math:`\eta(t) = \eta_1 + \tfrac12 (\eta_0 - \eta_1) (1 + \cos(\pi \min(t, T) / T))`.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`.
    steps : int
        T, at least 1; after it the rate stays.
    end : float
        :math:`\eta_1`.
    per : str
        What t counts, ``"step"`` or ``"epoch"``.

    Notes
    -----
    Source: Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts, 2017. PyTorch's
    ``CosineAnnealingLR`` climbs again after T.

    Examples
    --------
    >>> schedule = Cosine(0.5, steps=10)
    >>> schedule(0), round(schedule(5), 6), schedule(20)
    (0.5, 0.25, 0.0)
    """

    def __init__(self, lr: float, steps: int, end: float = 0.0, per: str = "step") -> None:
        super().__init__(per)
        self.lr = check_float("lr", lr, 0)
        self.steps = check_int("steps", steps, 1)
        self.end = check_float("end", end, 0)

    def __call__(self, time: int) -> float:
        """Return the rate."""
        return fall(self.lr, self.end, min(time, self.steps) / self.steps)


class CosineRestarts(Schedule):
    r"""Half a cosine down, again and again, each time longer and lower if asked for.

    Cycle i has the length :math:`T_i = T \cdot f^i` and the first rate :math:`\eta_0 \cdot d^i`; in it,
    :math:`\eta = \eta_1 + \tfrac12 (\eta_0 d^i - \eta_1) (1 + \cos(\pi t_i / T_i))`.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`.
    steps : int
        T, the length of the first cycle.
    factor : int
        f, at least 1.
    end : float
        :math:`\eta_1`.
    decay : float
        d in (0, 1].
    per : str
        What t counts, ``"step"`` or ``"epoch"``.

    Notes
    -----
    Source: Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.

    Examples
    --------
    >>> schedule = CosineRestarts(0.5, steps=10, factor=2)
    >>> schedule(10), round(schedule(20), 6), schedule(30)
    (0.5, 0.25, 0.5)
    """

    def __init__(
        self,
        lr: float,
        steps: int,
        factor: int = 1,
        end: float = 0.0,
        decay: float = 1.0,
        per: str = "step",
    ) -> None:
        super().__init__(per)
        self.lr = check_float("lr", lr, 0)
        self.steps = check_int("steps", steps, 1)
        self.factor = check_int("factor", factor, 1)
        self.end = check_float("end", end, 0)
        self.decay = check_float("decay", decay, 0, 1, above=True)

    def __call__(self, time: int) -> float:
        """Return the rate."""
        if self.factor == 1:
            cycle, within = divmod(time, self.steps)
            length = self.steps
        else:
            cycle, within, length = 0, time, self.steps
            while within >= length:
                cycle, within, length = cycle + 1, within - length, length * self.factor
        top = max(self.lr * float(self.decay**cycle), self.end)
        return fall(top, self.end, within / length)


def fall(high: float, low: float, part: float) -> float:
    """Return the value after a part, from 0 to 1, of the way down half a cosine."""
    rest = (1 + math.cos(math.pi * part)) / 2
    return high * rest + low * (1 - rest)
