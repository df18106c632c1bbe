"""Write event files for TensorBoard."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from npdl_core.callbacks.base import Callback
from npdl_core.checks import check_bool
from npdl_core.errors import ConfigError, MissingDependencyError

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Write the measured values of every epoch, and histograms of the weights if asked for.

    Parameters
    ----------
    log_dir : path-like
        The folder of the event files.
    histograms : bool
        Write a histogram of every parameter each epoch.

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
        if not isinstance(log_dir, (str, os.PathLike)):
            raise ConfigError(f"log_dir must name a folder, got {type(log_dir).__name__}")
        self.log_dir = os.fspath(log_dir)
        self.config["log_dir"] = self.log_dir
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
                self._writer.add_histogram(name, array, epoch)
        self._writer.flush()

    def on_train_end(self, logs: dict[str, Any]) -> None:
        """Close the writer."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
