"""Numerical derivatives, and their comparison with gradients that somebody computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.testing.arrays import unit_entries
from npdl_core.testing.outcome import Broken

__all__ = ["Mismatch", "compare_gradients", "first_mismatch", "search_mismatch"]

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Error of a term relative to the size of all terms that may be due to rounding."""

ATTEMPTS = 12
"""How many points are tried before a function counts as differentiable nowhere."""

STEP = 1e-4
"""How far each number is moved, to both sides."""

Terms = Callable[[], NDArray[np.float64]]
Arrays = Mapping[str, NDArray[Any]]


class Mismatch(NamedTuple):
    """A derivative that is not what the gradient says.

    Attributes
    ----------
    where : str
        Array and entry, or all arrays along one direction.
    numeric, analytic : float
        By differences, and by the gradient.
    doubt : float
        How far the differences may be off because the function has a kink nearby.
    """

    where: str
    numeric: float
    analytic: float
    doubt: float

    @property
    def doubtful(self) -> bool:
        """Whether a kink may be the reason, and another point should be tried."""
        return abs(self.numeric - self.analytic) <= 4 * self.doubt

    def broken(self) -> Broken:
        """Return the error that says so."""
        return Broken(
            f"the gradient at {self.where} is not the derivative",
            f"{self.numeric:.9g} (central differences)",
            f"{self.analytic:.9g}",
        )


