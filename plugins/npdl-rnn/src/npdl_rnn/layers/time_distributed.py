"""Any layer, applied to every time step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer
from npdl_core.layers.masking import over_steps

__all__ = ["TimeDistributed"]

Array = NDArray[Any]


class TimeDistributed(Layer):
    r"""Apply a layer to every step of a sequence: :math:`y_t = f(x_t)`, all steps in one call of f.

    Parameters
    ----------
    layer : str, envelope or Layer
        f, for inputs (N, ...).

    Notes
    -----
    Input (N, T, ...), output (N, T, ...): the steps go through f as N·T samples, so a dense layer does one
    matrix product. Masked steps are left out of the computation, and their outputs are zero.

    Examples
    --------
    >>> layer = TimeDistributed({"name": "dense", "config": {"n_out": 5}}).connect((None, None, 3))
    >>> layer.out_shape
    (None, None, 5)
    """

    accepts_mask = True

    def __init__(self, layer: Any) -> None:
        self.add_layer("layer", layer)
        self.integer_input = self.layer.integer_input
        self.ends_with = self.layer.ends_with
        self.per_sample = getattr(self.layer, "per_sample", True)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the inner layer to one step.

        Raises
        ------
        ShapeError
            If the input has no axes (N, T, D), or the inner layer has several outputs.
        """
        shape = self.incoming_shape(prev_layer)
        if isinstance(shape, list) or len(shape) < 3:
            raise ShapeError(f"{self} needs sequences (N, T, ...), got shape {shape}")
        self.layer.connect((None, *shape[2:]))
        if isinstance(self.layer.out_shape, list):
            raise ShapeError(f"{self}: {self.layer} has several outputs; it must have one")
        self.out_shape = (*shape[:2], *self.layer.out_shape[1:])

    def forward(self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None) -> Array:
        """Return f of every step, zero where masked."""
        real = None if mask is None else over_steps(mask, input).reshape(-1)
        if real is not None and real.all():
            real = None
        rows = input.reshape(-1, *input.shape[2:])
        output = self.layer.forward(rows if real is None else rows[real], train=train)
        if train:
            self.retain(input.shape, real)
        return _spread(output, real, input.shape[:2])

    def backward(self, pre_grad: Any, **options: Any) -> Array | None:
        """Return the input's gradient, zero where masked; ``skip_activation`` goes on to f."""
        shape, real = self.retained()
        self.layer.first_layer = self.first_layer
        rows = pre_grad.reshape(-1, *pre_grad.shape[2:])
        grad = self.layer.backward(rows if real is None else rows[real], **options)
        return None if grad is None else _spread(grad, real, shape[:2])


def _spread(rows: Array, real: Array | None, steps: tuple[int, int]) -> Array:
    """Return rows (N·T, ...), or those of the real steps, as (N, T, ...)."""
    if real is not None:
        whole = np.zeros((len(real), *rows.shape[1:]), rows.dtype)
        whole[real] = rows
        rows = whole
    return rows.reshape(*steps, *rows.shape[1:])
