"""A constraint on the weights of each unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float, check_int
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.optimizers.arguments import check_update
from npdl_core.optimizers.base import Arrays
from npdl_optim.wrappers.base import Wrapper

__all__ = ["MaxNorm"]


class MaxNorm(Wrapper):
    r"""After every update, shorten the weight vectors that became too long.

    :math:`w \leftarrow w \cdot \min(1, c / \lVert w \rVert)` for each vector w of each parameter of at least
    two dimensions; biases and gains are left alone.

    Parameters
    ----------
    optimizer : str, envelope or instance
        The optimizer that updates.
    max_norm : float
        c, above 0.
    axis : int or list of int, optional
        The axes that make up one vector. 1 takes each row of a matrix, the embedding of each word for
        example. By default, the incoming weights of each unit: of a matrix W (n_in, n_out) each column (what
        is a row in Torch's layout), of a convolution's W (n_filters, C, …) each filter.

    Raises
    ------
    ShapeError
        Before an update, if a parameter does not have these axes.

    Notes
    -----
    Source: Srivastava et al., Dropout, 2014; dpnn's ``maxParamNorm``. It needs whole tensors, so
    ``elementwise`` is False: a model passes each parameter by itself.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[3.0, 0.1], [4.0, 0.1]])
    >>> MaxNorm("sgd", max_norm=1.0).update([W], [np.zeros((2, 2))])
    >>> W
    array([[0.6, 0.1],
           [0.8, 0.1]])
    """

    def __init__(
        self, optimizer: Any = "sgd", max_norm: float = 2.0, axis: int | list[int] | None = None
    ) -> None:
        self.max_norm = check_float("max_norm", max_norm, 0, above=True)
        self.axis = None if axis is None else _check_axes(axis)
        super().__init__(optimizer)

    @property
    def elementwise(self) -> bool:
        """False: vectors must be seen whole."""
        return False

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Let the optimizer update, then shorten."""
        check_update(self, params, grads, decay)
        axes = [self._axes(p.ndim) if p.ndim > 1 else () for p in params]
        if self.step(params, grads, decay):
            for p, reduced in zip(params, axes, strict=True):
                if reduced:
                    self._shorten(p, reduced)

    def _axes(self, ndim: int) -> tuple[int, ...]:
        if self.axis is None:
            return (0,) if ndim == 2 else tuple(range(1, ndim))
        if any(not -ndim <= axis < ndim for axis in self.axis):
            raise ShapeError(
                f"max_norm: axis {list(self.axis)} is not there in a parameter of {ndim} dimensions"
            )
        return tuple({axis % ndim for axis in self.axis})

    def _shorten(self, p: NDArray[Any], reduced: tuple[int, ...]) -> None:
        letters = list(range(p.ndim))
        kept = [axis for axis in letters if axis not in reduced]
        squares = np.einsum(p, letters, p, letters, kept, dtype=np.float64, casting="same_kind")
        norms = np.sqrt(np.expand_dims(squares, reduced))
        factors = self.max_norm / np.maximum(norms, self.max_norm)
        np.multiply(p, factors, out=p, casting="same_kind")


def _check_axes(axis: Any) -> tuple[int, ...]:
    if isinstance(axis, (list, tuple)):
        if not axis:
            raise ConfigError("max_norm: axis must name at least one axis")
        return tuple(check_int("axis", item) for item in axis)
    return (check_int("axis", axis),)
