"""Objectives for numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.objectives.base import Objective

__all__ = ["MeanSquaredError"]


class MeanSquaredError(Objective):
    r"""Half the squared distance: :math:`l = \tfrac12 \sum_j (p_j - t_j)^2`, averaged over positions.

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K). The gradient is p - t over the number of positions. Libraries that average
    over K as well differ by the factor K / 2; the metric ``mse`` is the plain mean.

    Examples
    --------
    >>> import numpy as np
    >>> MeanSquaredError().forward(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
    2.5
    """

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return ½ Σ (p - t)²."""
        difference = outputs - targets
        losses: NDArray[Any] = 0.5 * np.sum(np.square(difference, out=difference), axis=-1)
        return losses

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return p - t."""
        return np.asarray(outputs - targets)
