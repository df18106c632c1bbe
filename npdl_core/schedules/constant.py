"""A learning rate that stays."""

from __future__ import annotations

from npdl_core.checks import check_float
from npdl_core.schedules.base import Schedule

__all__ = ["Constant"]


class Constant(Schedule):
    r"""The same learning rate at any time: :math:`\eta(t) = \eta`.

    Parameters
    ----------
    lr : float
        The rate, at least 0.
    per : str
        See :class:`Schedule`; it matters to schedules that wrap this one.

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    def __init__(self, lr: float = 0.001, per: str = "step") -> None:
        super().__init__(per)
        self.lr = check_float("lr", lr, 0)

    def __call__(self, time: int) -> float:
        """Return the rate."""
        return self.lr
