"""Write event files for TensorBoard."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.callbacks.base import Callback
from npdl_core.checks import check_bool
from npdl_core.errors import MissingDependencyError
from npdl_core.saving.paths import check_path

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Write the measured values of every epoch, and histograms of the weights if asked for.

    Parameters
    ----------
    log_dir : path-like
        The folder of the event files; it is made if it does not exist.
    histograms : bool
        Write a histogram of every parameter each epoch, of its finite entries.

    Notes
    -----
    Values are tagged by their keys in the logs (``loss``, ``val_loss``, …), histograms by the parameters'
    names. What is not a single number, such as a confusion matrix, is left out. The package tensorboardX
    writes the files: ``pip install tensorboardX``.

    Raises
    ------
    MissingDependencyError
        When training starts, if tensorboardX is not installed.

    Examples
    --------
    >>> TensorBoard("runs/first").config["log_dir"]
    'runs/first'
    """

    def __init__(self, log_dir: Any = "runs", histograms: bool = False) -> None:
        self.log_dir = self.config["log_dir"] = check_path("log_dir", log_dir)
        self.histograms = check_bool("histograms", histograms)
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Open the writer."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise MissingDependencyError(
                "tensorboard needs the package tensorboardX: pip install tensorboardX"
            ) from None
        self._writer = SummaryWriter(self.log_dir)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write the values."""
        for key, value in logs.items():
            if np.ndim(value) == 0:
                self._writer.add_scalar(key, value, epoch)
        if self.histograms:
            for name, array in self.model.weights().items():
                finite = array[np.isfinite(array)]
                if finite.size:
                    self._writer.add_histogram(name, finite, epoch)
        self._writer.flush()

    def on_train_end(self, logs: dict[str, Any]) -> None:
        """Close the writer."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
