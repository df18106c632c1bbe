"""Losses with their gradients: against core's references, on any number of threads, within objectives."""

import numpy as np
import pytest

from npdl_core import kernels, registry
from npdl_core.testing import check_kernel
from npdl_numba import coverage, losses, threads

SIZES = [(1, coverage.MIN_NUMBERS), (1639, 10), (523, 33), (70, 1001)]
SCALE = 0.03


def draw(name, shape, dtype="float32"):
    """Return the arguments of a call, from where to write on filled with rubbish."""
    rng = np.random.default_rng(0)
    outputs, targets = rng.standard_normal((2, *shape)).astype(dtype)
    return outputs, targets, SCALE, np.full(shape[0], 9, dtype), np.full(shape, 9, dtype)


CASES = ["squared_error"]
each_case = pytest.mark.parametrize("name", CASES)


def call(name, arguments):
    return getattr(losses, name)(*arguments)


@each_case
def test_equals_the_reference_at_small_sizes(name, monkeypatch):
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    check_kernel(name)


@pytest.mark.parametrize("shape", SIZES, ids=str)
@each_case
def test_equals_the_reference_at_sizes_that_it_takes(name, shape):
    mine, due = draw(name, shape), draw(name, shape)
    assert call(name, mine) is None
    kernels.find(name).reference(*due)
    for one, other in zip(mine, due, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    for one, before in zip(mine[:2], draw(name, shape), strict=False):
        assert one.tobytes() == before.tobytes()


@each_case
def test_declines_what_is_small_double_or_strided(name):
    few = (3, coverage.MIN_NUMBERS // 3)
    strided = [array[:, ::2] if np.ndim(array) == 2 else array for array in draw(name, (4, 9000))]
    for arguments in (draw(name, few), draw(name, SIZES[1], "float64"), strided):
        before = [np.asarray(one).tobytes() for one in arguments]
        assert call(name, arguments) is NotImplemented
        assert [np.asarray(one).tobytes() for one in arguments] == before


@pytest.mark.parametrize("parts", [2, 3])
@each_case
def test_every_bit_is_the_same_on_any_number_of_threads(name, parts, monkeypatch):
    results = []
    monkeypatch.setattr(losses, "PER_THREAD", 1000)
    for count in (1, parts):
        monkeypatch.setattr(threads, "limit", lambda count=count: count)
        arguments = draw(name, (523, 33))
        call(name, arguments)
        results.append([array.tobytes() for array in arguments[-2:]])
    assert results[0] == results[1]


@pytest.mark.parametrize(("objective", "name"), [("mse", "squared_error")])
def test_objectives_give_the_same_with_it(objective, name, monkeypatch):
    outputs, targets, *_ = draw(name, (800, 33))
    outputs, targets = outputs.reshape(40, 20, 33), targets.reshape(40, 20, 33)
    loss, answers = registry.get("objectives", objective), []

    def taken(*arguments):
        answers.append(getattr(losses, name)(*arguments))

    results = []
    for overrides in ((taken,), ()):
        found = tuple((override, frozenset[str]()) for override in overrides)
        monkeypatch.setattr(kernels.find(name), "_overrides", found)
        results.append(loss.total_and_gradient(outputs, targets))
    assert answers == [None]
    np.testing.assert_allclose(results[0][:2], results[1][:2], rtol=1e-6)
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=1e-5, atol=1e-9)
