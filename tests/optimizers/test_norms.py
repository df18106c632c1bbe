"""Norms of gradients: exact where squares overflow or vanish, and the same for any partition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npdl_core.errors import ConfigError, NonFiniteError
from npdl_core.optimizers.base import clip_global_norm, global_norm


@given(arrays(np.float64, st.integers(0, 30), elements=st.floats(-1e3, 1e3)))
def test_it_is_the_euclidean_norm(array):
    assert global_norm([array]) == pytest.approx(float(np.linalg.norm(array)), rel=1e-12, abs=1e-150)


@pytest.mark.parametrize("size", [1e200, 1e-200, 1e308, 1e-308])
def test_squares_may_overflow_or_vanish(size):
    assert global_norm([np.array([0.6 * size]), np.array([0.8 * size])]) == pytest.approx(size)
    assert global_norm([np.array([0.6, -0.8]) * size]) == pytest.approx(size)


def test_large_arrays_of_single_precision_are_added_up_in_double():
    ones = np.full(3_000_000, 1e25, np.float32)
    assert global_norm([ones]) == pytest.approx(float(np.float32(1e25)) * math.sqrt(ones.size), rel=1e-9)


def test_nothing_has_the_norm_zero():
    assert global_norm([]) == global_norm([np.zeros((0, 3))]) == global_norm([np.zeros((2, 3))]) == 0.0


def test_layouts_do_not_matter():
    array = np.random.default_rng(0).standard_normal((200, 300))
    assert global_norm([np.asfortranarray(array)]) == pytest.approx(global_norm([array]), rel=1e-14)
    assert global_norm([array[::2], array[1::2]]) == pytest.approx(global_norm([array]), rel=1e-14)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_has_no_norm_is_not_scaled(bad):
    grads = [np.array([1.0, bad]), np.ones(2)]
    assert not math.isfinite(global_norm(grads))
    with pytest.raises(NonFiniteError):
        clip_global_norm(grads, 1.0)
    np.testing.assert_array_equal(grads[1], np.ones(2))


@pytest.mark.parametrize(("max_norm", "after"), [(1.0, 1.0), (5.0, 5.0), (9.0, 5.0), (0.0, 5.0), (-1.0, 5.0)])
def test_clip_global_norm_scales_in_place_and_returns_what_it_was(max_norm, after):
    grads = [np.array([3.0]), np.array([[4.0]])]
    assert clip_global_norm(grads, max_norm) == 5.0
    assert global_norm(grads) == pytest.approx(after, rel=1e-14)


def test_the_bound_must_be_a_number():
    with pytest.raises(ConfigError):
        clip_global_norm([np.ones(1)], float("nan"))
