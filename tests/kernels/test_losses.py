"""Kernels of losses: gradients, stability, pieces, and PyTorch's cross-entropy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npdl_core import kernels
from npdl_core.kernels import losses
from npdl_core.objectives import MeanSquaredError, SoftmaxCategoricalCrossEntropy

softmax = kernels.find("softmax").reference
softmax_cross_entropy = kernels.find("softmax_cross_entropy").reference
squared_error = kernels.find("squared_error").reference

N, K = 6, 5
RNG = np.random.default_rng(0)
SCORES = 3 * RNG.standard_normal((N, K))
IDS = RNG.integers(0, K, N)
ONE_HOT = np.eye(K)[IDS]
WEIGHTS = RNG.random((N, K))
TARGETS = {"ids": IDS, "one_hot": ONE_HOT, "weights": WEIGHTS}
each_target = pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
each_form = pytest.mark.parametrize("epsilon", [1e-11, None], ids=["probabilities", "scores"])


def computed(scores, targets, epsilon, scale=1.0):
    """Return losses, and gradients with respect to the scores, computed from these or from probabilities."""
    outputs = scores if epsilon is None else softmax(scores, np.empty_like(scores))
    written = np.empty(len(scores), scores.dtype), np.empty_like(scores)
    before = outputs.tobytes(), targets.tobytes()
    softmax_cross_entropy(outputs, targets, scale, epsilon, *written)
    assert (outputs.tobytes(), targets.tobytes()) == before
    return written


@each_target
@each_form
def test_the_gradient_is_the_derivative_by_scores(epsilon, targets):
    grads = computed(SCORES, targets, epsilon, 0.25)[1]
    for place in np.ndindex(N, K):
        step = np.zeros((N, K))
        step[place] = 1e-5
        ahead, behind = (computed(SCORES + one, targets, epsilon)[0].sum() for one in (step, -step))
        assert grads[place] == pytest.approx(0.25 * (ahead - behind) / 2e-5, abs=1e-8)


@pytest.mark.oracle
@pytest.mark.parametrize("factor", [1, 100], ids=["moderate", "large"])
@each_target
@each_form
def test_pytorch_has_the_same(epsilon, targets, factor, agree):
    import torch

    scores = torch.tensor(factor * SCORES, requires_grad=True)
    wanted = torch.tensor(targets)
    value = torch.nn.functional.cross_entropy(scores, wanted, reduction="none")
    value.sum().backward()
    mine, grads = computed(factor * SCORES, targets, epsilon)
    # Probabilities below epsilon cost what epsilon does.
    due = value.detach().numpy() if epsilon is None or factor == 1 else mine
    agree("kernels softmax_cross_entropy", "PyTorch", "loss", mine, due)
    agree("kernels softmax_cross_entropy", "PyTorch", "gradient", grads, scores.grad.numpy())


@given(
    arrays("float32", (3, 7), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    st.lists(st.integers(0, 6), min_size=3, max_size=3),
)
def test_finite_scores_have_finite_losses_and_gradients_that_sum_to_zero(scores, ids):
    for epsilon in (1e-11, None):
        values, grads = computed(scores, np.array(ids), epsilon)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert np.abs(grads).max() <= 1
        np.testing.assert_allclose(grads.sum(axis=-1), 0, atol=1e-6)
        assert (grads[range(3), ids] <= 0).all()


@given(arrays("float64", (2, 4), elements=st.floats(-20, 20)), st.floats(-1000, 1000))
def test_a_constant_added_to_scores_changes_nothing(scores, constant):
    for one, other in zip(
        computed(scores, IDS[:2] % 4, None), computed(scores + constant, IDS[:2] % 4, None), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-9)


@each_form
def test_one_hot_rows_are_class_ids(epsilon):
    for one, other in zip(computed(SCORES, IDS, epsilon), computed(SCORES, ONE_HOT, epsilon), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def test_an_impossible_class_costs_what_epsilon_does():
    values, grads = np.empty(2), np.empty((2, 2))
    softmax_cross_entropy(np.eye(2), np.array([1, 1]), 1.0, 1e-11, values, grads)
    np.testing.assert_allclose(values, [-np.log(1e-11), 0])
    assert grads.tolist() == [[1, -1], [0, 0]]


@pytest.mark.parametrize("piece", [1, 7, 20])
@each_target
def test_pieces_do_not_change_a_bit(targets, piece, monkeypatch):
    def results():
        probabilities, values, slopes = np.empty((N, K)), np.empty(N), np.empty((N, K))
        softmax(SCORES, probabilities)
        squared_error(SCORES, WEIGHTS, 0.5, values, slopes)
        found = [probabilities, values, slopes]
        for epsilon in (1e-11, None):
            found += computed(SCORES, targets, epsilon, 0.1)
        return [one.tobytes() for one in found]

    whole = results()
    monkeypatch.setattr(losses, "PIECE", piece)
    assert results() == whole


def test_softmax_of_any_axes_and_layouts(monkeypatch):
    x = RNG.standard_normal((4, 3, 6))
    due = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
    for size in (5, losses.PIECE):
        monkeypatch.setattr(losses, "PIECE", size)
        for place in (np.empty_like(x), x.copy(), np.empty((6, 4, 3)).transpose(1, 2, 0)):
            assert softmax(x, place) is place
            np.testing.assert_allclose(place, due, rtol=1e-12)
        np.testing.assert_allclose(softmax(x[:, ::2], np.empty((4, 2, 6))), due[:, ::2], rtol=1e-12)
        np.testing.assert_allclose(softmax(x[0, 0], np.empty(6)), due[0, 0], rtol=1e-12)


@pytest.mark.parametrize("config", [{}, {"epsilon": 0.01}, {"label_smoothing": 0.2}, {"from_logits": True}])
@pytest.mark.parametrize("targets", [IDS, ONE_HOT], ids=["ids", "one_hot"])
def test_the_objective_asks_the_kernel_once(config, targets, monkeypatch):
    asked = []

    def kernel(*arguments):
        asked.append(arguments[3])
        softmax_cross_entropy(*arguments)

    monkeypatch.setattr(kernels, "softmax_cross_entropy", kernel)
    loss = SoftmaxCategoricalCrossEntropy(**config)
    outputs = SCORES if loss.from_logits else softmax(SCORES, np.empty_like(SCORES))
    fused = loss.fuses is not None
    total, _, grad = loss.total_and_gradient(outputs, targets, fused=fused)
    assert asked == [None if loss.from_logits else loss.epsilon]
    assert total == pytest.approx(loss.total(outputs, targets)[0], rel=1e-14)
    np.testing.assert_allclose(
        grad, (loss.fused_backward if fused else loss.backward)(outputs, targets), rtol=1e-12, atol=1e-16
    )


def test_squared_errors():
    values, slopes = np.empty(N), np.empty((N, K))
    assert squared_error(SCORES, WEIGHTS, 0.1, values, slopes) is None
    np.testing.assert_allclose(values, 0.5 * np.square(SCORES - WEIGHTS).sum(axis=-1), rtol=1e-14)
    np.testing.assert_allclose(slopes, 0.1 * (SCORES - WEIGHTS), rtol=1e-14)
    assert values.mean() == pytest.approx(MeanSquaredError().forward(SCORES, WEIGHTS), rel=1e-14)
