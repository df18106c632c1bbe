"""Maxout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.initializers.base import Given, Stacked
from npdl_core.layers.base import Layer

__all__ = ["Maxout"]


class Maxout(Layer):
    r"""The largest of several affine maps: :math:`y_j = \max_k (x W_k + b_k)_j` over the last axis.

    Parameters
    ----------
    n_out : int
        H, how many units.
    n_pieces : int
        K, how many maps compete.
    n_in : int, optional
        D, needed only by a first layer that must connect before it sees data.
    init : str, Initializer or array (K, D, H)
        How to fill each W_k.

    Notes
    -----
    Input (..., D), output (..., H); W (K, D, H), b (K, H). With :math:`\delta_k` the gradient where map k
    won (the first of tied ones), else 0: :math:`dW_k = x^\top \delta_k`, :math:`db_k = \sum \delta_k`,
    :math:`dx = \sum_k \delta_k W_k^\top`.
    Source: Goodfellow et al., Maxout networks, 2013.

    Raises
    ------
    MissingShapeError
        On connecting, if the last axis of the input is not known.

    Examples
    --------
    >>> Maxout(4).connect((None, 3)).W.shape
    (2, 3, 4)
    """

    def __init__(
        self, n_out: int, n_pieces: int = 2, n_in: int | None = None, init: Any = "glorot_uniform"
    ) -> None:
        self.n_out = check_int("n_out", n_out, 1)
        self.n_pieces = check_int("n_pieces", n_pieces, 1)
        self.n_in = None if n_in is None else check_int("n_in", n_in, 1)
        self.init = self.init_argument("init", init)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make W and b; each piece is drawn with the fans of a dense layer."""
        shape = self.single_shape(prev_layer)
        each = self.init if isinstance(self.init, Given) else Stacked(self.init)
        self.add_param("W", (self.n_pieces, shape[-1], self.n_out), each)
        self.add_param("b", (self.n_pieces, self.n_out), "zero", decay=False)
        self.out_shape = (*shape[:-1], self.n_out)

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return the largest scores, (..., H) for input (..., D)."""
        rows = input.reshape(-1, input.shape[-1])
        shape = (self.n_pieces, rows.shape[0], self.n_out)
        scores = self.work_array("scores", shape) if train else np.empty(shape, self.dtype)
        np.matmul(rows, self.W, out=scores, casting="same_kind")
        scores += self.b[:, None]
        winner = scores.argmax(axis=0)
        if train:
            self.retain(rows, winner)
        return np.reshape(scores.max(axis=0), (*input.shape[:-1], self.n_out))

    def backward(self, pre_grad: Any) -> NDArray[Any] | None:
        """Write dW and db, return dx (..., D)."""
        rows, winner = self.retained()
        delta = self.work_array("scores", (self.n_pieces, *winner.shape))
        won = winner == np.arange(self.n_pieces)[:, None, None]
        np.multiply(won, pre_grad.reshape(-1, self.n_out), out=delta, casting="same_kind")
        np.matmul(rows.T, delta, out=self.dW, casting="same_kind")
        np.sum(delta, axis=1, out=self.db)
        if self.first_layer:
            return None
        grad = np.matmul(delta, np.swapaxes(self.W, 1, 2)).sum(axis=0)
        return np.reshape(grad, (*pre_grad.shape[:-1], rows.shape[1]))
