"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from npdl_core import registry
from npdl_core.callbacks.base import Callback
from npdl_core.callbacks.monitor import Monitor
from npdl_core.checks import check_float, check_int
from npdl_core.errors import ConfigError, FileFormatError, StateError

__all__ = ["LRScheduler", "ReduceLROnPlateau"]


class _LearningRate(Callback):
    """A callback that sets ``optimizer.lr``, and logs as ``lr`` the rate of each finished epoch."""

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Look for the learning rate.

        Raises
        ------
        StateError
            If the optimizer has none.
        """
        if not hasattr(self.model.optimizer, "lr"):
            raise StateError(
                f"{self} changes the optimizer's lr, and {type(self.model.optimizer).__name__} has none"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Log the rate."""
        logs["lr"] = _effective(self.model.optimizer)


def _effective(optimizer: Any) -> float:
    """Return the rate of the last update, after decay and bounds."""
    return float(optimizer.current_lr() if hasattr(optimizer, "current_lr") else optimizer.lr)


class LRScheduler(_LearningRate):
    """Set the learning rate at the start of every epoch.

    Parameters
    ----------
    schedule : str, envelope, Schedule, or callable(epoch) or callable(epoch, lr)
        Returns the rate of an epoch, counted from 0; a function that takes two arguments also gets the
        optimizer's ``lr``, before its decay.

    Notes
    -----
    The rate of each finished epoch is in the logs as ``lr``. A function cannot be saved with the callback; a
    schedule by name can. A resumed run goes on with the rate it had.

    Raises
    ------
    ConfigError
        When an epoch starts, if the schedule returns no number, or a negative one.
    StateError
        When training starts, if the optimizer has no ``lr``.

    Examples
    --------
    >>> LRScheduler(lambda epoch: 0.1 / (1 + epoch)).rate(1, 0.1)
    0.05
    >>> LRScheduler(lambda epoch, lr: 0.5 * lr if epoch else lr).rate(1, 0.1)
    0.05
    """

    def __init__(self, schedule: Any) -> None:
        plain = callable(schedule) and not isinstance(schedule, type)
        self.schedule: Callable[..., Any] = schedule if plain else registry.get("schedules", schedule)
        self._takes_rate = _accepts_two(self.schedule)

    def rate(self, epoch: int, lr: float) -> float:
        """Return the rate of an epoch."""
        value = self.schedule(epoch, lr) if self._takes_rate else self.schedule(epoch)
        return check_float("the schedule's rate", value, 0)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Set the rate."""
        optimizer = self.model.optimizer
        lr = _effective(optimizer) if callable(optimizer.lr) else optimizer.lr
        optimizer.lr = self.rate(epoch, lr)


def _accepts_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.1)
    except (TypeError, ValueError):  # it takes one argument, or is written in C and does not say
        return False
    return True


class ReduceLROnPlateau(_LearningRate):
    """Lower the learning rate when a monitored value stops improving.

    An epoch improves if its value is better than the best by more than ``min_delta``. After ``patience``
    epochs in a row that do not, the rate is multiplied by ``factor``, and the next ``cooldown`` epochs are
    not counted; Keras's rule.

    Parameters
    ----------
    monitor : str
        A key of the logs.
    factor : float
        What the rate is multiplied by, in (0, 1).
    patience : int
        How many epochs without improvement are waited for.
    mode : str
        ``"min"``, ``"max"``, or ``"auto"``, which follows from the key: more is better for accuracies, scores
        and the like.
    min_delta : float
        Smaller changes do not count as an improvement.
    cooldown : int
        Epochs after a reduction in which nothing is counted.
    min_lr : float
        The rate never goes below this.

    Notes
    -----
    The rate of each finished epoch is in the logs as ``lr``, before a reduction at its end. NaN is no
    improvement.

    Raises
    ------
    DataError
        When an epoch ends, if the logs do not have the value.
    StateError
        When training starts, if the optimizer has no ``lr``, or follows a schedule, which would overrule
        this.

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
        self.restart()

    def restart(self) -> None:
        """Forget what was compared."""
        self.watch.best = None
        self.wait = 0
        self.resting = 0

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Look for a learning rate that can be lowered.

        Raises
        ------
        StateError
            If there is none, or a schedule.
        """
        super().on_train_begin(logs)
        if callable(self.model.optimizer.lr):
            raise StateError(f"{self} needs a learning rate that is a number, not a schedule")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Compare, wait, and lower."""
        super().on_epoch_end(epoch, logs)
        improved = self.watch.improved(logs)
        if self.resting:
            self.resting -= 1
        if improved:
            self.wait = 0
        elif not self.resting:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce()

    def _reduce(self) -> None:
        optimizer = self.model.optimizer
        if optimizer.lr > self.min_lr:
            optimizer.lr = max(optimizer.lr * self.factor, self.min_lr)
            self.resting, self.wait = self.cooldown, 0

    def state(self) -> dict[str, Any]:
        """Return the comparison's state."""
        return {**self.watch.state(), "wait": self.wait, "resting": self.resting}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take the state over; everything is checked before anything is changed."""
        try:
            wait, resting = (check_int(key, state[key], 0) for key in ("wait", "resting"))
        except (KeyError, ConfigError) as error:
            raise FileFormatError(f"reduce_lr_on_plateau: malformed state ({error})") from None
        self.watch.load_state(state)
        self.wait, self.resting = wait, resting
