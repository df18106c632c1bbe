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
    """Write losses and gradients of float32, samples first or steps first in memory, or decline."""
    shape = outputs.shape
    if outputs.size < coverage.MIN_NUMBERS or not coverage.plain((losses, shape[:-1])):
        return NotImplemented
    found = [_rows(array, shape) for array in (outputs, targets, grads)]
    rows = [one for one in found if one is not None]
    if len(rows) < len(found):
        return NotImplemented
    from npdl_numba.compiled import losses as compiled

    (p, p_steps), (t, t_steps), (g, g_steps) = rows
    n_inner = shape[1] if len(shape) == 3 else losses.size
    steps = [p_steps, t_steps, (n_inner, 1), g_steps]
    if p_steps[0] < p_steps[1]:  # in the order in which the outputs lie
        n_inner = shape[0]
        steps = [(inner, outer) for outer, inner in steps]
    arguments = p, t, np.float32(scale), losses.reshape(-1), g, tuple(steps), (n_inner, shape[-1])
    _run(compiled.squared_error, losses.size, shape[-1], *arguments)
    return None


def _rows(array: Array, shape: tuple[int, ...]) -> tuple[Array, tuple[int, int]] | None:
    """Return the numbers of an array (N, T, K) in memory's order, and how far its rows lie apart, or None.

    Any other number of axes is taken for one sample.
    """
    if coverage.plain((array, shape)):
        n_columns = shape[-1]
        return array.reshape(-1), (n_columns * shape[1] if len(shape) == 3 else array.size, n_columns)
    if len(shape) != 3 or array.ndim != 3:
        return None
    turned = array.swapaxes(0, 1)
    if not coverage.plain((turned, (shape[1], shape[0], shape[2]))):
        return None
    return turned.reshape(-1), (shape[2], shape[2] * shape[0])


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
    if not (_plain_ids(targets, outputs) if of_ids else coverage.plain((targets, outputs.shape))):
        return NotImplemented
    from npdl_numba.compiled import softmax as compiled

    numbers = [np.float32(number) for number in (scale, epsilon) if number is not None]
    function = compiled.entropy_of_scores if epsilon is None else compiled.entropy
    if of_ids and epsilon is not None:
        function = compiled.entropy_of_ids
    _run(function, *outputs.shape, outputs, targets, *numbers, losses, grads)
    return None


def _plain_ids(ids: Array, outputs: Array) -> bool:
    """Return whether these are ids (M,) of classes 0 … K - 1: compiled code goes where they point."""
    if not (ids.dtype == np.intp and ids.flags.c_contiguous and ids.shape == outputs.shape[:1]):
        return False
    return bool(ids.view(np.uintp).max() < outputs.shape[1])


def _covers(outputs: Array, losses: Array, grads: Array) -> bool:
    """Return whether outputs (M, K), losses (M,) and gradients (M, K) are covered."""
    shape = outputs.shape
    return (
        outputs.size >= coverage.MIN_NUMBERS
        and coverage.plain((outputs, shape), (losses, shape[:1]), (grads, shape))
        and not np.may_share_memory(outputs, grads)
    )


def _run(function: Callable[..., Any], n_rows: int, n_columns: int, *arguments: Any) -> None:
    """Do all rows (M, K), on all threads."""
    threads.run(function, n_rows, *arguments, at_least=max(1, PER_THREAD // n_columns))
