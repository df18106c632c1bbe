"""How much memory a call takes at its peak, NumPy's arrays included."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

__all__ = ["peak_memory"]


def peak_memory(function: Callable[[], object], warm_up: int = 3) -> int:
    """Return by how many bytes memory rises at most within a call, once others have allocated what is kept.

    Parameters
    ----------
    function : callable
        What is measured; its result is dropped.
    warm_up : int
        How many calls come before.

    Notes
    -----
    Counted is what Python and NumPy allocate (:mod:`tracemalloc`), not what BLAS or compiled code take by
    themselves. Tracing slows everything down, so nothing should be timed by the way.

    Examples
    --------
    >>> import numpy as np
    >>> 8000 <= peak_memory(lambda: np.zeros(1000).sum()) < 12000
    True
    """
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        for _ in range(warm_up):
            function()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not running:
            tracemalloc.stop()
