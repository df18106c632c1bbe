"""The small classic sets that scikit-learn ships; it is imported only when one of them is loaded."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool
from npdl_core.datasets import Dataset
from npdl_core.errors import MissingDependencyError, printable
from npdl_data.image_form import ImageForm
from npdl_data.parts import Part, Split, check_scale, one_hot_labels, scale_parts

__all__ = ["BreastCancer", "Diabetes", "Digits", "Iris", "Wine"]


def _scikit_learn(loader: str, **options: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the X and the target of one of scikit-learn's packaged sets."""
    try:
        module = import_module("sklearn.datasets")
    except ImportError as error:
        raise MissingDependencyError(
            f"this data set is part of scikit-learn, which cannot be imported ({printable(error)}): "
            "pip install scikit-learn"
        ) from error
    X, y = getattr(module, loader)(return_X_y=True, **options)
    return X, y


class _Classification(Dataset):
    """A table of measurements with a class for each row."""

    loader: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        test_split: float = 0.1,
        shuffle: bool = True,
        seed: int = 0,
        scale: str = "standard",
        one_hot: bool = False,
    ) -> None:
        self.split = Split(test_split, shuffle, seed)
        self.scale = check_scale(scale)
        self.one_hot = check_bool("one_hot", one_hot)

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        MissingDependencyError
            If scikit-learn is not installed.
        """
        X, y = _scikit_learn(self.loader)
        train, test = scale_parts(*self.split.parts(X, y.astype(np.int64)), self.scale)
        if self.one_hot:
            n_classes = len(self.classes)
            return one_hot_labels(train, n_classes), one_hot_labels(test, n_classes)
        return train, test


class Iris(_Classification):
    """Three kinds of iris, from the lengths and widths of sepals and petals.

    X ``(150, 4)`` float32, Y ``(150,)`` int64 in 0…2, 50 of each; split in two parts.

    Parameters
    ----------
    test_split : float
        The fraction of samples in the test part, in [0, 1).
    shuffle : bool
        Shuffle before splitting; the file is sorted by class.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        Per feature, by statistics of the training part: its largest magnitude, or its mean and deviation.
    one_hot : bool
        Labels as rows ``(N, 3)`` of float32.

    References
    ----------
    Fisher, R. A. (1936). The use of multiple measurements in taxonomic problems.

    Examples
    --------
    >>> (X, Y), (X_test, Y_test) = Iris(test_split=0.2).load()
    >>> X.shape, Y_test.shape
    ((120, 4), (30,))
    """

    loader = "load_iris"
    classes = ("setosa", "versicolor", "virginica")


class Wine(_Classification):
    """Wines of three growers, from thirteen chemical measurements.

    X ``(178, 13)`` float32, Y ``(178,)`` int64: 59, 71 and 48 of classes 0, 1, 2. The arguments are those of
    :class:`Iris`.

    References
    ----------
    Forina, M. et al. (1988). PARVUS: an extendible package of programs for data exploration.

    Examples
    --------
    >>> (X, Y), (X_test, Y_test) = Wine().load()
    >>> X.shape, X_test.shape
    ((161, 13), (17, 13))
    """

    loader = "load_wine"
    classes = ("class_0", "class_1", "class_2")


class BreastCancer(_Classification):
    """Malignant or benign breast tumours, from thirty measurements of cell nuclei.

    X ``(569, 30)`` float32, Y ``(569,)`` int64: 212 malignant (0), 357 benign (1). The arguments are those of
    :class:`Iris`.

    References
    ----------
    Street, W. N., Wolberg, W. H. and Mangasarian, O. L. (1993). Nuclear feature extraction for breast tumor
    diagnosis.

    Examples
    --------
    >>> (X, Y), (X_test, Y_test) = BreastCancer(one_hot=True).load()
    >>> Y.shape
    (513, 2)
    """

    loader = "load_breast_cancer"
    classes = ("malignant", "benign")


class Digits(Dataset):
    """Handwritten digits of 8 by 8 pixels.

    X ``(1797, 64)`` float32 in [0, 1], Y ``(1797,)`` int64 in 0…9. By default the test part is the last
    tenth, 179 samples, in the file's order, as in NumpyDL's example.

    Parameters
    ----------
    test_split : float
        The fraction of samples in the test part, in [0, 1).
    shuffle : bool
        Shuffle before splitting.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        Divide by 16, the largest pixel; standardise all pixels by one mean and deviation of the training
        part; or leave 0…16.
    one_hot : bool
        Labels as rows ``(N, 10)`` of float32.
    flatten : bool
        ``(N, 64)``; otherwise images ``(N, 1, 8, 8)`` for convolutions.

    References
    ----------
    ---------- Alpaydin, E. and Kaynak, C. (1998). Optical recognition of handwritten digits. UCI machine
    learning repository.

    Examples
    --------
    >>> (X, Y), (X_test, Y_test) = Digits().load()
    >>> X.shape, X_test.shape, float(X.max())
    ((1618, 64), (179, 64), 1.0)
    """

    classes = tuple("0123456789")

    def __init__(
        self,
        test_split: float = 0.1,
        shuffle: bool = False,
        seed: int = 0,
        scale: str = "unit",
        one_hot: bool = False,
        flatten: bool = True,
    ) -> None:
        self.split = Split(test_split, shuffle, seed)
        self.images = ImageForm(scale, one_hot, flatten, full_scale=16)

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        MissingDependencyError
            If scikit-learn is not installed.
        """
        X, y = _scikit_learn("load_digits")
        parts = self.split.parts(X.reshape(-1, 8, 8), y.astype(np.int64))
        return self.images.parts(*parts, n_classes=10)


class Diabetes(Dataset):
    """Progress of diabetes within a year, a number from 25 to 346, from ten measurements of each patient.

    X ``(442, 10)`` float32, Y ``(442, 1)`` float32. X is scikit-learn's unscaled form, so that no statistics
    of the test part get into the training part.

    Parameters
    ----------
    test_split : float
        The fraction of samples in the test part, in [0, 1).
    shuffle : bool
        Shuffle before splitting.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        Of X, per feature, by statistics of the training part: its largest magnitude, or its mean and
        deviation.

    References
    ----------
    Efron, B. et al. (2004). Least angle regression. Annals of Statistics 32(2).

    Examples
    --------
    >>> (X, Y), (X_test, Y_test) = Diabetes().load()
    >>> X.shape, Y_test.shape
    ((398, 10), (44, 1))
    """

    def __init__(
        self, test_split: float = 0.1, shuffle: bool = True, seed: int = 0, scale: str = "standard"
    ) -> None:
        self.split = Split(test_split, shuffle, seed)
        self.scale = check_scale(scale)

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        MissingDependencyError
            If scikit-learn is not installed.
        """
        X, y = _scikit_learn("load_diabetes", scaled=False)
        return scale_parts(*self.split.parts(X, y[:, None].astype(np.float32)), self.scale)
