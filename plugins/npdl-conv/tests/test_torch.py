"""Forward and all gradients against PyTorch, float64, over geometries that hypothesis draws."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from npdl_conv.layers.pooling import L2Pooling, MaxPooling, MeanPooling
from npdl_core import registry

pytestmark = pytest.mark.oracle

small = st.integers(1, 3)


def built(name, shape, seed=0, **config):
    layer = registry.get("layers", name, **config)
    layer.dtype, layer.rng = "float64", np.random.default_rng(seed)
    return layer.connect((None, *shape[1:]))


def compare(layer, x, torch_function, names=()):
    """Compare outputs and all gradients; ``names`` are the parameters in PyTorch's order."""
    import torch

    y = layer.forward(x)
    grad = np.random.default_rng(1).normal(size=y.shape)
    dx = layer.backward(grad)
    inputs = torch.tensor(x, requires_grad=True)
    weights = [torch.tensor(np.array(getattr(layer, name)), requires_grad=True) for name in names]
    expected = torch_function(inputs, *weights)
    expected.backward(torch.tensor(grad))
    pairs = [(y, expected.detach()), (dx, inputs.grad)]
    pairs += [(getattr(layer, f"d{name}"), weight.grad) for name, weight in zip(names, weights, strict=True)]
    for ours, theirs in pairs:
        assert ours.shape == tuple(theirs.shape)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-9, atol=1e-9)
    assert y.shape[1:] == layer.out_shape[1:]


@settings(max_examples=60)
@given(
    n_axes=small,
    kernel=small,
    stride=small,
    padding=st.integers(0, 2),
    dilation=small,
    groups=st.integers(1, 2),
    size=st.integers(5, 9),
    seed=st.integers(0, 99),
)
def test_convolution(n_axes, kernel, stride, padding, dilation, groups, size, seed):
    import torch

    name = {1: "conv1d", 2: "convolution", 3: "conv3d"}[n_axes]
    shape = (2, 4, *(size - axis for axis in range(n_axes)))
    assume(all(s + 2 * padding >= dilation * (kernel - 1) + 1 for s in shape[2:]))
    layer = built(
        name,
        shape,
        seed,
        nb_filter=6,
        filter_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        activation="tanh",
    )
    convolve = getattr(torch.nn.functional, f"conv{n_axes}d")
    x = np.random.default_rng(seed).normal(size=shape)
    compare(layer, x, lambda *a: torch.tanh(convolve(*a, stride, padding, dilation, groups)), ("W", "b"))


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 3), (1, 3), (3, 2)])
def test_convolution_of_many_channels(kernel, padding):
    import torch

    shape = (3, 17, 6, 9)
    layer = built("convolution", shape, nb_filter=5, filter_size=kernel, padding=padding, activation="tanh")
    convolve = torch.nn.functional.conv2d
    x = np.random.default_rng(0).normal(size=shape)
    compare(layer, x, lambda *a: torch.tanh(convolve(*a, 1, padding)), ("W", "b"))


@settings(max_examples=40)
@given(
    n_axes=small,
    kernel=st.integers(1, 4),
    stride=small,
    padding=st.integers(0, 1),
    extra=st.integers(0, 1),
    dilation=small,
    groups=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_transposed_convolution(n_axes, kernel, stride, padding, extra, dilation, groups, seed):
    import torch

    assume(extra < max(stride, dilation))
    name = {1: "transposed_conv1d", 2: "transposed_convolution", 3: "transposed_conv3d"}[n_axes]
    shape = (2, 4, *(4, 5, 3)[:n_axes])
    assume(all((s - 1) * stride + dilation * (kernel - 1) + 1 + extra > 2 * padding for s in shape[2:]))
    layer = built(
        name,
        shape,
        seed,
        nb_filter=6,
        filter_size=kernel,
        stride=stride,
        padding=padding,
        output_padding=extra,
        dilation=dilation,
        groups=groups,
        activation="tanh",
    )
    spread = getattr(torch.nn.functional, f"conv_transpose{n_axes}d")
    x = np.random.default_rng(seed).normal(size=shape)
    compare(layer, x, lambda *a: torch.tanh(spread(*a, stride, padding, extra, groups, dilation)), ("W", "b"))


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_max_and_mean_pooling(n_axes, kernel, stride, padding, ceil_mode):
    import torch

    functional = torch.nn.functional
    shape = (2, 3, *(7, 8, 9)[:n_axes])
    x = np.random.default_rng(0).normal(size=shape)
    size = (kernel,) * n_axes

    def maxima(t):
        return getattr(functional, f"max_pool{n_axes}d")(t, kernel, stride, padding, ceil_mode=ceil_mode)

    def means(include):
        return lambda t: getattr(functional, f"avg_pool{n_axes}d")(
            t, kernel, stride, padding, ceil_mode, include
        )

    connected = (None, *shape[1:])
    compare(MaxPooling(size, stride, padding, ceil_mode).connect(connected), x, maxima)
    compare(MeanPooling(size, stride, padding, ceil_mode).connect(connected), x, means(False))
    compare(MeanPooling(size, stride, padding, ceil_mode, True).connect(connected), x, means(True))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3])
