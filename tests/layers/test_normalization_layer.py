"""layer_norm and rms_norm: values, shapes, and their oracle."""

import tracemalloc

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers import LayerNorm, RMSNorm


def connected(layer, shape):
    layer.dtype = "float64"
    return layer.connect((None, *shape))


def test_golden_values_of_layer_norm():
    layer = connected(LayerNorm(epsilon=0.25), (3,))
    layer.gamma[...] = [1.0, 2.0, 3.0]
    layer.beta[...] = [0.0, 0.0, 1.0]
    # μ = 0, v = (9 + 0 + 9) / 3 = 6, √(v + 1/4) = 5/2.
    np.testing.assert_allclose(layer.forward(np.array([[-3.0, 0.0, 3.0]])), [[-1.2, 0.0, 4.6]], rtol=1e-14)
    # h = γg = (1, 0, 0), x̂ = (-1.2, 0, 1.2): dx = (h - 1/3 + 0.4 x̂) / 2.5.
    grad = layer.backward(np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(grad, [[(2 / 3 - 0.48) / 2.5, -1 / 7.5, (0.48 - 1 / 3) / 2.5]], rtol=1e-13)
    np.testing.assert_allclose(layer.dgamma, [-1.2, 0, 0], rtol=1e-14)
    assert layer.dbeta.tolist() == [1, 0, 0]


def test_golden_values_of_rms_norm():
    layer = connected(RMSNorm(epsilon=1.0), (2,))
    layer.gamma[...] = [1.0, 2.0]
    # (1² + 7²) / 2 + 1 = 26; x̂ = x / √26.
    root = np.sqrt(26)
    np.testing.assert_allclose(layer.forward(np.array([[1.0, 7.0]])), [[1 / root, 14 / root]], rtol=1e-14)
    # h = γg = (0, 2): Σ h x̂ / 2 = 7/√26, dx = (h - x̂ · 7/√26) / √26.
    grad = layer.backward(np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(grad, [[-7 / 26 / root, (2 - 49 / 26) / root]], rtol=1e-13)
    np.testing.assert_allclose(layer.dgamma, [0, 7 / root], rtol=1e-14)


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
def test_shapes_of_the_parameters(kind):
    assert kind().connect((None, None, 5)).gamma.shape == (5,)
    assert kind(n_axes=2).connect((None, 4, 5)).gamma.shape == (4, 5)
    assert kind(n_axes=2).connect((None, 4, 5)).params[0].shape == (4, 5)


def test_without_bias():
    layer = LayerNorm(use_bias=False).connect((None, 5))
    assert len(layer.params) == 1
    assert not hasattr(layer, "beta")
    assert len(LayerNorm().connect((None, 5)).params) == 2
    assert len(RMSNorm().connect((None, 5)).params) == 1


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
def test_no_batch_axis_is_left(kind):
    with pytest.raises(ShapeError, match=r"n_axes=2 leaves no batch axis"):
        kind(n_axes=2).connect((None, 5))


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
@pytest.mark.parametrize("config", [{"epsilon": 0}, {"n_axes": 0}, {"n_axes": 1.0}])
def test_arguments_out_of_range(kind, config):
    with pytest.raises(ConfigError):
        kind(**config)


def test_no_nan_where_nothing_varies():
    layer = connected(LayerNorm(), (3,))
    assert layer.forward(np.full((2, 3), 7.0)).tolist() == [[0, 0, 0]] * 2
    assert np.isfinite(layer.backward(np.ones((2, 3)))).all()


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
def test_a_training_step_allocates_nothing_large(kind):
    layer = kind().connect((None, 64))
    x = np.random.default_rng(0).normal(0, 1, (4096, 64)).astype("float32")

    def step():
        layer.forward(x)
        layer.backward(x)

    step()
    tracemalloc.start()
    try:
        step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 8


CASES = [("LayerNorm", (4, 6), 1, True), ("LayerNorm", (4, 6), 2, True), ("LayerNorm", (6,), 1, False),
         ("RMSNorm", (4, 6), 1, False), ("RMSNorm", (3, 4, 6), 2, False)]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "shape", "n_axes", "bias"), CASES)
def test_equals_pytorch(name, shape, n_axes, bias, agree):
    import torch

    rng = np.random.default_rng(0)
    layer = LayerNorm(1e-3, n_axes, bias) if name == "LayerNorm" else RMSNorm(1e-3, n_axes)
    connected(layer, shape)
    options = {"bias": bias} if name == "LayerNorm" else {}
    module = getattr(torch.nn, name)(shape[-n_axes:], eps=1e-3, **options).double()
    for ours, theirs in zip(layer.params, module.parameters(), strict=True):
        ours[...] = rng.normal(1, 0.5, ours.shape)
        theirs.data = torch.tensor(ours)
    x, grad = rng.normal(1, 2, (2, 5, *shape))
    tensor = torch.tensor(x, requires_grad=True)
    due = module(tensor)
    due.backward(torch.tensor(grad))
    oracle = (f"layers {registry.canonical_name('layers', type(layer))}", "PyTorch")
    agree(*oracle, "output", layer.forward(x), due.detach())
    agree(*oracle, "output", layer.forward(x, train=False), due.detach())
    agree(*oracle, "gradient", layer.backward(grad), tensor.grad)
    for ours, theirs in zip(layer.grads, module.parameters(), strict=True):
        agree(*oracle, "weights", ours, theirs.grad)
