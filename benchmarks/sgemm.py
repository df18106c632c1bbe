"""The most that BLAS reaches here: a float32 product of two 1024 × 1024 matrices, in GFLOP/s."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness import main_of_peak

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 1024
FLOPS = 2 * SIZE**3


def product() -> Callable[[], object]:
    """Prepare the product."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((SIZE, SIZE), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


if __name__ == "__main__":
    main_of_peak(__doc__, product, FLOPS)
