"""Adding up loss and metrics over batches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from npdl_core.model.terms import Measure, Term, of_output, weighting

__all__ = ["Meter"]


class Meter:
    """Loss and metrics over the batches of an epoch or a data set.

    The loss is the weighted mean over all positions of all batches, so it does not depend on how they were
    cut.

    Parameters
    ----------
    terms : sequence of Term
        The summands of the loss.
    measures : sequence of Measure
        What else is measured; the metrics are used up.

    Attributes
    ----------
    last_loss : float
        The loss of the last batch, costs of layers included.
    """

    def __init__(self, terms: Sequence[Term], measures: Sequence[Measure]) -> None:
        self._terms = terms
        self._measures = measures
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._totals = [[0.0, 0.0] for _ in self._terms]
        self._batch_loss = 0.0
        self._cost = 0.0
        self._batches = 0
        self.last_loss = float("nan")
        for measure in self._measures:
            measure.metric.reset()

    def measure(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> None:
        """Take in one batch.

        Raises
        ------
        DataError
            If there are no targets, or they do not fit the outputs.
        """
        for index, term in enumerate(self._terms):
            output = term.output
            weights = weighting(mask, sample_weight, output)
            of_term = of_output(outputs, output), of_output(targets, output), weights
            self._add(index, *term.evaluation_total(*of_term))
        self._measure_rest(outputs, targets, mask, sample_weight, 0.0)

    def learn(
        self,
        outputs: Any,
        targets: Any,
        mask: Any,
        sample_weight: Any,
        cost: float,
        fused: Collection[str | None],
    ) -> Any:
        """Take in one training batch and return the gradient of its loss with respect to the outputs.

        Parameters
        ----------
        outputs, targets, mask, sample_weight
            As of an objective, or dicts of them by output name.
        cost : float
            What layers add to the loss.
        fused : collection
            The outputs whose gradient is with respect to the argument of their softmax.
        """
        grads: dict[str | None, Any] = {}
        for index, term in enumerate(self._terms):
            output = term.output
            total, weight, grads[output] = term.total_and_gradient(
                of_output(outputs, output),
                of_output(targets, output),
                weighting(mask, sample_weight, output),
                output in fused,
            )
            self._add(index, total, weight)
        self._measure_rest(outputs, targets, mask, sample_weight, cost)
        return grads.get(None, grads)

    def _add(self, index: int, total: float, weight: float) -> None:
        sums = self._totals[index]
        sums[0] += total
        sums[1] += weight
        self._batch_loss += self._terms[index].factor * (total / weight if weight else 0.0)

    def _measure_rest(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any, cost: float) -> None:
        for output, _, metric in self._measures:
            weights = weighting(mask, sample_weight, output)
            metric.update(of_output(outputs, output), of_output(targets, output), **weights)
        self.last_loss, self._batch_loss = self._batch_loss + cost, 0.0
        self._cost += cost
        self._batches += 1

    def results(self) -> dict[str, Any]:
        """Return ``{"loss": …}`` with one entry a metric, and ``<output>_loss`` for several losses."""
        results: dict[str, Any] = {"loss": self._cost / self._batches if self._batches else 0.0}
        for index, term in enumerate(self._terms):
            total, weight = self._totals[index]
            mean = total / weight if weight else float("nan")
            results["loss"] += term.factor * mean
            if term.output is not None:
                results[f"{term.output}_loss"] = mean
        for measure in self._measures:
            results[measure.key] = measure.metric.result()
        return results
