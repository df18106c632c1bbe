"""Every activation against PyTorch: output and gradient, kinks included."""

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.builtin import BUILTIN

# The kinks, both sides of them, zeros of either sign, the smallest numbers and the tails.
SPECIAL = [-30.0, -6.0, -3.0, -1.0, -1e-3, -1e-300, -0.0, 0.0, 1e-300, 1e-3, 0.5, 1.0, 3.0, 6.0, 30.0]

# Functions of torch.nn.functional (f) and a tensor.
CASES = [
    ("elliot", {"steepness": 2.0}, lambda f, x: f.softsign(2 * x) / 2 + 0.5),
    ("elu", {}, lambda f, x: f.elu(x)),
    ("elu", {"alpha": 0.3}, lambda f, x: f.elu(x, 0.3)),
    ("exponential", {}, lambda f, x: x.exp()),
    ("gelu", {}, lambda f, x: f.gelu(x)),
    ("gelu", {"approximate": True}, lambda f, x: f.gelu(x, approximate="tanh")),
    # The derivative of PyTorch's own hardsigmoid has 1 / 6 in single precision.
    ("hard_sigmoid", {}, lambda f, x: f.relu6(x + 3) / 6),
    ("hard_sigmoid", {"alpha": 0.21, "beta": 0.45}, lambda f, x: (0.21 * x + 0.45).clamp(0, 1)),
    ("hard_swish", {}, lambda f, x: f.hardswish(x)),
    ("hard_tanh", {}, lambda f, x: f.hardtanh(x)),
    ("leaky_relu", {}, lambda f, x: f.leaky_relu(x)),
    ("leaky_relu", {"alpha": 0.3}, lambda f, x: f.leaky_relu(x, 0.3)),
    ("leaky_relu", {"alpha": 1.5}, lambda f, x: f.leaky_relu(x, 1.5)),
    ("linear", {}, lambda f, x: x * 1),
    ("log_softmax", {}, lambda f, x: f.log_softmax(x, -1)),
    ("mish", {}, lambda f, x: f.mish(x)),
    ("relu", {}, lambda f, x: f.relu(x)),
    ("relu6", {}, lambda f, x: f.relu6(x)),
    ("selu", {}, lambda f, x: f.selu(x)),
    ("sigmoid", {}, lambda f, x: x.sigmoid()),
    ("silu", {}, lambda f, x: f.silu(x)),
    ("softmax", {}, lambda f, x: f.softmax(x, -1)),
    ("softmin", {}, lambda f, x: f.softmin(x, -1)),
    # PyTorch returns x itself beyond a threshold, 20 by default, where the difference is 2e-9.
    ("softplus", {}, lambda f, x: f.softplus(x, threshold=60)),
    ("softsign", {}, lambda f, x: f.softsign(x)),
    ("symmetric_elliot", {"steepness": 0.5}, lambda f, x: f.softsign(0.5 * x)),
    ("tanh", {}, lambda f, x: x.tanh()),
]


def test_every_builtin_has_an_oracle():
    assert {name for name, _, _ in CASES} == set(BUILTIN["activations"])


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "config", "function"), CASES)
def test_output_and_gradient(name, config, function, agree):
    import torch

    rng = np.random.default_rng(0)
    x = np.concatenate([SPECIAL, rng.normal(0, 3, 215), rng.normal(0, 30, 20)]).reshape(5, 5, 10)
    pre_grad = rng.normal(size=x.shape)
    tensor = torch.tensor(x, requires_grad=True)
    y = function(torch.nn.functional, tensor)
    y.backward(torch.tensor(pre_grad))

    activation = registry.get("activations", name, **config)
    ours = activation(x)
    back = activation.vjp(pre_grad, x if activation.needs_input else None, ours)
    agree(f"activations {name}", "PyTorch", "output", ours, y.detach().numpy())
    agree(f"activations {name}", "PyTorch", "gradient", back, tensor.grad.numpy())
