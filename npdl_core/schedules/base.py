"""The contract of a learning-rate schedule."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from npdl_core.checks import check_choice
from npdl_core.component import Component

__all__ = ["Schedule"]


class Schedule(Component):
    """A learning rate as a function of time; accepted wherever an optimizer takes ``lr``.

    Parameters
    ----------
    per : str
        What counts as time: ``"step"`` (updates done before, so the first is at 0) or ``"epoch"`` (from 0;
        the training loop tells the optimizer, a hand-written one sets ``optimizer.epoch``).

    Notes
    -----
    A pure function of time, so there is no state to save: a resumed optimizer knows the time.

    Examples
    --------
    >>> class Halving(Schedule):
    ...     def __call__(self, time):
    ...         return 0.5**time
    >>> Halving(per="epoch")(2)
    0.25
    """

    kind: ClassVar[str] = "schedules"

    def __init__(self, per: str = "step") -> None:
        self.per = check_choice("per", per, ("step", "epoch"))

    @abstractmethod
    def __call__(self, time: int) -> float:
        """Return the learning rate at ``time``, at least 0."""
