"""A rectifier with learned slopes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float, check_int
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.initializers.constant import Constant
from npdl_core.layers.base import Layer

__all__ = ["PReLU"]


class PReLU(Layer):
    r"""Rectify with a learned slope: :math:`y = \max(0, x) + \alpha \min(0, x)`.

    Parameters
    ----------
    alpha_init : float, str, Initializer or array
        How to fill alpha; a number stands for a constant.
    shared_axes : sequence of int, optional
        Axes, counted from 1 behind the batch, along which one slope serves all; ``(2, 3)`` gives images one a
        channel. Axes of unknown size are always shared.

    Notes
    -----
    Output: the input's shape; alpha: the input's shape without the batch, size 1 where shared. With g the
    gradient of y: :math:`dx = g` where x > 0, else :math:`\alpha g`; :math:`d\alpha = \sum g \min(0, x)`
    over the batch and the shared axes. Source: He et al., Delving deep into rectifiers, 2015.

    Raises
    ------
    ShapeError
        On connecting, if a shared axis does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> PReLU().connect((None, 2)).forward(np.array([[-4.0, 2.0]]))
    array([[-1.,  2.]])
    """

    def __init__(self, alpha_init: Any = 0.25, shared_axes: Any = None) -> None:
        if isinstance(alpha_init, Real):
            alpha_init = Constant(check_float("alpha_init", alpha_init))
        self.alpha_init = self.init_argument("alpha_init", alpha_init)
        if not isinstance(shared_axes, (list, tuple, type(None))):
            raise ConfigError(
                f"prelu: shared_axes must be a sequence of axes, got {type(shared_axes).__name__}"
            )
        self.shared_axes = tuple(check_int("shared_axes", axis, 1) for axis in shared_axes or ())

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make alpha."""
        shape = self.single_shape(prev_layer)
        if any(axis >= len(shape) for axis in self.shared_axes):
            raise ShapeError(f"prelu: shared_axes={self.shared_axes} do not all exist in shape {shape}")
        sizes = [1 if axis in self.shared_axes or size is None else size for axis, size in enumerate(shape)]
        self.add_param("alpha", sizes[1:], self.alpha_init, decay=False)
        self.out_shape = shape

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return the rectified input."""
        if train:
            self.retain(input)
        output: NDArray[Any] = np.maximum(input, 0) + self.alpha * np.minimum(input, 0)
        return output

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Write dalpha, return the input's gradient."""
        (input,) = self.retained()
        slopes = np.minimum(input, 0) * pre_grad
        shared = tuple(axis for axis, size in enumerate(self.alpha.shape, start=1) if size == 1)
        self.dalpha = slopes.sum(axis=(0, *shared)).reshape(self.alpha.shape)
        grad: NDArray[Any] = np.where(input > 0, pre_grad, self.alpha * pre_grad)
        return grad
