"""Steps of gradient descent: against core's reference, on any number of threads, within the optimizer."""

import numpy as np
import pytest

from npdl_core import kernels
from npdl_core.testing import check_kernel, check_optimizer
from npdl_numba import coverage, optimizers, threads
from npdl_numba.optimizers import sgd_step

reference = kernels.find("sgd_step").reference


def draw(size, dtype="float32"):
    return tuple(np.random.default_rng(0).standard_normal((2, size)).astype(dtype))


def test_equals_the_reference_at_small_sizes(monkeypatch):
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    check_kernel("sgd_step")


@pytest.mark.parametrize("options", [{}, {"keep": 0.9}], ids=str)
@pytest.mark.parametrize("size", [coverage.MIN_NUMBERS, 300_001])
def test_equals_the_reference_at_sizes_that_it_takes(size, options):
    (mine, g), (due, _) = draw(size), draw(size)
    assert sgd_step(mine, g, 0.3, **options) is None
    reference(due, g, 0.3, **options)
    np.testing.assert_allclose(mine, due, rtol=1e-5, atol=1e-6)
    assert g.tobytes() == draw(size)[1].tobytes()


def test_declines_what_is_small_double_or_strided():
    strided = [array[::2] for array in draw(2 * coverage.MIN_NUMBERS)]
    for p, g in (draw(coverage.MIN_NUMBERS - 1), draw(coverage.MIN_NUMBERS, "float64"), strided):
        before = p.copy()
        assert sgd_step(p, g, 0.1) is NotImplemented
        assert p.tobytes() == before.tobytes()


@pytest.mark.parametrize("parts", [2, 3])
def test_every_bit_is_the_same_on_any_number_of_threads(parts, monkeypatch):
    results = []
    monkeypatch.setattr(optimizers, "PER_THREAD", 1000)
    for count in (1, parts):
        monkeypatch.setattr(threads, "limit", lambda count=count: count)
        p, g = draw(50_021)
        sgd_step(p, g, 0.3, keep=0.9)
        results.append(p.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("config", [{}, {"weight_decay": 0.1, "decoupled": True}, {"momentum": 0.9}], ids=str)
def test_the_optimizer_conforms_with_it(config, monkeypatch):
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    check_optimizer("sgd", config=config)
