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


@settings(max_examples=40)
@given(
    kernel=st.integers(1, 4),
    stride=small,
    padding=st.integers(0, 1),
    extra=st.integers(0, 1),
    dilation=small,
    groups=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_transposed_convolution(kernel, stride, padding, extra, dilation, groups, seed):
    import torch

    assume(extra < max(stride, dilation))
    shape = (2, 4, 4, 5)
    assume(all((s - 1) * stride + dilation * (kernel - 1) + 1 + extra > 2 * padding for s in shape[2:]))
    layer = built(
        "transposed_convolution",
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
    spread = torch.nn.functional.conv_transpose2d
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
