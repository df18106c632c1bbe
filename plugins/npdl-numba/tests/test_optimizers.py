"""The optimizer kernels against npdl-optim's references; skipped where npdl-optim is not installed."""

import numpy as np
import pytest

from npdl_core import kernels, registry
from npdl_core.testing import check_kernel, check_optimizer
from npdl_numba import coverage, optimizers, threads
from npdl_numba.optimizers import adam_step

reference = pytest.importorskip("npdl_optim.kernels").adam_step.reference

COEFFICIENTS = (0.01, 0.9, 0.999, 1e-6)
OPTIONS = [{}, {"keep": 0.99}, {"gradient_rate": 0.02}, {"keep": 0.9, "gradient_rate": 0.1}]


def draw(size, dtype="float32"):
    p, g, m, v = np.random.default_rng(0).standard_normal((4, size)).astype(dtype)
    return p, g, m, np.abs(v)


def test_equals_the_reference(monkeypatch):
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    check_kernel("adam_step")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", [coverage.MIN_NUMBERS, 300_001])
def test_equals_the_reference_at_sizes_that_it_takes(size, options):
    mine, due = draw(size), draw(size)
    assert adam_step(*mine, *COEFFICIENTS, **options) is None
    reference(*due, *COEFFICIENTS, **options)
    for one, other in zip(mine, due, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_declines_what_is_small_double_or_strided():
    small, doubles = draw(coverage.MIN_NUMBERS - 1), draw(coverage.MIN_NUMBERS, "float64")
    strided = [array[::2] for array in draw(2 * coverage.MIN_NUMBERS)]
    for arrays in (small, doubles, strided):
        before = [array.copy() for array in arrays]
        assert adam_step(*arrays, *COEFFICIENTS) is NotImplemented
        for array, then in zip(arrays, before, strict=True):
            assert array.tobytes() == then.tobytes()


@pytest.mark.parametrize("parts", [2, 3])
def test_every_bit_is_the_same_on_any_number_of_threads(parts, monkeypatch):
    results = []
    monkeypatch.setattr(optimizers, "PER_THREAD", 1000)
    for count in (1, parts):
        monkeypatch.setattr(threads, "limit", lambda count=count: count)
        results.append(draw(50_021))
        adam_step(*results[-1], *COEFFICIENTS, gradient_rate=0.1)
    for one, other in zip(*results, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam"])
def test_optimizers_conform_with_it(name, monkeypatch):
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    kernels.find("adam_step").refresh()
    check_optimizer(name)


def test_a_large_update_is_taken():
    (p, g, _, _), (q, _, _, _) = draw(40_000), draw(40_000)
    registry.get("optimizers", "adam", lr=0.1).update([p], [g])
    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patch:
        patch.setenv("NPDL_KERNELS", "numpy")
        kernels.find("adam_step").refresh()
        registry.get("optimizers", "adam", lr=0.1).update([q], [g])
    kernels.find("adam_step").refresh()
    np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6)
