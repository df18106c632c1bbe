"""Adding up loss and metrics over batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npdl_core.model.terms import Measure, Term, of_output, weighting
from npdl_core.objectives.base import Objective

__all__ = ["Meter"]


class Meter:
    """Loss and metrics over the batches of an epoch or a data set.

    The loss is the weighted mean over all positions of all batches, so it does not depend on how they were
    cut. An objective with another reduction than the mean, or one that only follows the protocol, is averaged
    over batches by their number of samples.

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
        self._cost = 0.0
        self._batches = 0
        self.last_loss = float("nan")
        for measure in self._measures:
            measure.metric.reset()

    def measure(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any, cost: float = 0.0) -> None:
        """Take in one batch; ``cost`` is what layers add to its loss.

        Raises
        ------
        DataError
            If there are no targets, or they do not fit the outputs.
        """
        loss = cost
        for sums, (output, objective, factor) in zip(self._totals, self._terms, strict=True):
            total, weight = _total(
                objective,
                of_output(outputs, output),
                of_output(targets, output),
                weighting(mask, sample_weight, output),
            )
            sums[0] += total
            sums[1] += weight
            loss += factor * (total / weight if weight else 0.0)
        for output, _, metric in self._measures:
            metric.update(
                of_output(outputs, output),
                of_output(targets, output),
                **weighting(mask, sample_weight, output),
            )
        self._cost += cost
        self._batches += 1
        self.last_loss = loss

    def results(self) -> dict[str, Any]:
        """Return ``{"loss": …}`` with one entry a metric, and ``<output>_loss`` for several losses."""
        means = [total / weight if weight else float("nan") for total, weight in self._totals]
        loss = sum(term.factor * mean for term, mean in zip(self._terms, means, strict=True))
        results: dict[str, Any] = {"loss": loss + (self._cost / self._batches if self._batches else 0.0)}
        for term, mean in zip(self._terms, means, strict=True):
            if term.output is not None:
                results[f"{term.output}_loss"] = mean
        for measure in self._measures:
            results[measure.key] = measure.metric.result()
        return results


def _total(loss: Any, outputs: Any, targets: Any, weights: dict[str, Any]) -> tuple[float, float]:
    """Return the weighted sum of the losses and of the weights."""
    if isinstance(loss, Objective) and loss.reduction == "mean":
        return loss.total(outputs, targets, **weights)
    n_samples = float(len(outputs))
    return float(np.sum(loss.forward(outputs, targets, **weights))) * n_samples, n_samples
