"""The norm stabilizer: golden values, and Element-Research's defects R01 and R02."""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.errors import ShapeError
from npdl_core.testing import gradcheck
from npdl_rnn import NormStabilizer

H = np.linspace(0.1, 1.2, 12).reshape(3, 2, 2).transpose(1, 0, 2)  # (N, T, H) of golden values (T, N, H)

GRADIENT = [
    [[-0.49856997, -0.99713994], [-0.6756175, -0.90082333]],
    [[-0.00885921, -0.01063106], [-0.00244028, -0.00278889]],
    [[0.75504368, 0.83893743], [0.76338973, 0.8327888]],
]


def made(beta):
    layer = NormStabilizer(beta)
    layer.dtype = "float64"
    return layer.connect((None, None, 2))


def test_r01_the_cost_is_of_differences():
    layer = made(2.0)
    np.testing.assert_array_equal(layer.forward(H), H)
    np.testing.assert_allclose(layer.cost(), 0.42175082, atol=5e-9)


def test_golden_gradient():
    """Theirs is T times the gradient of the cost; ours is the gradient."""
    layer = made(2.0)
    layer.forward(H)
    came = layer.backward(np.zeros_like(H)).transpose(1, 0, 2)
    np.testing.assert_allclose(3 * came, GRADIENT, atol=5e-9)


def test_gradient_of_a_strong_cost():
    gradcheck(made(50.0), np.random.default_rng(0).normal(0, 1, (3, 5, 2)))


def test_r02_a_vector_of_zeros_is_harmless():
    layer = made(2.0)
    x = H.copy()
    x[0, 1] = 0
    layer.forward(x)
    grad = layer.backward(np.ones_like(x))
    assert np.isfinite(grad).all()
    np.testing.assert_array_equal(grad[0, 1], 1)
    assert layer.cost() > 0


def test_padding_changes_neither_cost_nor_gradient():
    layer, short = made(2.0), made(2.0)
    mask = np.array([[True, True, True, False]] * 2)
    padded = np.concatenate([H, np.full((2, 1, 2), 9.0)], axis=1)
    layer.forward(padded, mask=mask)
    short.forward(H)
    np.testing.assert_allclose(layer.cost(), short.cost(), rtol=1e-12)
    grad = layer.backward(np.zeros_like(padded))
    np.testing.assert_allclose(grad[:, :3], short.backward(np.zeros_like(H)), rtol=1e-12)
    assert not grad[:, 3].any()


def test_inference_costs_nothing():
    layer = made(2.0)
    layer.forward(H, False)
    assert layer.cost() == 0.0


def test_a_model_counts_the_cost_and_lengths_become_stable():
    changes = []
    x = np.random.default_rng(0).normal(0, 1, (32, 8, 3)).astype("float32")
    for beta in (0.0, 20.0):
        model = Model(seed=0)
        model.add("lstm", n_out=6, return_sequence=True)
        model.add("norm_stabilizer", beta=beta)
        model.add("linear", n_out=1)
        model.compile("mse", {"name": "sgd", "config": {"lr": 0.2, "momentum": 0.9}})
        history = model.fit(x, x.sum(axis=2, keepdims=True), epochs=15, batch_size=16).history["loss"]
        assert history[-1] < history[0]
        h = model.layers[0].forward(x, train=False)
        changes.append(np.abs(np.diff(np.linalg.norm(h, axis=2), axis=1)).mean())
    assert changes[1] < 0.5 * changes[0]


def test_it_needs_sequences():
    with pytest.raises(ShapeError, match="sequences"):
        NormStabilizer().connect((None, 3))
