"""What was measured during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npdl_core.checks import check_int
from npdl_core.errors import ConfigError, FileFormatError

__all__ = ["History"]


class History:
    """Values by epoch.

    Attributes
    ----------
    epoch : list of int
        The finished epochs, from 0.
    history : dict of str to list
        One list a key (``loss``, ``val_loss``, ``accuracy``, …), one entry a finished epoch; None where an
        epoch has no value.

    Examples
    --------
    >>> history = History()
    >>> history.append(0, {"loss": 0.5})
    >>> history.history, history.epoch
    ({'loss': [0.5]}, [0])
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def append(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Take in the values of a finished epoch."""
        for key in logs:
            self.history.setdefault(key, [None] * len(self.epoch))
        self.epoch.append(epoch)
        for key, values in self.history.items():
            values.append(logs.get(key))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        return {
            "epoch": list(self.epoch),
            "history": {key: list(values) for key, values in self.history.items()},
        }

    @classmethod
    def from_json(cls, saved: Any) -> History:
        """Return a history from what :meth:`to_json` returned.

        Raises
        ------
        FileFormatError
            If it is something else.
        """
        history = cls()
        try:
            history.epoch = [check_int("epoch", epoch, 0) for epoch in _list(saved["epoch"])]
            history.history = {key: _list(values) for key, values in saved["history"].items()}
        except (KeyError, TypeError, AttributeError, ConfigError):
            raise FileFormatError("history: not what a History writes") from None
        if any(len(values) != len(history.epoch) for values in history.history.values()):
            raise FileFormatError("history: not what a History writes")
        return history

    def __repr__(self) -> str:
        """Return epochs and last values."""
        last = ", ".join(f"{key}={values[-1]}" for key, values in self.history.items() if values)
        return f"History({len(self.epoch)} epochs{': ' + last if last else ''})"


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return list(value)
