"""A mask from the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer

__all__ = ["Masking"]


class Masking(Layer):
    """Mask the time steps whose features all have one value, and set them to zero.

    Parameters
    ----------
    mask_value : float
        What padding is filled with.

    Notes
    -----
    Input and output (N, T, D); the layers above get the mask (N, T), joined with one that came along. Where
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
            If it has no axes (N, T, …).
        """
        super().connect_to(prev_layer)
        if len(self.out_shape) < 3:
            raise ShapeError(f"masking needs sequences (N, T, D), got shape {self.out_shape}")

    def _real(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        real: NDArray[np.bool_] = np.any(input != self.mask_value, axis=tuple(range(2, input.ndim)))
        return real if mask is None else real & mask

    def forward(
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None
    ) -> NDArray[Any]:
        """Return the input with masked steps at zero."""
        real = self._real(input, mask)
        if train:
            self.retain(real)
        return _kept(input, real)

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Return ``pre_grad`` with masked steps at zero."""
        (real,) = self.retained()
        return _kept(pre_grad, real)

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Return where the input has another value."""
        return self._real(input, mask)


def _kept(array: NDArray[Any], real: NDArray[np.bool_]) -> NDArray[Any]:
    wide = real.reshape(*real.shape, *(1,) * (array.ndim - 2))
    return np.where(wide, array, np.zeros((), array.dtype))
