"""Weights from and to PyTorch's and Keras's names and layouts."""

from typing import ClassVar

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import ConfigError, NotConnectedError, WeightsError
from npdl_core.layers import Layer
from npdl_core.saving.converters import Foreign, from_keras, from_torch, to_keras, to_torch

CASES = [
    ("dense", {"n_out": 3}, (None, 4)),
    ("softmax", {"n_out": 3}, (None, 4)),
    ("linear", {"n_out": 3, "use_bias": False}, (None, 4)),
    ("batch_normal", {}, (None, 5)),
    ("layer_norm", {}, (None, 5)),
    ("embedding", {"input_size": 7, "n_out": 3}, (None, 2)),
]


def connected(name, config, shape, seed=0):
    layer = registry.get("layers", name, **config)
    layer.dtype, layer.rng = "float64", np.random.default_rng(seed)
    layer.connect(shape)
    for _, parameter in layer.named_parameters():
        parameter.value[...] = layer.rng.normal(size=parameter.value.shape)
    return layer


@pytest.mark.parametrize(("write", "read"), [(to_torch, from_torch), (to_keras, from_keras)])
@pytest.mark.parametrize(("name", "config", "shape"), CASES)
def test_there_and_back(name, config, shape, write, read):
    layer, other = connected(name, config, shape), connected(name, config, shape, seed=1)
    read(other, write(layer))
    for (_, mine), (_, theirs) in zip(layer.named_parameters(), other.named_parameters(), strict=True):
        assert (mine.value == theirs.value).all()


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "config", "module"),
    [
        ("dense", {"n_out": 3, "activation": "linear"}, lambda nn: nn.Linear(5, 3)),
        ("layer_norm", {}, lambda nn: nn.LayerNorm(5)),
        ("batch_normal", {}, lambda nn: nn.BatchNorm1d(5).eval()),
    ],
)
def test_outputs_and_gradients_equal_pytorchs(name, config, module):
    import torch

    theirs = module(torch.nn).double()
    for tensor in theirs.buffers():
        if tensor.dtype.is_floating_point:
            tensor.uniform_(0.5, 1.5)
    layer = connected(name, config, (None, 5))
    from_torch(layer, theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(6, 5))
    expected = theirs(torch.tensor(x))
    np.testing.assert_allclose(layer.forward(x, train=False), expected.detach().numpy(), atol=1e-12)
    if name != "batch_normal":  # in training PyTorch's would use the batch
        expected.sum().backward()
        layer.backward(np.ones_like(layer.forward(x)))
        for key, grad in to_torch(layer, grads=True).items():
            np.testing.assert_allclose(grad, theirs.get_parameter(key).grad.numpy(), atol=1e-12)


def test_pytorchs_layout_is_the_transpose():
    layer = connected("dense", {"n_out": 3}, (None, 4))
    assert (to_torch(layer)["weight"] == layer.W.T).all()
    assert (to_keras(layer)["kernel"] == layer.W).all()


def test_every_difference_is_listed_and_nothing_is_changed():
    layer = connected("dense", {"n_out": 3}, (None, 4))
    before = layer.W.copy()
    with pytest.raises(WeightsError) as caught:
        from_torch(layer, {"weight": np.zeros((4, 3)), "extra": np.zeros(1)})
    assert all(word in str(caught.value) for word in ("weight has shape (4, 3)", "bias is missing", "extra"))
    assert (before == layer.W).all()


def test_pytorchs_counter_is_passed_over():
    layer = connected("batch_normal", {}, (None, 5))
    from_torch(layer, to_torch(layer) | {"num_batches_tracked": np.array(3)})


def test_gradients_leave_running_statistics_out():
    assert set(to_keras(connected("batch_normal", {}, (None, 5)), grads=True)) == {"gamma", "beta"}


def test_a_layer_without_a_map_or_without_weights():
    with pytest.raises(ConfigError, match="no map"):
        to_torch(registry.get("layers", "dropout"))
    with pytest.raises(NotConnectedError, match="connect it"):
        to_keras(registry.get("layers", "dense", n_out=3))


def test_another_package_brings_its_own_map():
    class Shift(Layer):
        """Add a learned number to each feature."""

        weight_maps: ClassVar = {"torch": {"s": Foreign("shift")}}

        def connect_to(self, prev_layer=None):
            self.out_shape = self.incoming_shape(prev_layer)
            self.add_param("s", (self.out_shape[-1],), "one")

        def forward(self, input, train=True):
            return input + self.s

        def backward(self, pre_grad):
            self.ds = pre_grad.sum(axis=0)
            return pre_grad

    assert to_torch(Shift().connect((None, 2)))["shift"].tolist() == [1, 1]
