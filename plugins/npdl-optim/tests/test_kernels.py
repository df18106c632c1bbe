"""The references of kernels do, to the last bit, what the rules do block by block."""

import numpy as np
import pytest

from npdl_core import kernels
from npdl_core.optimizers import Optimizer
from npdl_core.optimizers.blocks import BLOCK
from npdl_optim.adagrad import Adagrad
from npdl_optim.momentum import Momentum, NesterovMomentum
from npdl_optim.rmsprop import RMSprop

RULES = [
    (Momentum, {}),
    (Momentum, {"momentum": 0.0}),
    (NesterovMomentum, {}),
    (Adagrad, {}),
    (RMSprop, {}),
    (RMSprop, {"rho": 0.0}),
    (RMSprop, {"centered": True}),
    (RMSprop, {"momentum": 0.9}),
]
SHARED = [{}, {"weight_decay": 0.1, "decoupled": True}, {"weight_decay": 0.1}, {"clip": 0.5}]


def by_blocks(rule):
    """Return the rule without its way to the kernel."""
    return type("ByBlocks", (rule,), {"update_array": Optimizer.update_array})


def updated(rule, config, dtype):
    rng = np.random.default_rng(0)
    shapes = ((), (3, 5), (BLOCK + 3,), (0, 2))
    params = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
    params.append(np.asarray(rng.standard_normal((600, 260)), dtype)[:, ::2])
    optimizer = rule(lr=0.1, **config)
    for _ in range(3):
        optimizer.update(params, [np.asarray(rng.standard_normal(p.shape), dtype) for p in params])
    state = optimizer.state().values()
    return [array.tobytes() for array in (*params, *state) if isinstance(array, np.ndarray)]


@pytest.fixture(autouse=True)
def _references(monkeypatch):
    monkeypatch.setenv("NPDL_KERNELS", "numpy")
    for name in kernels.names():
        kernels.find(name).refresh()
    yield
    monkeypatch.undo()
    for name in kernels.names():
        kernels.find(name).refresh()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shared", SHARED, ids=str)
@pytest.mark.parametrize(("rule", "config"), RULES, ids=str)
def test_the_bits_are_those_of_the_blocks(rule, config, shared, dtype):
    settings = {**config, **shared}
    assert updated(rule, settings, dtype) == updated(by_blocks(rule), settings, dtype)
