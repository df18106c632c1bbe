"""What all layers with filters share: their arguments, their parameters, and their activation."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npdl_conv.geometry import channels_last, spread
from npdl_conv.threads import over_batch
from npdl_core import registry
from npdl_core.activations.base import activate, activation_vjp
from npdl_core.activations.rectifiers import ReLU
from npdl_core.checks import check_bool, check_int, check_shape
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["Filters"]

Array = NDArray[Any]


class Filters(Layer):
    """Base of convolutions: filters W, biases b, an activation behind.

    Parameters
    ----------
    nb_filter, filter_size, input_shape, stride, init, activation, dilation, groups, use_bias
        As of :class:`npdl_conv.layers.convolution.Convolution`.
    """

    n_axes: ClassVar[int] = 2

    def __init__(
        self,
        nb_filter: int,
        filter_size: Any,
        input_shape: Any,
        stride: Any,
        init: Any,
        activation: Any,
        dilation: Any,
        groups: int,
        use_bias: bool,
    ) -> None:
        self.nb_filter = check_int("nb_filter", nb_filter, 1)
        self.filter_size = spread("filter_size", filter_size, self.n_axes)
        self.input_shape = (
            None if input_shape is None else check_shape("input_shape", input_shape, unknown=True)
        )
        self.stride = spread("stride", stride, self.n_axes)
        self.init = self.init_argument("init", init)
        self.activation = registry.get("activations", activation)
        self.dilation = spread("dilation", dilation, self.n_axes)
        self.groups = check_int("groups", groups, 1)
        self.use_bias = check_bool("use_bias", use_bias)
        if self.nb_filter % self.groups:
            raise ConfigError(f"{self}: groups={self.groups} do not divide nb_filter={self.nb_filter}")

    def declared_input_shape(self) -> Shape | None:
        """Return the declared shape behind a batch axis."""
        if self.input_shape is None:
            return None
        return self.input_shape if len(self.input_shape) == self.n_axes + 2 else (None, *self.input_shape)

    def images_shape(self, prev_layer: Any) -> Shape:
        r"""Return the input's shape (N, C, \*S).

        Raises
        ------
        ShapeError
            If it has another number of axes, or ``groups`` do not divide the channels.
        """
        shape = self.single_shape(prev_layer)
        if len(shape) != self.n_axes + 2:
            raise ShapeError(f"{self} needs an input of {self.n_axes + 2} axes (N, C, …), got {shape}")
        if shape[1] is not None and shape[1] % self.groups:
            raise ShapeError(f"{self}: groups={self.groups} do not divide the {shape[1]} channels of {shape}")
        return shape

    def make_params(self, first: int | None, second: int | None) -> None:
        r"""Make W (first, second, \*filter_size) and b (F,)."""
        self.add_param("W", (first, second, *self.filter_size), self.init)
        if self.use_bias:
            self.add_param("b", (self.nb_filter,), "zero", decay=False)

    def kernel_options(self) -> dict[str, Any]:
        """Return the kernels' options that differ from their defaults."""
        ones = (1,) * self.n_axes
        options: dict[str, Any] = {} if self.stride == ones else {"stride": self.stride}
        if self.dilation != ones:
            options["dilation"] = self.dilation
        return options | ({"groups": self.groups} if self.groups != 1 else {})

    def filters_last(self) -> Array:
        r"""Return W with its first two axes last and swapped, (\*K, second, first), contiguous."""
        return np.ascontiguousarray(self.W.transpose(*range(2, self.W.ndim), 1, 0))

    def set_filters_grad(self, grad: Array) -> None:
        r"""Write dW from a gradient in the order of :meth:`filters_last`."""
        self.dW = grad.transpose(-1, -2, *range(grad.ndim - 2))

    @property
    def rectifies(self) -> bool:
        """Whether the activation is the rectifier, which the kernels apply themselves."""
        return type(self.activation) is ReLU

    def activated(self, scores: Array, train: bool) -> tuple[Array, Array | None]:
        r"""Return the output for ``scores`` (N, \*O, F), and the scores if the backward needs them."""
        keep = train and getattr(self.activation, "needs_input", True)
        out = self.work_array("output", scores.shape) if keep else scores
        over_batch(len(scores), scores.size, lambda part: activate(self.activation, scores[part], out[part]))
        return out, scores if keep else None

    def scores_grad(self, pre_grad: Array, scores: Array | None, output: Array) -> Array:
        r"""Return the gradient before the activation, (N, \*O, F)."""
        delta = self.work_array("delta", output.shape)
        last = channels_last(pre_grad)

        def images(part: slice) -> None:
            kept = None if scores is None else scores[part]
            activation_vjp(self.activation, last[part], kept, output[part], delta[part])

        over_batch(len(delta), delta.size, images)
        return delta
