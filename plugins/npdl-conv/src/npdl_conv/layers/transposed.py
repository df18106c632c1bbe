"""The transposed convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv import kernels
from npdl_conv.geometry import channels_first, channels_last, pads, spread
from npdl_conv.kernels.convolution import bias_gradient
from npdl_conv.layers.filters import Filters
from npdl_core.errors import ConfigError, ShapeError

__all__ = ["TransposedConv1D", "TransposedConv3D", "TransposedConvolution"]

Array = NDArray[Any]


class TransposedConvolution(Filters):
    r"""The gradient of a convolution as a layer: every input entry spreads a filter over the output.

    :math:`y_{n,f,\,i s + k d - p} \mathrel{+}= \sum_c x_{n,c,i} W_{c,f,k}`, then b and the activation.

    Parameters
    ----------
    nb_filter : int
        F, how many output channels.
    filter_size : int or (int, int)
        Height and width of a filter.
    input_shape : sequence of int, optional
        (C, H, W), with or without a batch axis.
    stride : int or (int, int)
        Steps between the filters' places.
    init : str, Initializer or array
        How to fill W; b starts at zero.
    activation : str or Activation
        Applied to the result.
    padding : int, (int, int) or ((int, int), (int, int))
        What is cut off the output's sides.
    output_padding : int or (int, int)
        Rows and columns added at the end, to choose among the sizes that one convolution maps to the same.
    dilation : int or (int, int)
        Steps between the entries of a filter.
    groups : int
        Channels and filters fall into this many independent groups.
    use_bias : bool
        False leaves b out.

    Notes
    -----
    Input (N, C, H, W), output (N, F, O_h, O_w) with O = (S - 1) stride - 2P + dilation (K - 1) + 1 +
    output_padding; W (C, F / groups, \*filter_size), b (F,).

    Examples
    --------
    >>> TransposedConvolution(4, 2, stride=2).connect((None, 3, 5, 5)).out_shape
    (None, 4, 10, 10)
    """

    def __init__(
        self,
        nb_filter: int,
        filter_size: Any,
        input_shape: Any = None,
        stride: Any = 1,
        init: Any = "glorot_uniform",
        activation: Any = "relu",
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        use_bias: bool = True,
    ) -> None:
        super().__init__(
            nb_filter, filter_size, input_shape, stride, init, activation, dilation, groups, use_bias
        )
        margins = pads(padding, self.n_axes)
        if isinstance(margins, str):
            raise ConfigError(f"{self}: padding must be sizes, got {padding!r}")
        self.padding = margins
        self.output_padding = spread("output_padding", output_padding, self.n_axes, 0)
        for extra, stride_, dilation_ in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(stride_, dilation_):
                raise ConfigError(f"{self}: output_padding={extra} must be smaller than stride or dilation")

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make W and b, and compute the output's size."""
        shape = self.images_shape(prev_layer)
        self.make_params(shape[1], self.nb_filter // self.groups)
        sizes = [None if s is None else self._out_size(axis, s) for axis, s in enumerate(shape[2:])]
        self.out_shape = (shape[0], self.nb_filter, *sizes)

    def _out_size(self, axis: int, size: int) -> int:
        reach = (size - 1) * self.stride[axis] + self.dilation[axis] * (self.filter_size[axis] - 1) + 1
        out = reach - sum(self.padding[axis]) + self.output_padding[axis]
        if out < 1:
            raise ShapeError(
                f"{self}: along axis {axis + 2}, padding {self.padding[axis]} leaves nothing of the output"
            )
        return out

    def _options(self) -> dict[str, Any]:
        """Return the options of the convolution whose gradient this layer is."""
        return self.kernel_options() | ({"padding": self.padding} if any(map(sum, self.padding)) else {})

    def forward(self, input: Any, train: bool = True) -> Array:
        r"""Return the activated maps (N, F, \*O) for input (N, C, \*S)."""
        last = np.ascontiguousarray(channels_last(input), self.dtype)
        sizes = [self._out_size(axis, size) for axis, size in enumerate(last.shape[1:-1])]
        scores = np.empty((len(last), *sizes, self.nb_filter), self.dtype)
        kernels.convolution_backward(scores, self.filters_last(), last, None, scores, **self._options())
        if self.use_bias:
            scores += self.b
        output, kept = self.activated(scores, train)
        if train:
            self.retain(last, kept, output)
        return channels_first(output)

    def backward(self, pre_grad: Any) -> Array | None:
        r"""Write dW and db, return the input's gradient (N, C, \*S)."""
        last, scores, output = self.retained()
        delta = self.scores_grad(pre_grad, scores, output)
        if self.use_bias:
            self.db = bias_gradient(delta)
        # That convolution has W's channels and filters the other way round.
        filters, options = self.filters_last(), self._options()
        dW = np.empty(filters.shape, self.dtype)
        kernels.convolution_backward(delta, filters, last, dW, None, **options)
        self.set_filters_grad(dW)
        if self.first_layer:
            return None
        grad = kernels.convolution_forward(delta, filters, np.empty(last.shape, self.dtype), **options)
        return channels_first(np.asarray(grad))


class TransposedConv1D(TransposedConvolution):
    """Transposed convolution of signals (N, C, L); everything else as :class:`TransposedConvolution`.

    Parameters
    ----------
    nb_filter, filter_size, input_shape, stride, init, activation, padding, output_padding, dilation, groups
        As of :class:`TransposedConvolution`, with one spatial axis.
    use_bias : bool
        False leaves b out.

    Examples
    --------
    >>> TransposedConv1D(4, 3, stride=2).connect((None, 2, 5)).out_shape
    (None, 4, 11)
    """

    n_axes = 1


class TransposedConv3D(TransposedConvolution):
    """Transposed convolution of volumes (N, C, D, H, W); all else as :class:`TransposedConvolution`.

    Parameters
    ----------
    nb_filter, filter_size, input_shape, stride, init, activation, padding, output_padding, dilation, groups
        As of :class:`TransposedConvolution`, with three spatial axes.
    use_bias : bool
        False leaves b out.

    Examples
    --------
    >>> TransposedConv3D(4, 2, stride=2).connect((None, 3, 2, 3, 4)).out_shape
    (None, 4, 4, 6, 8)
    """

    n_axes = 3
