"""Stop when numbers go wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from npdl_core.callbacks.base import Callback
from npdl_core.checks import check_bool

if TYPE_CHECKING:
    from npdl_core.model.snapshot import Snapshot

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """End training after an update in which a number was NaN or infinite, and print what it was.

    Parameters
    ----------
    rollback : bool
        Put weights, running statistics, optimizer and random numbers back to what they were before that
        update. Otherwise the model stays as the update made it.

    Attributes
    ----------
    epoch, batch : int or None
        Where that happened, both counted from 0.
    layer, parameter : str or None
        The layer or the parameter that was not finite first, if it was one: not so for data and loss.
    cause : str or None
        The same in words.

    Notes
    -----
    The first of these that is not finite is named: X or Y and the sample in the batch; the weights before the
    update; the output of the first layer; the loss; the gradient of the last parameter;
    the parameter that the update changed. To know, each update is preceded by a copy of the weights and the
    optimizer's state.

    Examples
    --------
    >>> callback = TerminateOnNaN(rollback=True)
    >>> callback.batch is None
    True
    """

    def __init__(self, rollback: bool = False) -> None:
        self.rollback = check_bool("rollback", rollback)
        self.restart()

    def restart(self) -> None:
        """Forget what was found."""
        self.epoch: int | None = None
        self.batch: int | None = None
        self.layer: str | None = None
        self.parameter: str | None = None
        self.cause: str | None = None
        self._current = 0
        self._drawn: tuple[Snapshot, Any] | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Note the epoch."""
        self._current = epoch

    def on_batch_drawn(self, batch: int, data: Any) -> None:
        """Keep the state before the update."""
        from npdl_core.model.snapshot import Snapshot

        self._drawn = Snapshot(self.model), data

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Look at loss, gradients and weights."""
        from npdl_core.model.origin import find_origin

        drawn, self._drawn = self._drawn, None
        if drawn is None:
            return
        before, data = drawn
        loss = float(logs["loss"])
        origin = find_origin(self.model, before, data, loss)
        if origin is None:
            return
        self.epoch, self.batch = self._current, batch
        self.cause, self.layer, self.parameter = origin
        if self.rollback:
            before.restore()
        self.model.stop_training = True
        end = "with the model as it was before this batch" if self.rollback else "here"
        sys.stdout.write(
            f"epoch {self._current + 1}, batch {batch + 1}: the loss is {loss}: {origin.text}; "
            f"training ends {end}\n"
        )
