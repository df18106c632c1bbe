"""Standardising over the batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float, check_int
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer, Shape
from npdl_core.layers.masking import over_steps

__all__ = ["BatchNormal"]

Axes = tuple[int, ...]


class BatchNormal(Layer):
    r"""Standardise over the batch: :math:`y = \gamma \hat x + \beta`.

    :math:`\hat x = (x - \mu) / \sqrt{v + \epsilon}`.

    Training uses the batch's mean :math:`\mu` and biased variance v; inference uses running averages, which
    training keeps: ``running = momentum · running + (1 - momentum) · batch``.

    Parameters
    ----------
    epsilon : float
        Keeps the root away from 0.
    momentum : float
        Weight of the old running value, in [0, 1].
    axis : int or sequence of int, optional
        With the batch axis 0 among them: the axes averaged over, such as ``(0, 2, 3)``. Without it: the axes
        that keep statistics of their own, such as 1 for channels or -1 for the last. By default (N, D) and
        sequences (N, T, D) keep the last, images (N, C, H, W) and volumes the channels.
    beta_init, gamma_init : str, Initializer or array
        How to fill shift and gain.

    Notes
    -----
    Output: the input's shape. gamma, beta, running_mean and running_var have the shape of the axes that keep
    statistics of their own. With M entries behind each statistic and g the gradient of y:
    :math:`d\beta = \sum g`, :math:`d\gamma = \sum g \hat x`,
    :math:`dx = \gamma (g - d\beta / M - \hat x\, d\gamma / M) / \sqrt{v + \epsilon}`.
    With a mask (N, T), masked steps count in no statistic and come out as zeros. PyTorch averages the
    unbiased variance instead, :math:`v M / (M - 1)`, with momentum 1 - ours.
    Source: Ioffe and Szegedy, Batch normalization, 2015.

    Raises
    ------
    ShapeError
        On connecting, if an axis does not exist, is named twice, or nothing is left to average or to keep.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNormal().connect((None, 2))
    >>> layer.forward(np.array([[1.0, 0.0], [3.0, 0.0]])).round(3)
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
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
        self.axis = None if axis is None else _axis_argument(axis)
        self.beta_init = self.init_argument("beta_init", beta_init)
        self.gamma_init = self.init_argument("gamma_init", gamma_init)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Choose the axes and make gamma, beta and the running statistics."""
        shape = self.single_shape(prev_layer)
        self.axes = self._averaged(shape)
        kept = tuple(size for axis, size in enumerate(shape) if axis not in self.axes)
        self.add_param("gamma", kept, self.gamma_init, decay=False)
        self.add_param("beta", kept, self.beta_init, decay=False)
        self.add_param("running_mean", kept, "zero", trainable=False)
        self.add_param("running_var", kept, "one", trainable=False)
        self.out_shape = shape

    def _averaged(self, shape: Shape) -> Axes:
        """Return the axes averaged over, in order."""
        rank = len(shape)
        axes = (-1 if rank <= 3 else 1,) if self.axis is None else self.axis
        named = {axis % rank for axis in axes if -rank <= axis < rank}
        averaged = named if 0 in named else set(range(rank)) - named
        if len(named) != len(axes) or len(averaged) == rank:
            raise ShapeError(
                f"batch_normal: axis={axes} must name some, not all, axes of an input of shape {shape}, each "
                "once: those averaged over, with the batch axis 0; or those kept apart, without it"
            )
        return tuple(sorted(averaged))

    def forward(
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None
    ) -> NDArray[Any]:
        """Return the standardised input, of the same shape."""
        steps = None if mask is None else over_steps(mask, input)
        if train:
            scaled = self._standardise(input, steps)
            out = self.work_array("output", scaled.shape)
        else:
            scaled = out = np.asarray(input - self._spread(self.running_mean), self.dtype)
            scaled *= 1 / np.sqrt(self._spread(self.running_var) + self.epsilon)
        np.multiply(scaled, self._spread(self.gamma), out=out)
        out += self._spread(self.beta)
        return out if steps is None else _zeroed(out, steps)

    def _spread(self, statistic: NDArray[Any]) -> NDArray[Any]:
        """Return an array of the kept axes in a shape that broadcasts over the input."""
        return np.expand_dims(statistic, self.axes)

    def _standardise(self, input: Any, steps: NDArray[np.bool_] | None) -> NDArray[Any]:
        """Return the standardised batch, masked steps at zero, and keep the running statistics."""
        scaled = self.work_array("scaled", input.shape)
        real = input if steps is None else np.where(steps, input, 0)
        entries = self._entries(input.shape, steps)
        divisor = np.maximum(entries, 1).astype(self.dtype)
        mean = real.sum(axis=self.axes, keepdims=True) / divisor
        np.subtract(real, mean, out=scaled, casting="same_kind")
        if steps is not None:
            _zeroed(scaled, steps)
        squares = np.square(scaled, out=self.work_array("output", input.shape))
        var = squares.sum(axis=self.axes, keepdims=True) / divisor
        inverse = 1 / np.sqrt(var + self.epsilon)
        scaled *= inverse
        self._follow(mean, var, (1 - self.momentum) * (entries > 0).astype(self.dtype))
        self.retain(scaled, inverse, divisor, steps)
        return scaled

    def _entries(self, shape: tuple[int, ...], steps: NDArray[np.bool_] | None) -> NDArray[Any]:
        """Return how many entries each statistic is of, in a shape that broadcasts over the input."""
        if steps is None:
            return np.asarray(math.prod(shape[axis] for axis in self.axes))
        others = math.prod(shape[axis] for axis in self.axes if axis >= 2)
        counted = tuple(axis for axis in self.axes if axis < 2)
        return np.asarray(others * steps.sum(axis=counted, keepdims=True))

    def _follow(self, mean: NDArray[Any], var: NDArray[Any], pace: NDArray[Any]) -> None:
        """Move the running statistics towards those of a batch."""
        for running, batch in ((self.running_mean, mean), (self.running_var, var)):
            spread = self._spread(running)
            spread *= 1 - pace
            spread += pace * batch

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Write dgamma and dbeta, return the input's gradient."""
        scaled, inverse, divisor, steps = self.retained()
        grad = self.work_array("input_grad", scaled.shape)
        if steps is not None:
            pre_grad = np.where(steps, pre_grad, 0)
        np.sum(np.multiply(pre_grad, scaled, out=grad), axis=self.axes, out=self.dgamma)
        np.sum(pre_grad, axis=self.axes, out=self.dbeta)
        np.multiply(scaled, self._spread(self.dgamma) / divisor, out=grad)
        grad += self._spread(self.dbeta) / divisor
        np.subtract(pre_grad, grad, out=grad)
        grad *= self._spread(self.gamma) * inverse
        return grad if steps is None else _zeroed(grad, steps)


def _axis_argument(value: Any) -> Axes:
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise ConfigError("axis must name at least one axis, got none")
    return tuple(check_int("axis", item) for item in items)


def _zeroed(array: NDArray[Any], steps: NDArray[np.bool_]) -> NDArray[Any]:
    """Set masked steps to zero in place."""
    np.copyto(array, 0, where=~steps)
    return array
