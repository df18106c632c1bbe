"""Softmax, and losses with their gradients, compiled: one pass over memory, rows shared out among threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_numba import coverage, threads

__all__ = ["softmax", "softmax_cross_entropy", "squared_error"]

Array = NDArray[Any]

PER_THREAD = 1 << 15
"""Numbers for which a thread pays."""


def squared_error(outputs: Array, targets: Array, scale: float, losses: Array, grads: Array) -> Any:
    """Write losses and gradients of float32 in C order, or decline."""
    if not (_covers(outputs, losses, grads) and coverage.plain((targets, outputs.shape))):
        return NotImplemented
    from npdl_numba.compiled import losses as compiled

    return _run(compiled.squared_error, *outputs.shape, outputs, targets, np.float32(scale), losses, grads)


def softmax(x: Array, out: Array) -> Any:
    """Write the softmax of float32 in C order, or decline."""
    shape = x.shape
    in_place = x is out
    if x.size < coverage.MIN_NUMBERS or not coverage.plain((x, shape), (out, shape)):
        return NotImplemented
    if not in_place and np.may_share_memory(x, out):
        return NotImplemented
    from npdl_numba.compiled import softmax as compiled

    n_columns = shape[-1]
    _run(
        compiled.softmax, x.size // n_columns, n_columns, x.reshape(-1), out.reshape(-1), n_columns, in_place
    )
    return out


def softmax_cross_entropy(
    outputs: Array, targets: Array, scale: float, epsilon: float | None, losses: Array, grads: Array
) -> Any:
    """Write losses and gradients of float32 in C order, or decline; scores only for class ids."""
    of_ids = targets.ndim == 1
    if not _covers(outputs, losses, grads) or (epsilon is None and not of_ids):
        return NotImplemented
    if not (_plain_ids(targets, losses) if of_ids else coverage.plain((targets, outputs.shape))):
        return NotImplemented
    from npdl_numba.compiled import softmax as compiled

    numbers = [np.float32(number) for number in (scale, epsilon) if number is not None]
    function = compiled.entropy_of_scores if epsilon is None else compiled.entropy
    if of_ids and epsilon is not None:
        function = compiled.entropy_of_ids
    _run(function, *outputs.shape, outputs, targets, *numbers, losses, grads)
    return None


def _plain_ids(ids: Array, losses: Array) -> bool:
    """Return whether class ids (M,) are what objectives make of them."""
    return ids.dtype == np.intp and ids.flags.c_contiguous and ids.shape == losses.shape


def _covers(outputs: Array, losses: Array, grads: Array) -> bool:
    """Return whether outputs (M, K), losses (M,) and gradients (M, K) are covered."""
    shape = outputs.shape
    return outputs.size >= coverage.MIN_NUMBERS and coverage.plain(
        (outputs, shape), (losses, shape[:1]), (grads, shape)
    )


def _run(function: Callable[..., Any], n_rows: int, n_columns: int, *arguments: Any) -> None:
    """Do all rows (M, K), on all threads."""
    threads.run(function, n_rows, *arguments, at_least=max(1, PER_THREAD // n_columns))
