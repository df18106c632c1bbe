"""Stop when numbers go wrong."""

from __future__ import annotations

import math
from typing import Any

from npdl_core.callbacks.base import Callback

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """End training after the update whose loss was NaN or infinite.

    Attributes
    ----------
    batch : int or None
        The batch of its epoch where that happened.

    Examples
    --------
    >>> TerminateOnNaN().batch is None
    True
    """

    def __init__(self) -> None:
        self.batch: int | None = None

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Start afresh."""
        self.batch = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Look at the loss."""
        if not math.isfinite(logs["loss"]):
            self.batch = batch
            self.model.stop_training = True
