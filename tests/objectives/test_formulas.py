"""Losses by their definitions, written out over single numbers, and NumpyDL's values."""

import math

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.builtin import ALIASES, BUILTIN


def loss(name, outputs, targets, **config):
    return registry.get("objectives", name, **config).forward(np.array(outputs), np.array(targets))


ROW = [0.2, 0.7, 0.1]
WANTED = [0.5, 0.25, 0.25]
BY_ENTRY = {
    "mean_squared_error": lambda p, t: (p - t) ** 2 / 2,
    "mean_absolute_error": lambda p, t: abs(p - t),
    "huber": lambda p, t: (p - t) ** 2 / 2,
    "log_cosh": lambda p, t: math.log(math.cosh(p - t)),
    "poisson": lambda p, t: p - t * math.log(p),
    "binary_cross_entropy": lambda p, t: -(t * math.log(p) + (1 - t) * math.log(1 - p)),
    "binary_focal": lambda p, t: -(t * (1 - p) ** 2 * math.log(p) + (1 - t) * p**2 * math.log(1 - p)),
    "softmax_categorical_cross_entropy": lambda p, t: -t * math.log(p),
    "focal": lambda p, t: -t * (1 - p) ** 2 * math.log(p),
    "kl_divergence": lambda p, t: t * math.log(t / p),
    "hellinger_distance": lambda p, t: (math.sqrt(p) - math.sqrt(t)) ** 2 / math.sqrt(2),
    "nll": lambda p, t: -t * p,
}


@pytest.mark.parametrize("name", sorted(BY_ENTRY))
def test_sum_over_the_last_axis_and_mean_over_the_others(name):
    due = sum(BY_ENTRY[name](p, t) for p, t in zip(ROW, WANTED, strict=True))
    other = sum(BY_ENTRY[name](p, t) for p, t in zip(WANTED, ROW, strict=True))
    assert loss(name, [ROW], [WANTED]) == pytest.approx(due, rel=1e-14)
    assert loss(name, [ROW, WANTED], [WANTED, ROW]) == pytest.approx((due + other) / 2, rel=1e-14)
    assert loss(name, [[ROW], [WANTED]], [[WANTED], [ROW]]) == pytest.approx((due + other) / 2, rel=1e-14)


def test_margins():
    scores = [[3.0, 2.5, 1.0, 4.5]]
    assert loss("multiclass_hinge", scores, [0]) == 0.5 + 2.5
    assert loss("multiclass_hinge", scores, [0], margin=2.0) == 1.5 + 3.5
    assert loss("categorical_hinge", scores, [0]) == 2.5
    assert loss("categorical_hinge", scores, [3]) == 0
    assert loss("categorical_hinge", [[-1.0, -3.0]], [1]) == 4.0  # the other score counts as 0
    assert loss("hinge", [[0.5, -2.0, 0.25]], [[1, -1, -1]]) == 0.5 + 0 + 1.25
    assert loss("squared_hinge", [[0.5, -2.0, 0.25]], [[1, -1, -1]]) == 0.25 + 0 + 1.5625
    assert loss("hinge", [[0.5], [0.5]], [[0], [1]]) == loss("hinge", [[0.5], [0.5]], [[-1], [1]]) == 1.0


def test_huber_beyond_delta():
    assert loss("huber", [[3.0]], [[0.0]]) == 2.5
    assert loss("huber", [[-3.0]], [[0.0]], delta=2.0) == 2 * (3 - 1)


def test_cosine():
    assert loss("cosine", [[3.0, 0.0]], [[5.0, 0.0]]) == 0
    assert loss("cosine", [[3.0, 0.0]], [[-1.0, 0.0]]) == 2
    assert loss("cosine", [[3.0, 0.0]], [[0.0, 7.0]]) == 1
    assert loss("cosine", [[0.0, 0.0]], [[0.0, 7.0]]) == 1
    objective = registry.get("objectives", "cosine")
    np.testing.assert_array_equal(objective.backward(np.zeros((1, 2)), np.ones((1, 2))), [[0, 0]])


