"""Watching one value of the logs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from npdl_core.checks import check_choice, check_float
from npdl_core.errors import ConfigError, DataError, FileFormatError, printable

__all__ = ["Monitor"]

_MORE_IS_BETTER = ("acc", "auc", "f1", "precision", "recall", "r2", "top_k", "score")


class Monitor:
    """Says whether a value got better.

    Parameters
    ----------
    key : str
        Which value.
    mode : str
        ``"min"``, ``"max"``, or ``"auto"``: more is better for accuracies, scores and the like.
    min_delta : float
        Smaller changes do not count.

    Attributes
    ----------
    best : float or None
        The best value so far.

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
        self.min_delta = check_float("min_delta", min_delta, 0)
        self.best: float | None = None

    def value(self, logs: Mapping[str, Any]) -> float:
        """Return the watched value.

        Raises
        ------
        DataError
            If the logs do not have it, or it is no number.
        """
        if self.key not in logs:
            hint = "; give fit validation data" if self.key.startswith("val_") else ""
            raise DataError(
                f"monitor {printable(repr(self.key), 60)} is not among the measured values "
                f"{printable(list(logs), 200)}{hint}"
            )
        try:
            return float(logs[self.key])
        except (TypeError, ValueError):
            raise DataError(f"monitor {self.key!r} is no number: {printable(logs[self.key], 60)}") from None

    def better(self, value: float, than: float) -> bool:
        """Return whether a value is better than another by more than ``min_delta``; NaN never is."""
        return self.sign * (than - value) > self.min_delta

    def improved(self, logs: Mapping[str, Any]) -> bool:
        """Return whether the value is better than the best so far, and remember it if so; NaN never is."""
        value = self.value(logs)
        if math.isnan(value) or (self.best is not None and not self.better(value, self.best)):
            return False
        self.best = value
        return True

    def state(self) -> dict[str, Any]:
        """Return the best value, for a resumed run."""
        return {"best": self.best}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned.

        Raises
        ------
        FileFormatError
            If it is something else.
        """
        try:
            best = None if state["best"] is None else check_float("best", state["best"], finite=False)
        except (KeyError, ConfigError) as error:
            raise FileFormatError(f"monitor {self.key!r}: malformed state ({error})") from None
        self.best = best
