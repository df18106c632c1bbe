"""Mutants of objectives, each rejected by the name of the property that it breaks."""

import numpy as np
import pytest
from right_layers import collector

from npdl_core.errors import DataError, NotConnectedError
from npdl_core.objectives import (
    BinaryCrossEntropy,
    MeanSquaredError,
    Objective,
    SoftmaxCategoricalCrossEntropy,
)
from npdl_core.testing import check_objective
from npdl_core.testing.common import COMMON
from npdl_core.testing.objectives import PROPERTIES

MUTANTS, breaks = collector()
SCCE, BCE, MSE = SoftmaxCategoricalCrossEntropy, BinaryCrossEntropy, MeanSquaredError
RNG = np.random.default_rng(0)


class Baseline(Objective):
    """½ Σ (p - t - c)² with a trainable offset c (K,)."""

    def connect_to(self, last_layer):
        self.add_param("c", last_layer.out_shape[-1:], "one")

    def losses(self, outputs, targets):
        return 0.5 * np.square(outputs - targets - self.c).sum(axis=-1)

    def gradients(self, outputs, targets):
        return outputs - targets - self.c

    def backward(self, outputs, targets, mask=None, sample_weight=None):
        grads = super().backward(outputs, targets, mask, sample_weight)
        self.dc = -grads.reshape(-1, self.c.size).sum(axis=0)
        return grads


class Noisy(MeanSquaredError):
    """Targets with noise from the objective's own generator."""

    def losses(self, outputs, targets):
        return super().losses(outputs, targets + 0.1 * self.rng.normal(0, 1, targets.shape))

    def gradients(self, outputs, targets):
        return super().gradients(outputs, targets + 0.1 * self.rng.normal(0, 1, targets.shape))


class AtLeastTwo(MeanSquaredError):
    """Refuses a single column."""

    def losses(self, outputs, targets):
        if outputs.shape[-1] < 2:
            raise DataError("one column is not enough")
        return super().losses(outputs, targets)


class Plain:
    """Mean squared error outside the base: no total, no reductions, no masks of the base's kind."""

    def forward(self, outputs, targets, mask=None, sample_weight=None):
        return MeanSquaredError().forward(outputs, targets, mask, sample_weight)

    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return MeanSquaredError().backward(outputs, targets, mask, sample_weight)


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [
        (SCCE, {}),
        (SCCE, {"targets": "ids"}),
        (SCCE, {"config": {"reduction": "sum"}}),
        (AtLeastTwo, {"outputs": "real"}),
        (BCE, {"outputs": "unit"}),
        (MSE, {"outputs": "real"}),
        (Baseline, {"outputs": "real"}),
        (Plain, {"outputs": "real", "ids": False}),
        (Plain(), {"outputs": lambda rng, shape: rng.normal(0, 1, shape)}),
    ],
)
def test_right_objectives_are_accepted(spec, arguments):
    assert check_objective(spec, **arguments) == tuple(check.__name__ for check in PROPERTIES)


def test_noise_comes_from_one_seed():
    # Every call draws anew, so a batch's parts do not add up, and neither weights nor layouts count samples.
    skip = ["positions_add_up", "weights_count_samples", "masked_positions_have_no_influence"]
    skip += ["dtype_is_kept", "a_step_gets_loss_and_gradient"]
    assert "gradient_is_the_derivative" in check_objective(Noisy, outputs="real", skip=skip)


def test_kinks_are_walked_around():
    drawn = []

    def outputs(rng, shape):
        """Draw the kink of a hinge first, and other numbers when asked again."""
        drawn.append(shape)
        return np.ones(shape) if len(drawn) == 1 else rng.normal(0, 1, shape)

    others = [check.__name__ for check in PROPERTIES if check.__name__ != "gradient_is_the_derivative"]
    assert check_objective("hinge", outputs=outputs, targets=lambda rng, shape: np.ones(shape), skip=others)
    assert len(drawn) > 3


@breaks("gradient_is_the_derivative")
class ForgetsTheMean(SCCE):
    def gradients(self, outputs, targets):
        return super().gradients(outputs, targets) * max(len(outputs), 1)


