"""Write the training state while training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from npdl_core.callbacks.base import Callback
from npdl_core.callbacks.monitor import Monitor
from npdl_core.checks import check_bool, check_float
from npdl_core.errors import ConfigError, FileFormatError

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Callback):
    """Write the whole training state after every epoch, so that ``fit(resume=True)`` can go on.

    Parameters
    ----------
    path : path-like
        The file; ``npdl_core.load`` reads it as a plain model.
    monitor : str, optional
        A key of the logs to judge epochs by.
    save_best_only : bool
        Write only when the monitored value improved.
    mode : str
        ``"min"``, ``"max"`` or ``"auto"``.

    Notes
    -----
    The file is replaced atomically: whoever reads it finds the state of one finished epoch or of another.

    Examples
    --------
    >>> ModelCheckpoint("run.safetensors").resumes
    True
    """

    runs_last = True
    resumes = True

    def __init__(
        self,
        path: Any = "checkpoint.safetensors",
        monitor: str | None = None,
        save_best_only: bool = False,
        mode: str = "auto",
    ) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise ConfigError(f"path must name a file, got {type(path).__name__}")
        self.path = path
        self.config["path"] = os.fspath(path)
        self.save_best_only = check_bool("save_best_only", save_best_only)
        if self.save_best_only and monitor is None:
            raise ConfigError("model_checkpoint: save_best_only=True needs monitor, such as 'val_loss'")
        self.watch = None if monitor is None else Monitor(monitor, mode)
        self._all: list[Any] = []

    def set_peers(self, callbacks: list[Any]) -> None:
        """Take all callbacks of the run, whose state is written too."""
        self._all = callbacks

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write, if this epoch is to be kept."""
        from npdl_core.saving.checkpoint import save_checkpoint

        improved = self.watch is None or self.watch.improved(logs)
        if improved or not self.save_best_only:
            save_checkpoint(self.path, self.model, self._all, epoch)

    def state(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {"best": None if self.watch is None else self.watch.best}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take the best value over."""
        try:
            best = None if state["best"] is None else check_float("best", state["best"], finite=False)
        except (KeyError, ValueError) as error:
            raise FileFormatError(f"model_checkpoint: malformed state ({error})") from None
        if self.watch is not None:
            self.watch.best = best
