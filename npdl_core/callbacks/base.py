"""The contract of a callback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from npdl_core.component import Component
from npdl_core.errors import FileFormatError, printable

__all__ = ["Callback"]


class Callback(Component):
    """Something that watches training, by Keras's method names; every method does nothing by default.

    Attributes
    ----------
    model : Network
        What is trained; set before :meth:`on_train_begin`.

    Notes
    -----
    ``logs`` holds the values measured so far (``loss``, ``val_loss``, …); what :meth:`on_epoch_end` adds
    becomes part of the History. State that must survive a resumed run goes through :meth:`state` and
    :meth:`load_state`.

    Examples
    --------
    >>> class Count(Callback):
    ...     def __init__(self):
    ...         self.epochs = 0
    ...     def on_epoch_end(self, epoch, logs):
    ...         self.epochs += 1
    """

    kind: ClassVar[str] = "callbacks"
    model: Any = None

    def set_model(self, model: Any) -> None:
        """Take the network that is trained."""
        self.model = model

    def restart(self) -> None:
        """Forget what an earlier run left; called before training, unless a checkpoint is resumed."""

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Training starts, or goes on after a resume."""

    def on_train_end(self, logs: dict[str, Any]) -> None:
        """Training ended; ``logs`` has the last epoch's values."""

    def on_train_error(self, error: BaseException, logs: dict[str, Any]) -> None:
        """Training was ended by an error or by Ctrl-C; by default the same as its proper end."""
        self.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """An epoch starts."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """An epoch was finished; ``logs`` is what the History will keep."""

    def on_epoch_recorded(self, epoch: int, logs: dict[str, Any], callbacks: Sequence[Any]) -> None:
        """All callbacks and hooks are through with an epoch, and it is in the History: the moment to save.

        ``callbacks`` are all of the run.
        """

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any]) -> None:
        """A batch starts; counted from 0 in each epoch."""

    def on_batch_drawn(self, batch: int, data: Any) -> None:
        """The next update will be for this batch: arrays, or dicts of them, ``data.x``, ``y``, ``mask``, ….

        They are the caller's; nothing may be changed.
        """

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """An update was done; ``logs`` has the batch's ``loss``."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs: JSON values and arrays by name."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned.

        Raises
        ------
        FileFormatError
            If it is something else.
        """
        if state:
            raise FileFormatError(
                f"{self} keeps no state, got {', '.join(printable(key, 40) for key in list(state)[:5])}"
            )
