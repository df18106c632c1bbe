"""Convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npdl_conv import kernels
from npdl_conv.geometry import out_size, pads, spread, total_padding
from npdl_core import registry
from npdl_core.activations.base import activate, activation_vjp
from npdl_core.checks import check_bool, check_int, check_shape
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["Conv1D", "Conv3D", "Convolution"]

Array = NDArray[Any]


class Convolution(Layer):
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

    n_axes: ClassVar[int] = 2

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
        self.nb_filter = check_int("nb_filter", nb_filter, 1)
        self.filter_size = spread("filter_size", filter_size, self.n_axes)
        self.input_shape = (
            None if input_shape is None else check_shape("input_shape", input_shape, unknown=True)
        )
        self.stride = spread("stride", stride, self.n_axes)
        self.init = self.init_argument("init", init)
        self.activation = registry.get("activations", activation)
        self.padding = pads(padding, self.n_axes)
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

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make W and b, and compute the output's size."""
        shape = tuple(self.incoming_shape(prev_layer))
        if len(shape) != self.n_axes + 2:
            raise ShapeError(f"{self} needs an input of {self.n_axes + 2} axes (N, C, …), got {shape}")
        channels = shape[1]
        if channels is not None and channels % self.groups:
            raise ShapeError(f"{self}: groups={self.groups} do not divide the {channels} channels of {shape}")
        per_group = None if channels is None else channels // self.groups
        self.add_param("W", (self.nb_filter, per_group, *self.filter_size), self.init)
        if self.use_bias:
            self.add_param("b", (self.nb_filter,), "zero", decay=False)
        sizes = [None if size is None else self._out_size(axis, size) for axis, size in enumerate(shape[2:])]
        self.out_shape = (shape[0], self.nb_filter, *sizes)

    def _pads(self, sizes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
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

    def _options(self) -> dict[str, Any]:
        """Return the kernels' options that differ from their defaults."""
        ones = (1,) * self.n_axes
        options: dict[str, Any] = {} if self.stride == ones else {"stride": self.stride}
        if self.dilation != ones:
            options["dilation"] = self.dilation
        return options | ({"groups": self.groups} if self.groups != 1 else {})

    def _padded(self, input: Array, train: bool) -> Array:
        """Return the input channels last, in the layer's dtype, with zeros around it."""
        last = np.moveaxis(input, 1, -1)
        margins = self._pads(last.shape[1:-1])
        shape = (
            len(last),
            *(s + sum(m) for s, m in zip(last.shape[1:-1], margins, strict=True)),
            last.shape[-1],
        )
        padded = self.work_array("padded", shape) if train else np.empty(shape, self.dtype)
        if any(sum(margin) for margin in margins):
            padded[...] = 0
        padded[self._inside(margins, last.shape)] = last
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
        kernels.convolution_forward(padded, self._filters(), scores, **self._options())
        if self.use_bias:
            scores += self.b
        keep_scores = train and getattr(self.activation, "needs_input", True)
        output = activate(
            self.activation, scores, self.work_array("output", shape) if keep_scores else scores
        )
        if train:
            self.retain(padded, scores if keep_scores else None, output, input.shape)
        return np.moveaxis(output, -1, 1)

    def _filters(self) -> Array:
        r"""Return W as (\*K, C / groups, F), contiguous."""
        return np.ascontiguousarray(np.moveaxis(self.W, (0, 1), (-1, -2)))

    def backward(self, pre_grad: Any) -> Array | None:
        r"""Write dW and db, return the input's gradient (N, C, \*S)."""
        padded, scores, output, shape = self.retained()
        delta = self.work_array("delta", output.shape)
        activation_vjp(self.activation, np.moveaxis(pre_grad, 1, -1), scores, output, delta)
        filters = self._filters()
        dW = self.work_array("filters_grad", filters.shape)
        grad = None if self.first_layer else self.work_array("padded_grad", padded.shape)
        kernels.convolution_backward(padded, filters, delta, dW, grad, **self._options())
        self.dW = np.moveaxis(dW, (-1, -2), (0, 1))
        if self.use_bias:
            self.db = delta.reshape(-1, self.nb_filter).sum(axis=0)
        if grad is None:
            return None
        last = (shape[0], *shape[2:], shape[1])
        return np.moveaxis(grad[self._inside(self._pads(shape[2:]), last)], -1, 1)


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
