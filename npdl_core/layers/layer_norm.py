"""Standardising each sample over its features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer

__all__ = ["LayerNorm", "RMSNorm"]


class _LastAxes(Layer):
    """Standardises each sample over its last axes; training and inference are the same."""

    centred = False
    use_bias = False

    def __init__(self, epsilon: float = 1e-5, n_axes: int = 1) -> None:
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.n_axes = check_int("n_axes", n_axes, 1)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make gamma and, with a bias, beta."""
        shape = self.single_shape(prev_layer)
        if self.n_axes >= len(shape):
            raise ShapeError(
                f"{self}: n_axes={self.n_axes} leaves no batch axis of an input of shape {shape}"
            )
        self.add_param("gamma", shape[-self.n_axes :], "one", decay=False)
        if self.use_bias:
            self.add_param("beta", shape[-self.n_axes :], "zero", decay=False)
        self.out_shape = shape

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return the standardised input, of the same shape."""
        rows = input.reshape(-1, self.gamma.size)
        scaled = self.work_array("scaled", rows.shape) if train else np.empty(rows.shape, self.dtype)
        out = self.work_array("output", rows.shape) if train else scaled
        if self.centred:
            rows = np.subtract(rows, _means(rows), out=scaled, casting="same_kind")
        inverse = 1 / np.sqrt(np.vecdot(rows, rows)[:, None] / self.gamma.size + self.epsilon)
        np.multiply(rows, inverse, out=scaled, casting="same_kind")
        if train:
            self.retain(scaled, inverse)
        np.multiply(scaled, self.gamma.reshape(-1), out=out)
        if self.use_bias:
            out += self.beta.reshape(-1)
        return np.reshape(out, input.shape)

    def backward(self, pre_grad: Any) -> NDArray[Any]:
        """Write the gradients of gamma and beta, return the input's gradient."""
        scaled, inverse = self.retained()
        rows = pre_grad.reshape(scaled.shape)
        np.einsum("md,md->d", rows, scaled, out=self.dgamma.reshape(-1), casting="same_kind")
        if self.use_bias:
            np.sum(rows, axis=0, out=self.dbeta.reshape(-1))
        grad = np.multiply(rows, self.gamma.reshape(-1), out=self.work_array("input_grad", scaled.shape))
        slope = np.vecdot(grad, scaled)[:, None] / self.gamma.size
        part = np.multiply(scaled, slope, out=self.work_array("part", scaled.shape))
        if self.centred:
            part += _means(grad)
        grad -= part
        grad *= inverse
        return np.reshape(grad, pre_grad.shape)


class LayerNorm(_LastAxes):
    r"""Standardise each sample over its features: :math:`y = \gamma \hat x + \beta`.

    :math:`\hat x = (x - \mu) / \sqrt{v + \epsilon}`.

    Parameters
    ----------
    epsilon : float
        Keeps the root away from 0.
    n_axes : int
        How many of the last axes are averaged over.
    use_bias : bool
        False leaves beta out.

    Notes
    -----
    Output: the input's shape; gamma, beta: the shape of the last ``n_axes`` axes, D numbers. With g the
    gradient of y and :math:`h = \gamma g`: :math:`d\gamma = \sum g \hat x`, :math:`d\beta = \sum g`,
    :math:`dx = (h - \tfrac1D \sum h - \hat x \tfrac1D \sum h \hat x) / \sqrt{v + \epsilon}`.
    Source: Ba, Kiros and Hinton, Layer normalization, 2016.

    Raises
    ------
    ShapeError
        On connecting, if ``n_axes`` leaves no batch axis.

    Examples
    --------
    >>> import numpy as np
    >>> LayerNorm().connect((None, 2)).forward(np.array([[1.0, 3.0]])).round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    centred = True

    def __init__(self, epsilon: float = 1e-5, n_axes: int = 1, use_bias: bool = True) -> None:
        super().__init__(epsilon, n_axes)
        self.use_bias = check_bool("use_bias", use_bias)


class RMSNorm(_LastAxes):
    r"""Scale each sample to unit mean square: :math:`y = \gamma \hat x`.

    :math:`\hat x = x / \sqrt{\tfrac1D \sum_j x_j^2 + \epsilon}`.

    Parameters
    ----------
    epsilon : float
        Keeps the root away from 0.
    n_axes : int
        How many of the last axes are averaged over.

    Notes
    -----
    Output: the input's shape; gamma: the shape of the last ``n_axes`` axes, D numbers. With g the gradient
    of y and :math:`h = \gamma g`: :math:`d\gamma = \sum g \hat x`,
    :math:`dx = (h - \hat x \tfrac1D \sum h \hat x) / \sqrt{\tfrac1D \sum_j x_j^2 + \epsilon}`.
    Source: Zhang and Sennrich, Root mean square layer normalization, 2019.

    Raises
    ------
    ShapeError
        On connecting, if ``n_axes`` leaves no batch axis.

    Examples
    --------
    >>> import numpy as np
    >>> RMSNorm().connect((None, 2)).forward(np.array([[3.0, 3.0]])).round(3)
    array([[1., 1.]], dtype=float32)
    """


def _means(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the mean of each row as a column."""
    # A product with a vector is several times faster than mean().
    return np.asarray(rows @ np.ones((rows.shape[1], 1), rows.dtype) / rows.shape[1])
