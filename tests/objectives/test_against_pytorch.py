"""Every objective against PyTorch: loss and gradient, means over positions of sums over the last axis."""

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.builtin import BUILTIN

WEIGHTS = [0.5, 2.0, 1.0, 3.0]
N, K = 6, 4


def scores(rng):
    return rng.normal(0, 2, (N, K))


def rates(rng):
    return rng.uniform(0.1, 3.0, (N, K))


def unit(rng):
    return rng.uniform(0.02, 0.98, (N, K))


def rows(rng):
    return rng.dirichlet(np.ones(K), N)


def ids(rng):
    return rng.integers(0, K, N)


def signs(rng):
    return rng.choice([-1.0, 1.0], (N, K))


def strongest_other(f, x, y):
    own = f.one_hot(y, K).double()
    return (1 + ((1 - own) * x).max(-1).values - (own * x).sum(-1)).clamp(min=0).sum() / N


def focal(p, wanted):
    return -(wanted * (1 - p) ** 1.5 * p.log()).sum() / N


def binary_focal(p, t):
    parts = 0.25 * t * (1 - p) ** 2 * p.log() + 0.75 * (1 - t) * p**2 * (1 - p).log()
    return -parts.sum() / N


def hellinger(p, t):
    return ((p.sqrt() - t.sqrt()) ** 2).sum(-1)


# Name, configuration, how outputs and targets are drawn, and the mean loss by torch.nn.functional (f).
CASES = [
    ("binary_cross_entropy", {}, unit, unit, lambda f, p, t: f.binary_cross_entropy(p, t) * K),
    (
        "binary_cross_entropy",
        {"from_logits": True, "pos_weight": WEIGHTS},
        scores,
        unit,
        lambda f, x, t: f.binary_cross_entropy_with_logits(x, t, pos_weight=x.new_tensor(WEIGHTS)) * K,
    ),
    (
        "binary_cross_entropy",
        {"label_smoothing": 0.2},
        unit,
        unit,
        lambda f, p, t: f.binary_cross_entropy(p, 0.8 * t + 0.1) * K,
    ),
    ("binary_focal", {"alpha": 0.25}, unit, unit, lambda f, p, t: binary_focal(p, t)),
    (
        "binary_focal",
        {"alpha": 0.25, "from_logits": True},
        scores,
        unit,
        lambda f, x, t: binary_focal(x.sigmoid(), t),
    ),
    ("categorical_hinge", {}, scores, ids, strongest_other),
    ("cosine", {}, scores, scores, lambda f, x, t: (1 - f.cosine_similarity(x, t, dim=-1)).mean()),
    ("focal", {"gamma": 1.5}, rows, rows, lambda f, p, t: focal(p, t)),
    ("focal", {"gamma": 1.5, "from_logits": True}, scores, rows, lambda f, x, t: focal(f.softmax(x, -1), t)),
    ("hellinger_distance", {}, rows, rows, lambda f, p, t: hellinger(p, t).mean() / 2**0.5),
    (
        "hellinger_distance",
        {"squared": False},
        rows,
        rows,
        lambda f, p, t: (hellinger(p, t) / 2).sqrt().mean(),
    ),
    ("hinge", {}, scores, signs, lambda f, x, t: (1 - t * x).clamp(min=0).sum() / N),
    ("huber", {"delta": 0.7}, scores, scores, lambda f, x, t: f.huber_loss(x, t, delta=0.7) * K),
    ("smooth_l1", {}, scores, scores, lambda f, x, t: f.smooth_l1_loss(x, t) * K),
    ("kl_divergence", {}, rows, rows, lambda f, p, t: f.kl_div(p.log(), t, reduction="batchmean")),
    (
        "kl_divergence",
        {"from_logits": True},
        scores,
        rows,
        lambda f, x, t: f.kl_div(f.log_softmax(x, -1), t, reduction="batchmean"),
    ),
    ("log_cosh", {}, scores, scores, lambda f, x, t: (x - t).cosh().log().sum() / N),
    ("mean_absolute_error", {}, scores, scores, lambda f, x, t: f.l1_loss(x, t) * K),
    ("mean_squared_error", {}, scores, scores, lambda f, x, t: f.mse_loss(x, t) * K / 2),
    (
        "multiclass_hinge",
        {"margin": 0.8},
        scores,
        ids,
        lambda f, x, y: f.multi_margin_loss(x, y, margin=0.8) * K,
    ),
    (
        "multiclass_hinge",
        {"class_weight": WEIGHTS},
        scores,
        ids,
        lambda f, x, y: (
            f.multi_margin_loss(x, y, weight=x.new_tensor(WEIGHTS), reduction="sum")
            * (K / x.new_tensor(WEIGHTS)[y].sum())
        ),
    ),
    (
        "nll",
        {"class_weight": WEIGHTS},
        scores,
        ids,
        lambda f, x, y: f.nll_loss(x, y, weight=x.new_tensor(WEIGHTS)),
    ),
    ("poisson", {}, rates, rates, lambda f, p, t: f.poisson_nll_loss(p, t, log_input=False, eps=0) * K),
    ("poisson", {"log_input": True}, scores, rates, lambda f, x, t: f.poisson_nll_loss(x, t) * K),
    ("softmax_categorical_cross_entropy", {}, rows, ids, lambda f, p, y: f.nll_loss(p.log(), y)),
    ("softmax_categorical_cross_entropy", {}, rows, rows, lambda f, p, t: -(t * p.log()).sum() / N),
    (
        "softmax_categorical_cross_entropy",
        {"from_logits": True, "class_weight": WEIGHTS},
        scores,
        ids,
        lambda f, x, y: f.cross_entropy(x, y, weight=x.new_tensor(WEIGHTS)),
    ),
    (
        "softmax_categorical_cross_entropy",
        {"from_logits": True, "label_smoothing": 0.3},
        scores,
        ids,
        lambda f, x, y: f.cross_entropy(x, y, label_smoothing=0.3),
    ),
    (
        "softmax_categorical_cross_entropy",
        {"from_logits": True},
        scores,
        rows,
        lambda f, x, t: f.cross_entropy(x, t),
    ),
    ("squared_hinge", {}, scores, signs, lambda f, x, t: ((1 - t * x).clamp(min=0) ** 2).sum() / N),
]


