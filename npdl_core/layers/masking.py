"""A mask from the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer

__all__ = ["Masking", "over_steps"]


def over_steps(mask: Any, input: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask (N, T) as bool in a shape that broadcasts over an input (N, T, ...).

    Raises
    ------
    ShapeError
        If it has other axes than the input begins with.

    Examples
    --------
    >>> over_steps(np.array([[1, 0]]), np.zeros((1, 2, 3))).shape
    (1, 2, 1)
    """
    steps = np.asarray(mask, bool)
    if steps.ndim != 2 or steps.shape != input.shape[:2]:
        raise ShapeError(f"a mask of shape {steps.shape} does not fit the steps of an input {input.shape}")
    return steps.reshape(*steps.shape, *(1,) * (input.ndim - 2))


class Masking(Layer):
    r"""Mask the time steps whose features all have one value, and set them to zero: :math:`y_t = m_t x_t`.

    Parameters
    ----------
    mask_value : float
        What padding is filled with.

    Notes
    -----
    Input and output (N, T, D); the layers above get the mask m (N, T), joined with one that came along. Where
    zeros are real data, pass ``mask=`` to ``fit`` and ``predict`` instead.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Masking().connect((None, 2, 2))
    >>> layer.compute_mask(np.array([[[1.0, 0.0], [0.0, 0.0]]]), None)
    array([[ True, False]])
    """

    accepts_mask = True

    def __init__(self, mask_value: float = 0.0) -> None:
        self.mask_value = check_float("mask_value", mask_value)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Check that the input is a sequence.

        Raises
        ------
        ShapeError
            If it has no axes (N, T, D).
        """
        super().connect_to(prev_layer)
        if len(self.out_shape) < 3:
            raise ShapeError(f"masking needs sequences (N, T, D), got shape {self.out_shape}")

    def forward(
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None
    ) -> NDArray[Any]:
        """Return the input with masked steps at zero."""
        steps = over_steps(self.compute_mask(input, mask), input)
        if train:
            self.retain(steps)
        return np.where(steps, input, 0)

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Return ``pre_grad`` with masked steps at zero."""
        (steps,) = self.retained()
        return np.where(steps, pre_grad, 0)

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Return where the input has another value, and the mask that came along has a step."""
        real: NDArray[np.bool_] = np.any(input != self.mask_value, axis=tuple(range(2, input.ndim)))
        return real if mask is None else real & over_steps(mask, real)
