"""Time series: utterances of different lengths, and a forecasting series."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_int
from npdl_core.datasets import Dataset
from npdl_core.errors import DataError, StateError, printable
from npdl_data.formats.bounded import check_budget, open_bounded
from npdl_data.formats.table import read_rows
from npdl_data.formats.ts import LabelledSeries, read_ts
from npdl_data.installed import data_file, keep_optional_path
from npdl_data.parts import Part, Scaling, Split, check_scale, fit_scaling, one_hot_labels, scale_parts

__all__ = ["JapaneseVowels", "Sunspots"]


class JapaneseVowels(Dataset):
    """Which of nine men says /ae/: utterances of 7 to 29 frames of twelve cepstral coefficients.

    X ``(N, T, 12)`` float32 with T = 29, Y ``(N,)`` int64 in 0…8, mask ``(N, T)`` bool, true at real frames,
    which come first; 270 utterances to train on, 30 of each man, and 370 to test on. The files are part of
    the package aeon, and are read without importing it.

    Parameters
    ----------
    shuffle : bool
        Shuffle the training part; the files are sorted by class.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        Per coefficient, by statistics of the training part's real frames: its largest magnitude, or its mean
        and deviation. Padding stays zero.
    one_hot : bool
        Labels as rows ``(N, 9)`` of float32.
    path : str, optional
        Another folder with ``JapaneseVowels_TRAIN.ts`` and ``JapaneseVowels_TEST.ts``.

    References
    ----------
    ---------- Kudo, M., Toyama, J. and Shimbo, M. (1999). Multidimensional curve classification using
    passing-through regions. Pattern Recognition Letters 20.

    Examples
    --------
    >>> (X, Y, mask), (X_test, Y_test, mask_test) = JapaneseVowels().load()
    >>> X.shape, mask_test.shape
    ((270, 29, 12), (370, 29))
    """

    classes = tuple("123456789")

    def __init__(
        self,
        shuffle: bool = True,
        seed: int = 0,
        scale: str = "none",
        one_hot: bool = False,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.split = Split(0.0, shuffle, seed)
        self.scale = check_scale(scale)
        self.one_hot = check_bool("one_hot", one_hot)
        self.path = keep_optional_path(self, path)

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y, mask), (X_test, Y_test, mask_test)``.

        Raises
        ------
        MissingDependencyError
            If aeon is not installed and no path is given.
        DataError
            If a file is missing in the folder that is given, or is not of this form.
        BudgetError
            If the padded arrays would be too large.
        """
        train, test = self._read("TRAIN"), self._read("TEST")
        n_steps = max(len(series) for series in train.series + test.series)
        parts = self.split.shuffled(_padded(train, n_steps)), _padded(test, n_steps)
        scaled = scale_parts(*parts, self.scale)
        if self.one_hot:
            n_classes = len(self.classes)
            return one_hot_labels(scaled[0], n_classes), one_hot_labels(scaled[1], n_classes)
        return scaled

    def _read(self, part: str) -> LabelledSeries:
        name = f"JapaneseVowels_{part}.ts"
        given = None if self.path is None else Path(self.path, name)
        path = data_file(given, "aeon", f"datasets/data/JapaneseVowels/{name}", "aeon")
        found = read_ts(path)
        if found.classes != self.classes or found.series[0].shape[1] != 12:
            raise DataError(
                f"{printable(path)}: {found.series[0].shape[1]} dimensions and classes "
                f"{printable(' '.join(found.classes))}; expected 12 and 1 to 9"
            )
        return found


def _padded(found: LabelledSeries, n_steps: int) -> Part:
    """Return series as ``(N, T, D)`` with zeros after each, their labels ``(N,)`` and the mask ``(N, T)``."""
    n, n_features = len(found.series), found.series[0].shape[1]
    check_budget(
        8 * n * n_steps * n_features, f"{n} series padded to {n_steps} steps", "the longest one is too long"
    )
    X = np.zeros((n, n_steps, n_features))
    mask = np.zeros((n, n_steps), dtype=np.bool_)
    for row, series in enumerate(found.series):
        X[row, : len(series)] = series
        mask[row, : len(series)] = True
    return X, np.array(found.labels, dtype=np.int64), mask


