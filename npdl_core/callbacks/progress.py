"""Print what is measured."""

from __future__ import annotations

import numbers
import sys
import time
from typing import Any

import numpy as np

from npdl_core.callbacks.base import Callback
from npdl_core.checks import check_int
from npdl_core.errors import printable

__all__ = ["Progress"]


class Progress(Callback):
    """Print one line an epoch: epoch, seconds, and all measured values.

    Parameters
    ----------
    every : int
        Print every so many epochs, and the last one that is finished.

    Examples
    --------
    >>> Progress().on_epoch_end(0, {"loss": 0.5})  # doctest: +ELLIPSIS
    epoch 1: ... s, loss 0.5000
    """

    def __init__(self, every: int = 1) -> None:
        self.every = check_int("every", every, 1)
        self._started = time.perf_counter()
        self._unprinted: tuple[int, dict[str, Any]] | None = None

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Note the time."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Print the line, if it is due."""
        self._unprinted = (epoch, dict(logs))
        if (epoch + 1) % self.every == 0:
            self._print()

    def on_train_end(self, logs: dict[str, Any]) -> None:
        """Print the last epoch if it was not due."""
        self._print()

    def _print(self) -> None:
        if self._unprinted is None:
            return
        epoch, logs = self._unprinted
        self._unprinted = None
        values = ", ".join(f"{printable(key, 40)} {_shown(value)}" for key, value in logs.items())
        sys.stdout.write(f"epoch {epoch + 1}: {time.perf_counter() - self._started:.1f} s, {values}\n")
        sys.stdout.flush()


def _shown(value: Any) -> str:
    """Return a number with four digits, an array by its shape."""
    if np.ndim(value):
        return f"of shape {np.shape(value)}"
    plain = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)
    return f"{float(value):#.4g}" if plain else printable(value, 40)
