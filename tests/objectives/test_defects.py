"""NumpyDL's defects of objectives that must not come back (numbers of the inventory), and extreme inputs."""

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import DataError


@pytest.mark.parametrize("name", ["mse", "hed", "bce"])
def test_n07_gradient_is_that_of_the_mean(name):
    objective = registry.get("objectives", name)
    rng = np.random.default_rng(0)
    outputs, targets = rng.uniform(0.2, 0.8, (4, 3)), rng.uniform(0.2, 0.8, (4, 3))
    step = 1e-6 * rng.normal(size=(4, 3))
    change = objective.forward(outputs + step, targets) - objective.forward(outputs - step, targets)
    assert change == pytest.approx(2 * np.sum(step * objective.backward(outputs, targets)), rel=1e-6)


def test_n07_mean_squared_error_by_numbers():
    objective = registry.get("objectives", "mse")
    outputs, targets = np.array([[0.75136507, 0.772928465]]), np.array([[0.01, 0.99]])
    assert objective.forward(outputs, targets) == pytest.approx(0.298371109, abs=1e-9)
    np.testing.assert_allclose(objective.backward(np.ones((4, 2)), np.zeros((4, 2))), np.full((4, 2), 0.25))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["bce", "binary_focal"])
def test_n30_saturated_probabilities_are_finite(name, dtype):
    outputs, targets = np.array([[0.0], [1.0], [0.0], [1.0]], dtype), np.array([[1.0], [0.0], [0.0], [1.0]])
    objective = registry.get("objectives", name, reduction="none")
    with np.errstate(all="raise", under="ignore"):
        losses, grads = objective.forward(outputs, targets), objective.backward(outputs, targets)
    np.testing.assert_allclose(losses, [25.328436, 25.328436, 0, 0], rtol=1e-6, atol=2e-11)
    assert np.isfinite(grads).all()
    assert grads[0] < -1e4
    assert grads[1] > 1e4


@pytest.mark.parametrize("squared", [True, False])
def test_n31_hellinger_gradient_is_finite_at_zero(squared):
    objective = registry.get("objectives", "hed", squared=squared)
    outputs, targets = np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[0.5, 0.5], [0.0, 1.0]])
    with np.errstate(all="raise"):
        grads = objective.backward(outputs, targets)
    assert np.isfinite(grads).all()
    assert grads[0, 0] < -1e4


def test_n31_the_true_distance_is_there():
    p, t = np.array([[0.36, 0.64]]), np.array([[1.0, 0.0]])
    true = registry.get("objectives", "hed", squared=False).forward(p, t)
    assert true**2 * np.sqrt(2) == pytest.approx(registry.get("objectives", "hed").forward(p, t))


def test_n32_ids_are_ids_when_there_are_as_many_samples_as_classes():
    outputs, ids = np.full((3, 3), 1 / 3), np.array([0, 1, 2])
    objective = registry.get("objectives", "scce")
    assert objective.forward(outputs, ids) == pytest.approx(np.log(3))
    for name in ("mse", "bce", "mae", "cosine"):
        with pytest.raises(DataError, match="nothing is broadcast"):
            registry.get("objectives", name).forward(outputs, ids)


def test_n32_gradient_is_true_without_a_softmax_below():
    objective = registry.get("objectives", "scce")
    outputs, ids = np.array([[0.2, 0.5, 0.1]]), np.array([1])
    np.testing.assert_allclose(objective.backward(outputs, ids), [[0, -2, 0]])
    np.testing.assert_allclose(objective.fused_backward(outputs, ids), [[0.2, -0.5, 0.1]])


PROBABILITIES = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
EXTREME = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "config", "outputs", "targets"),
    [
        ("scce", {}, PROBABILITIES, np.array([0, 1])),
        ("scce", {"label_smoothing": 0.1}, PROBABILITIES, np.array([0, 1])),
        ("scce", {"from_logits": True}, EXTREME, np.array([1, 0])),
        ("scce", {"from_logits": True}, EXTREME, PROBABILITIES),
        ("kld", {}, PROBABILITIES, PROBABILITIES[::-1]),
        ("kld", {"from_logits": True}, EXTREME, PROBABILITIES),
        ("focal", {}, PROBABILITIES, np.array([0, 1])),
        ("focal", {"from_logits": True, "gamma": 0.5}, EXTREME, np.array([1, 0])),
        ("bce", {"from_logits": True, "pos_weight": 3.0}, EXTREME, PROBABILITIES),
        ("binary_focal", {"from_logits": True, "gamma": 0.5}, EXTREME, PROBABILITIES),
        ("nll", {}, EXTREME, np.array([1, 0])),
        ("mse", {}, EXTREME, PROBABILITIES),
        ("mae", {}, EXTREME, PROBABILITIES),
        ("huber", {}, EXTREME, PROBABILITIES),
        ("log_cosh", {}, EXTREME, -EXTREME),
        ("hinge", {}, EXTREME, PROBABILITIES),
        ("squared_hinge", {}, EXTREME, PROBABILITIES),
        ("categorical_hinge", {}, EXTREME, np.array([1, 0])),
        ("multiclass_hinge", {}, EXTREME, np.array([1, 0])),
        ("cosine", {}, EXTREME, EXTREME),
        ("poisson", {}, EXTREME, PROBABILITIES),
        ("hed", {}, PROBABILITIES, np.array([0, 1])),
    ],
)
def test_extreme_outputs_are_finite_without_a_warning(name, config, outputs, targets, dtype):
    objective = registry.get("objectives", name, **config)
    outputs = outputs.astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        loss = objective.forward(outputs, targets)
        grads = objective.backward(outputs, targets)
        if objective.fuses:
            assert np.isfinite(objective.fused_backward(outputs, targets)).all()
    assert np.isfinite(loss)
    assert np.isfinite(grads).all()
    assert grads.dtype == dtype


@pytest.mark.parametrize("name", ["scce", "bce"])
def test_logits_keep_what_probabilities_cannot(name):
    # e⁻⁵⁰ is far below the epsilon of probabilities; from logits the loss is exact.
    objective = registry.get("objectives", name, from_logits=True)
    if name == "scce":
        loss = objective.forward(np.array([[50.0, 0.0]], "float32"), np.array([1]))
    else:
        loss = objective.forward(np.array([[50.0]], "float32"), np.array([[0.0]]))
    assert loss == pytest.approx(50, rel=1e-6)
