"""Initializers without randomness."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import ShapeError
from npdl_core.initializers.base import Initializer

__all__ = ["Constant", "Identity", "One", "Zero"]


class Zero(Initializer):
    """All zeros, the usual start of biases; any shape.

    Examples
    --------
    >>> Zero()((2,))
    array([0., 0.], dtype=float32)
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return zeros of ``shape``."""
        return np.zeros(shape)


class One(Initializer):
    """All ones, the usual start of gains; any shape.

    Examples
    --------
    >>> One()((2,))
    array([1., 1.], dtype=float32)
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return ones of ``shape``."""
        return np.ones(shape)


class Constant(Initializer):
    """All the same number; any shape.

    Parameters
    ----------
    value : float
        The number.

    Examples
    --------
    >>> Constant(0.5)(2)
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = check_float("value", value)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return the number, ``shape`` times."""
        return np.full(shape, self.value)


class Identity(Initializer):
    """Ones on the diagonal, zeros elsewhere, times a gain; a matrix (n_in, n_out).

    Parameters
    ----------
    gain : float
        The factor.

    Notes
    -----
    Source for recurrent weights: Le et al., A simple way to initialize recurrent networks of rectified linear
    units, 2015.

    Examples
    --------
    >>> Identity()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_float("gain", gain)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return the identity of ``shape`` times the gain.

        Raises
        ------
        ShapeError
            If ``shape`` does not have two sizes.
        """
        if len(shape) != 2:
            raise ShapeError(f"identity fills matrices, got shape {shape}; use another initializer for it")
        return self.gain * np.eye(*shape)
