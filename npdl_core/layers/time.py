"""Layers that end the time axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["LastStep", "MeanOverTime"]


class _OverTime(Layer):
    """Turns (N, T, …) into (N, …) and drops the mask."""

    accepts_mask = True

    def connect_to(self, prev_layer: Any = None) -> None:
        """Drop the time axis.

        Raises
        ------
        ShapeError
            If the input has no axes (N, T, …).
        """
        shape: Shape = tuple(self.incoming_shape(prev_layer))
        if len(shape) < 3:
            raise ShapeError(f"{self} needs sequences (N, T, D), got shape {shape}")
        self.out_shape = (shape[0], *shape[2:])

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> None:
        """Return None: there is no time axis left."""


class LastStep(_OverTime):
    """Return the last step of each sequence; with a mask, the last real one.

    Notes
    -----
    Input (N, T, D), output (N, D). A sequence without a real step gives zeros.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LastStep().connect((None, 3, 1))
    >>> layer.forward(np.array([[[1.0], [2.0], [3.0]]]), mask=np.array([[True, True, False]]))
    array([[2.]])
    """

    def forward(
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None
    ) -> NDArray[Any]:
        """Return the last (real) step."""
        n_samples, n_steps = input.shape[:2]
        if n_steps == 0:
            raise ShapeError(f"last_step: sequences have no step, shape {input.shape}")
        last = np.full(n_samples, n_steps - 1)
        empty = np.zeros(n_samples, bool)
        if mask is not None:
            last = n_steps - 1 - np.argmax(mask[:, ::-1], axis=1)
            empty = ~mask.any(axis=1)
        if train:
            self.retain(input.shape, last, empty)
        out: NDArray[Any] = input[np.arange(n_samples), last]
        out[empty] = 0
        return out

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Return zeros but at the chosen steps."""
        shape, last, empty = self.retained()
        grad = np.zeros(shape, pre_grad.dtype)
        chosen = np.flatnonzero(~empty)
        grad[chosen, last[chosen]] = pre_grad[chosen]
        return grad


class MeanOverTime(_OverTime):
    r"""Average over time: :math:`y = \sum_t m_t x_t / \sum_t m_t`, where m is the mask or all ones.

    Notes
    -----
    Input (N, T, D), output (N, D). A sequence without a real step gives zeros.

    Examples
    --------
    >>> import numpy as np
    >>> layer = MeanOverTime().connect((None, 3, 1))
    >>> layer.forward(np.array([[[1.0], [2.0], [9.0]]]), mask=np.array([[True, True, False]]))
    array([[1.5]])
    """

    def forward(
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None
    ) -> NDArray[Any]:
        """Return the mean over (real) steps."""
        real = np.ones(input.shape[:2], bool) if mask is None else mask
        count = np.maximum(real.sum(axis=1), 1)
        weights = (real / count[:, None]).astype(input.dtype).reshape(*real.shape, *(1,) * (input.ndim - 2))
        if train:
            self.retain(weights)
        return np.asarray(np.where(weights > 0, input, 0).astype(input.dtype, copy=False) * weights).sum(
            axis=1
        )

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Return each step's share of ``pre_grad``."""
        (weights,) = self.retained()
        return np.asarray(pre_grad[:, None] * weights)
