"""sgd, with and without momentum, against its equations."""

import numpy as np
import pytest

from npdl_core import kernels
from npdl_core.optimizers import SGD


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.8, False), (0.8, True)])
def test_steps_follow_the_equations(momentum, nesterov):
    rng = np.random.default_rng(0)
    p = start = rng.standard_normal((3, 4))
    p, due, v = start.copy(), start.copy(), np.zeros((3, 4))
    optimizer = SGD(lr=0.1, momentum=momentum, nesterov=nesterov)
    for _ in range(20):
        g = rng.standard_normal((3, 4))
        optimizer.update([p], [g])
        v = momentum * v - 0.1 * g
        due += momentum * v - 0.1 * g if nesterov else v
    np.testing.assert_allclose(p, due, rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 5), (70_001,)], ids=str)
@pytest.mark.parametrize("shared", [{}, {"weight_decay": 0.1, "decoupled": True}, {"clip": 0.5}], ids=str)
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.8, False), (0.8, True)])
def test_every_bit_is_that_of_the_rule_written_out(momentum, nesterov, shared, shape, monkeypatch):
    monkeypatch.setattr(kernels, "momentum_step", kernels.find("momentum_step").reference)
    monkeypatch.setattr(kernels, "sgd_step", kernels.find("sgd_step").reference)
    rng = np.random.default_rng(0)
    p = rng.standard_normal(shape, "float32")
    due, v = p.copy(), np.zeros_like(p)
    optimizer = SGD(lr=0.1, momentum=momentum, nesterov=nesterov, **shared)
    for _ in range(3):
        g = rng.standard_normal(shape, "float32")
        optimizer.update([p], [g])
        if "clip" in shared:
            g = g.clip(-0.5, 0.5)
        if "decoupled" in shared:
            due *= 1 - 0.1 * 0.1
        step = 0.1 * g
        v = momentum * v - step
        due = due - step + momentum * v if nesterov else due + v
    assert p.tobytes() == due.tobytes()


def test_momentum_minimises_an_ill_conditioned_bowl_faster():
    def after(**config):
        p, optimizer = np.array([1.0, 1.0]), SGD(lr=0.01, **config)
        for _ in range(200):
            optimizer.update([p], [np.array([1.0, 100.0]) * p])
        return float(np.abs(p).max())

    assert after(momentum=0.9) < 1e-2 < after()
