"""The defaults also hold for layers without a model."""

import numpy as np
import pytest

from npdl_core.layers import Dense, Dropout
from npdl_core.utils import set_dtype, set_seed


@pytest.fixture(autouse=True)
def restore():
    yield
    set_dtype("float32")


def made(seed):
    set_seed(seed)
    layer = Dense(3).connect((None, 2))
    noise = Dropout(0.5).connect((None, 9)).forward(np.ones((1, 9), layer.dtype))
    return layer.W, noise


def test_one_seed_one_layer():
    for first, again in zip(made(3), made(3), strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(made(3)[0], made(4)[0])


def test_layers_differ_from_each_other():
    set_seed(3)
    assert not np.array_equal(Dense(3).connect((None, 2)).W, Dense(3).connect((None, 2)).W)


def test_dtype():
    set_dtype("float64")
    assert made(3)[0].dtype == np.float64
    set_dtype("float32")
    assert made(3)[0].dtype == np.float32
