"""Layers that hand their input on unchanged."""

from __future__ import annotations

from typing import Any

from npdl_core.checks import check_bool, check_shape
from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer

__all__ = ["Identity", "Input"]


class Identity(Layer):
    r"""Return the input: :math:`y = x`, any shape.

    Examples
    --------
    >>> import numpy as np
    >>> Identity().connect((None, 2)).forward(np.ones((1, 2)))
    array([[1., 1.]])
    """

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return ``input``."""
        return input

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad``."""
        return pre_grad


class Input(Identity):
    """State the input's shape, so that a model connects before it sees data.

    Parameters
    ----------
    shape : sequence of (int or None)
        Shape of one sample, without the batch axis: ``(64,)``, ``(None, 12)`` for sequences of any length.
    integer : bool
        The input holds ids, which stay integers.

    Examples
    --------
    >>> layer = Input((28, 28))
    >>> layer.connect_to()
    >>> layer.out_shape
    (None, 28, 28)
    """

    def __init__(self, shape: Any, integer: bool = False) -> None:
        self.shape = check_shape("shape", shape, unknown=True)
        self.integer_input = check_bool("integer", integer)

    def declared_input_shape(self) -> tuple[int | None, ...]:
        """Return the given shape behind a batch axis of any size."""
        return (None, *self.shape)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Check that the incoming shape is the declared one.

        Raises
        ------
        ShapeError
            If it is not.
        """
        came = self.incoming_shape(prev_layer)
        declared = self.declared_input_shape()
        fits = len(came) == len(declared) and all(
            a is None or b is None or a == b for a, b in zip(came, declared, strict=True)
        )
        if not fits:
            raise ShapeError(f"input: declared shape {declared}, got data of shape {tuple(came)}")
        self.out_shape = came
