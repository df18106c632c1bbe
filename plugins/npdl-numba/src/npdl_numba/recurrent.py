"""The sequence kernels of npdl-rnn, compiled: whole sequences without Python in between.

Each has the signature of its reference, whose docstring says what it computes. It declines what is not
float32 in C order of the reference's shapes, and what is too small to be worth it. A batch's rows are shared
out among threads, which never wait for each other inside a sequence; results do not depend on how.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_numba import threads
from npdl_numba.coverage import plain, worth_it

__all__ = [
    "gru_after_backward",
    "gru_after_forward",
    "gru_backward",
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "simple_rnn_backward",
    "simple_rnn_forward",
]

Array = NDArray[Any]


def simple_rnn_forward(
    z: Array, U: Array, h: Array, *, mask: Array | None = None, reset: bool = False
) -> Any:
    """Run a plain recurrent network, or decline."""
    if not _covers(1, U, h, mask, (z, 1)):
        return NotImplemented
    if h.shape[1] == 1:
        from npdl_numba.compiled import single

        single.simple_rnn_forward(z, U, h, *_mask(mask), reset)
        return None
    from npdl_numba.compiled import simple_rnn

    panels = _panels(U, 0, U.shape[1])
    threads.run(simple_rnn.forward, h.shape[1], z, panels, h, *_mask(mask), reset)
    return None


def simple_rnn_backward(
    z: Array,
    U: Array,
    dh: Array,
    dz: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
    first: int = 0,
) -> Any:
    """Back-propagate through it, or decline."""
    if not _covers(1, U, dh, mask, (z, 1), (dz, 1), first=first):
        return NotImplemented
    from npdl_numba.compiled import simple_rnn

    panels = _panels_transposed(U, 0, U.shape[1])
    threads.run(simple_rnn.backward, dh.shape[1], z, panels, dh, dz, *_mask(mask), reset, first)
    _cut(first, dh, dz)
    return None


def lstm_forward(
    gates: Array,
    U: Array,
    h: Array,
    c: Array,
    tanh_c: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
) -> Any:
    """Run an LSTM, or decline."""
    if not (_covers(4, U, h, mask, (gates, 4), (tanh_c, 1)) and plain((c, h.shape))):
        return NotImplemented
    if h.shape[1] == 1:
        from npdl_numba.compiled import single

        single.lstm_forward(gates, U, h, c, tanh_c, *_mask(mask), reset)
        return None
    from npdl_numba.compiled import lstm

    panels = _panels(U, 0, U.shape[1])
    threads.run(lstm.forward, h.shape[1], gates, panels, h, c, tanh_c, *_mask(mask), reset)
    return None


def lstm_backward(
    gates: Array,
    U: Array,
    c: Array,
    tanh_c: Array,
    dh: Array,
    dc: Array,
    dz: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
    first: int = 0,
) -> Any:
    """Back-propagate through it, or decline."""
    blocks = ((gates, 4), (tanh_c, 1), (dz, 4))
    if not (_covers(4, U, dh, mask, *blocks, first=first) and plain((c, dh.shape), (dc, dh.shape[1:]))):
        return NotImplemented
    from npdl_numba.compiled import lstm

    panels = _panels_transposed(U, 0, U.shape[1])
    rest = (*_mask(mask), reset, first)
    threads.run(lstm.backward, dh.shape[1], gates, panels, c, tanh_c, dh, dc, dz, *rest)
    _cut(first, dh, dz)
    if first:
        dc[...] = 0
    return None


def gru_forward(
    gates: Array, U: Array, h: Array, rh: Array, *, mask: Array | None = None, reset: bool = False
) -> Any:
    """Run a GRU that resets before the recurrent product, or decline."""
    if not _covers(3, U, h, mask, (gates, 3), (rh, 1)):
        return NotImplemented
    if h.shape[1] == 1:
        from npdl_numba.compiled import single

        single.gru_forward(gates, U, h, rh, *_mask(mask), reset)
        return None
    from npdl_numba.compiled import gru

    n_hidden = U.shape[0]
    both, new = _panels(U, 0, 2 * n_hidden), _panels(U, 2 * n_hidden, n_hidden)
    threads.run(gru.before_forward, h.shape[1], gates, both, new, h, rh, *_mask(mask), reset)
    return None


def gru_backward(
    gates: Array,
    U: Array,
    h: Array,
    dh: Array,
    dz: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
    first: int = 0,
) -> Any:
    """Back-propagate through it, or decline."""
    if not (_covers(3, U, dh, mask, (gates, 3), (dz, 3), first=first) and plain((h, dh.shape))):
        return NotImplemented
    from npdl_numba.compiled import gru

    n_hidden = U.shape[0]
    both, new = _panels_transposed(U, 0, 2 * n_hidden), _panels_transposed(U, 2 * n_hidden, n_hidden)
    rest = (*_mask(mask), reset, first)
    threads.run(gru.before_backward, dh.shape[1], gates, both, new, h, dh, dz, *rest)
    _cut(first, dh, dz)
    return None


def gru_after_forward(
    gates: Array,
    U: Array,
    bu: Array,
    h: Array,
    recurrent: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
) -> Any:
    """Run a GRU that resets after the recurrent product, or decline."""
    if not (_covers(3, U, h, mask, (gates, 3), (recurrent, 3)) and plain((bu, U.shape[1:]))):
        return NotImplemented
    if h.shape[1] == 1:
        from npdl_numba.compiled import single

        single.gru_after_forward(gates, U, bu, h, recurrent, *_mask(mask), reset)
        return None
    from npdl_numba.compiled import gru

    panels = _panels(U, 0, U.shape[1])
    threads.run(gru.after_forward, h.shape[1], gates, panels, bu, h, recurrent, *_mask(mask), reset)
    return None


def gru_after_backward(
    gates: Array,
    U: Array,
    h: Array,
    recurrent: Array,
    dh: Array,
    dz: Array,
    dr: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
    first: int = 0,
) -> Any:
    """Back-propagate through it, or decline."""
    blocks = ((gates, 3), (recurrent, 3), (dz, 3), (dr, 3))
    if not (_covers(3, U, dh, mask, *blocks, first=first) and plain((h, dh.shape))):
        return NotImplemented
    from npdl_numba.compiled import gru

    panels = _panels_transposed(U, 0, U.shape[1])
    rest = (*_mask(mask), reset, first)
    threads.run(gru.after_backward, dh.shape[1], gates, panels, h, recurrent, dh, dz, dr, *rest)
    _cut(first, dh, dz)
    dr[:first] = 0
    return None


def _covers(
    n_blocks: int,
    U: Array,
    states: Array,
    mask: Array | None,
    *steps: tuple[Array, int],
    first: int = 0,
) -> bool:
    """Return whether states (T + 1, N, H), U (H, kH), mask and steps' arrays (T, N, jH) are covered."""
    if getattr(states, "ndim", 0) != 3:
        return False
    n_steps, n_samples, n_hidden = states.shape[0] - 1, *states.shape[1:]
    pairs = [(array, (n_steps, n_samples, count * n_hidden)) for array, count in steps]
    if mask is not None:
        pairs.append((mask, (n_steps, n_samples, 1)))
    return (
        worth_it(n_steps * n_samples * n_blocks * n_hidden * n_hidden)
        and 0 <= first <= n_steps
        and plain((states, states.shape), (U, (n_hidden, n_blocks * n_hidden)), *pairs)
    )


def _mask(mask: Array | None) -> tuple[Array, bool]:
    """Return an array in any case, and whether it is a mask."""
    return (np.empty((0, 0, 1), np.float32), False) if mask is None else (mask, True)


def _panels(U: Array, left: int, width: int) -> Array:
    """Return columns of U, packed."""
    from npdl_numba.compiled import tiles

    panels = np.empty((tiles.n_panels(width), U.shape[0], tiles.WIDTH), np.float32)
    threads.run(tiles.pack, len(panels), U, left, width, panels)
    return panels


def _panels_transposed(U: Array, left: int, depth: int) -> Array:
    """Return the transpose of columns of U, packed."""
    from npdl_numba.compiled import tiles

    panels = np.empty((tiles.n_panels(U.shape[0]), depth, tiles.WIDTH), np.float32)
    threads.run(tiles.pack_transposed, len(panels), U, left, panels)
    return panels


def _cut(first: int, dh: Array, dz: Array) -> None:
    """Zero what lies before a truncation."""
    if first:
        dz[:first] = 0
        dh[: first + 1] = 0
