"""Write the training state while training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from npdl_core.callbacks.base import Callback
from npdl_core.callbacks.monitor import Monitor
from npdl_core.checks import check_bool
from npdl_core.errors import ConfigError
from npdl_core.saving.paths import check_path, check_target

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
        ``"min"``, ``"max"`` or ``"auto"``, which follows from the name.

    Raises
    ------
    DataError
        When training starts, if ``path`` cannot be a file.

    Notes
    -----
    The file is replaced atomically: whoever reads it finds the state of one finished epoch or of another.

    Examples
    --------
    >>> ModelCheckpoint("run.safetensors").resumes
    True
    """

    resumes = True

    def __init__(
        self,
        path: Any = "checkpoint.safetensors",
        monitor: str | None = None,
        save_best_only: bool = False,
        mode: str = "auto",
    ) -> None:
        self.path = self.config["path"] = check_path("path", path)
        self.save_best_only = check_bool("save_best_only", save_best_only)
        if self.save_best_only and monitor is None:
            raise ConfigError("model_checkpoint: save_best_only=True needs monitor, such as 'val_loss'")
        self.watch = None if monitor is None else Monitor(monitor, mode)
        self._improved = True

    def restart(self) -> None:
        """Forget the best value."""
        if self.watch is not None:
            self.watch.best = None

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Look whether the file can be written, before hours of work depend on it."""
        check_target(self.path)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Judge the epoch."""
        self._improved = self.watch is None or self.watch.improved(logs)

    def on_epoch_recorded(self, epoch: int, logs: dict[str, Any], callbacks: Sequence[Any]) -> None:
        """Write, if this epoch is to be kept."""
        from npdl_core.saving.checkpoint import save_checkpoint

        if self._improved or not self.save_best_only:
            save_checkpoint(self.path, self.model, callbacks, epoch)

    def state(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {} if self.watch is None else self.watch.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take the best value over."""
        if self.watch is None:
            super().load_state(state)
        else:
            self.watch.load_state(state)
