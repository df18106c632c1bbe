"""Mutants of metrics, each rejected by the name of the property that it breaks."""

import numpy as np
import pytest
from right_layers import collector

from npdl_core.metrics import Accuracy, ConfusionMatrix
from npdl_core.testing import check_metric
from npdl_core.testing.common import COMMON
from npdl_core.testing.metrics import PROPERTIES

MUTANTS, breaks = collector()


class Plain:
    """Accuracy outside the base."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.inner = Accuracy()

    def update(self, outputs, targets, mask=None, sample_weight=None):
        self.inner.update(outputs, targets, mask, sample_weight)

    def result(self):
        return self.inner.result()


@pytest.mark.parametrize("spec", ["accuracy", Accuracy(), ConfusionMatrix, Plain, Plain()])
def test_right_metrics_are_accepted(spec):
    assert check_metric(spec) == tuple(check.__name__ for check in PROPERTIES)


@breaks("result_is_a_number")
class NumpyResult(Accuracy):
    def result(self):
        return np.float32(super().result())


@breaks("result_is_a_number")
class InfiniteResult(Accuracy):
    def result(self):
        return super().result() * np.inf


@breaks("result_is_a_number")
class ResultResets(Accuracy):
    def result(self):
        result = super().result()
        self.reset()
        return result


@breaks("result_is_a_number")
class ResultCounts(Accuracy):
    def result(self):
        self._weight *= 1.5
        return super().result()


@breaks("result_is_a_number")
class ForgetsAfterResult(Accuracy):
    asked = False

    def result(self):
        self.asked = True
        return super().result()

    def update(self, outputs, targets, mask=None, sample_weight=None):
        if self.asked:
            self.reset()
        super().update(outputs, targets, mask, sample_weight)


@breaks("batches_may_be_cut_anyhow")
class MeanOfBatches(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        batch = Accuracy()
        batch.update(outputs, targets, mask, sample_weight)
        if len(outputs):
            self._total += batch.result()
            self._weight += 1


@breaks("batches_may_be_cut_anyhow")
class NoEmptyBatch(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        outputs[0]
        super().update(outputs, targets, mask, sample_weight)


@breaks("batches_may_be_cut_anyhow")
class WeighsByPlace(Accuracy):
    def values(self, positions):
        values = super().values(positions)
        first = self._weight
        return values * (first + np.arange(len(values)))


@breaks("reset_forgets")
class KeepsWeight(Accuracy):
    def reset(self):
        self._total = 0.0
        self._weight = getattr(self, "_weight", 0.0)


@breaks("no_data_is_nan")
class ZeroWithoutData(Accuracy):
    def result(self):
        return self._total / self._weight if self._weight else 0.0


@breaks("no_data_is_nan")
class CountsFromOne(ConfusionMatrix):
    def result(self):
        return super().result() + 1


@breaks("masked_positions_do_not_count")
class IgnoresMask(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        some = mask is None or np.any(mask)
        super().update(outputs, targets, None if some else mask, sample_weight)


@breaks("masked_positions_do_not_count")
class LooksAtMasked(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        super().update(outputs, targets, mask, sample_weight)
        if np.isnan(outputs).any():
            self._total = float("nan")


@breaks("masked_positions_do_not_count")
class RefusesIgnoredIds(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        if np.min(targets, initial=0) < 0:
            raise ValueError("negative ids")
        super().update(outputs, targets, mask, sample_weight)


@breaks("weights_count_samples")
class IgnoresWeights(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        some = sample_weight is None or np.any(sample_weight)
        super().update(outputs, targets, mask, None if some else sample_weight)


@breaks("arguments_are_not_modified")
class WritesTargets(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        super().update(outputs, targets, mask, sample_weight)
        if sample_weight is not None:
            sample_weight /= 2.0


@breaks("arguments_are_not_modified")
class KeepsViews(Accuracy):
    def reset(self):
        self.batches = []

    def update(self, outputs, targets, mask=None, sample_weight=None):
        Accuracy().update(outputs, targets, mask, sample_weight)
        self.batches.append((outputs, targets, mask, sample_weight))

    def result(self):
        whole = Accuracy()
        for batch in self.batches:
            whole.update(*batch)
        return whole.result()


@breaks("arguments_are_not_modified")
class DrawsGlobally(Accuracy):
    def result(self):
        np.random.random()  # noqa: NPY002  the defect
        return super().result()


@breaks("a_refused_batch_changes_nothing")
class CountsRefusedBatches(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        self._weight += len(outputs)
        super().update(outputs, targets, mask, sample_weight)
        self._weight -= len(outputs)


@breaks("a_refused_batch_changes_nothing")
class TakesNegativeWeights(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        super().update(outputs, targets, mask, None if sample_weight is None else np.abs(sample_weight))


@breaks("float32_agrees")
class HalfPrecision(Accuracy):
    def update(self, outputs, targets, mask=None, sample_weight=None):
        super().update(outputs, targets, mask, sample_weight)
        if np.asarray(outputs).dtype == np.float32:
            self._total += 1e-3


@pytest.mark.parametrize(("name", "cls", "arguments"), MUTANTS)
def test_mutants_are_rejected(rejected, name, cls, arguments):
    rejected("metrics", name, cls, lambda: check_metric(cls, **arguments))


def test_every_property_has_a_mutant():
    own = {check.__name__ for check in PROPERTIES} - {check.__name__ for check in COMMON}
    assert {param.values[0] for param in MUTANTS} == own