@breaks("gradient_is_the_derivative")
class WrongForIds(SCCE):
    def gradients(self, outputs, targets):
        grads = super().gradients(outputs, targets)
        return grads * 2 if targets.ndim < outputs.ndim else grads


@breaks("gradient_is_the_derivative")
class GradientIgnoresWeights(SCCE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return super().backward(outputs, targets, mask)


@breaks("gradient_is_the_derivative")
class GradientIgnoresMask(SCCE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return super().backward(outputs, targets, None, sample_weight)


@breaks("gradient_is_the_derivative")
class SumIsMean(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        loss = super().forward(outputs, targets, mask, sample_weight)
        return loss / len(outputs) if self.reduction == "sum" else loss


@breaks("gradient_is_the_derivative")
class GradientOfOtherShape(SCCE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return super().backward(outputs, targets, mask, sample_weight).ravel()


@breaks("gradient_is_the_derivative", outputs="real")
class ForgetsItsParameter(Baseline):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return Objective.backward(self, outputs, targets, mask, sample_weight)


@breaks("loss_is_a_number")
class ArrayLoss(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        return np.asarray(super().forward(outputs, targets, mask, sample_weight))


@breaks("loss_is_a_number")
class NoneIsSum(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        return np.sum(super().forward(outputs, targets, mask, sample_weight)).item()


@breaks("reductions_agree")
class OtherTotal(SCCE):
    def total(self, outputs, targets, mask=None, sample_weight=None):
        total, weight = super().total(outputs, targets, mask, sample_weight)
        return 2 * total, weight


@breaks("positions_add_up")
class TotalsOfMeans(SCCE):
    def total(self, outputs, targets, mask=None, sample_weight=None):
        total, weight = super().total(outputs, targets, mask, sample_weight)
        return total / weight if len(outputs) == 2 else total, weight


@breaks("ids_stand_for_one_hot")
class DoublesIds(SCCE):
    def losses(self, outputs, targets):
        return super().losses(outputs, targets) * (2 if targets.ndim < outputs.ndim else 1)

    def gradients(self, outputs, targets):
        return super().gradients(outputs, targets) * (2 if targets.ndim < outputs.ndim else 1)


@breaks("weights_count_samples")
class WeightsOverSamples(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        return super().forward(outputs, targets, mask, sample_weight) * self.factor(sample_weight)

    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return super().backward(outputs, targets, mask, sample_weight) * self.factor(sample_weight)

    def total(self, outputs, targets, mask=None, sample_weight=None):
        total, weight = super().total(outputs, targets, mask, sample_weight)
        return total * self.factor(sample_weight), weight

    def factor(self, sample_weight):
        return 1.0 if sample_weight is None else float(np.mean(sample_weight))


@breaks("masked_positions_have_no_influence")
class LooksEverywhere(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        return super().forward(outputs, targets, mask, sample_weight) + 0.0 * float(np.sum(outputs))


@breaks("masked_positions_have_no_influence")
class RefusesIgnoredIds(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        if np.min(targets, initial=0) < 0 and mask is not None:
            raise ValueError("negative ids")
        return super().forward(outputs, targets, mask, sample_weight)


@breaks("masked_positions_have_no_influence")
class LeavesGradient(SCCE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        grads = super().backward(outputs, targets, mask, sample_weight)
        if mask is not None:
            grads[~np.asarray(mask)] += 1e-12
        return grads


@breaks("nothing_to_count_is_zero")
class NaNOfNothing(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        loss = super().forward(outputs, targets, mask, sample_weight)
        nothing = not len(outputs) or (mask is not None and not np.any(mask))
        return float("nan") if nothing and self.reduction == "mean" else loss


@breaks("nothing_to_count_is_zero")
class NoEmptyBatch(SCCE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return super().backward(outputs, targets, mask, sample_weight) + 1 / len(outputs) * 0


@breaks("calls_are_pure")
class WritesOutputs(SCCE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        grads = super().backward(outputs, targets, mask, sample_weight)
        outputs += 1e-9
        return grads


class Dot(Objective):
    """Σ p t."""

    def losses(self, outputs, targets):
        return np.sum(outputs * targets, axis=-1)

    def gradients(self, outputs, targets):
        return targets


@breaks("calls_are_pure")
class WritesTargets(Dot):
    pass


@breaks("calls_are_pure", config={"reduction": "sum"})
class ReturnsTargets(Dot):
    pass


@breaks("calls_are_pure")
class RemembersBatch(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        self.batches = getattr(self, "batches", 0) + 1
        return super().forward(outputs, targets, mask, sample_weight)


@breaks("calls_are_pure")
class DrawsGlobally(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        np.random.random()  # noqa: NPY002  the defect
        return super().forward(outputs, targets, mask, sample_weight)


@breaks("wrong_shapes_are_refused", outputs="real", ids=False)
class Broadcasts(MSE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        return super().forward(outputs, np.broadcast_to(targets, np.shape(outputs)), mask, sample_weight)


@breaks("wrong_shapes_are_refused")
class TakesAnyMask(SCCE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        if mask is not None and np.shape(mask) != np.shape(outputs)[:-1]:
            mask = np.ones(np.shape(outputs)[:-1], bool)
        return super().backward(outputs, targets, mask, sample_weight)


@breaks("wrong_shapes_are_refused")
class AnotherError(SCCE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        if sample_weight is not None and np.min(sample_weight, initial=0) < 0:
            raise NotConnectedError("negative")
        return super().forward(outputs, targets, mask, sample_weight)


@breaks("one_column_may_lack_its_axis", outputs="real")
class KeepsTheColumn(MSE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        grads = super().backward(outputs, targets, mask, sample_weight)
        return grads[:, None] if grads.ndim == 1 else grads


@breaks("one_column_may_lack_its_axis", outputs="real")
class CountsColumnsAgain(MSE):
    def forward(self, outputs, targets, mask=None, sample_weight=None):
        return super().forward(outputs, targets, mask, sample_weight) * (2 if np.ndim(outputs) == 1 else 1)


@breaks("fused_backward_is_the_chain_rule")
class FusesWrongly(SCCE):
    def fused_gradients(self, outputs, targets):
        return super().fused_gradients(outputs, targets) * 0.5


@breaks("fused_backward_is_the_chain_rule")
class FusesWithoutMask(SCCE):
    def fused_backward(self, outputs, targets, mask=None, sample_weight=None):
        return super().fused_backward(outputs, targets, None, sample_weight)


@breaks("a_step_gets_loss_and_gradient", outputs="real")
class SharesWrongly(MSE):
    def losses_and_gradients(self, outputs, targets, scale):
        return self.losses(outputs, targets), self.gradients(outputs, targets)


@breaks("a_step_gets_loss_and_gradient")
class FusesAnotherLoss(SCCE):
    def losses_and_fused_gradients(self, outputs, targets, scale):
        losses, grads = super().losses_and_fused_gradients(outputs, targets, scale)
        return 2 * losses, grads


@breaks("dtype_is_kept")
class UpcastsGradient(SCCE):
    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return super().backward(outputs, targets, mask, sample_weight).astype(np.float64)


@breaks("dtype_is_kept")
class HalfPrecision(SCCE):
    def losses(self, outputs, targets):
        losses = super().losses(outputs, targets)
        return losses if outputs.dtype == np.float64 else losses.astype(np.float16).astype(np.float32)


@breaks("memory_layout_does_not_matter", outputs="real")
class ReadsMemoryOrder(MSE):
    def losses(self, outputs, targets):
        if outputs.ndim == 3:
            targets = targets.ravel(order="K").reshape(targets.shape)
        return super().losses(outputs, targets)


@pytest.mark.parametrize(("name", "cls", "arguments"), MUTANTS)
def test_mutants_are_rejected(rejected, name, cls, arguments):
    rejected("objectives", name, cls, lambda: check_objective(cls, **arguments))


def test_every_property_has_a_mutant():
    own = {check.__name__ for check in PROPERTIES} - {check.__name__ for check in COMMON}
    assert {param.values[0] for param in MUTANTS} == own