def test_true_hellinger_distance():
    due = math.sqrt(sum((math.sqrt(p) - math.sqrt(t)) ** 2 for p, t in zip(ROW, WANTED, strict=True)) / 2)
    assert loss("hellinger_distance", [ROW], [WANTED], squared=False) == pytest.approx(due)
    assert loss("hellinger_distance", [[1.0, 0.0]], [[0.0, 1.0]], squared=False) == pytest.approx(1)
    objective = registry.get("objectives", "hellinger_distance", squared=False)
    np.testing.assert_array_equal(objective.backward(np.array([ROW]), np.array([ROW])), [[0, 0, 0]])


def test_kl_divergence_of_certain_targets_is_the_cross_entropy():
    outputs, ids = np.array([ROW]), np.array([1])
    assert loss("kl_divergence", outputs, ids) == pytest.approx(-math.log(0.7))
    assert loss("kl_divergence", outputs, [[0.0, 1.0, 0.0]]) == pytest.approx(-math.log(0.7))


def test_logits_are_scores_before_the_function():
    scores = np.array([[0.3, -1.2, 2.0]])
    softmax, sigmoid = (registry.get("activations", name) for name in ("softmax", "sigmoid"))
    for name in ("scce", "kl_divergence", "focal"):
        due = loss(name, softmax(scores), [WANTED])
        assert loss(name, scores, [WANTED], from_logits=True) == pytest.approx(due)
    for name in ("bce", "binary_focal"):
        due = loss(name, sigmoid(scores), [WANTED])
        assert loss(name, scores, [WANTED], from_logits=True) == pytest.approx(due)
    assert loss("poisson", np.log([ROW]), [WANTED], log_input=True) == pytest.approx(
        loss("poisson", [ROW], [WANTED])
    )
    assert loss("nll", np.log([ROW]), [1]) == pytest.approx(loss("scce", [ROW], [1]))


def test_focus_zero_is_the_cross_entropy():
    assert loss("focal", [ROW], [WANTED], gamma=0) == pytest.approx(loss("scce", [ROW], [WANTED]))
    assert loss("binary_focal", [ROW], [WANTED], gamma=0) == pytest.approx(loss("bce", [ROW], [WANTED]))
    half = loss("binary_focal", [ROW], [WANTED], gamma=0, alpha=0.5)
    assert half == pytest.approx(loss("bce", [ROW], [WANTED]) / 2)


@pytest.mark.parametrize(
    ("name", "aliases"),
    [
        ("mean_squared_error", ["mse", "MSE", "MeanSquaredError"]),
        ("hellinger_distance", ["hed", "HeD", "HellingerDistance"]),
        ("binary_cross_entropy", ["bce", "BCE", "BinaryCrossEntropy", "binary_crossentropy"]),
        (
            "softmax_categorical_cross_entropy",
            [
                "scce",
                "SCCE",
                "SoftmaxCategoricalCrossEntropy",
                "categorical_crossentropy",
                "sparse_categorical_crossentropy",
                "cross_entropy",
            ],
        ),
        ("mean_absolute_error", ["mae", "l1"]),
        ("huber", ["smooth_l1"]),
        ("kl_divergence", ["kld"]),
        ("nll", ["negative_log_likelihood"]),
        ("cosine", ["cosine_similarity"]),
        ("focal", ["categorical_focal_crossentropy"]),
        ("binary_focal", ["binary_focal_crossentropy"]),
        ("multiclass_hinge", ["multi_margin", "MulticlassHinge"]),
    ],
)
def test_aliases(name, aliases):
    for alias in aliases:
        assert registry.resolve("objectives", alias) is registry.resolve("objectives", name)
    assert set(ALIASES["objectives"].values()) <= set(BUILTIN["objectives"])
