"""The accuracy that NumpyDL's training line prints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.metrics.accuracy import WeightedMean
from npdl_core.metrics.positions import Positions, predicted_classes

__all__ = ["RowAccuracy"]


class RowAccuracy(WeightedMean):
    """How often the largest output is where the largest target is.

    Unlike ``accuracy`` it takes any numbers as targets, as NumpyDL does; only for distributions and class ids
    does it mean something.

    Notes
    -----
    Outputs (..., K), targets (..., K) or class ids (...). One output, (N,) or (..., 1): whether both lie at
    or above one half, or both below.

    Examples
    --------
    >>> metric = RowAccuracy()
    >>> metric.update([[0.4, 0.9], [0.7, 0.1]], [[0.01, 0.99], [0.2, 0.3]])
    >>> metric.result()
    0.5
    """

    def __init__(self) -> None:
        super().__init__()

    def values(self, positions: Positions) -> NDArray[Any]:
        """Return whether each position is right."""
        outputs, targets, _ = positions
        if targets.ndim == 1 or outputs.shape[-1] == 1:
            predicted, wanted = predicted_classes(positions, 0.5, self)
            return np.equal(predicted, wanted)
        same: NDArray[Any] = outputs.argmax(axis=-1) == targets.argmax(axis=-1)
        return same
