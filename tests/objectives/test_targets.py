"""What outputs, targets, masks and weights may be, and what they do to the mean."""

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import DataError
from npdl_core.objectives import Objective

SCORES = np.random.default_rng(0).normal(size=(3, 5, 4))
IDS = np.random.default_rng(1).integers(0, 4, (3, 5))


def objective(name="scce", **config):
    if name == "scce":
        config = {"from_logits": True, **config}
    return registry.get("objectives", name, **config)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64", "int64"])
def test_ids_of_any_integer_type(dtype):
    due = objective().forward(SCORES, IDS)
    assert objective().forward(SCORES, IDS.astype(dtype)) == due
    assert objective().forward(SCORES, np.eye(4)[IDS]) == pytest.approx(due)
    assert objective().forward(SCORES.tolist(), IDS.tolist()) == due


def test_booleans_are_ids_of_two_classes():
    yes = np.array([True, False, True])
    assert objective().forward(SCORES[:, 0, :2], yes) == objective().forward(
        SCORES[:, 0, :2], yes.astype(int)
    )


@pytest.mark.parametrize("name", ["scce", "hellinger_distance", "nll"])
@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (IDS[:, :4], r"shape \(3, 5\).*got \(3, 4\)"),
        (IDS + 1, r"0 … 3, got \d … 4"),
        (IDS - 1, "0 … 3, got -1"),
        (IDS.astype("float64"), r"must be integers.*astype\(int\)"),
        (IDS[..., None], "nothing is broadcast"),
        (np.zeros((3, 5, 3)), "nothing is broadcast"),
        (np.array(1), "nothing is broadcast"),
        (np.array(["a"]), "must be numbers"),
        (np.full((3, 5), None), "must be numbers"),
    ],
)
def test_targets_that_do_not_fit(name, targets, message):
    for method in (objective(name).forward, objective(name).backward):
        with pytest.raises(DataError, match=message):
            method(SCORES, targets)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (0.5, "must have a batch axis"),
        (np.zeros((3, 0)), "at least one column"),
        (np.zeros((3, 4), complex), "must be numbers"),
        (np.zeros((3, 4), object), "must be numbers"),
    ],
)
def test_outputs_that_do_not_fit(outputs, message):
    with pytest.raises(DataError, match=message):
        objective("mse").forward(outputs, outputs)


def test_only_one_column_may_lack_its_axis():
    column = np.array([[0.5], [2.0]])
    for outputs in (column, column[:, 0]):
        for targets in (np.ones((2, 1)), np.ones(2), [1, 1]):
            assert objective("mse").forward(outputs, targets) == (0.125 + 0.5) / 2
            assert objective("mse").backward(outputs, targets).shape == outputs.shape
    for outputs, targets in ((np.zeros((2, 2)), np.zeros(2)), (np.zeros((2, 3, 1)), np.zeros((2, 3)))):
        with pytest.raises(DataError, match="nothing is broadcast"):
            objective("mse").forward(outputs, targets)


def test_integers_and_half_precision_are_computed_in_more():
    assert objective("mse").forward([[1, 2]], [[0, 0]]) == 2.5
    assert objective("mse").backward(np.array([[1, 2]]), [[0, 0]]).dtype == "float64"
    half = np.array([[0.0, 1.0]], "float16")
    assert objective("bce").forward(half, [[1.0, 1.0]]) == pytest.approx(-np.log(1e-11), rel=1e-6)
    grad = objective("bce").backward(half, [[1.0, 1.0]])
    assert grad.dtype == "float16"
    assert np.isfinite(grad).all()
    assert grad[0, 0] == -np.finfo("float16").max


