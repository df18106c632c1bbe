"""Matrices that keep lengths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import ConfigError, ShapeError, printable
from npdl_core.initializers.base import Initializer

__all__ = ["Orthogonal"]


class Orthogonal(Initializer):
    r"""Draw uniformly from the orthogonal matrices: :math:`Q Q^\top = \mathrm{gain}^2 I`.

    Q is the array seen as a matrix (size[0], product of the other sizes); if it is higher than wide, its
    columns are orthogonal instead: :math:`Q^\top Q = \mathrm{gain}^2 I`.

    Parameters
    ----------
    gain : float or "relu"
        Length of each row; ``"relu"`` is :math:`\sqrt 2`.

    Raises
    ------
    ShapeError
        On drawing, for a shape with less than two axes.

    Notes
    -----
    Source: Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural networks,
    2014; uniform by the signs of Mezzadri, How to generate random matrices, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> q = Orthogonal()((3, 4), np.random.default_rng(0), "float64")
    >>> bool(np.allclose(q @ q.T, np.eye(3)))
    True
    """

    def __init__(self, gain: float | str = 1.0) -> None:
        if isinstance(gain, str) and gain != "relu":
            raise ConfigError(f"gain must be a number or 'relu', got {printable(repr(gain), 60)}")
        self.gain = math.sqrt(2) if isinstance(gain, str) else check_float("gain", gain)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return an orthogonal array of ``shape``."""
        if len(shape) < 2:
            raise ShapeError(f"orthogonal fills arrays with two axes or more, got shape {shape}")
        n_rows, n_columns = shape[0], math.prod(shape[1:])
        gaussian = rng.standard_normal((max(n_rows, n_columns), min(n_rows, n_columns)))
        q, r = np.linalg.qr(gaussian)
        # QR fixes signs by its algorithm; those of R's diagonal make Q uniform.
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return self.gain * (q if n_rows >= n_columns else q.T).reshape(shape)
