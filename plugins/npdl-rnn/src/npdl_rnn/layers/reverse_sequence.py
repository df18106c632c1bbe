"""Sequences, last step first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer
from npdl_core.layers.masking import over_steps

__all__ = ["ReverseSequence"]

Array = NDArray[Any]


class ReverseSequence(Layer):
    r"""Reverse the steps: :math:`y_t = x_{T - 1 - t}`; of a masked sequence, the real steps.

    Parameters
    ----------
    axis : int
        Which axis, the batch axis being 0.

    Notes
    -----
    Input and output (N, T, ...). With a mask the real steps trade places among themselves and padding stays
    where it is, as zeros: ``a b c - -`` becomes ``c b a - -``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ReverseSequence().connect((None, 3, 1))
    >>> layer.forward(np.array([[[1.0], [2.0], [9.0]]]), mask=np.array([[True, True, False]]))[0, :, 0]
    array([2., 1., 0.])
    """

    accepts_mask = True

    def __init__(self, axis: int = 1) -> None:
        self.axis = check_int("axis", axis)
        if self.axis == 0:
            raise ConfigError(f"{self}: axis 0 is the batch axis; samples are not reversed")

    def connect_to(self, prev_layer: Any = None) -> None:
        """Check that the input has the axis.

        Raises
        ------
        ShapeError
            If it has not.
        """
        shape = self.incoming_shape(prev_layer)
        rank = 0 if isinstance(shape, list) else len(shape)
        if not -rank < self.axis < rank:
            raise ShapeError(f"{self}: there is no axis {self.axis} besides the batch's in shape {shape}")
        self.out_shape = shape

    def forward(self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None) -> Array:
        """Return the reversed sequences."""
        partner = self._partner(input, mask)
        if train:
            self.retain(partner)
        return self._reversed(input, partner)

    def backward(self, pre_grad: Any) -> Array:
        """Return the gradient, reversed likewise: the reversal is its own inverse."""
        (partner,) = self.retained()
        return self._reversed(pre_grad, partner)

    def _partner(self, input: Array, mask: Any) -> tuple[Array, Array] | None:
        """Return with which step each one trades places, and which are real; None without a mask."""
        if mask is None or self.axis % input.ndim != 1:
            return None
        real = over_steps(mask, input).reshape(input.shape[:2])
        order = np.argsort(~real, axis=1, kind="stable")
        rank = np.cumsum(real, axis=1) - 1
        opposite = np.maximum(real.sum(axis=1, keepdims=True) - 1 - rank, 0)
        return np.take_along_axis(order, opposite, axis=1), real

    def _reversed(self, array: Array, partner: tuple[Array, Array] | None) -> Array:
        if partner is None:
            return np.flip(array, self.axis).copy()
        source, real = partner
        moved = array[np.arange(len(array))[:, None], source]
        moved[~real] = 0
        return np.asarray(moved)
