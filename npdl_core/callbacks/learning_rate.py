"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from npdl_core import registry
from npdl_core.callbacks.base import Callback
from npdl_core.callbacks.monitor import Monitor
from npdl_core.checks import check_float, check_int
from npdl_core.errors import FileFormatError, StateError

__all__ = ["LRScheduler", "ReduceLROnPlateau"]


class LRScheduler(Callback):
    """Set the learning rate at the start of every epoch.

    Parameters
    ----------
    schedule : str, envelope, Schedule, or callable(epoch) or callable(epoch, lr)
        Returns the rate of an epoch, counted from 0; a function may also take the current rate.

    Notes
    -----
    The rate of each finished epoch is in the logs as ``lr``. A function cannot be saved; a schedule by name
    can.

    Examples
    --------
    >>> LRScheduler(lambda epoch: 0.1 / (1 + epoch)).rate(1, 0.1)
    0.05
    """

    def __init__(self, schedule: Any) -> None:
        plain = callable(schedule) and not isinstance(schedule, type)
        self.schedule: Callable[..., Any] = schedule if plain else registry.get("schedules", schedule)
        self._takes_rate = len(inspect.signature(self.schedule).parameters) > 1

    def rate(self, epoch: int, lr: float) -> float:
        """Return the rate of an epoch."""
        value = self.schedule(epoch, lr) if self._takes_rate else self.schedule(epoch)
        return check_float("the schedule's rate", value, 0)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Set the rate."""
        self.model.optimizer.lr = self.rate(epoch, self.model.optimizer.current_lr())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Log the rate."""
        logs["lr"] = self.model.optimizer.current_lr()


class ReduceLROnPlateau(Callback):
    """Lower the learning rate when a monitored value stops improving.

    Parameters
    ----------
    monitor : str
        A key of the logs.
    factor : float
        What the rate is multiplied by, in (0, 1).
    patience : int
        How many epochs without improvement are waited for.
    mode : str
        ``"min"``, ``"max"`` or ``"auto"``.
    min_delta : float
        Smaller changes do not count as an improvement.
    cooldown : int
        Epochs after a reduction in which nothing is counted.
    min_lr : float
        The rate never goes below this.

    Examples
    --------
    >>> ReduceLROnPlateau(patience=2).factor
    0.1
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        self.watch = Monitor(monitor, mode, check_float("min_delta", min_delta, 0))
        self.factor = check_float("factor", factor, 0, 1, above=True, below=True)
        self.patience = check_int("patience", patience, 0)
        self.cooldown = check_int("cooldown", cooldown, 0)
        self.min_lr = check_float("min_lr", min_lr, 0)
        self._resumed = False
        self._restart()

    def _restart(self) -> None:
        self.watch.best = None
        self.wait = 0
        self.resting = 0

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Start afresh, unless a resumed run handed the state over.

        Raises
        ------
        StateError
            If the optimizer follows a schedule, which would overrule this.
        """
        if callable(self.model.optimizer.lr):
            raise StateError("reduce_lr_on_plateau needs a learning rate that is a number, not a schedule")
        if not self._resumed:
            self._restart()
        self._resumed = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Compare, wait, and lower."""
        optimizer = self.model.optimizer
        logs["lr"] = optimizer.current_lr()
        improved = self.watch.improved(logs)
        if self.resting:
            self.resting -= 1
            self.wait = 0
        if improved:
            self.wait = 0
        elif not self.resting:
            self.wait += 1
            if self.wait >= max(self.patience, 1) and optimizer.lr > self.min_lr:
                optimizer.lr = max(optimizer.lr * self.factor, self.min_lr)
                self.resting, self.wait = self.cooldown, 0

    def state(self) -> dict[str, Any]:
        """Return the comparison's state."""
        return {"best": self.watch.best, "wait": self.wait, "resting": self.resting}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take the state over."""
        try:
            best = None if state["best"] is None else check_float("best", state["best"], finite=False)
            wait, resting = check_int("wait", state["wait"], 0), check_int("resting", state["resting"], 0)
        except (KeyError, ValueError) as error:
            raise FileFormatError(f"reduce_lr_on_plateau: malformed state ({error})") from None
        self.watch.best, self.wait, self.resting = best, wait, resting
        self._resumed = True