def compare_gradients(
    terms: Terms,
    arrays: Arrays,
    gradients: Arrays,
    *,
    seed: int = 0,
    n_directions: int = 2,
    per_entry_limit: int = 150,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> None:
    """Compare gradients with central differences of a sum of terms.

    Parameters
    ----------
    terms : callable
        Returns an array of numbers whose sum is the function, computed from the current ``arrays``.
    arrays : dict of str to ndarray of float64
        What the function depends on; moved in place and put back.
    gradients : dict of str to ndarray
        The derivative of the sum, by the same names and in the same shapes.
    seed, n_directions, per_entry_limit, rtol, atol
        See :func:`first_mismatch`.

    Raises
    ------
    ConformanceError
        Naming the worst entry.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> compare_gradients(lambda: x**2, {"x": x}, {"x": 2 * x})
    """
    found = first_mismatch(
        terms,
        arrays,
        gradients,
        np.random.default_rng(seed),
        n_directions=n_directions,
        per_entry_limit=per_entry_limit,
        rtol=rtol,
        atol=atol,
    )
    if found is not None:
        raise found.broken()


def first_mismatch(
    terms: Terms,
    arrays: Arrays,
    gradients: Arrays,
    rng: np.random.Generator,
    *,
    n_directions: int = 2,
    per_entry_limit: int = 150,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    step: float = STEP,
) -> Mismatch | None:
    """Return the worst entry at which gradients and differences disagree, or None.

    All arrays are moved at once along ``n_directions`` random directions, in each of which every entry takes
    part with at least half of the largest one's share. If there are at most ``per_entry_limit`` numbers, each
    is moved alone too; so are as many of the others, when a direction disagrees, to find the worst.
    """
    names = [name for name, array in arrays.items() if array.size]
    if not names:
        return None
    moved = [arrays[name] for name in names]
    grads = [np.asarray(gradients[name], np.float64) for name in names]

    def probe(where: str, directions: list[NDArray[Any]]) -> Mismatch | None:
        analytic = sum(float(np.vdot(g, d)) for g, d in zip(grads, directions, strict=True))
        numeric = 0.0
        # Two points are enough as a rule; four are asked where two disagree.
        for derivative in (_two_points, _four_points):
            numeric, size = derivative(terms, moved, directions, step)
            bound = atol + ROUNDING * size / step + rtol * max(abs(numeric), abs(analytic))
            if abs(numeric - analytic) <= bound:
                return None
        return Mismatch(where, numeric, analytic, _doubt(terms, moved, directions, step))

    found = None
    for _ in range(n_directions):
        directions = [unit_entries(rng, array.shape) for array in moved]
        found = found or probe("all arrays along one direction", directions)
    entries = [(i, j) for i, array in enumerate(moved) for j in range(array.size)]
    if len(entries) > per_entry_limit:
        if found is None:
            return None
        entries = [entries[k] for k in rng.permutation(len(entries))[:per_entry_limit]]
    single = [_at_entry(probe, names, moved, i, j) for i, j in entries]
    wrong = [mismatch for mismatch in single if mismatch is not None]
    certain = [mismatch for mismatch in wrong if not mismatch.doubtful]
    return max(certain or wrong, key=lambda m: abs(m.numeric - m.analytic), default=found)


def search_mismatch(
    terms: Terms,
    arrays: Callable[[], Arrays],
    gradients: Callable[[], Arrays],
    move: Callable[[], None],
    rng: np.random.Generator,
    **options: Any,
) -> None:
    """Compare gradients with differences, and move to another point while a kink may be in the way.

    Raises
    ------
    ConformanceError
        If they differ where the function is smooth, or no such point is found.
    """
    doubtful: list[Mismatch] = []
    while len(doubtful) < ATTEMPTS:
        found = first_mismatch(terms, arrays(), gradients(), rng, **options)
        if found is None:
            return
        if not found.doubtful:
            raise found.broken()
        doubtful.append(found)
        move()
    last = doubtful[-1]
    raise Broken(
        f"no differentiable point was found in {ATTEMPTS} attempts; at the last one the gradient at "
        f"{last.where} is not the derivative",
        f"{last.numeric:.9g} (central differences)",
        f"{last.analytic:.9g}",
    )


def _at_entry(
    probe: Callable[[str, list[NDArray[Any]]], Mismatch | None],
    names: list[str],
    moved: list[NDArray[Any]],
    which: int,
    position: int,
) -> Mismatch | None:
    index = np.unravel_index(position, moved[which].shape)
    directions = [np.zeros(array.shape) for array in moved]
    directions[which][index] = 1.0
    return probe(f"{names[which]}{[int(i) for i in index]}", directions)


def _moved_terms(
    terms: Terms, arrays: list[NDArray[Any]], directions: list[NDArray[Any]], distances: list[float]
) -> list[NDArray[np.float64]]:
    """Return the terms at points along a direction; the arrays are as before afterwards."""
    before = [array.copy() for array in arrays]
    results = []
    try:
        for distance in distances:
            for array, start, direction in zip(arrays, before, directions, strict=True):
                np.add(start, distance * direction, out=array, casting="same_kind")
            results.append(np.array(terms(), np.float64))
    finally:
        for array, start in zip(arrays, before, strict=True):
            array[...] = start
    return results


def _two_points(
    terms: Terms, arrays: list[NDArray[Any]], directions: list[NDArray[Any]], step: float
) -> tuple[float, float]:
    """Return the derivative along a direction and the size of the terms there.

    Terms are subtracted before they are summed, so that large ones do not drown small changes.
    """
    back, ahead = _moved_terms(terms, arrays, directions, [-step, step])
    return float((ahead - back).sum()) / (2 * step), math.sqrt(float(np.vdot(ahead, ahead)))


def _four_points(
    terms: Terms, arrays: list[NDArray[Any]], directions: list[NDArray[Any]], step: float
) -> tuple[float, float]:
    """Return the same with an error of the fourth order."""
    near, size = _two_points(terms, arrays, directions, step)
    far, _ = _two_points(terms, arrays, directions, 2 * step)
    return (4 * near - far) / 3, size


def _doubt(terms: Terms, arrays: list[NDArray[Any]], directions: list[NDArray[Any]], step: float) -> float:
    """Return the error that a kink between the outermost points can make; rounding for a smooth function.

    The third and fourth differences of a smooth function vanish with the step's third and fourth power; a
    kink makes at least one of them as large as its own error.
    """
    a, b, c, d, e = _moved_terms(terms, arrays, directions, [-2 * step, -step, 0.0, step, 2 * step])
    # Term by term, so that the kinks of two terms cannot hide each other.
    third = float(np.abs(2 * b - a - 2 * d + e).sum())
    fourth = float(np.abs(a - 4 * b + 6 * c - 4 * d + e).sum())
    return max(third, fourth) / (2 * step)
