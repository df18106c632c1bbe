"""From whole arrays to a training and a test part: split, scaling, one-hot labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from npdl_core.checks import check_bool, check_choice, check_float, check_int
from npdl_core.errors import DataError
from npdl_data.formats.bounded import check_budget

__all__ = [
    "SCALES",
    "Part",
    "Scaling",
    "Split",
    "check_scale",
    "fit_scaling",
    "one_hot",
    "one_hot_labels",
    "scale_parts",
]

#: ``(X, Y)``, or ``(X, Y, mask)`` where sequences differ in length.
Part = tuple[NDArray[Any], ...]

SCALES = ("unit", "standard", "none")


def check_scale(scale: Any) -> str:
    """Return ``scale`` if it is one of :data:`SCALES`."""
    return check_choice("scale", scale, SCALES)


@dataclass(frozen=True)
class Split:
    """Which samples are for training and which for testing.

    Parameters
    ----------
    test_split : float
        The fraction of the samples in the test part, in [0, 1): the last ``int(N * test_split)`` ones.
    shuffle : bool
        Whether the samples are put in a random order first.
    seed : int
        Decides that order.

    Examples
    --------
    >>> Split(0.25).indices(4)
    (array([0, 1, 2]), array([3]))
    """

    test_split: float = 0.1
    shuffle: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the arguments."""
        check_float("test_split", self.test_split, 0, 1, below=True)
        check_bool("shuffle", self.shuffle)
        check_int("seed", self.seed, 0)

    def n_test(self, n: int) -> int:
        """Return how many of ``n`` samples the test part gets.

        Raises
        ------
        DataError
            If either part would be empty although it should not be.
        """
        # Without the margin 0.29 of 100 samples would be 28.
        n_test = int(n * self.test_split + 1e-9)
        if n_test >= n or (self.test_split and not n_test):
            empty = "training" if n_test >= n else "test"
            raise DataError(
                f"{n} samples and test_split={self.test_split} leave no {empty} sample; "
                "change test_split, where 0 means no test part"
            )
        return n_test

    def order(self, n: int) -> NDArray[np.intp]:
        """Return the order ``(n,)`` in which samples are taken."""
        return np.random.default_rng(self.seed).permutation(n) if self.shuffle else np.arange(n)

    def indices(self, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the indices of the training and of the test samples."""
        order, n_train = self.order(n), n - self.n_test(n)
        return order[:n_train], order[n_train:]

    def parts(self, *arrays: NDArray[Any]) -> tuple[Part, Part]:
        """Return the training and the test part of arrays that share their first axis, as copies."""
        train, test = self.indices(len(arrays[0]))
        return tuple(array[train] for array in arrays), tuple(array[test] for array in arrays)

    def shuffled(self, part: Part) -> Part:
        """Return a part with its samples in this split's order."""
        order = self.order(len(part[0]))
        return tuple(array[order] for array in part) if self.shuffle else part


@dataclass(frozen=True)
class Scaling:
    r"""The map :math:`x \mapsto (x - \text{offset}) / \text{factor}`.

    Examples
    --------
    >>> scaling = Scaling(offset=1.0, factor=2.0)
    >>> scaling([1.0, 5.0])
    array([0., 2.])
    >>> scaling.inverse([0.0, 2.0])
    array([1., 5.])
    """

    offset: NDArray[np.float64] | float = 0.0
    factor: NDArray[np.float64] | float = 1.0

    def __call__(self, x: ArrayLike) -> NDArray[Any]:
        """Return scaled values in a new array, of float32 for float32 and small integers, else of float64."""
        values = np.asarray(x)
        scaled = values.astype(np.result_type(values.dtype, np.float32))
        scaled -= self.offset
        scaled /= self.factor
        return scaled

    def inverse(self, x: ArrayLike) -> NDArray[Any]:
        """Return the values that scaled to ``x``."""
        values = np.asarray(x)
        return (values * self.factor + self.offset).astype(np.result_type(values.dtype, np.float32))


def fit_scaling(
    x: NDArray[Any], scale: str, *, full_scale: float | None = None, per_feature: bool = True
) -> Scaling:
    """Return the scaling that the values ``x``, of the training part, ask for.

    Parameters
    ----------
    x : ndarray
        ``(…, D)``.
    scale : {"unit", "standard", "none"}
        ``"unit"`` divides by ``full_scale``, or without one by the largest magnitude; ``"standard"``
        subtracts the mean and divides by the standard deviation. What is constant is divided by 1.
    full_scale : float, optional
        The largest value that this kind of data can have.
    per_feature : bool
        Statistics of each entry of the last axis, or of all values together.
    """
    axis = tuple(range(x.ndim - 1)) if per_feature and x.ndim > 1 else None
    if scale == "none":
        return Scaling()
    if scale == "unit" and full_scale is not None:
        return Scaling(factor=full_scale)
    high, low = x.max(axis=axis), x.min(axis=axis)
    if scale == "unit":
        largest = np.maximum(np.abs(high.astype(np.float64)), np.abs(low.astype(np.float64)))
        return Scaling(factor=np.where(largest > 0, largest, 1.0))
    deviation = x.std(axis=axis, dtype=np.float64)
    return Scaling(x.mean(axis=axis, dtype=np.float64), np.where(high > low, deviation, 1.0))


def scale_parts(
    train: Part,
    test: Part,
    scale: str,
    *,
    full_scale: float | None = None,
    per_feature: bool = True,
    dtype: DTypeLike = np.float32,
) -> tuple[Part, Part]:
    """Return both parts with the X of each scaled by statistics of the training part, at its real steps only.

    Parameters
    ----------
    train, test : tuple of ndarray
        ``(X, Y)`` or ``(X, Y, mask)``; padding stays zero.
    scale, full_scale, per_feature
        As :func:`fit_scaling`.
    dtype : dtype
        Of the scaled X.
    """
    X = train[0]
    real = X[train[2]] if len(train) > 2 else X
    scaling = fit_scaling(real, scale, full_scale=full_scale, per_feature=per_feature)
    return _scaled(train, scaling, dtype), _scaled(test, scaling, dtype)


def _scaled(part: Part, scaling: Scaling, dtype: DTypeLike) -> Part:
    X = scaling(part[0]).astype(dtype, copy=False)
    if len(part) > 2:
        X[~part[2]] = 0
    return (X, *part[1:])


def one_hot_labels(part: Part, n_classes: int) -> Part:
    """Return a part whose class ids ``(N,)`` are one-hot rows ``(N, C)`` of float32."""
    return (part[0], one_hot(part[1], n_classes), *part[2:])


def one_hot(ids: NDArray[Any], n_classes: int) -> NDArray[np.float32]:
    """Return ids ``(…)`` as one-hot rows ``(…, n_classes)``, after a check of the size."""
    check_budget(ids.size * n_classes * 4, f"one-hot rows of {n_classes} classes", "use integer ids")
    # In float32 from the start: for text these are the largest arrays.
    rows = np.zeros((*ids.shape, n_classes), dtype=np.float32)
    np.put_along_axis(rows, ids[..., None], 1, axis=-1)
    return rows
