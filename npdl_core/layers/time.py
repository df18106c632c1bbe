"""Layers that end the time axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer
from npdl_core.layers.masking import over_steps

__all__ = ["LastStep", "MeanOverTime"]


class _OverTime(Layer):
    """Turns (N, T, ...) into (N, ...) and drops the mask."""

    accepts_mask = True

    def connect_to(self, prev_layer: Any = None) -> None:
        """Drop the time axis.

        Raises
        ------
        ShapeError
            If the input has no axes (N, T, D).
        """
        shape = self.single_shape(prev_layer)
        if len(shape) < 3:
            raise ShapeError(f"{self} needs sequences (N, T, D), got shape {shape}")
        self.out_shape = (shape[0], *shape[2:])

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> None:
        """Return None: there is no time axis left."""


class LastStep(_OverTime):
    r"""Return the last step: :math:`y = x_\tau`, where :math:`\tau = \max \{t : m_t\}` for a mask m.

    Notes
    -----
    Input (N, T, D), output (N, D). A sequence without a real step gives zeros.

    Raises
    ------
    ShapeError
        On connecting, if the input is no sequence.

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
        real = np.ones((n_samples, n_steps), bool) if mask is None else over_steps(mask, input)
        numbers = np.where(real.reshape(n_samples, n_steps), np.arange(1, n_steps + 1), 0)
        lengths = numbers.max(axis=1, initial=0)
        samples = np.flatnonzero(lengths)
        steps = lengths[samples] - 1
        out = np.zeros((n_samples, *input.shape[2:]), input.dtype)
        out[samples] = input[samples, steps]
        if train:
            self.retain(input.shape, samples, steps)
        return out

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Return zeros but at the chosen steps."""
        shape, samples, steps = self.retained()
        grad = np.zeros(shape, pre_grad.dtype)
        grad[samples, steps] = pre_grad[samples]
        return grad


class MeanOverTime(_OverTime):
    r"""Average over time: :math:`y = \sum_t m_t x_t / \sum_t m_t`, where m is the mask or all ones.

    Notes
    -----
    Input (N, T, D), output (N, D). A sequence without a real step gives zeros.

    Raises
    ------
    ShapeError
        On connecting, if the input is no sequence.

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
        steps = over_steps(real, input)
        count = np.maximum(steps.sum(axis=1), 1).astype(input.dtype)
        if train:
            self.retain(steps, count)
        return np.asarray(np.sum(input, axis=1, where=steps) / count)

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Return each real step's share of ``pre_grad``."""
        steps, count = self.retained()
        return np.where(steps, (pre_grad / count)[:, None], 0)
