"""The contract of a learning-rate schedule."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from npdl_core.component import Component

__all__ = ["Schedule"]


class Schedule(Component):
    """A learning rate as a function of time; accepted wherever an optimizer takes ``lr``.

    Attributes
    ----------
    per : str
        What counts as time: ``"step"`` (updates, from 0) or ``"epoch"`` (from 0).
    """

    kind: ClassVar[str] = "schedules"
    per: str = "step"

    @abstractmethod
    def __call__(self, time: int) -> float:
        """Return the learning rate at ``time``, a pure function of it."""
