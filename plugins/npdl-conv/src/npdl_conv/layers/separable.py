"""Convolutions that look at one channel at a time."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from npdl_conv.layers.convolution import Convolution
from npdl_core.checks import check_int
from npdl_core.errors import MissingShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["Depthwise", "Separable"]

Array = NDArray[Any]


class Depthwise(Convolution):
    r"""Filters of their own for every channel: :math:`y_{n,cM+m,o} = f(\sum_k x_{n,c,o s+k d-p} W_{cM+m,k})`.

    Parameters
    ----------
    filter_size : int or (int, int)
        Height and width of a filter.
    multiplier : int
        M, how many filters each channel has.
    input_shape, stride, init, activation, padding, dilation, use_bias
        As of :class:`npdl_conv.layers.convolution.Convolution`.

    Notes
    -----
    Input (N, C, H, W), output (N, C·M, O_h, O_w); W (C·M, 1, \*filter_size), b (C·M,): a convolution with as
    many groups as channels.

    Raises
    ------
    MissingShapeError
        On connecting, if the number of channels is not known.

    Examples
    --------
    >>> Depthwise(3, multiplier=2).connect((None, 4, 8, 8)).out_shape
    (None, 8, 6, 6)
    """

    def __init__(
        self,
        filter_size: Any,
        multiplier: int = 1,
        input_shape: Any = None,
        stride: Any = 1,
        init: Any = "glorot_uniform",
        activation: Any = "relu",
        padding: Any = 0,
        dilation: Any = 1,
        use_bias: bool = True,
    ) -> None:
        self.multiplier = check_int("multiplier", multiplier, 1)
        super().__init__(
            self.multiplier,
            filter_size,
            input_shape,
            stride,
            init,
            activation,
            padding,
            dilation,
            1,
            use_bias,
        )

    def images_shape(self, prev_layer: Any) -> Shape:
        """Return the input's shape; as many groups as it has channels."""
        shape = super().images_shape(prev_layer)
        if shape[1] is None:
            raise MissingShapeError(f"{self}: the number of channels must be known, got the shape {shape}")
        self.groups, self.nb_filter = shape[1], shape[1] * self.multiplier
        return shape

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make W and b, and compute the output's size."""
        self.groups = 1  # an earlier connection does not bind
        super().connect_to(prev_layer)


class Separable(Layer):
    """A depthwise convolution without bias or activation, then a 1x1 convolution with both.

    Parameters
    ----------
    nb_filter : int
        F, how many filters the 1x1 convolution has.
    filter_size : int or (int, int)
        Height and width of the depthwise filters.
    multiplier : int
        How many depthwise filters each channel has.
    input_shape, stride, init, activation, padding, dilation, use_bias
        As of :class:`npdl_conv.layers.convolution.Convolution`.

    Notes
    -----
    Input (N, C, H, W), output (N, F, O_h, O_w). Children: ``depthwise``, ``pointwise``.
    Source: Chollet, Xception: deep learning with depthwise separable convolutions, 2017.

    Examples
    --------
    >>> layer = Separable(8, 3).connect((None, 4, 8, 8))
    >>> layer.out_shape, sum(array.size for array in layer.params)  # 4 · 9 + 8 · 4 + 8; not 8 · 4 · 9 + 8
    ((None, 8, 6, 6), 76)
    """

    def __init__(
        self,
        nb_filter: int,
        filter_size: Any,
        multiplier: int = 1,
        input_shape: Any = None,
        stride: Any = 1,
        init: Any = "glorot_uniform",
        activation: Any = "relu",
        padding: Any = 0,
        dilation: Any = 1,
        use_bias: bool = True,
    ) -> None:
        spatial = Depthwise(
            filter_size, multiplier, input_shape, stride, init, "linear", padding, dilation, use_bias=False
        )
        self.add_layer("depthwise", spatial)
        self.add_layer(
            "pointwise",
            Convolution(nb_filter, 1, init=init, activation=activation, use_bias=use_bias),
        )

    def declared_input_shape(self) -> Shape | None:
        """Return the declared shape behind a batch axis."""
        return self.depthwise.declared_input_shape()  # type: ignore[no-any-return]

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect both."""
        self.depthwise.connect(self.incoming_shape(prev_layer))
        self.pointwise.connect_to(self.depthwise)
        self.out_shape = self.pointwise.out_shape

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the activated maps (N, F, O_h, O_w)."""
        maps: Array = self.pointwise.forward(self.depthwise.forward(input, train), train)
        return maps

    def backward(self, pre_grad: Any) -> Array | None:
        """Write both gradients, return the input's."""
        self.depthwise.first_layer = self.first_layer
        grad: Array | None = self.depthwise.backward(self.pointwise.backward(pre_grad))
        return grad
