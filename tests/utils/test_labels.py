"""Class ids and one-hot rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from npdl_core.errors import ConfigError, DataError
from npdl_core.utils import one_hot, unhot


def test_n29_the_column_is_the_label():
    """NumpyDL put label 2 of [0, 2] into column 1: it numbered the labels that occurred."""
    np.testing.assert_array_equal(one_hot([0, 2], 3), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(one_hot([5]), [[0, 0, 0, 0, 0, 1]])


@given(arrays(np.int64, array_shapes(max_dims=3, max_side=4), elements=st.integers(0, 6)))
def test_unhot_is_the_inverse(labels):
    encoded = one_hot(labels, 7)
    assert encoded.shape == (*labels.shape, 7)
    assert encoded.dtype == np.float64
    np.testing.assert_array_equal(encoded.sum(axis=-1), 1)
    np.testing.assert_array_equal(unhot(encoded), labels)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64"])
def test_any_integer_type(dtype):
    np.testing.assert_array_equal(one_hot(np.array([1, 0], dtype), 2), [[0, 1], [1, 0]])


def test_no_labels():
    assert one_hot(np.zeros(0, int)).shape == (0, 1)
    assert one_hot(np.zeros((0, 2), int), 3).shape == (0, 2, 3)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0.0, 1.0], ["0"], [True, False]])
def test_labels_out_of_range(labels):
    with pytest.raises(DataError, match="labels must"):
        one_hot(labels, 3)


@pytest.mark.parametrize("n_classes", [0, 2.0, True])
def test_numbers_of_classes_out_of_range(n_classes):
    with pytest.raises(ConfigError, match="nb_classes"):
        one_hot([0], n_classes)
