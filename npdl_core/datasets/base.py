"""The contract of a data set."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from npdl_core.component import Component

__all__ = ["Dataset"]


class Dataset(Component):
    """Something that loads arrays to train and test on.

    The constructor takes configuration only (a seed, a split, a path the user gives); it reads nothing.
    :meth:`load` looks only at what is installed or at that path, and fetches nothing.

    Examples
    --------
    >>> import numpy as np
    >>> class Line(Dataset):
    ...     def __init__(self, n=4):
    ...         self.n = n
    ...     def load(self):
    ...         x = np.arange(self.n, dtype="float32")[:, None]
    ...         return (x, 2 * x), (x[:1], 2 * x[:1])
    >>> (X, Y), (X_test, Y_test) = Line().load()
    >>> X.shape, Y_test.shape
    ((4, 1), (1, 1))
    """

    kind = "datasets"

    @abstractmethod
    def load(self) -> tuple[Any, Any]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Where sequences differ in length, each pair is a triple whose last member is the mask ``(N, T)`` of
        bool, true at real steps.

        Raises
        ------
        MissingDependencyError
            If the package that ships the data is not installed; the message has the install line.
        DataError
            If the files are not what they should be.
        """
