"""Layers that standardise their input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["BatchNormal", "LayerNorm", "RMSNorm"]

Axes = tuple[int, ...]


class _Normalization(Layer):
    """Gain and shift of a standardised input."""

    def _add_gain(self, shape: Axes, gamma_init: Any, beta_init: Any) -> None:
        self.add_param("gamma", shape, gamma_init, decay=False)
        if beta_init is not None:
            self.add_param("beta", shape, beta_init, decay=False)

    def _write_gain_gradients(self, pre_grad: NDArray[Any], scaled: NDArray[Any], axes: Axes) -> None:
        """Write dgamma and dbeta as sums over ``axes``."""
        self.dgamma = np.sum(pre_grad * scaled, axis=axes).reshape(self.gamma.shape)
        if "beta" in self.__dict__:
            self.dbeta = np.sum(pre_grad, axis=axes).reshape(self.gamma.shape)


def _standardised_vjp(
    grad: NDArray[Any], scaled: NDArray[Any], inverse: NDArray[Any], axes: Axes, count: Any
) -> NDArray[Any]:
    """Return the input gradient of (x - mean) · inverse, where both statistics are over ``axes``."""
    shift = grad.sum(axis=axes, keepdims=True) / count
    slope = (grad * scaled).sum(axis=axes, keepdims=True) / count
    return np.asarray((grad - shift - scaled * slope) * inverse)


class BatchNormal(_Normalization):
    r"""Standardise over the batch: :math:`y = \gamma (x - \mu) / \sqrt{v + \epsilon} + \beta`.

    Training uses the batch's mean :math:`\mu` and biased variance v; inference uses running averages, which
    training keeps: ``running = momentum · running + (1 - momentum) · batch``.

    Parameters
    ----------
    epsilon : float
        Keeps the root away from 0.
    momentum : float
        Weight of the old running value, in [0, 1].
    axis : int or sequence of int, optional
        The axes averaged over, the batch axis 0 among them. By default all but the features: the last axis of
        (N, D) and of sequences (N, T, D), the channels of images (N, C, H, W) and volumes. For channels in
        front of one other axis, (N, C, L), give ``(0, 2)``.
    beta_init, gamma_init : str, Initializer or array
        How to fill shift and gain.

    Notes
    -----
    Output: the input's shape; gamma, beta, running_mean, running_var: the shape of the axes not averaged
    over. With a mask (N, T), masked steps count in no statistic and come out as zeros.
    Source: Ioffe and Szegedy, Batch normalization, 2015.

    Raises
    ------
    ShapeError
        On connecting, if an axis does not exist or does not include the batch.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNormal().connect((None, 2))
    >>> layer.forward(np.array([[1.0, 0.0], [3.0, 0.0]])).round(3)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """

    accepts_mask = True
    per_sample = False

    def __init__(
        self,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        axis: Any = None,
        beta_init: Any = "zero",
        gamma_init: Any = "one",
    ) -> None:
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.momentum = check_float("momentum", momentum, 0, 1)
        self.axis = None if axis is None else _axes("axis", axis)
        self.beta_init = self.init_argument("beta_init", beta_init)
        self.gamma_init = self.init_argument("gamma_init", gamma_init)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Choose the axes and make gamma, beta and the running statistics."""
        shape: Shape = tuple(self.incoming_shape(prev_layer))
        rank = len(shape)
        default = tuple(range(rank - 1)) if rank <= 3 else (0, *range(2, rank))
        axes = (
            default if self.axis is None else tuple(axis % rank for axis in self.axis if -rank <= axis < rank)
        )
        if 0 not in axes or (self.axis is not None and len(set(axes)) != len(self.axis)) or len(axes) == rank:
            raise ShapeError(
                f"batch_normal: axis={self.axis} must name the batch axis 0 and leave one over, for {shape}"
            )
        self.axes = axes
        features = tuple(shape[axis] for axis in range(rank) if axis not in axes)
        self._add_gain(features, self.gamma_init, self.beta_init)  # type: ignore[arg-type]
        self.add_param("running_mean", features, "zero", trainable=False)
        self.add_param("running_var", features, "one", trainable=False)
        self._wide = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
        self.out_shape = shape

    def forward(
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None
    ) -> NDArray[Any]:
        """Return the standardised input, of the same shape."""
        wide = self._wide
        weights = self._weights(input, mask)
        if not train:
            inverse = 1 / np.sqrt(self.running_var + self.epsilon)
            scaled = (input - self.running_mean.reshape(wide)) * inverse.reshape(wide)
            return self._shifted(scaled, weights)
        if weights is not None:
            input = np.where(weights > 0, input, 0)
        count = (
            input.size // max(self.gamma.size, 1) if weights is None else self._count(weights, input.shape)
        )
        mean, var = self._statistics(input, weights, count)
        inverse = 1 / np.sqrt(var + self.epsilon)
        scaled = (input - mean) * inverse
        if weights is not None:
            scaled *= weights
        self.retain(scaled, inverse, weights, count)
        if count:
            self._keep(mean, var)
        return self._shifted(scaled, weights)

    def _statistics(self, input: Any, weights: Any, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
        total = input.sum(axis=self.axes, keepdims=True)
        mean = total / max(count, 1)
        centred = input - mean
        if weights is not None:
            centred *= weights
        var = np.square(centred, out=centred).sum(axis=self.axes, keepdims=True) / max(count, 1)
        return mean, var

    def _keep(self, mean: NDArray[Any], var: NDArray[Any]) -> None:
        shape, old = self.running_mean.shape, self.momentum
        self.running_mean = old * self.running_mean + (1 - old) * mean.reshape(shape)
        self.running_var = old * self.running_var + (1 - old) * var.reshape(shape)

    def _weights(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[Any] | None:
        """Return 1 at real and 0 at masked steps in the input's rank and dtype, or None without a mask."""
        if mask is None:
            return None
        if not {0, 1} <= set(self.axes):
            raise ConfigError("batch_normal: a mask (N, T) needs both axes among those averaged over")
        return mask.reshape(*mask.shape, *(1,) * (input.ndim - 2)).astype(input.dtype)

    def _count(self, weights: NDArray[Any], shape: tuple[int, ...]) -> int:
        others = math.prod(size for axis, size in enumerate(shape) if axis in self.axes and axis > 1)
        return int(weights.sum()) * others

    def _shifted(self, scaled: NDArray[Any], weights: NDArray[Any] | None) -> NDArray[Any]:
        out = scaled * self.gamma.reshape(self._wide) + self.beta.reshape(self._wide)
        return out if weights is None else np.where(weights > 0, out, 0)

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Write dgamma and dbeta, return the input's gradient."""
        scaled, inverse, weights, count = self.retained()
        if weights is not None:
            pre_grad = np.where(weights > 0, pre_grad, 0)
        self._write_gain_gradients(pre_grad, scaled, self.axes)
        grad = _standardised_vjp(
            pre_grad * self.gamma.reshape(self._wide), scaled, inverse, self.axes, max(count, 1)
        )
        return grad if weights is None else grad * weights


class LayerNorm(_Normalization):
    r"""Standardise each sample over its features: :math:`y = \gamma (x - \mu) / \sqrt{v + \epsilon} + \beta`.

    Parameters
    ----------
    epsilon : float
        Keeps the root away from 0.
    n_axes : int
        How many of the last axes are averaged over.
    use_bias : bool
        False leaves beta out.

    Notes
    -----
    Output: the input's shape; gamma, beta: the shape of the last ``n_axes`` axes. Training and inference are
    the same. Source: Ba, Kiros and Hinton, Layer normalization, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> LayerNorm().connect((None, 2)).forward(np.array([[1.0, 3.0]])).round(3)
    array([[-1.,  1.]])
    """

    def __init__(self, epsilon: float = 1e-5, n_axes: int = 1, use_bias: bool = True) -> None:
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.n_axes = check_int("n_axes", n_axes, 1)
        self.use_bias = check_bool("use_bias", use_bias)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make gamma and beta."""
        shape: Shape = tuple(self.incoming_shape(prev_layer))
        _add_last_axes(self, shape, self.n_axes, "zero" if self.use_bias else None)
        self.out_shape = shape

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return the standardised input, of the same shape."""
        axes = tuple(range(-self.n_axes, 0))
        centred = input - input.mean(axis=axes, keepdims=True)
        inverse = 1 / np.sqrt(np.square(centred).mean(axis=axes, keepdims=True) + self.epsilon)
        scaled = centred * inverse
        if train:
            self.retain(scaled, inverse)
        out = scaled * self.gamma
        return out + self.beta if self.use_bias else out

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Write dgamma and dbeta, return the input's gradient."""
        scaled, inverse = self.retained()
        self._write_gain_gradients(pre_grad, scaled, tuple(range(scaled.ndim - self.n_axes)))
        axes = tuple(range(-self.n_axes, 0))
        return _standardised_vjp(pre_grad * self.gamma, scaled, inverse, axes, self.gamma.size)


class RMSNorm(_Normalization):
    r"""Scale each sample to unit mean square: :math:`y = \gamma x / \sqrt{\tfrac1D \sum_j x_j^2 + \epsilon}`.

    Parameters
    ----------
    epsilon : float
        Keeps the root away from 0.
    n_axes : int
        How many of the last axes are averaged over.

    Notes
    -----
    Output: the input's shape; gamma: the shape of the last ``n_axes`` axes.
    Source: Zhang and Sennrich, Root mean square layer normalization, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> RMSNorm().connect((None, 2)).forward(np.array([[3.0, 3.0]])).round(3)
    array([[1., 1.]])
    """

    def __init__(self, epsilon: float = 1e-5, n_axes: int = 1) -> None:
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.n_axes = check_int("n_axes", n_axes, 1)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make gamma."""
        shape: Shape = tuple(self.incoming_shape(prev_layer))
        _add_last_axes(self, shape, self.n_axes, None)
        self.out_shape = shape

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return the scaled input, of the same shape."""
        axes = tuple(range(-self.n_axes, 0))
        inverse = 1 / np.sqrt(np.square(input).mean(axis=axes, keepdims=True) + self.epsilon)
        scaled = input * inverse
        if train:
            self.retain(scaled, inverse)
        return np.asarray(scaled * self.gamma)

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Write dgamma, return the input's gradient."""
        scaled, inverse = self.retained()
        self._write_gain_gradients(pre_grad, scaled, tuple(range(scaled.ndim - self.n_axes)))
        grad = pre_grad * self.gamma
        axes = tuple(range(-self.n_axes, 0))
        return np.asarray((grad - scaled * (grad * scaled).mean(axis=axes, keepdims=True)) * inverse)


def _add_last_axes(layer: _Normalization, shape: Shape, n_axes: int, beta_init: str | None) -> None:
    if n_axes >= len(shape):
        raise ShapeError(f"{layer}: n_axes={n_axes} leaves no batch axis of shape {shape}")
    layer._add_gain(shape[-n_axes:], "one", beta_init)  # type: ignore[arg-type]


def _axes(name: str, value: Any) -> Axes:
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise ConfigError(f"{name} must name at least the batch axis")
    return tuple(check_int(name, item) for item in items)
