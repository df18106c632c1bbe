"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv import kernels
from npdl_conv.geometry import Pads, channels_first, channels_last, out_size, pads, total_padding
from npdl_conv.layers.filters import Filters

__all__ = ["Conv1D", "Conv3D", "Convolution"]

Array = NDArray[Any]


class Convolution(Filters):
    r"""Convolution of images: :math:`y_{n,f,o} = f(\sum_{c,k} x_{n,c,o s + k d - p} W_{f,c,k} + b_f)`.

    It is cross-correlation, as in all libraries: filters are not flipped.

    Parameters
    ----------
    nb_filter : int
        F, how many filters.
    filter_size : int or (int, int)
        Height and width of a filter.
    input_shape : sequence of int, optional
        (C, H, W), with or without a batch axis; needed only by a first layer that must connect before it sees
        data.
    stride : int or (int, int)
        Steps between windows; what does not fill a last window is left out.
    init : str, Initializer or array
        How to fill W; b starts at zero.
    activation : str or Activation
        f.
    padding : int, (int, int), ((int, int), (int, int)), ``"same"`` or ``"valid"``
        Zeros around the input: for all sides, for each axis, or before and after each axis; ``"same"`` makes
        the output ⌈input / stride⌉ long.
    dilation : int or (int, int)
        Steps between the entries of a filter.
    groups : int
        Channels and filters fall into this many independent groups.
    use_bias : bool
        False leaves b out.

    Notes
    -----
    Input (N, C, H, W), output (N, F, O_h, O_w) with O = ⌊(W - K + 2P) / S⌋ + 1; W (F, C / groups,
    \*filter_size), b (F,).

    Raises
    ------
    ShapeError
        On connecting, if no window fits; the message has the axis and the numbers.

    Examples
    --------
    >>> Convolution(8, (3, 3), padding=1).connect((None, 3, 32, 32)).out_shape
    (None, 8, 32, 32)
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
        dilation: Any = 1,
        groups: int = 1,
        use_bias: bool = True,
    ) -> None:
        super().__init__(
            nb_filter, filter_size, input_shape, stride, init, activation, dilation, groups, use_bias
        )
        self.padding = pads(padding, self.n_axes)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make W and b, and compute the output's size."""
        shape = self.images_shape(prev_layer)
        self.make_params(self.nb_filter, None if shape[1] is None else shape[1] // self.groups)
        sizes = [None if size is None else self._out_size(axis, size) for axis, size in enumerate(shape[2:])]
        self.out_shape = (shape[0], self.nb_filter, *sizes)

    def margins(self, sizes: tuple[int, ...]) -> Pads:
        """Return the padding before and after each axis of an input."""
        if not isinstance(self.padding, str):
            return self.padding
        geometry = zip(sizes, self.filter_size, self.stride, self.dilation, strict=True)
        return tuple(total_padding(*numbers) for numbers in geometry)

    def _out_size(self, axis: int, size: int) -> int:
        kernel, stride, dilation = self.filter_size[axis], self.stride[axis], self.dilation[axis]
        padding = (
            total_padding(size, kernel, stride, dilation)
            if isinstance(self.padding, str)
            else self.padding[axis]
        )
        return out_size(str(self), axis + 2, size, kernel, stride, dilation, padding)

    def _options(self, sizes: tuple[int, ...]) -> dict[str, Any]:
        """Return the options of both kernels for an input of these sizes."""
        margins = self.margins(sizes)
        return self.kernel_options() | ({"padding": margins} if any(map(sum, margins)) else {})

    def forward(self, input: Any, train: bool = True) -> Array:
        r"""Return the activated maps (N, F, \*O) for input (N, C, \*S); a view of channels-last memory."""
        last = np.ascontiguousarray(channels_last(input), self.dtype)
        options = self._options(last.shape[1:-1])
        if self.use_bias:
            options["bias"] = self.b
        if self.rectifies:
            options["rectify"] = True
        sizes = [self._out_size(axis, size) for axis, size in enumerate(last.shape[1:-1])]
        shape = (len(last), *sizes, self.nb_filter)
        scores = self.work_array("scores", shape) if train else np.empty(shape, self.dtype)
        filters = self.filters_last()
        kernels.convolution_forward(last, filters, scores, **options)
        output, kept = (scores, None) if self.rectifies else self.activated(scores, train)
        if train:
            self.retain(last, filters, kept, output)
        return channels_first(output)

    def backward(self, pre_grad: Any) -> Array | None:
        r"""Write dW and db, return the input's gradient (N, C, \*S)."""
        last, filters, scores, output = self.retained()
        options = self._options(last.shape[1:-1])
        if self.use_bias:
            options["db"] = self.db
        if self.rectifies:
            delta = np.ascontiguousarray(channels_last(pre_grad), self.dtype)
            options["rectified"] = output
        else:
            delta = self.scores_grad(pre_grad, scores, output)
        dW = self.work_array("filters_grad", filters.shape)
        grad = None if self.first_layer else self.work_array("input_grad", last.shape)
        kernels.convolution_backward(last, filters, delta, dW, grad, **options)
        self.set_filters_grad(dW)
        return None if grad is None else channels_first(grad)


class Conv1D(Convolution):
    """Convolution of signals (N, C, L); everything else as :class:`Convolution`.

    Parameters
    ----------
    nb_filter, filter_size, input_shape, stride, init, activation, padding, dilation, groups, use_bias
        As of :class:`Convolution`, with one spatial axis.

    Examples
    --------
    >>> Conv1D(4, 3).connect((None, 2, 10)).out_shape
    (None, 4, 8)
    """

    n_axes = 1


class Conv3D(Convolution):
    """Convolution of volumes (N, C, D, H, W); everything else as :class:`Convolution`.

    Parameters
    ----------
    nb_filter, filter_size, input_shape, stride, init, activation, padding, dilation, groups, use_bias
        As of :class:`Convolution`, with three spatial axes.

    Examples
    --------
    >>> Conv3D(4, 3, padding="same").connect((None, 2, 5, 6, 7)).out_shape
    (None, 4, 5, 6, 7)
    """

    n_axes = 3
