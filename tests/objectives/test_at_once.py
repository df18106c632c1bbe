"""Losses and gradients at once: who shares the work, and when what is shared is passed by."""

import numpy as np
import pytest

from npdl_core.objectives import MeanSquaredError, Objective
from npdl_core.testing.memory import peak_memory

RNG = np.random.default_rng(0)
OUTPUTS, TARGETS = RNG.standard_normal((2, 4, 3, 5))


class Shared(Objective):
    """Says which way it was asked."""

    def losses(self, outputs, targets):
        return np.full(outputs.shape[:-1], 1.0)

    def gradients(self, outputs, targets):
        return np.full(outputs.shape, 1.0)

    def losses_and_gradients(self, outputs, targets, scale):
        return np.full(outputs.shape[:-1], 2.0), np.full(outputs.shape, 2.0 * scale)


class OtherLosses(Shared):
    def losses(self, outputs, targets):
        return np.full(outputs.shape[:-1], 3.0)


class OtherGradients(Shared):
    def gradients(self, outputs, targets):
        return np.full(outputs.shape, 4.0)


class BothAgain(OtherLosses):
    losses_and_gradients = Shared.losses_and_gradients


@pytest.mark.parametrize(
    ("cls", "loss", "slope"), [(Shared, 2, 2), (OtherLosses, 3, 1), (OtherGradients, 1, 4), (BothAgain, 2, 2)]
)
def test_what_is_shared_counts_unless_a_subclass_changes_a_part(cls, loss, slope):
    total, weight, grad = cls().total_and_gradient(OUTPUTS, TARGETS)
    assert (total, weight) == (12 * loss, 12)
    np.testing.assert_allclose(grad, slope / 12)


@pytest.mark.parametrize("weights", [None, RNG.random((4, 3))], ids=["alike", "weighted"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_outputs_stay_and_the_gradient_is_new(dtype, weights):
    outputs, targets = OUTPUTS.astype(dtype), TARGETS.astype(dtype)
    before = outputs.tobytes(), targets.tobytes()
    first, second = (
        MeanSquaredError().total_and_gradient(outputs, targets, None, weights)[2] for _ in range(2)
    )
    assert (outputs.tobytes(), targets.tobytes()) == before
    assert not any(np.shares_memory(first, other) for other in (second, outputs, targets))
    assert first.dtype == dtype
    np.testing.assert_array_equal(first, MeanSquaredError().backward(outputs, targets, None, weights))


def test_the_gradient_of_steps_lies_as_they_do():
    outputs = OUTPUTS.transpose(1, 0, 2).copy().transpose(1, 0, 2)
    results = [MeanSquaredError().total_and_gradient(one, TARGETS) for one in (outputs, OUTPUTS)]
    assert results[0][:2] == results[1][:2]
    np.testing.assert_array_equal(results[0][2], results[1][2])
    assert results[0][2].strides == outputs.strides


def test_a_column_may_lack_its_axis():
    total, weight, grad = MeanSquaredError().total_and_gradient(
        np.array([3.0, 1.0]), np.array([[1.0], [1.0]])
    )
    assert (total, weight, grad.tolist()) == (2.0, 2.0, [1.0, 0.0])


def test_mean_squared_error_needs_no_memory_beside_its_gradient():
    outputs, targets = RNG.standard_normal((2, 4000, 50))
    peak = peak_memory(lambda: MeanSquaredError().total_and_gradient(outputs, targets))
    assert outputs.nbytes <= peak < 1.1 * outputs.nbytes
