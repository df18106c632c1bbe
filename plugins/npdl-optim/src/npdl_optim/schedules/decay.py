"""Schedules that decay for ever, and a table of rates."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import ConfigError, printable
from npdl_core.schedules import Schedule

__all__ = ["Exponential", "InverseTime", "Piecewise", "Step"]


class InverseTime(Schedule):
    r"""Decay by time: :math:`\eta(t) = \eta_0 / (1 + r t / T)`.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`.
    decay_rate : float
        r, at least 0.
    decay_steps : int
        T: after T the rate is :math:`\eta_0 / (1 + r)`.
    staircase : bool
        Take t / T as a whole number, rounded down.
    per : str
        What t counts, ``"step"`` or ``"epoch"``.

    Examples
    --------
    >>> InverseTime(0.1, decay_rate=1.0, decay_steps=10)(10)
    0.05
    """

    def __init__(
        self,
        lr: float,
        decay_rate: float,
        decay_steps: int = 1,
        staircase: bool = False,
        per: str = "step",
    ) -> None:
        super().__init__(per)
        self.lr = check_float("lr", lr, 0)
        self.decay_rate = check_float("decay_rate", decay_rate, 0)
        self.decay_steps = check_int("decay_steps", decay_steps, 1)
        self.staircase = check_bool("staircase", staircase)

    def __call__(self, time: int) -> float:
        """Return the rate."""
        elapsed = time // self.decay_steps if self.staircase else time / self.decay_steps
        return self.lr / (1 + self.decay_rate * elapsed)


class Exponential(Schedule):
    r"""Decay by a factor: :math:`\eta(t) = \eta_0 \, r^{t / T}`.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`.
    decay_rate : float
        r in (0, 1].
    decay_steps : int
        T: after T the rate is :math:`\eta_0 r`.
    staircase : bool
        Take t / T as a whole number, rounded down.
    per : str
        What t counts, ``"step"`` or ``"epoch"``.

    Examples
    --------
    >>> Exponential(0.1, decay_rate=0.25, decay_steps=10)(5)
    0.05
    """

    def __init__(
        self,
        lr: float,
        decay_rate: float,
        decay_steps: int = 1,
        staircase: bool = False,
        per: str = "step",
    ) -> None:
        super().__init__(per)
        self.lr = check_float("lr", lr, 0)
        self.decay_rate = check_float("decay_rate", decay_rate, 0, 1, above=True)
        self.decay_steps = check_int("decay_steps", decay_steps, 1)
        self.staircase = check_bool("staircase", staircase)

    def __call__(self, time: int) -> float:
        """Return the rate."""
        elapsed = time // self.decay_steps if self.staircase else time / self.decay_steps
        return self.lr * float(self.decay_rate**elapsed)


class Step(Schedule):
    r"""Drop by a factor every so often: :math:`\eta(t) = \eta_0 \, \gamma^{\lfloor t / T \rfloor}`.

    Parameters
    ----------
    lr : float
        :math:`\eta_0`.
    step_size : int
        T, at least 1.
    gamma : float
        :math:`\gamma` in (0, 1].
    per : str
        What t counts, ``"step"`` or ``"epoch"``.

    Examples
    --------
    >>> schedule = Step(0.5, step_size=10, gamma=0.5)
    >>> schedule(9), schedule(10)
    (0.5, 0.25)
    """

    def __init__(self, lr: float, step_size: int, gamma: float = 0.1, per: str = "step") -> None:
        super().__init__(per)
        self.lr = check_float("lr", lr, 0)
        self.step_size = check_int("step_size", step_size, 1)
        self.gamma = check_float("gamma", gamma, 0, 1, above=True)

    def __call__(self, time: int) -> float:
        """Return the rate."""
        return self.lr * float(self.gamma ** (time // self.step_size))


class Piecewise(Schedule):
    r"""A table of rates: the first before the first boundary, then the second, and so on.

    Parameters
    ----------
    boundaries : list of int
        Ascending times, at which the next value starts.
    values : list of float
        Rates, one more than boundaries.
    per : str
        What t counts, ``"step"`` or ``"epoch"``.

    Notes
    -----
    PyTorch's ``MultiStepLR`` switches at the same moment, Keras's ``PiecewiseConstantDecay`` one step later.

    Examples
    --------
    >>> schedule = Piecewise([10, 20], [0.1, 0.05, 0.01])
    >>> schedule(9), schedule(10), schedule(100)
    (0.1, 0.05, 0.01)
    """

    def __init__(self, boundaries: Sequence[int], values: Sequence[float], per: str = "step") -> None:
        super().__init__(per)
        self.boundaries = [check_int("boundaries", item, 1) for item in _list("boundaries", boundaries)]
        self.values = [check_float("values", item, 0) for item in _list("values", values)]
        if sorted(set(self.boundaries)) != self.boundaries:
            raise ConfigError(f"boundaries must ascend, got {printable(self.boundaries, 80)}")
        if len(self.values) != len(self.boundaries) + 1:
            raise ConfigError(
                f"{len(self.boundaries)} boundaries need one value more, got {len(self.values)} values"
            )

    def __call__(self, time: int) -> float:
        """Return the rate."""
        return self.values[bisect_right(self.boundaries, time)]


def _list(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ConfigError(f"{name} must be a list, got {printable(repr(value), 80)}")
    return value