def test_norm_pooling(kernel, stride, p):
    import torch

    x = np.abs(
        np.random.default_rng(0).normal(size=(2, 3, 7, 8))
    )  # PyTorch raises odd powers of signed numbers
    layer = L2Pooling(kernel, stride, p=p).connect((None, 3, 7, 8))
    compare(layer, x, lambda t: torch.nn.functional.lp_pool2d(t, p, kernel, stride))


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_upsampling(mode):
    import torch

    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    layer = built("upsampling", x.shape, factor=(2, 3), mode=mode)
    compare(layer, x, lambda t: torch.nn.functional.interpolate(t, scale_factor=(2, 3), mode=mode))


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
def test_depthwise(stride, padding, dilation, multiplier):
    import torch

    x = np.random.default_rng(0).normal(size=(2, 4, 7, 8))
    layer = built(
        "depthwise",
        x.shape,
        filter_size=3,
        multiplier=multiplier,
        stride=stride,
        padding=padding,
        dilation=dilation,
        activation="tanh",
    )
    convolve = torch.nn.functional.conv2d
    compare(layer, x, lambda *a: torch.tanh(convolve(*a, stride, padding, dilation, 4)), ("W", "b"))


def test_separable():
    import torch

    x = np.random.default_rng(0).normal(size=(2, 4, 7, 8))
    layer = built("separable", x.shape, nb_filter=5, filter_size=3, multiplier=2, activation="tanh")
    spatial, mix = layer.depthwise, layer.pointwise
    layer.forward(x)  # the children's parameters are the layer's
    weights = [torch.tensor(np.array(a), requires_grad=True) for a in (spatial.W, mix.W, mix.b)]

    def chain(t):
        maps = torch.nn.functional.conv2d(t, weights[0], groups=4)
        return torch.tanh(torch.nn.functional.conv2d(maps, *weights[1:]))

    compare(layer, x, chain)
    for ours, theirs in zip((spatial.dW, mix.dW, mix.db), weights, strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=1e-9)


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_max_unpooling(n_axes):
    import torch

    functional = torch.nn.functional
    pool, unpool = (getattr(functional, f"max_{kind}{n_axes}d") for kind in ("pool", "unpool"))
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(2, 3, *(7, 6, 9)[:n_axes]))
    _, places = pool(torch.tensor(seen), 2, 2, 0, return_indices=True)
    values = rng.normal(size=tuple(places.shape))
    layer = registry.get("layers", "max_unpooling", pool_size=[2] * n_axes)
    layer.connect([values.shape, seen.shape])
    y = layer.forward([values, seen])
    inputs = torch.tensor(values, requires_grad=True)
    expected = unpool(inputs, places, 2, 2, 0, output_size=seen.shape[2:])
    np.testing.assert_array_equal(y, expected.detach().numpy())
    np.testing.assert_array_equal(y, layer.forward([values, seen], train=False))
    grad = rng.normal(size=y.shape)
    expected.backward(torch.tensor(grad))
    dx, places_grad = layer.backward(grad)
    np.testing.assert_array_equal(dx, inputs.grad.numpy())
    assert not places_grad.any()


@pytest.mark.parametrize("shape", [(3, 6, 5, 4), (2, 6, 7), (2, 6, 3, 2, 4), (4, 12)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm(groups, shape):
    import torch

    layer = built("group_norm", shape, groups=groups, epsilon=0.01)
    rng = np.random.default_rng(0)
    layer.gamma, layer.beta = rng.normal(size=(2, shape[1]))
    normalise = torch.nn.functional.group_norm
    x = rng.normal(size=shape)
    compare(layer, x, lambda t, *a: normalise(t, groups, *a, eps=0.01), ("gamma", "beta"))


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm(affine):
    import torch

    shape = (3, 4, 5, 6)
    layer = built("instance_norm", shape, affine=affine)
    rng = np.random.default_rng(0)
    if affine:
        layer.gamma, layer.beta = rng.normal(size=(2, 4))

    def normalise(t, gamma=None, beta=None):
        return torch.nn.functional.instance_norm(t, weight=gamma, bias=beta)

    compare(layer, rng.normal(size=shape), normalise, ("gamma", "beta") if affine else ())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
def test_local_response_norm(size):
    import torch

    x = np.random.default_rng(0).normal(size=(2, 6, 3, 4))
    layer = built("local_response_norm", x.shape, size=size, alpha=0.7, beta=0.6, k=1.5)
    compare(layer, x, lambda t: torch.nn.functional.local_response_norm(t, size, 0.7, 0.6, 1.5))
