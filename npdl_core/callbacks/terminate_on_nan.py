"""Stop when numbers go wrong."""

from __future__ import annotations

import math
import sys
from typing import Any

from npdl_core.callbacks.base import Callback

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """End training after the update whose loss was NaN or infinite, and print which one that was.

    Attributes
    ----------
    epoch, batch : int or None
        Where that happened, both counted from 0.

    Examples
    --------
    >>> callback = TerminateOnNaN()
    >>> callback.batch is None
    True
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget the batch."""
        self.epoch: int | None = None
        self.batch: int | None = None
        self._current = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Note the epoch."""
        self._current = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Look at the loss."""
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            self.epoch, self.batch = self._current, batch
            self.model.stop_training = True
            sys.stdout.write(
                f"epoch {self._current + 1}, batch {batch + 1}: the loss is {loss}, training ends\n"
            )
