"""Watching one value of the logs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from npdl_core.checks import check_choice
from npdl_core.errors import ConfigError, DataError, printable

__all__ = ["Monitor"]

_MORE_IS_BETTER = ("acc", "auc", "f1", "precision", "recall", "r2", "top_k", "score")


class Monitor:
    """Says whether a value got better.

    Parameters
    ----------
    key : str
        Which value.
    mode : str
        ``"min"``, ``"max"`` or ``"auto"``.
    min_delta : float
        Smaller changes do not count.

    Examples
    --------
    >>> watch = Monitor("val_accuracy")
    >>> watch.improved({"val_accuracy": 0.5}), watch.improved({"val_accuracy": 0.4})
    (True, False)
    """

    def __init__(self, key: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        if not isinstance(key, str):
            raise ConfigError(f"monitor must be a key of the logs, got {printable(repr(key), 60)}")
        self.key = key
        mode = check_choice("mode", mode, ("auto", "min", "max"))
        upward = any(word in key.lower() for word in _MORE_IS_BETTER)
        self.sign = -1.0 if mode == "max" or (mode == "auto" and upward) else 1.0
        self.min_delta = min_delta
        self.best: float | None = None

    def improved(self, logs: Mapping[str, Any]) -> bool:
        """Return whether the value is better than the best so far, and remember it if so; NaN never is.

        Raises
        ------
        DataError
            If the logs do not have the value.
        """
        if self.key not in logs:
            hint = "; give fit validation data" if self.key.startswith("val_") else ""
            raise DataError(
                f"monitor {printable(repr(self.key), 60)} is not among the measured values {list(logs)}{hint}"
            )
        value = float(logs[self.key])
        if math.isnan(value):
            return False
        if self.best is None or self.sign * (self.best - value) > self.min_delta:
            self.best = value
            return True
        return False
