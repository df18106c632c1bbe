"""The contract of an initializer."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.checks import check_shape
from npdl_core.component import Component
from npdl_core.errors import ShapeError
from npdl_core.utils.defaults import get_dtype, get_rng

__all__ = ["Given", "Initializer", "InitializerProtocol", "Stacked", "as_initializer", "fans"]


@runtime_checkable
class InitializerProtocol(Protocol):
    """What ``add_param`` relies on."""

    def __call__(self, shape: tuple[int, ...], rng: Any = None, dtype: Any = "float32") -> NDArray[Any]:
        """Return a new array."""


class Initializer(Component):
    """A rule that fills a new array; subclasses define :meth:`sample`.

    Examples
    --------
    >>> from npdl_core.initializers import Uniform
    >>> Uniform(0.1)((2, 3)).dtype
    dtype('float32')
    """

    kind: ClassVar[str] = "initializers"

    @abstractmethod
    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return a float64 array of ``shape`` drawn with ``rng``."""

    def __call__(
        self, shape: Any, rng: np.random.Generator | None = None, dtype: Any = "float32"
    ) -> NDArray[Any]:
        """Return a new array of ``shape`` (a size stands for a vector) and ``dtype``.

        The draw is made in float64 and then rounded, so a seed gives the same numbers in either dtype.
        Without ``rng`` the default generator draws; :func:`npdl_core.utils.set_seed` makes it reproducible.
        """
        sizes = check_shape("shape", (shape,) if np.ndim(shape) == 0 else tuple(shape), minimum=0)
        generator = get_rng() if rng is None else rng
        return np.asarray(self.sample(tuple(int(s or 0) for s in sizes), generator), dtype=dtype, order="C")

    def init(self, size: Any) -> NDArray[Any]:
        """Return a new array of ``size`` in the default dtype, by the default generator (NumpyDL's name)."""
        return self(size, get_rng(), get_dtype())

    call = init


class Given(Initializer):
    """Fill with a copy of given numbers.

    Parameters
    ----------
    values : array_like
        The numbers; the shape asked for must be theirs.

    Examples
    --------
    >>> Given([1.0, 2.0])((2,))
    array([1., 2.], dtype=float32)
    """

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return the numbers.

        Raises
        ------
        ShapeError
            If ``shape`` is not theirs.
        """
        if self.values.shape != shape:
            raise ShapeError(f"given values have shape {self.values.shape}, shape {shape} is needed")
        return self.values.copy()


class Stacked(Initializer):
    """Fill each ``array[k]`` by itself, so that its fans are those of one of the stacked weight arrays.

    Parameters
    ----------
    each : Initializer
        Fills one array.

    Examples
    --------
    >>> from npdl_core.initializers import GlorotUniform
    >>> Stacked(GlorotUniform())((4, 3, 2)).shape
    (4, 3, 2)
    """

    def __init__(self, each: Any) -> None:
        self.each = each

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        return np.stack([self.each(shape[1:], rng, "float64") for _ in range(shape[0])])


def as_initializer(init: Any) -> Any:
    """Return an initializer for a name, envelope, instance, or the array to copy."""
    if isinstance(init, np.ndarray):
        return Given(init)
    return registry.get("initializers", init)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return fan-in and fan-out of a weight array.

    Dense weights are (n_in, n_out); convolution weights (n_out, n_in, *kernel) multiply both by the kernel's
    size. A vector or a scalar counts the square root of its size on both sides.

    Examples
    --------
    >>> fans((3, 5)), fans((8, 3, 5, 5))
    ((3, 5), (75, 200))
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) >= 3:
        receptive = math.prod(shape[2:])
        return shape[1] * receptive, shape[0] * receptive
    both = math.sqrt(math.prod(shape))
    return both, both
