"""Softmax, and cross-entropy with its gradient, a few rows at a time: later passes find them in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.exponential import exponentials, largest, total
from npdl_numba.compiled.jit import jit

__all__ = ["entropy", "entropy_of_ids", "entropy_of_scores", "softmax"]

_f = np.float32

NUMBERS = 4096
"""How many numbers are worked on at a time, unless a row has more."""

SHORT = 64
"""Shorter rows are worked on several at once where they can be; one-hot rows in parts of so many."""


@jit
def _tall(n_columns: int) -> int:
    """Return how many rows are worked on at a time."""
    return max(1, NUMBERS // n_columns)


@jit(distinct=True)
def _copy(source: Any, target: Any) -> None:
    for i in range(len(source)):
        target[i] = source[i]


@jit(distinct=True)
def _scale(source: Any, factor: Any, target: Any) -> None:
    for i in range(len(source)):
        target[i] = source[i] * factor


@jit
def _lower(row: Any, by: Any) -> None:
    for j in range(len(row)):
        row[j] -= by


@jit
def _multiply(row: Any, by: Any) -> None:
    for j in range(len(row)):
        row[j] *= by


@jit
def _divide(row: Any, by: Any) -> None:
    for j in range(len(row)):
        row[j] /= by


@jit
def _exponentials(rows: Any, n_columns: int) -> None:
    """Replace flat rows by the exponentials of what is left of them when their maximum is 0."""
    for start in range(0, len(rows), n_columns):
        row = rows[start : start + n_columns]
        if n_columns > SHORT:
            exponentials(row, largest(row))
        else:
            _lower(row, largest(row))
    if n_columns <= SHORT:
        exponentials(rows, _f(0))


@jit
def softmax(x: Any, out: Any, n_columns: int, in_place: bool, first: int, last: int) -> None:
    """Write the softmax of rows ``first`` to ``last`` of a flat array into another, or into itself."""
    tall = _tall(n_columns)
    for start in range(first, last, tall):
        end = min(start + tall, last)
        piece = out[start * n_columns : end * n_columns]
        if not in_place:
            _copy(x[start * n_columns : end * n_columns], piece)
        _exponentials(piece, n_columns)
        for r in range(0, len(piece), n_columns):
            row = piece[r : r + n_columns]
            _divide(row, total(row))


@jit
def entropy_of_ids(
    p: Any, ids: Any, scale: Any, epsilon: Any, losses: Any, grads: Any, first: int, last: int
) -> None:
    """Write losses and gradients of rows ``first`` to ``last`` of probabilities (M, K) for class ids."""
    n_columns = p.shape[1]
    tall = _tall(n_columns)
    flat, flat_grads = p.reshape(-1), grads.reshape(-1)
    for start in range(first, last, tall):
        end = min(start + tall, last)
        piece = slice(start * n_columns, end * n_columns)
        _scale(flat[piece], scale, flat_grads[piece])
        for r in range(start, end):
            picked = p[r, ids[r]]
            losses[r] = -np.log(epsilon if picked < epsilon else picked)
            grads[r, ids[r]] = (picked - _f(1)) * scale


@jit
def entropy_of_scores(x: Any, ids: Any, scale: Any, losses: Any, grads: Any, first: int, last: int) -> None:
    """Write losses and gradients of rows ``first`` to ``last`` of scores (M, K) for class ids."""
    n_columns = x.shape[1]
    tall = _tall(n_columns)
    flat, flat_grads = x.reshape(-1), grads.reshape(-1)
    for start in range(first, last, tall):
        end = min(start + tall, last)
        piece = slice(start * n_columns, end * n_columns)
        _copy(flat[piece], flat_grads[piece])
        _exponentials(flat_grads[piece], n_columns)
        for r in range(start, end):
            whole = total(grads[r])
            losses[r] = np.log(whole) - (x[r, ids[r]] - largest(x[r]))
            _divide(grads[r], whole)
            picked = grads[r, ids[r]]
            _multiply(grads[r], scale)
            grads[r, ids[r]] = (picked - _f(1)) * scale


@jit(distinct=True)
def _counts(p: Any, t: Any) -> Any:
    """Return whether any entry of a row's part contributes to its loss, be it by not being finite."""
    n = 0
    for j in range(len(p)):
        n += (t[j] != 0) | (not p[j] < np.inf)
    return n > 0


@jit
def _entropy_of_row(p: Any, t: Any, epsilon: Any) -> Any:
    """Return a row's loss; logarithms are taken only where targets are not 0."""
    result = _f(0)
    for start in range(0, len(p), SHORT):
        part, wanted = p[start : start + SHORT], t[start : start + SHORT]
        if _counts(part, wanted):
            for j in range(len(part)):
                if wanted[j] != 0 or not part[j] < np.inf:
                    result -= wanted[j] * np.log(epsilon if part[j] < epsilon else part[j])
    return result


@jit(distinct=True)
def _slope_of_row(p: Any, t: Any, weight: Any, scale: Any, grad: Any) -> None:
    for j in range(len(p)):
        grad[j] = (p[j] * weight - t[j]) * scale


@jit
def entropy(p: Any, t: Any, scale: Any, epsilon: Any, losses: Any, grads: Any, first: int, last: int) -> None:
    """Write losses and gradients of rows ``first`` to ``last`` of probabilities for distributions (M, K)."""
    for r in range(first, last):
        losses[r] = _entropy_of_row(p[r], t[r], epsilon)
        _slope_of_row(p[r], t[r], total(t[r]), scale, grads[r])
