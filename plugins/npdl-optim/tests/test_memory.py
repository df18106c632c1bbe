"""No update allocates more than a few cache-sized blocks, whatever the size and layout of the parameters."""

import tracemalloc

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.builtin import FIRST_PARTY
from npdl_core.optimizers.blocks import BLOCK

NAMES = FIRST_PARTY["npdl-optim"]["optimizers"]
BOUND = 6 * BLOCK * 4 + 20_000


def peak(optimizer, p, g):
    """Return what a later update allocates at most; the first ones make state and warm RAdam up."""
    for _ in range(7):
        optimizer.update([p], [g])
    tracemalloc.start()
    try:
        optimizer.update([p], [g])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def arrays(layout):
    rng = np.random.default_rng(0)
    if layout == "flat":
        return rng.standard_normal((2, 1_000_000), dtype=np.float32)
    p, g = rng.standard_normal((2, 1000, 1000), dtype=np.float32)
    return (p.T, g.T) if layout == "transposed" else (p, g)


@pytest.mark.parametrize("layout", ["flat", "whole", "transposed"])
@pytest.mark.parametrize("name", NAMES)
def test_an_update_needs_no_memory_beside_its_state(name, layout):
    assert peak(registry.get("optimizers", name), *arrays(layout)) < BOUND


@pytest.mark.parametrize("name", ["adam", "nadam", "radam", "lamb", "rmsprop"])
def test_nor_does_the_treatment_of_gradients(name):
    settings = {"clip": 1.0, "clip_norm": 1.0, "clip_param_norm": 1.0, "weight_decay": 0.1}
    assert peak(registry.get("optimizers", name, **settings), *arrays("whole")) < BOUND


def test_a_whole_array_would_be_noticed():
    class Careless:
        iterations = 0

        def update(self, params, grads, decay=None):
            params[0][...] -= 0.1 * grads[0]

    assert peak(Careless(), *arrays("flat")) > BOUND
