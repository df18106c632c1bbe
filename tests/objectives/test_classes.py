"""Class weights and label smoothing."""

import json

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import ConfigError, DataError

P = np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
IDS = np.array([1, 0])
WEIGHTED = ["scce", "nll", "focal", "multiclass_hinge", "categorical_hinge"]
SMOOTHED = ["scce", "nll", "focal"]


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize(
    "given", [[3.0, 0.5, 1.0], (3.0, 0.5, 1.0), np.array([3.0, 0.5, 1.0]), {0: 3, 1: 0.5}]
)
def test_class_weights_make_a_weighted_mean(name, given):
    each = registry.get("objectives", name, reduction="none").forward(P, IDS)
    weighted = registry.get("objectives", name, class_weight=given)
    due = (0.5 * each[0] + 3 * each[1]) / 3.5
    assert weighted.forward(P, IDS) == pytest.approx(due)
    assert weighted.forward(P, np.eye(3)[IDS]) == pytest.approx(due)
    again = registry.get("objectives", json.loads(json.dumps(weighted.to_json())))
    assert again.forward(P, IDS) == weighted.forward(P, IDS)


@pytest.mark.parametrize("name", ["bce", "binary_focal"])
@pytest.mark.parametrize("given", [[2.0, 0.5], {"0": 2.0, "1": 0.5}])
def test_weights_of_two_classes(name, given):
    p, t = np.array([0.2, 0.6, 0.9]), np.array([0, 1, 1])
    each = registry.get("objectives", name, reduction="none").forward(p, t)
    weighted = registry.get("objectives", name, class_weight=given)
    assert weighted.forward(p, t) == pytest.approx((2 * each[0] + 0.5 * each[1] + 0.5 * each[2]) / 3)
    assert registry.get("objectives", weighted.to_json()).config == weighted.config
    with pytest.raises(DataError, match="one output a position"):
        weighted.forward(P, P)


def test_soft_targets_count_their_expected_weight():
    t = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    each = registry.get("objectives", "scce", reduction="none").forward(P, t)
    weighted = registry.get("objectives", "scce", class_weight=[4.0, 2.0, 1.0])
    assert weighted.forward(P, t) == pytest.approx((2.75 * each[0] + 2 * each[1]) / 4.75)


@pytest.mark.parametrize("name", SMOOTHED)
def test_smoothed_ids_are_smoothed_rows(name):
    smooth = registry.get("objectives", name, label_smoothing=0.3)
    due = registry.get("objectives", name).forward(P, 0.7 * np.eye(3)[IDS] + 0.1)
    assert smooth.forward(P, IDS) == pytest.approx(due)
    assert smooth.forward(P, np.eye(3)[IDS]) == pytest.approx(due)


@pytest.mark.parametrize("name", ["bce", "binary_focal"])
def test_smoothed_events(name):
    t = np.array([[0.0, 1.0, 1.0], [0.5, 0.0, 1.0]])
    due = registry.get("objectives", name).forward(P, 0.7 * t + 0.15)
    assert registry.get("objectives", name, label_smoothing=0.3).forward(P, t) == pytest.approx(due)


def test_positive_terms_weigh_more():
    t = np.array([[0.0, 1.0, 1.0], [0.5, 0.0, 1.0]])
    weights = [2.0, 3.0, 0.5]
    loss = registry.get("objectives", "bce", pos_weight=np.array(weights))
    due = -(weights * t * np.log(P) + (1 - t) * np.log(1 - P)).sum(axis=1).mean()
    assert loss.forward(P, t) == pytest.approx(due)
    assert loss.to_json()["config"]["pos_weight"] == weights
    with pytest.raises(DataError, match="pos_weight has 3 entries, the outputs have 2"):
        loss.forward(P[:, :2], t[:, :2])


@pytest.mark.parametrize(
    ("given", "message"),
    [([1.0, 2.0], "for 2 classes, the outputs have 3"), ({5: 1.0}, "for 6 classes"), ([], "for 0 classes")],
)
def test_weights_of_other_classes(given, message):
    with pytest.raises(DataError, match=message):
        registry.get("objectives", "scce", class_weight=given).forward(P, IDS)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("scce", {"class_weight": "balanced"}),
        ("scce", {"class_weight": 2.0}),
        ("scce", {"class_weight": [1.0, -1.0]}),
        ("scce", {"class_weight": {"one": 1.0}}),
        ("scce", {"class_weight": {-1: 1.0}}),
        ("scce", {"label_smoothing": 1.5}),
        ("scce", {"epsilon": 0.0}),
        ("scce", {"from_logits": 1}),
        ("bce", {"pos_weight": [-1.0]}),
        ("bce", {"pos_weight": [[1.0]]}),
        ("bce", {"epsilon": 1.0}),
        ("focal", {"gamma": -1.0}),
        ("binary_focal", {"alpha": 2.0}),
        ("huber", {"delta": 0.0}),
        ("multiclass_hinge", {"margin": 0.0}),
        ("mse", {"reduction": "median"}),
    ],
)
def test_arguments_out_of_range(name, config):
    with pytest.raises(ConfigError):
        registry.get("objectives", name, **config)


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_hinge_refuses_class_ids(name):
    with pytest.raises(DataError, match="multiclass_hinge"):
        registry.get("objectives", name).forward(P, np.array([[0.0, 2.0, 1.0], [1.0, 1.0, 1.0]]))


@pytest.mark.parametrize("name", ["bce", "binary_focal"])
def test_events_have_probabilities(name):
    loss = registry.get("objectives", name)
    for targets in (np.full((2, 3), -1.0), np.full((2, 3), 1.5)):
        for method in (loss.forward, loss.backward):
            with pytest.raises(DataError, match=r"must lie in \[0, 1\]"):
                method(P, targets)
    assert loss.forward(P[:0], P[:0]) == 0
