"""Stop when nothing gets better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npdl_core.callbacks.base import Callback
from npdl_core.callbacks.monitor import Monitor
from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import FileFormatError

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """End training when a monitored value has not improved for some epochs.

    Parameters
    ----------
    monitor : str
        A key of the logs, such as ``"val_loss"``.
    min_delta : float
        Smaller changes do not count as an improvement.
    patience : int
        How many epochs without improvement are waited for.
    mode : str
        ``"min"``, ``"max"``, or ``"auto"``, which follows from the name: more is better for accuracies,
        scores and the like.
    restore_best_weights : bool
        Put the weights of the best epoch back when training ends.

    Attributes
    ----------
    best, best_epoch : float, int
        The best value and where it was; None before the first epoch.
    stopped_epoch : int or None
        Where training was ended.

    Examples
    --------
    >>> EarlyStopping("val_loss", patience=3).config["patience"]
    3
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        restore_best_weights: bool = False,
    ) -> None:
        self.watch = Monitor(monitor, mode, check_float("min_delta", min_delta, 0))
        self.patience = check_int("patience", patience, 0)
        self.restore_best_weights = check_bool("restore_best_weights", restore_best_weights)
        self._restart()

    def _restart(self) -> None:
        self.watch.best = None
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self.wait = 0
        self._best_weights: dict[str, Any] = {}
        self._resumed = False

    @property
    def best(self) -> float | None:
        """The best value so far."""
        return self.watch.best

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Start afresh, unless a resumed run handed the state over."""
        if not self._resumed:
            self._restart()
        self._resumed = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Compare, wait, and stop."""
        if self.watch.improved(logs):
            self.best_epoch, self.wait = epoch, 0
            if self.restore_best_weights:
                self._best_weights = {name: array.copy() for name, array in self.model.weights().items()}
            return
        self.wait += 1
        if self.wait >= max(self.patience, 1):
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any]) -> None:
        """Restore the best weights."""
        for name, array in self.model.weights().items() if self._best_weights else ():
            array[...] = self._best_weights[name]

    def state(self) -> dict[str, Any]:
        """Return the comparison's state and the best weights."""
        weights = {f"best.{name}": array for name, array in self._best_weights.items()}
        return {
            "best": self.watch.best, "best_epoch": self.best_epoch, "wait": self.wait, "stopped_epoch": self.stopped_epoch,
            **weights,
        }  # fmt: skip

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take the state over."""
        try:
            best = None if state["best"] is None else check_float("best", state["best"], finite=False)
            wait = check_int("wait", state["wait"], 0)
            epochs = [
                None if state[key] is None else check_int(key, state[key], 0)
                for key in ("best_epoch", "stopped_epoch")
            ]
        except (KeyError, ValueError) as error:
            raise FileFormatError(f"early_stopping: malformed state ({error})") from None
        arrays = {
            key.removeprefix("best."): value for key, value in state.items() if isinstance(value, np.ndarray)
        }
        self.watch.best, self.wait = best, wait
        self.best_epoch, self.stopped_epoch = epochs
        self._best_weights = {name: array.copy() for name, array in arrays.items()}
        self._resumed = True
