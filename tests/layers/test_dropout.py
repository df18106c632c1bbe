"""Dropout."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError
from npdl_core.layers import Dropout
from npdl_core.model import Model

ONES = np.ones((200, 500), "float32")


def connected(p, seed=0):
    layer = Dropout(p).connect((None, 500))
    layer.rng = np.random.default_rng(seed)
    return layer


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_n12_p_is_the_fraction_dropped_and_the_mean_stays(p):
    """NumpyDL scaled twice, in training and at evaluation, and called p what is kept."""
    y = connected(p).forward(ONES)
    assert abs((y == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / ONES.size)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
    assert abs(y.mean() - 1) < 0.03


@pytest.mark.parametrize("p", [0.0, 0.3])
def test_n12_evaluation_changes_nothing(p):
    layer = connected(p)
    np.testing.assert_array_equal(layer.forward(ONES, train=False), ONES)


def test_n13_a_model_predicts_without_dropping():
    model = Model([Dropout(0.5)], seed=0).connect((None, 500))
    np.testing.assert_array_equal(model.predict(ONES), ONES)


def test_the_gradient_passes_where_the_input_passed():
    layer = connected(0.4)
    y = layer.forward(ONES)
    np.testing.assert_array_equal(layer.backward(ONES), y)


def test_drawn_anew_and_by_seed():
    layer = connected(0.5)
    first, second = layer.forward(ONES).copy(), layer.forward(ONES).copy()
    assert (first != second).any()
    np.testing.assert_array_equal(connected(0.5).forward(ONES), first)
    assert (connected(0.5, seed=1).forward(ONES) != first).any()


def test_entries_are_independent():
    y = connected(0.5).forward(ONES) != 0
    for a, b in ((y[:, 1:], y[:, :-1]), (y[1:], y[:-1])):
        assert abs((a & b).mean() - 0.25) < 0.01


@pytest.mark.parametrize("p", [1.0, -0.1, "0.5", True, float("nan")])
def test_p_out_of_range(p):
    with pytest.raises(ConfigError, match="p must be"):
        Dropout(p)
