"""prelu: values, shared slopes, and its oracle."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers import PReLU

ORACLE = ("layers prelu", "PyTorch")


def connected(layer, shape):
    layer.dtype = "float64"
    return layer.connect((None, *shape))


def test_golden_values():
    layer = connected(PReLU(), (3,))
    assert layer.alpha.tolist() == [0.25] * 3
    layer.alpha[...] = [0.1, 0.5, 2.0]
    x = np.array([[-1.0, 0.0, 3.0], [-10.0, -4.0, -1.0]])
    np.testing.assert_array_equal(layer.forward(x), [[-0.1, 0.0, 3.0], [-1.0, -2.0, -2.0]])
    np.testing.assert_array_equal(layer.forward(x, train=False), layer.forward(x))
    np.testing.assert_array_equal(layer.backward(np.ones((2, 3))), [[0.1, 0.5, 1.0], [0.1, 0.5, 2.0]])
    np.testing.assert_array_equal(layer.dalpha, [-11.0, -4.0, -1.0])


@pytest.mark.parametrize(
    ("shape", "shared", "slopes"),
    [
        ((3, 4, 5), None, (3, 4, 5)),
        ((3, 4, 5), (2, 3), (3, 1, 1)),
        ((3, 4, 5), [1, 2, 3], (1, 1, 1)),
        ((None, 5), None, (1, 5)),
        ((1, 5), None, (1, 5)),
    ],
)
def test_shared_axes(shape, shared, slopes):
    layer = connected(PReLU(shared_axes=shared), shape)
    assert layer.alpha.shape == slopes
    x = np.random.default_rng(0).normal(size=(6, *(7 if size is None else size for size in shape)))
    layer.forward(x)
    layer.backward(np.ones_like(x))
    axes = (0, *(axis for axis, size in enumerate(slopes, start=1) if size == 1))
    np.testing.assert_allclose(layer.dalpha.ravel(), np.minimum(x, 0).sum(axis=axes).ravel())


@pytest.mark.parametrize(
    ("init", "due"),
    [(0.5, 0.5), (0, 0.0), (np.float32(0.5), 0.5), ("one", 1.0), (np.full(3, 0.75), 0.75)],
    ids=repr,
)
def test_initial_slope(init, due):
    assert PReLU(init).connect((None, 3)).alpha.tolist() == [due] * 3


def test_slopes_do_not_decay():
    (parameter,) = (p for _, p in connected(PReLU(), (3,)).named_parameters())
    assert not parameter.decay


def test_no_warning_at_infinity():
    layer = connected(PReLU(0), (2,))
    assert layer.forward(np.array([[np.inf, -1.0]])).tolist() == [[np.inf, 0.0]]


def test_refusals():
    with pytest.raises(ShapeError, match=r"shared_axes=\(3,\) do not all exist"):
        PReLU(shared_axes=[3]).connect((None, 4, 5))
    for config in (
        {"shared_axes": 1},
        {"shared_axes": [0]},
        {"alpha_init": float("nan")},
        {"alpha_init": True},
    ):
        with pytest.raises(ConfigError):
            PReLU(**config)


@pytest.mark.oracle
@pytest.mark.parametrize(("shape", "shared"), [((4,), None), ((4, 5, 6), (2, 3)), ((4, 5), (1, 2))])
def test_equals_pytorch(shape, shared, agree):
    import torch

    rng = np.random.default_rng(0)
    layer = connected(PReLU(shared_axes=shared), shape)
    layer.alpha[...] = rng.normal(0.2, 0.3, layer.alpha.shape)
    module = torch.nn.PReLU(layer.alpha.size).double()
    module.weight.data = torch.tensor(layer.alpha.ravel())
    x, grad = rng.normal(0, 1, (2, 3, *shape))
    x[0] = 0  # the kink
    tensor = torch.tensor(x, requires_grad=True)
    due = module(tensor)
    due.backward(torch.tensor(grad))
    agree(*ORACLE, "output", layer.forward(x), due.detach())
    agree(*ORACLE, "gradient", layer.backward(grad), tensor.grad)
    agree(*ORACLE, "weights", layer.dalpha.ravel(), module.weight.grad)