def test_mean_over_positions_with_weights():
    each = objective(reduction="none").forward(SCORES, IDS)
    weights = np.random.default_rng(2).uniform(0, 3, (3, 5))
    assert each.shape == (3, 5)
    assert objective().forward(SCORES, IDS) == pytest.approx(each.mean())
    assert objective(reduction="sum").forward(SCORES, IDS) == pytest.approx(each.sum())
    due = (weights * each).sum() / weights.sum()
    assert objective().forward(SCORES, IDS, None, weights) == pytest.approx(due)
    assert objective().total(SCORES, IDS, None, weights) == pytest.approx(
        ((weights * each).sum(), weights.sum())
    )
    # A weight of a sample counts at each of its time steps.
    due = (weights[:, 0] @ each).sum() / (5 * weights[:, 0].sum())
    assert objective().forward(SCORES, IDS, None, weights[:, 0]) == pytest.approx(due)
    assert (
        objective("mse").forward([[1.0], [3.0]], [[0.0], [0.0]], None, [[1.0], [3.0]]) == (0.5 + 3 * 4.5) / 4
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_total_and_gradient_at_once(reduction):
    loss = registry.get("objectives", "scce", reduction=reduction)
    outputs = registry.get("activations", "softmax")(SCORES)
    mask = IDS > 0
    for fused, backward in ((False, loss.backward), (True, loss.fused_backward)):
        total, weight, grad = loss.total_and_gradient(outputs, IDS, mask, fused=fused)
        assert (total, weight) == loss.total(outputs, IDS, mask)
        np.testing.assert_array_equal(grad, backward(outputs, IDS, mask))


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_masked_positions_are_not_looked_at(garbage, reduction):
    mask = np.ones((3, 5), bool)
    mask[:, 3:] = False
    loss = objective(reduction=reduction)
    due, grad = loss.forward(SCORES, IDS, mask), loss.backward(SCORES, IDS, mask)
    spoiled, ids = SCORES.copy(), IDS.copy()
    spoiled[~mask], ids[~mask] = garbage, -100
    for given in ({"mask": mask}, {"mask": mask.astype(int)}, {"sample_weight": mask.astype(float)}):
        np.testing.assert_array_equal(loss.forward(spoiled, ids, **given), due)
        np.testing.assert_array_equal(loss.backward(spoiled, ids, **given), grad)
    assert not grad[:, 3:].any()
    if reduction == "none":
        assert due.shape == (3, 5)
        assert not due[:, 3:].any()


def test_mask_and_weights_and_class_weights_leave_out_together():
    mask = np.array([True, True, False, True])
    weights = np.array([2.0, 0.0, 1.0, 3.0])
    outputs, ids = SCORES[0, :4].copy(), np.array([1, -1, 99, 0])
    outputs[1:3] = np.nan
    loss = objective(class_weight=[0.0, 5.0, 1.0, 1.0], reduction="none")
    outputs[3] = np.inf  # its class counts nothing
    each = loss.forward(outputs, ids, mask, weights)
    due = objective(reduction="none").forward(outputs[:1], ids[:1])
    np.testing.assert_allclose(each, [10 * due[0], 0, 0, 0])
    grad = loss.backward(outputs, ids, mask, weights)
    np.testing.assert_allclose(grad[0], 10 * objective().backward(outputs[:1], ids[:1])[0])
    assert not grad[1:].any()


@pytest.mark.parametrize("name", ["scce", "mse"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nothing_counts_nothing(name, reduction):
    loss = objective(name, reduction=reduction)
    targets = np.eye(4)[IDS]
    for arguments in ((SCORES, targets, np.zeros((3, 5), bool)), (SCORES, targets, None, np.zeros(3))):
        assert loss.forward(*arguments) == 0
        assert not loss.backward(*arguments).any()
    assert loss.forward(SCORES[:0], targets[:0]) == 0
    assert loss.backward(SCORES[:0], targets[:0]).shape == (0, 5, 4)
    assert objective(name, reduction="none").forward(SCORES[:0], targets[:0]).shape == (0, 5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mask": np.ones(2, bool)}, r"mask has shape \(2,\)"),
        ({"mask": np.ones((3, 5, 4), bool)}, "does not fit positions"),
        ({"mask": True}, "does not fit positions"),
        ({"mask": np.full((3, 5), 0.5)}, "must be boolean"),
        ({"mask": np.full((3, 5), "yes")}, "must be numbers"),
        ({"sample_weight": np.ones((5,))}, r"sample_weight has shape \(5,\)"),
        ({"sample_weight": -np.ones(3)}, "not negative"),
        ({"sample_weight": np.array([1.0, np.nan, 1.0])}, "finite"),
        ({"sample_weight": np.array([1.0, np.inf, 1.0])}, "finite"),
    ],
)
def test_weights_that_do_not_fit(given, message):
    for method in (objective().forward, objective().backward):
        with pytest.raises(DataError, match=message):
            method(SCORES, IDS, **given)


def test_arguments_are_not_modified():
    outputs, targets = np.abs(SCORES) / 4, np.eye(4)[IDS]
    weights = np.arange(15.0).reshape(3, 5)
    kept = [array.copy() for array in (outputs, targets, weights)]
    for name in ("scce", "bce", "mse", "hinge", "cosine", "categorical_hinge"):
        loss = objective(name)
        loss.forward(outputs, targets, None, weights)
        grad = loss.backward(outputs, targets, None, weights)
        assert not np.shares_memory(grad, outputs)
        for array, before in zip((outputs, targets, weights), kept, strict=True):
            np.testing.assert_array_equal(array, before)


class Plain(Objective):
    def losses(self, outputs, targets):
        return outputs[..., 0]

    def gradients(self, outputs, targets):
        return np.ones_like(outputs)


def test_fusing_needs_something_to_fuse_with():
    with pytest.raises(DataError, match="nothing to take together"):
        Plain().fused_backward(np.ones((2, 1)), np.ones((2, 1)))
    assert Plain().connect_to(None) is None
