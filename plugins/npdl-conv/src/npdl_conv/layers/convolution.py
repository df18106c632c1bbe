"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv import kernels
from npdl_conv.geometry import Pads, out_size, pads, total_padding
from npdl_conv.layers.filters import Filters
from npdl_conv.threads import over_batch

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

    def _padded(self, input: Array, train: bool) -> Array:
        """Return the input channels last, in the layer's dtype, with zeros around it."""
        last = np.moveaxis(input, 1, -1)
        margins = self.margins(last.shape[1:-1])
        shape = (
            len(last),
            *(s + sum(m) for s, m in zip(last.shape[1:-1], margins, strict=True)),
            last.shape[-1],
        )
        if not any(map(sum, margins)):
            return np.ascontiguousarray(last, self.dtype)
        padded = self.work_array("padded", shape) if train else np.empty(shape, self.dtype)
        inside = self._inside(margins, last.shape)

        def images(part: slice) -> None:
            mine = padded[part]
            for axis, (before, after) in enumerate(margins, 1):
                along = np.moveaxis(mine, axis, 0)
                along[:before] = along[len(along) - after :] = 0
            mine[inside] = last[part]

        over_batch(len(last), last.size, images)
        return padded

    @staticmethod
    def _inside(margins: tuple[tuple[int, int], ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
        inner = (slice(before, before + size) for (before, _), size in zip(margins, shape[1:-1], strict=True))
        return (slice(None), *inner, slice(None))

    def forward(self, input: Any, train: bool = True) -> Array:
        r"""Return the activated maps (N, F, \*O) for input (N, C, \*S); a view of channels-last memory."""
        padded = self._padded(input, train)
        sizes = [self._out_size(axis, size) for axis, size in enumerate(input.shape[2:])]
        shape = (len(input), *sizes, self.nb_filter)
        scores = self.work_array("scores", shape) if train else np.empty(shape, self.dtype)
        kernels.convolution_forward(padded, self.filters_last(), scores, **self.kernel_options())
        output, kept = self.activated(scores, train)
        if train:
            self.retain(padded, kept, output, input.shape)
        return np.moveaxis(output, -1, 1)

    def backward(self, pre_grad: Any) -> Array | None:
        r"""Write dW and db, return the input's gradient (N, C, \*S)."""
        padded, scores, output, shape = self.retained()
        delta = self.scores_grad(pre_grad, scores, output)
        filters = self.filters_last()
        dW = self.work_array("filters_grad", filters.shape)
        options, margins = self.kernel_options(), self.margins(shape[2:])
        if any(map(sum, margins)):
            options["crop"] = margins
        grad_shape = (shape[0], *shape[2:], shape[1])
        grad = None if self.first_layer else self.work_array("input_grad", grad_shape)
        kernels.convolution_backward(padded, filters, delta, dW, grad, **options)
        self.dW = np.moveaxis(dW, (-1, -2), (0, 1))
        return None if grad is None else np.moveaxis(grad, -1, 1)


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
