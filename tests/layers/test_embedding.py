"""Vectors by id."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core.errors import ConfigError, DataError, ShapeError
from npdl_core.layers import Embedding
from npdl_core.layers.embedding import scatter_add
from npdl_core.model import Model

VECTORS = np.arange(12.0).reshape(4, 3)


def connected(shape=(None, 2), **config):
    layer = Embedding(**{"embed_words": VECTORS, **config})
    layer.dtype = "float64"
    return layer.connect(shape)


def test_rows_by_id():
    layer = connected()
    ids = np.array([[0, 3], [1, 1]])
    for train in (True, False):
        np.testing.assert_array_equal(layer.forward(ids, train=train), VECTORS[ids])


def test_n24_it_trains_unless_told_otherwise():
    """NumpyDL's was frozen by default."""
    assert len(connected().params) == 1
    frozen = connected(static=True)
    assert (frozen.params, len(frozen.buffers)) == ([], 1)
    frozen.forward(np.array([[1, 2]]))
    frozen.backward(np.ones((1, 2, 3)))
    np.testing.assert_array_equal(frozen.W, VECTORS)


def test_n24_repeated_ids_add_up():
    layer = connected()
    g = np.random.default_rng(0).normal(0, 1, (2, 2, 3))
    layer.forward(np.array([[1, 3], [1, 1]]))
    layer.backward(g)
    np.testing.assert_allclose(layer.dW[1], g[0, 0] + g[1, 0] + g[1, 1])
    np.testing.assert_allclose(layer.dW[3], g[0, 1])
    np.testing.assert_array_equal(layer.dW[[0, 2]], 0)


def test_n24_it_may_stand_anywhere():
    """NumpyDL's backward returned None, so that it could only be first."""
    layer = connected()
    layer.forward(np.array([[1, 3]]))
    np.testing.assert_array_equal(layer.backward(np.ones((1, 2, 3))), np.zeros((1, 2)))
    layer.first_layer = True
    assert layer.backward(np.ones((1, 2, 3))) is None


def test_n24_padding():
    layer = connected(mask_zero=True)
    ids = np.array([[2, 0], [0, 1]])
    np.testing.assert_array_equal(layer.W[0], 0)
    np.testing.assert_array_equal(layer.forward(ids)[ids == 0], 0)
    layer.backward(np.ones((2, 2, 3)))
    np.testing.assert_array_equal(layer.dW[0], 0)
    np.testing.assert_array_equal(layer.dW[1:3], 1)
    np.testing.assert_array_equal(layer.compute_mask(ids, None), ids != 0)
    came = np.array([[False, True], [True, True]])
    np.testing.assert_array_equal(layer.compute_mask(ids, came), (ids != 0) & came)
    assert connected().compute_mask(ids, came) is came


def test_masks_of_ids_of_other_ranks():
    """A mask is (N, T) whatever the ids' rank, since that is what layers and losses take."""
    ids = np.array([[[0, 1], [0, 0]], [[2, 3], [0, 3]]])
    deep = connected((None, 2, 2), mask_zero=True)
    np.testing.assert_array_equal(deep.compute_mask(ids, None), [[True, False], [True, True]])
    came = np.array([[True, True], [False, True]])
    np.testing.assert_array_equal(deep.compute_mask(ids, came), [[True, False], [False, True]])
    assert deep.compute_mask(ids[:0], None).shape == (0, 2)
    assert connected((None,), mask_zero=True).compute_mask(np.array([0, 1]), None) is None


def test_given_vectors_are_weights_not_configuration():
    layer = Embedding(embed_words=VECTORS)
    assert layer.config["embed_words"] is None
    assert (layer.config["input_size"], layer.config["n_out"]) == (4, 3)
    model = Model([layer], seed=0).connect((None, 2))
    again = Model.from_json(model.to_json())
    assert again.connect((None, 2)).layers[0].W.shape == (4, 3)
    model.layers[0].W[...] = -1
    assert VECTORS.min() == 0  # the caller's array is not touched


def test_shapes():
    assert connected((None, None)).out_shape == (None, None, 3)
    assert Embedding(input_size=4, n_out=3, nb_seq=5, nb_batch=2).declared_input_shape() == (2, 5)
    free = Embedding(input_size=4, n_out=3)
    free.connect_to()
    assert free.out_shape == (None, None, 3)


@pytest.mark.parametrize("ids", [[[4, 0]], [[-1, 0]], [[0.0, 1.0]], [[True, False]]])
def test_impossible_ids(ids):
    with pytest.raises(DataError, match="ids must"):
        connected().forward(np.array(ids))


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({}, ConfigError),
        ({"input_size": 4}, ConfigError),
        ({"input_size": 0, "n_out": 3}, ConfigError),
        ({"embed_words": np.ones(3)}, ShapeError),
        ({"embed_words": VECTORS, "input_size": 5}, ConfigError),
        ({"embed_words": VECTORS, "n_out": 5}, ConfigError),
        ({"input_size": 4, "n_out": 3, "static": 1}, ConfigError),
        ({"input_size": 4, "n_out": 3, "nb_seq": 0}, ConfigError),
        ({"input_size": 4, "n_out": 3, "mask_zero": "yes"}, ConfigError),
    ],
)
def test_arguments_out_of_range(config, error):
    with pytest.raises(error):
        Embedding(**config)


@given(st.lists(st.integers(0, 5), max_size=20))
def test_scatter_is_a_loop(ids):
    rows = np.random.default_rng(len(ids)).normal(0, 1, (len(ids), 2))
    target, due = np.full((6, 2), np.nan), np.zeros((6, 2))
    for index, row in zip(ids, rows, strict=True):
        due[index] += row
    scatter_add(target, np.array(ids, int), rows)
    np.testing.assert_allclose(target, due, atol=1e-14)
