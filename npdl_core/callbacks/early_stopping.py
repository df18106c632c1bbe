"""Stop when nothing gets better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npdl_core.callbacks.base import Callback
from npdl_core.callbacks.monitor import Monitor
from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import ConfigError, FileFormatError
from npdl_core.parameters import mismatches

__all__ = ["EarlyStopping"]

_BEST = "best."


class EarlyStopping(Callback):
    """End training when a monitored value has not improved for some epochs.

    Parameters
    ----------
    monitor : str
        A key of the logs, such as ``"val_loss"``.
    min_delta : float
        Smaller changes do not count as an improvement.
    patience : int
        How many epochs without improvement are waited for; 0 and 1 both end at the first one.
    mode : str
        ``"min"``, ``"max"``, or ``"auto"``, which follows from the name: more is better for accuracies,
        scores and the like.
    baseline : float, optional
        Waiting goes on until this value is beaten, too.
    restore_best_weights : bool
        Put the weights of the best epoch back when training ends, whatever ended it but an error or Ctrl-C.
    start_from_epoch : int
        Earlier epochs are not looked at.

    Attributes
    ----------
    best, best_epoch : float, int
        The best value and where it was; None before there is one.
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
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self.watch = Monitor(monitor, mode, min_delta)
        self.patience = check_int("patience", patience, 0)
        self.baseline = None if baseline is None else check_float("baseline", baseline)
        self.restore_best_weights = check_bool("restore_best_weights", restore_best_weights)
        self.start_from_epoch = check_int("start_from_epoch", start_from_epoch, 0)
        self.restart()

    def restart(self) -> None:
        """Forget the best epoch."""
        self.watch.best = None
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self.wait = 0
        self._best_weights: dict[str, Any] = {}

    @property
    def best(self) -> float | None:
        """The best value so far."""
        return self.watch.best

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Compare, wait, and stop."""
        value = self.watch.value(logs)
        if epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.watch.improved(logs):
            self.best_epoch = epoch
            if self.restore_best_weights:
                self._best_weights = {name: array.copy() for name, array in self.model.weights().items()}
            if self.baseline is None or self.watch.better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any]) -> None:
        """Restore the best weights."""
        if self._best_weights:
            self.model.set_weights(self._best_weights)

    def on_train_error(self, error: BaseException, logs: dict[str, Any]) -> None:
        """Leave the model as the last update left it."""

    def state(self) -> dict[str, Any]:
        """Return the comparison's state and the best weights."""
        counts = {"best_epoch": self.best_epoch, "wait": self.wait, "stopped_epoch": self.stopped_epoch}
        weights = {f"{_BEST}{name}": array for name, array in self._best_weights.items()}
        return {**self.watch.state(), **counts, **weights}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take the state over.

        Raises
        ------
        FileFormatError
            If it is malformed, or its weights are not those of the model.
        """
        weights = {
            key.removeprefix(_BEST): value.copy()
            for key, value in state.items()
            if isinstance(value, np.ndarray)
        }
        try:
            wait = check_int("wait", state["wait"], 0)
            best_epoch, stopped_epoch = (
                None if state[key] is None else check_int(key, state[key], 0)
                for key in ("best_epoch", "stopped_epoch")
            )
        except (KeyError, ConfigError) as error:
            raise FileFormatError(f"early_stopping: malformed state ({error})") from None
        problems = mismatches(self.model.weights(), weights) if weights else []
        if problems:
            raise FileFormatError("early_stopping: malformed best weights: " + "; ".join(problems))
        self.watch.load_state(state)
        self.wait, self.best_epoch, self.stopped_epoch = wait, best_epoch, stopped_epoch
        self._best_weights = weights
