"""dim_shuffle, reshape, permute, repeat_vector: values, gradients, masks, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npdl_core as npdl
from npdl_core.errors import ConfigError, MissingShapeError, ShapeError
from npdl_core.layers import Dense, DimShuffle, Permute, RepeatVector, Reshape

X = np.arange(24.0).reshape(2, 3, 4)
MASK = np.array([[True, True, False], [True, False, False]])


def connected(layer, shape=(3, 4)):
    return layer.connect((None, *shape))


@pytest.mark.parametrize(
    ("layer", "due"),
    [
        (DimShuffle(), X[:, None]),
        (DimShuffle(2), X[:, :, None]),
        (DimShuffle(3), X[..., None]),
        (Reshape((12,)), X.reshape(2, 12)),
        (Reshape([2, 6]), X.reshape(2, 2, 6)),
        (Reshape((-1, 2, 2)), X.reshape(2, 3, 2, 2)),
        (Reshape((1, -1)), X.reshape(2, 1, 12)),
        (Permute((2, 1)), X.transpose(0, 2, 1)),
        (Permute((1, 2)), X),
    ],
    ids=repr,
)
def test_values(layer, due):
    connected(layer)
    assert layer.out_shape == (None, *due.shape[1:])
    for train in (True, False):
        np.testing.assert_array_equal(layer.forward(X, train=train), due)
    # The gradient of Σ y g goes back to where each number came from.
    np.testing.assert_array_equal(layer.backward(due), X)


def test_permute_is_the_inverse_of_its_inverse():
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    there, back = Permute((3, 1, 2)), Permute((2, 3, 1))
    connected(there, (3, 4, 5))
    back.connect_to(there)
    assert there.out_shape == (None, 5, 3, 4)
    assert back.out_shape == (None, 3, 4, 5)
    np.testing.assert_array_equal(back.forward(there.forward(x)), x)
    # Axis k of the output is axis dims[k] of the input.
    assert there.forward(x)[1, 4, 2, 3] == x[1, 2, 3, 4]
    np.testing.assert_array_equal(there.backward(there.forward(x)), x)


def test_repeat_vector():
    layer = connected(RepeatVector(3), (4,))
    x = np.arange(8.0).reshape(2, 4)
    out = layer.forward(x)
    assert out.shape == (2, 3, 4)
    assert layer.out_shape == (None, 3, 4)
    for t in range(3):
        np.testing.assert_array_equal(out[:, t], x)
    grad = np.random.default_rng(0).normal(size=(2, 3, 4))
    np.testing.assert_allclose(layer.backward(grad), grad[:, 0] + grad[:, 1] + grad[:, 2])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_reshape_infers_the_free_size(sizes, data):
    free = data.draw(st.integers(0, len(sizes) - 1))
    total = int(np.prod(sizes))
    target = [-1 if axis == free else size for axis, size in enumerate(sizes)]
    layer = Reshape(target).connect((None, total))
    assert layer.out_shape == (None, *sizes)
    assert layer.forward(np.zeros((3, total))).shape == (3, *sizes)
    assert layer.forward(np.zeros((0, total))).shape == (0, *sizes)


def test_unknown_sizes_stay_unknown():
    layer = connected(Reshape((-1, 2)), (None, 6))
    assert layer.out_shape == (None, None, 2)
    assert layer.forward(np.zeros((2, 5, 6))).shape == (2, 15, 2)
    assert connected(DimShuffle(1), (None, 6)).out_shape == (None, 1, None, 6)
    assert connected(Permute((2, 1)), (None, 6)).out_shape == (None, 6, None)


@pytest.mark.parametrize(
    ("layer", "kept"),
    [
        (DimShuffle(1), False),
        (DimShuffle(2), True),
        (DimShuffle(3), True),
        (Permute((1, 2)), True),
        (Permute((2, 1)), False),
        (Reshape((3, 2, 2)), True),
        (Reshape((3, -1)), True),
        (Reshape((6, 2)), False),
        (Reshape((12,)), False),
    ],
    ids=repr,
)
def test_a_mask_goes_on_where_the_time_axis_stays(layer, kept):
    connected(layer)
    assert layer.compute_mask(X, None) is None
    assert layer.compute_mask(X, MASK) is (MASK if kept else None)


def test_a_mask_stops_where_the_length_changes_at_run_time():
    layer = connected(Reshape((-1, 2)), (None, 4))
    assert layer.out_shape[:2] == layer.in_shape[:2] == (None, None)
    assert layer.compute_mask(X, MASK) is None


def test_a_repeated_vector_has_no_mask():
    layer = connected(RepeatVector(3), (3,))
    assert layer.compute_mask(np.zeros((2, 3)), MASK) is None


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (DimShuffle(4), (3, 4), "axis=4 lies beyond"),
        (Reshape((5, -1)), (3, 4), "the 12 numbers of each sample"),
        (Reshape((5,)), (3, 4), "the 12 numbers of each sample"),
        (Permute((1, 2)), (3,), "need an input of 3 axes"),
        (Permute((1,)), (3, 4), "need an input of 2 axes"),
        (RepeatVector(2), (3, 4), r"needs an input of shape \(N, D\)"),
    ],
    ids=repr,
)
def test_inputs_that_do_not_fit(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.connect((None, *shape))


def test_a_size_that_does_not_fit_at_run_time():
    layer = connected(Reshape((-1, 4)), (None, 6))
    with pytest.raises(ShapeError, match="the 18 numbers of each sample"):
        layer.forward(np.zeros((2, 3, 6)))


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (DimShuffle, {"axis": -1}),
        (DimShuffle, {"axis": 1.0}),
        (Reshape, {"shape": 12}),
        (Reshape, {"shape": (0, 3)}),
        (Reshape, {"shape": (-1, -1)}),
        (Reshape, {"shape": (-2, 3)}),
        (Permute, {"dims": 2}),
        (Permute, {"dims": (0, 1)}),
        (Permute, {"dims": (1, 3)}),
        (Permute, {"dims": (1, 1)}),
        (RepeatVector, {"n": 0}),
    ],
)
def test_arguments_out_of_range(kind, config):
    with pytest.raises(ConfigError):
        kind(**config)


@pytest.mark.parametrize("layer", [DimShuffle(), Reshape((-1,)), Permute((2, 1)), RepeatVector(2)], ids=repr)
def test_as_first_layer(layer):
    # N38: a first layer without parameters crashed; it waits for the shape of the data.
    with pytest.raises(MissingShapeError, match="input shape is not known"):
        layer.connect_to(None)
    x = np.ones((6, 3) if isinstance(layer, RepeatVector) else (6, 3, 4), "float32")
    model = npdl.Model([layer, Reshape((-1,)), Dense(1, activation="linear")], seed=0)
    model.compile("mse", "sgd")
    model.fit(x, np.ones((6, 1)), epochs=1)
    assert model.predict(x).shape == (6, 1)