def test_every_builtin_has_an_oracle():
    assert {
        registry.canonical_name("objectives", registry.resolve("objectives", case[0])) for case in CASES
    } == set(BUILTIN["objectives"])


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "config", "draw_outputs", "draw_targets", "function"), CASES)
def test_loss_and_gradient(name, config, draw_outputs, draw_targets, function, agree):
    import torch

    rng = np.random.default_rng(3)
    outputs, targets = draw_outputs(rng), draw_targets(rng)
    tensor = torch.tensor(outputs, requires_grad=True)
    loss = function(torch.nn.functional, tensor, torch.tensor(targets))
    loss.backward()

    objective = registry.get("objectives", name, **config)
    title = f"objectives {registry.canonical_name('objectives', type(objective))}"
    agree(title, "PyTorch", "output", objective.forward(outputs, targets), loss.item())
    agree(title, "PyTorch", "gradient", objective.backward(outputs, targets), tensor.grad.numpy())


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ignored_positions_of_a_sequence(reduction, agree):
    import torch

    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (3, 5, K))
    targets = rng.integers(0, K, (3, 5))
    targets[:, 3:] = -100
    tensor = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(
        tensor.reshape(-1, K), torch.tensor(targets.ravel()), ignore_index=-100, reduction=reduction
    )
    loss.sum().backward()
    objective = registry.get("objectives", "scce", from_logits=True, reduction=reduction)
    ours = np.ravel(objective.forward(logits, targets, mask=targets >= 0))
    title = "objectives softmax_categorical_cross_entropy"
    agree(title, "PyTorch", "output", ours, np.ravel(loss.detach().numpy()))
    agree(
        title, "PyTorch", "gradient", objective.backward(logits, targets, targets >= 0), tensor.grad.numpy()
    )
