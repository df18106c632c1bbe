"""``backward`` is the derivative of ``forward``, whatever is combined."""

import itertools

import numpy as np
import pytest

from npdl_core import registry

STEP = 1e-5


def probabilities(rng, shape):
    values = rng.uniform(0.1, 1.0, shape)
    return values / values.sum(axis=-1, keepdims=True)


def unit(rng, shape):
    return rng.uniform(0.1, 0.9, shape)


def real(rng, shape):
    return rng.normal(0, 1.5, shape)


CASES = [
    ("binary_cross_entropy", {"pos_weight": [0.5, 1.0, 3.0]}, unit, unit),
    ("binary_cross_entropy", {"from_logits": True, "label_smoothing": 0.1}, real, unit),
    ("binary_focal", {"gamma": 1.5, "alpha": 0.25}, unit, unit),
    ("binary_focal", {"gamma": 0.5, "from_logits": True, "label_smoothing": 0.1}, real, unit),
    ("categorical_hinge", {"class_weight": {1: 2.0}}, real, "classes"),
    ("cosine", {}, real, real),
    ("focal", {"gamma": 0.5, "class_weight": [1.0, 2.0, 0.5]}, probabilities, "classes"),
    ("focal", {"from_logits": True, "label_smoothing": 0.1}, real, "classes"),
    ("hellinger_distance", {}, probabilities, "classes"),
    ("hellinger_distance", {"squared": False}, probabilities, "classes"),
    ("hinge", {}, real, "signs"),
    ("huber", {"delta": 0.8}, real, real),
    ("kl_divergence", {}, probabilities, "classes"),
    ("kl_divergence", {"from_logits": True}, real, "classes"),
    ("log_cosh", {}, real, real),
    ("mean_absolute_error", {}, real, real),
    ("mean_squared_error", {}, real, real),
    ("multiclass_hinge", {"class_weight": [1.0, 2.0, 0.5]}, real, "classes"),
    ("nll", {"label_smoothing": 0.1, "class_weight": [1.0, 2.0, 0.0]}, real, "classes"),
    ("poisson", {}, unit, unit),
    ("poisson", {"log_input": True}, real, unit),
    ("softmax_categorical_cross_entropy", {"class_weight": [1.0, 2.0, 0.5]}, probabilities, "classes"),
    ("softmax_categorical_cross_entropy", {"label_smoothing": 0.1}, probabilities, "classes"),
    (
        "softmax_categorical_cross_entropy",
        {"from_logits": True, "label_smoothing": 0.1, "class_weight": [0.0, 2.0, 0.5]},
        real,
        "classes",
    ),
    ("squared_hinge", {}, real, "signs"),
]


def targets_for(kind, rng, shape):
    if kind == "classes":
        return [rng.integers(0, shape[-1], shape[:-1]), probabilities(rng, shape)]
    if kind == "signs":
        return [rng.choice([-1.0, 1.0], shape)]
    return [kind(rng, shape)]


def slopes(function, x):
    found = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * STEP
            ends.append(np.sum(function(moved)))
        found[index] = (ends[0] - ends[1]) / (2 * STEP)
    return found


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "config", "draw", "kind"), CASES)
def test_backward_is_the_derivative(name, config, draw, kind, reduction):
    rng = np.random.default_rng(5)
    objective = registry.get("objectives", name, reduction=reduction, **config)
    for shape in ((4, 3), (2, 3, 3)):
        outputs = draw(rng, shape)
        mask = rng.random(shape[:-1]) < 0.7
        mask.flat[0] = True
        weights = [None, rng.uniform(0, 2, shape[0]), rng.uniform(0, 2, shape[:-1])]
        for targets, mask_given, weight in itertools.product(
            targets_for(kind, rng, shape), (None, mask), weights
        ):
            arguments = (targets, mask_given, weight)
            due = slopes(lambda x, a=arguments: objective.forward(x, *a), outputs)
            np.testing.assert_allclose(objective.backward(outputs, *arguments), due, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "config", "fuses"),
    [
        ("scce", {}, "softmax"),
        ("scce", {"label_smoothing": 0.2, "class_weight": [1.0, 3.0, 0.5]}, "softmax"),
        ("kl_divergence", {}, "softmax"),
        ("focal", {"gamma": 1.5}, "softmax"),
        ("bce", {}, "sigmoid"),
        ("bce", {"pos_weight": 2.5, "label_smoothing": 0.2}, "sigmoid"),
        ("binary_focal", {"alpha": 0.3}, "sigmoid"),
    ],
)
def test_fused_derivative_is_the_chain_rule(name, config, fuses):
    rng = np.random.default_rng(1)
    objective = registry.get("objectives", name, **config)
    assert objective.fuses == fuses
    activation = registry.get("activations", fuses)
    assert activation.ends_with == fuses
    outputs = activation(real(rng, (5, 3)))
    for targets in targets_for("classes" if fuses == "softmax" else unit, rng, (5, 3)):
        for mask in (None, np.array([True, False, True, True, False])):
            due = activation.vjp(objective.backward(outputs, targets, mask), None, outputs)
            np.testing.assert_allclose(objective.fused_backward(outputs, targets, mask), due, atol=1e-14)


@pytest.mark.parametrize("name", ["scce", "kl_divergence", "focal", "bce", "binary_focal"])
def test_logits_fuse_with_nothing(name):
    assert registry.get("objectives", name, from_logits=True).fuses is None


def test_sigmoid_layer_and_binary_cross_entropy_train_from_the_wrong_end():
    from npdl_core.layers import Dense
    from npdl_core.model import Model

    model = Model([Dense(1, n_in=1, activation="sigmoid", init="one")], seed=0).compile("bce", "sgd")
    x, targets = np.array([[40.0]], "float32"), np.array([[0.0]])
    assert model.predict(x) == 1.0
    model.train_on_batch(x, targets)
    # σ'(40) is 0 in float32: without the fused derivative nothing would move.
    np.testing.assert_allclose(model.grads[0], [[40.0]])
