"""The angle between outputs and targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.objectives.base import Objective

__all__ = ["Cosine"]


class Cosine(Objective):
    r"""Cosine distance: :math:`l = 1 - \frac{p \cdot t}{|p|\,|t|}`, from 0 to 2.

    Parameters
    ----------
    epsilon : float
        A vector at most this long has no direction: the loss is 1 there and the gradient 0.
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K). With u = p / abs(p), v = t / abs(t) the gradient is
    :math:`(u (u \cdot v) - v) / |p|`. Keras's cosine similarity loss is this minus 1.

    Examples
    --------
    >>> import numpy as np
    >>> round(Cosine().forward(np.array([[1.0, 1.0]]), np.array([[5.0, 0.0]])), 4)
    0.2929
    """

    def __init__(self, epsilon: float = 1e-8, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.epsilon = check_float("epsilon", epsilon, 0)

    def _direction(self, vectors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return unit vectors, or zeros, and one over the lengths, or zero."""
        length = np.sqrt(np.add.reduce(np.square(vectors), axis=-1, keepdims=True))
        inverse = np.divide(1, length, out=np.zeros_like(length), where=length > self.epsilon)
        return vectors * inverse, inverse

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return 1 - cos(p, t)."""
        u, v = self._direction(outputs)[0], self._direction(targets)[0]
        return np.asarray(1 - np.add.reduce(u * v, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return (u (u · v) - v) / |p|."""
        (u, inverse), v = self._direction(outputs), self._direction(targets)[0]
        grads = u * np.add.reduce(u * v, axis=-1, keepdims=True)
        grads -= v
        grads *= inverse
        return grads
