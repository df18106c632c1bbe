"""200 steps of each optimizer against PyTorch's, in float64, where the definitions coincide.

Where they do not, an epsilon of 1e-30 takes the difference away: `adam` adds it before the bias correction,
`rmsprop` inside the root, `adamax` outside the maximum. `test_formulas.py` has the equations with epsilon.
"""

import numpy as np
import pytest

from npdl_core import registry

pytestmark = pytest.mark.oracle

STEPS = 200
SHAPES = ((3, 4), (5,), (2, 3, 2))
TINY = 1e-30

# Name, our arguments, PyTorch's class and arguments.
PAIRS = [
    ("sgd", {}, "SGD", {}),
    ("sgd", {"momentum": 0.8}, "SGD", {"momentum": 0.8}),
    ("momentum", {"momentum": 0.8}, "SGD", {"momentum": 0.8}),
    ("nesterov_momentum", {"momentum": 0.8}, "SGD", {"momentum": 0.8, "nesterov": True}),
    ("ema_momentum", {"momentum": 0.8}, "SGD", {"momentum": 0.8, "dampening": 0.8}),
    ("ema_momentum", {"momentum": 0.8, "damping": 0.3}, "SGD", {"momentum": 0.8, "dampening": 0.3}),
    ("adagrad", {"epsilon": 1e-3}, "Adagrad", {"eps": 1e-3}),
    ("rmsprop", {"rho": 0.95, "epsilon": TINY}, "RMSprop", {"alpha": 0.95, "eps": TINY}),
    (
        "rmsprop",
        {"rho": 0.95, "epsilon": TINY, "centered": True, "momentum": 0.7},
        "RMSprop",
        {"alpha": 0.95, "eps": TINY, "centered": True, "momentum": 0.7},
    ),
    ("adadelta", {"rho": 0.8, "epsilon": 1e-3, "lr": 1.0}, "Adadelta", {"rho": 0.8, "eps": 1e-3, "lr": 1.0}),
    ("adam", {"epsilon": TINY}, "Adam", {"eps": TINY}),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": TINY}, "Adam", {"betas": (0.5, 0.9), "eps": TINY}),
    ("adamw", {"epsilon": 1e-3, "weight_decay": 0.0}, "AdamW", {"eps": 1e-3, "weight_decay": 0.0}),
    ("adamw", {"epsilon": 1e-3}, "AdamW", {"eps": 1e-3}),
    ("amsgrad", {"beta2": 0.9, "epsilon": 1e-3}, "Adam", {"betas": (0.9, 0.9), "eps": 1e-3, "amsgrad": True}),
    ("adamax", {"beta2": 0.9, "epsilon": TINY}, "Adamax", {"betas": (0.9, 0.9), "eps": TINY}),
    ("nadam", {"epsilon": 1e-3}, "NAdam", {"eps": 1e-3}),
    ("nadam", {"momentum_decay": 0.1}, "NAdam", {"momentum_decay": 0.1}),
    ("radam", {"epsilon": 1e-3}, "RAdam", {"eps": 1e-3}),
    ("radam", {"beta2": 0.8}, "RAdam", {"betas": (0.9, 0.8)}),
]
DECOUPLED = ("Adam", "NAdam", "RAdam")


def gradient(p, step):
    """Return the gradient of a bowl that moves, so that errors in the parameters come back."""
    return p - np.cos(step + np.arange(p.size)).reshape(p.shape)


def ours(name, config):
    params = [np.random.default_rng(0).standard_normal(shape) for shape in SHAPES]
    optimizer = registry.get("optimizers", name, **{"lr": 0.02, **config})
    for step in range(STEPS):
        optimizer.update(params, [gradient(p, step) for p in params])
    return params


def theirs(name, config):
    import torch

    start = [np.random.default_rng(0).standard_normal(shape) for shape in SHAPES]
    params = [torch.nn.Parameter(torch.from_numpy(p)) for p in start]
    optimizer = getattr(torch.optim, name)(params, **{"lr": 0.02, **config})
    for step in range(STEPS):
        for p in params:
            p.grad = torch.from_numpy(gradient(p.detach().numpy().copy(), step))
        optimizer.step()
    return [p.detach().numpy() for p in params]


def check(name, config, their_name, their_config):
    for mine, reference in zip(ours(name, config), theirs(their_name, their_config), strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "config", "their_name", "their_config"), PAIRS)
def test_two_hundred_steps(name, config, their_name, their_config):
    check(name, config, their_name, their_config)


@pytest.mark.parametrize(
    ("name", "config", "their_name", "their_config"), [pair for pair in PAIRS if pair[2] != "AdamW"]
)
def test_with_l2_weight_decay(name, config, their_name, their_config):
    check(name, {**config, "weight_decay": 0.1}, their_name, {**their_config, "weight_decay": 0.1})


@pytest.mark.parametrize(
    ("name", "config", "their_name", "their_config"), [pair for pair in PAIRS if pair[2] in DECOUPLED]
)
def test_with_decoupled_weight_decay(name, config, their_name, their_config):
    check(
        name,
        {**config, "weight_decay": 0.1, "decoupled": True},
        their_name,
        {**their_config, "weight_decay": 0.1, "decoupled_weight_decay": True},
    )


@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_global_norm_clip(max_norm):
    import torch

    grads = [np.random.default_rng(1).standard_normal(shape) for shape in SHAPES]
    params = [np.zeros(shape) for shape in SHAPES]
    optimizer = registry.get("optimizers", "sgd", lr=1.0, clip_norm=max_norm)
    optimizer.update(params, grads)
    tensors = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for shape in SHAPES]
    for tensor, g in zip(tensors, grads, strict=True):
        tensor.grad = torch.from_numpy(g.copy())
    norm = torch.nn.utils.clip_grad_norm_(tensors, max_norm)
    assert optimizer.grad_norm == pytest.approx(float(norm), rel=1e-12)
    for p, tensor in zip(params, tensors, strict=True):
        np.testing.assert_allclose(-p, tensor.grad.numpy(), rtol=1e-5)


def test_ema_is_an_averaged_model():
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    layer = torch.nn.Linear(4, 3, dtype=torch.float64)
    start = [p.detach().numpy().copy() for p in layer.parameters()]
    averaged = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    optimizer = registry.get("optimizers", "ema", optimizer="sgd", decay=0.9)
    optimizer.lr = 0.1
    params = [p.copy() for p in start]
    for step in range(50):
        optimizer.update(params, [gradient(p, step) for p in params])
        with torch.no_grad():
            for mine, p in zip(params, layer.parameters(), strict=True):
                p.copy_(torch.from_numpy(mine.copy()))
        averaged.update_parameters(layer)
    optimizer.swap(params)
    for mine, reference in zip(params, averaged.module.parameters(), strict=True):
        np.testing.assert_allclose(mine, reference.detach().numpy(), rtol=1e-10)