class Sunspots(Dataset):
    """The yearly number of sunspots from 1700 to 2008, as windows to forecast the following years from.

    X ``(N, T, 1)`` float32: the values of T years; Y ``(N, horizon)`` float32: the values of the years after
    them, in the same scale. Parts are split in time: every Y of the test part lies after every Y of the
    training part, while its X may reach back before the split. The file is part of the package statsmodels.

    Parameters
    ----------
    window : int
        T; two solar cycles by default.
    horizon : int
        How many years to forecast.
    test_split : float
        The fraction of the years, at the end, to forecast in the test part, in [0, 1).
    scale : {"unit", "standard", "none"}
        By the years before the split: their largest value, or their mean and deviation. ``scaling`` holds the
        map after :meth:`load`; ``scaling.inverse`` turns forecasts back into sunspots.
    shuffle : bool
        Shuffle the windows of the training part.
    seed : int
        Decides the order.
    path : str, optional
        Another file of the same form: CSV with the columns YEAR and SUNACTIVITY.

    References
    ----------
    National Geophysical Data Center, yearly sunspot data.

    Examples
    --------
    >>> data = Sunspots(window=11)
    >>> (X, Y), (X_test, Y_test) = data.load()
    >>> X.shape, Y.shape, X_test.shape
    ((268, 11, 1), (268, 1), (30, 11, 1))
    >>> round(float(data.scaling.inverse(Y_test[-1, 0])), 1)
    2.9
    """

    def __init__(
        self,
        window: int = 22,
        horizon: int = 1,
        test_split: float = 0.1,
        scale: str = "standard",
        shuffle: bool = False,
        seed: int = 0,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.window = check_int("window", window, 1)
        self.horizon = check_int("horizon", horizon, 1)
        self.split = Split(test_split, shuffle, seed)
        self.scale = check_scale(scale)
        self.path = keep_optional_path(self, path)
        self._scaling: Scaling | None = None

    @property
    def scaling(self) -> Scaling:
        """The map from sunspots to scaled values.

        Raises
        ------
        StateError
            Before :meth:`load`.
        """
        if self._scaling is None:
            raise StateError("sunspots: the scaling is known after load()")
        return self._scaling

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        MissingDependencyError
            If statsmodels is not installed and no path is given.
        DataError
            If the file is not of this form, or too short for one window in each part.
        """
        values = self._values()
        cut = len(values) - self.split.n_test(len(values))
        scaling = fit_scaling(values[:cut], self.scale)
        scaled = scaling(values).astype(np.float32)
        train = self._windows(scaled[:cut], "training")
        if self.split.test_split:
            test = self._windows(scaled[cut - self.window :], "test")
        else:
            test = tuple(array[:0] for array in train)
        self._scaling = scaling
        return self.split.shuffled(train), test

    def _windows(self, values: NDArray[np.float32], part: str) -> Part:
        width = self.window + self.horizon
        if len(values) < width:
            raise DataError(
                f"sunspots: the {part} part has {len(values)} years for window={self.window} and "
                f"horizon={self.horizon}, which take {width}; change them or test_split"
            )
        windows = sliding_window_view(values, width)
        return windows[:, : self.window, None].copy(), windows[:, self.window :].copy()

    def _values(self) -> NDArray[np.float64]:
        """Return the numbers of sunspots in the order of the years."""
        path = data_file(self.path, "statsmodels", "datasets/sunspots/sunspots.csv", "statsmodels")
        names = ["YEAR", "SUNACTIVITY"]
        with open_bounded(path, 2**24) as source:
            rows = read_rows(source)
            header = next(rows, None)
            if header is None or header.cells != names:
                raise DataError(f"{source.shown}: expected the columns {', '.join(names)}")
            table = np.array([row.numbers([0, 1], names) for row in rows]).reshape(-1, 2)
        if np.any(np.diff(table[:, 0]) != 1):
            raise DataError(f"{printable(path)}: expected one row for each year, in order")
        return table[:, 1]
