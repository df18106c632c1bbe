"""Functions as a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from npdl_core.callbacks.base import Callback
from npdl_core.errors import ConfigError

__all__ = ["LambdaCallback"]

_MOMENTS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class LambdaCallback(Callback):
    """Call given functions at the moments of their names, with the arguments of :class:`Callback`'s methods.

    Parameters
    ----------
    on_train_begin, on_train_end : callable(logs), optional
        Around training.
    on_epoch_begin, on_epoch_end : callable(epoch, logs), optional
        Around an epoch.
    on_train_batch_begin, on_train_batch_end : callable(batch, logs), optional
        Around an update.

    Raises
    ------
    ConfigError
        If something is no function.

    Examples
    --------
    >>> seen = []
    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch)).on_epoch_end(3, {})
    >>> seen
    [3]
    """

    def __init__(
        self,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
    ) -> None:
        for moment in _MOMENTS:
            function = self.config[moment]
            if function is None:
                continue
            if not callable(function):
                raise ConfigError(f"{moment} must be a function, got {type(function).__name__}")
            setattr(self, moment, function)
