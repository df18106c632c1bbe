"""Schedules that go from one rate to another in a given time."""

from __future__ import annotations

from npdl_core.checks import check_float, check_int
from npdl_core.schedules import Schedule

__all__ = ["Linear", "LinearSaturate", "Polynomial"]


class Polynomial(Schedule):
    r"""From one rate to another: :math:`\eta(t) = \eta_1 + (\eta_0 - \eta_1) (1 - \min(t, T) / T)^k`.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`.
    steps : int
        T, at least 1; after it the rate stays.
    end : float
        :math:`\eta_1`.
    power : float
        k, above 0.
    per : str
        What t counts, ``"step"`` or ``"epoch"``.

    Examples
    --------
    >>> Polynomial(0.1, steps=10, power=2.0)(5)
    0.025
    """

    def __init__(
        self, lr: float, steps: int, end: float = 0.0, power: float = 1.0, per: str = "step"
    ) -> None:
        super().__init__(per)
        self.lr = check_float("lr", lr, 0)
        self.steps = check_int("steps", steps, 1)
        self.end = check_float("end", end, 0)
        self.power = check_float("power", power, 0, above=True)

    def __call__(self, time: int) -> float:
        """Return the rate."""
        rest: float = (1 - min(time, self.steps) / self.steps) ** self.power
        return self.lr * rest + self.end * (1 - rest)


class Linear(Polynomial):
    r"""In a straight line from one rate to another.

    :math:`\eta(t) = \eta_0 + (\eta_1 - \eta_0) \min(t, T) / T`.

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

    Examples
    --------
    >>> Linear(0.5, steps=10, end=0.25)(5)
    0.375
    """

    def __init__(self, lr: float, steps: int, end: float = 0.0, per: str = "step") -> None:
        super().__init__(lr, steps, end, 1.0, per)


class LinearSaturate(Linear):
    r"""Down in a straight line until an epoch, as Element-Research's training scripts do.

    :math:`\eta(t) = \max(\eta_1, \eta_0 + (\eta_1 - \eta_0) t / T)`.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`.
    min_lr : float
        :math:`\eta_1`.
    saturate_epoch : int
        T, at least 1.
    per : str
        What t counts, ``"step"`` or ``"epoch"``.

    Examples
    --------
    >>> schedule = LinearSaturate(0.5, min_lr=0.25, saturate_epoch=100)
    >>> schedule(50), schedule(400), schedule.per
    (0.375, 0.25, 'epoch')
    """

    def __init__(
        self, lr: float, min_lr: float = 1e-5, saturate_epoch: int = 400, per: str = "epoch"
    ) -> None:
        steps = check_int("saturate_epoch", saturate_epoch, 1)
        super().__init__(lr, steps, check_float("min_lr", min_lr, 0), per)
