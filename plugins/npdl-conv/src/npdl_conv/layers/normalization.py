"""Standardising images sample by sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import ConfigError, MissingShapeError, ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["GroupNorm", "InstanceNorm", "LocalResponseNorm"]

Array = NDArray[Any]


class _Channels(Layer):
    r"""A layer over inputs (N, C, \*S) whose channels are counted."""

    def channels_shape(self, prev_layer: Any) -> Shape:
        """Return the input's shape.

        Raises
        ------
        ShapeError
            If there is no axis of channels.
        """
        shape = self.single_shape(prev_layer)
        if len(shape) < 2:
            raise ShapeError(f"{self} needs an input (N, C, …), got {shape}")
        return shape


class GroupNorm(_Channels):
    r"""Standardise each sample over groups of channels: :math:`y = \gamma_c \hat x + \beta_c`.

    :math:`\hat x = (x - \mu) / \sqrt{v + \epsilon}`, with the mean and the variance of a sample's group.

    Parameters
    ----------
    groups : int
        Into how many groups of neighbours the channels fall.
    epsilon : float
        Keeps the root away from 0.
    affine : bool
        False leaves gamma and beta out.

    Notes
    -----
    Input and output (N, C, \*S); gamma, beta (C,). With g the gradient of y and :math:`h = \gamma g`:
    :math:`d\gamma = \sum g \hat x`, :math:`d\beta = \sum g`,
    :math:`dx = (h - \overline{h} - \hat x\, \overline{h \hat x}) / \sqrt{v + \epsilon}`, bars being means
    over a group. Source: Wu and He, Group normalization, 2018.

    Raises
    ------
    ShapeError
        On connecting, if ``groups`` do not divide the channels.

    Examples
    --------
    >>> import numpy as np
    >>> GroupNorm(1).connect((None, 2, 1)).forward(np.array([[[1.0], [3.0]]])).round(3)
    array([[[-1.],
            [ 1.]]])
    """

    def __init__(self, groups: int, epsilon: float = 1e-5, affine: bool = True) -> None:
        self.groups = check_int("groups", groups, 1)
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.affine = check_bool("affine", affine)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make gamma and beta."""
        shape = self.channels_shape(prev_layer)
        if shape[1] is None:
            raise MissingShapeError(f"{self}: the number of channels must be known, got the shape {shape}")
        self.n_groups = self.count_groups(shape[1])
        if shape[1] % self.n_groups:
            raise ShapeError(
                f"{self}: groups={self.n_groups} do not divide the {shape[1]} channels of {shape}"
            )
        if self.affine:
            self.add_param("gamma", (shape[1],), "one", decay=False)
            self.add_param("beta", (shape[1],), "zero", decay=False)
        self.out_shape = shape

    def count_groups(self, channels: int) -> int:
        """Return how many groups this many channels fall into."""
        return self.groups

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the standardised input, of the same shape."""
        per_group = math.prod(input.shape[1:]) // self.n_groups
        rows = input.reshape(len(input), self.n_groups, per_group)
        centred = rows - rows.mean(axis=2, keepdims=True)
        inverse = 1 / np.sqrt(np.vecdot(centred, centred)[..., None] / rows.shape[2] + self.epsilon)
        scaled = np.multiply(centred, inverse, out=centred)
        if train:
            self.retain(scaled, inverse, input.shape)
        maps: Array = scaled.reshape(input.shape)
        return (
            maps * self._wide(self.gamma, maps) + self._wide(self.beta, maps) if self.affine else maps.copy()
        )

    @staticmethod
    def _wide(parameter: Array, maps: Array) -> Array:
        """Return a parameter in a shape that broadcasts over the channels of maps."""
        return parameter.reshape(-1, *(1,) * (maps.ndim - 2))

    def backward(self, pre_grad: Any) -> Array:
        """Write dgamma and dbeta, return the input's gradient."""
        scaled, inverse, shape = self.retained()
        grad = pre_grad
        if self.affine:
            others = (0, *range(2, len(shape)))
            self.dgamma = (pre_grad * scaled.reshape(shape)).sum(axis=others)
            self.dbeta = pre_grad.sum(axis=others)
            grad = pre_grad * self._wide(self.gamma, pre_grad)
        rows = grad.reshape(scaled.shape)
        slope = np.vecdot(rows, scaled)[..., None] / scaled.shape[2]
        dx: Array = (rows - rows.mean(axis=2, keepdims=True) - scaled * slope) * inverse
        return dx.reshape(shape)


