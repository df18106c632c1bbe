"""maxout: values, ties, and its slow version."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError, MissingShapeError, ShapeError
from npdl_core.layers import Dense, Maxout


def connected(layer, shape):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(0)
    return layer.connect((None, *shape))


def test_golden_values():
    W = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])
    layer = connected(Maxout(1, init=W), (2,))
    layer.b[...] = [[0.0], [0.5]]
    np.testing.assert_array_equal(layer.forward(np.array([[3.0, 1.0], [1.0, 2.0]])), [[3.0], [2.5]])
    np.testing.assert_array_equal(layer.backward(np.array([[10.0], [100.0]])), [[10.0, 0.0], [0.0, 100.0]])
    np.testing.assert_array_equal(layer.dW, [[[30.0], [10.0]], [[100.0], [200.0]]])
    np.testing.assert_array_equal(layer.db, [[10.0], [100.0]])


def test_the_first_of_tied_maps_gets_the_gradient():
    layer = connected(Maxout(1, 3, init=np.ones((3, 1, 1))), (1,))
    layer.forward(np.array([[2.0]]))
    np.testing.assert_array_equal(layer.backward(np.array([[1.0]])), [[1.0]])
    np.testing.assert_array_equal(layer.dW, [[[2.0]], [[0.0]], [[0.0]]])


def test_equals_its_slow_version():
    layer = connected(Maxout(4, 3), (5, 6))
    layer.b[...] = np.random.default_rng(1).normal(size=layer.b.shape)
    x, grad = np.random.default_rng(2).normal(size=(2, 5, 6)), np.random.default_rng(3).normal(size=(2, 5, 4))
    out, back = layer.forward(x).copy(), layer.backward(grad)
    dW, db, dx = np.zeros_like(layer.W), np.zeros_like(layer.b), np.zeros_like(x)
    for n, t, j in np.ndindex(2, 5, 4):
        scores = [x[n, t] @ layer.W[k, :, j] + layer.b[k, j] for k in range(3)]
        best = int(np.argmax(scores))
        assert out[n, t, j] == pytest.approx(scores[best], rel=1e-12)
        dW[best, :, j] += x[n, t] * grad[n, t, j]
        db[best, j] += grad[n, t, j]
        dx[n, t] += layer.W[best, :, j] * grad[n, t, j]
    np.testing.assert_allclose(layer.dW, dW, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.db, db, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(back, dx, rtol=1e-12, atol=1e-12)


def test_one_piece_is_linear():
    layer = connected(Maxout(3, 1), (4,))
    linear = Dense(3, init=layer.W[0].copy(), activation="linear")
    connected(linear, (4,))
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(layer.forward(x), linear.forward(x), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(x[:, :3]), linear.backward(x[:, :3]), rtol=1e-12)


def test_each_piece_has_the_spread_of_a_dense_layer():
    layer = connected(Maxout(300, 2), (100,))
    bound = np.sqrt(6 / 400)
    for piece in layer.W:
        # The largest of 30 000 uniform draws is within 1e-3 of the bound but for one case in 10^13.
        assert bound * (1 - 1e-3) < np.abs(piece).max() <= bound
    assert (layer.W[0] != layer.W[1]).all()


def test_first_layer_returns_no_gradient():
    layer = connected(Maxout(2, n_in=3), (3,))
    layer.first_layer = True
    layer.forward(np.ones((2, 3)))
    assert layer.backward(np.ones((2, 2))) is None
    assert layer.db.sum() == 4


def test_n_in_is_enough_to_connect():
    layer = Maxout(2, n_in=3)
    layer.connect_to(None)
    assert layer.out_shape == (None, 2)
    assert layer.W.shape == (2, 3, 2)


def test_inference_equals_training():
    layer = connected(Maxout(4, 3), (6,))
    x = np.random.default_rng(0).normal(size=(5, 6))
    np.testing.assert_array_equal(layer.forward(x, train=False), layer.forward(x))


def test_refusals():
    with pytest.raises(MissingShapeError, match="W needs shape"):
        Maxout(2).connect((None, None))
    with pytest.raises(ShapeError, match="W"):
        Maxout(2, init=np.ones((2, 5, 2))).connect((None, 3))
    for config in ({"n_out": 0}, {"n_out": 2, "n_pieces": 0}, {"n_out": 2, "n_in": 0}):
        with pytest.raises(ConfigError):
            Maxout(**config)