class InstanceNorm(GroupNorm):
    r"""Standardise every channel of every sample by itself: :class:`GroupNorm` with a group for each channel.

    Parameters
    ----------
    epsilon : float
        Keeps the root away from 0.
    affine : bool
        False leaves gamma and beta out.

    Notes
    -----
    Input and output (N, C, \*S); gamma, beta (C,).
    Source: Ulyanov, Vedaldi and Lempitsky, Instance normalization, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> InstanceNorm().connect((None, 1, 2)).forward(np.array([[[1.0, 3.0]]])).round(3)
    array([[[-1.,  1.]]])
    """

    def __init__(self, epsilon: float = 1e-5, affine: bool = True) -> None:
        super().__init__(1, epsilon, affine)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make gamma and beta.

        Raises
        ------
        ShapeError
            If the input has no axes behind its channels.
        """
        super().connect_to(prev_layer)
        if len(self.out_shape) < 3:
            raise ShapeError(f"{self} needs an input (N, C, …) with spatial axes, got {self.out_shape}")

    def count_groups(self, channels: int) -> int:
        """Return one group for each channel."""
        return channels


class LocalResponseNorm(_Channels):
    r"""Divide by the strength of neighbouring channels: :math:`y_c = x_c\, s_c^{-\beta}`.

    :math:`s_c = k + \tfrac{\alpha}{n} \sum_{j=c-\lfloor n/2\rfloor}^{c+\lfloor(n-1)/2\rfloor} x_j^2`.

    Parameters
    ----------
    size : int
        n, how many neighbouring channels; those that do not exist count as zeros.
    alpha, beta, k : float
        As in the equation.

    Notes
    -----
    Input and output (N, C, \*S). With g the gradient of y and t running over the channels whose window has c:
    :math:`dx_c = g_c s_c^{-\beta} - \tfrac{2\alpha\beta}{n} x_c \sum_t g_t x_t s_t^{-\beta-1}`.
    Source: Krizhevsky, Sutskever and Hinton, ImageNet classification with deep CNNs, 2012; the factor 1/n is
    that of PyTorch and ONNX.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LocalResponseNorm(3, alpha=3.0, beta=1.0).connect((None, 2, 1))
    >>> layer.forward(np.array([[[1.0], [2.0]]]))[0, :, 0].round(4)
    array([0.1667, 0.3333])
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = check_int("size", size, 1)
        self.alpha = check_float("alpha", alpha, 0)
        self.beta = check_float("beta", beta, 0)
        self.k = check_float("k", k, 0)
        if self.k == 0 and self.beta > 0:
            raise ConfigError(f"{self}: k must be above 0, or channels of zeros would be divided by zero")

    def connect_to(self, prev_layer: Any = None) -> None:
        """Keep the shape."""
        self.out_shape = self.channels_shape(prev_layer)

    def _neighbours(self, array: Array, before: int) -> Array:
        """Return for each channel the sum over its window, ``before`` channels of it in front."""
        total = np.zeros_like(array)
        channels = array.shape[1]
        for shift in range(-before, self.size - before):
            low, high = max(0, -shift), min(channels, channels - shift)
            if low < high:
                total[:, low:high] += array[:, low + shift : high + shift]
        return total

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the input, divided."""
        strength = self._neighbours(input**2, self.size // 2) * (self.alpha / self.size) + self.k
        if train:
            self.retain(input, strength)
        divided: Array = input * strength**-self.beta
        return divided

    def backward(self, pre_grad: Any) -> Array:
        """Return the input's gradient."""
        x, strength = self.retained()
        shared = self._neighbours(pre_grad * x * strength ** (-self.beta - 1), (self.size - 1) // 2)
        grad: Array = pre_grad * strength**-self.beta - (2 * self.alpha * self.beta / self.size) * x * shared
        return grad
