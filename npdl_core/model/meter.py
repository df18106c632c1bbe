"""Adding up loss and metrics over batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.objectives.base import Objective

__all__ = ["Meter"]


class Meter:
    """Loss and metrics over the batches of an epoch or a data set.

    The loss is the weighted mean over all positions of all batches, so it does not depend on how they were
    cut. An objective with another reduction than the mean, or one that only follows the protocol, is averaged
    over batches by their number of samples.

    Parameters
    ----------
    losses : dict of Objective by output name
        The objectives.
    loss_weights : dict of float by output name
        Their factors.
    metrics : list of (output name, key, Metric)
        What else is measured.
    """

    def __init__(
        self, losses: dict[Any, Any], loss_weights: dict[str, float], metrics: list[tuple[Any, str, Any]]
    ) -> None:
        self._losses = losses
        self._loss_weights = loss_weights
        self._metrics = metrics
        self._totals = {output: [0.0, 0.0] for output in losses}
        self._cost = [0.0, 0.0]
        self.last_loss = float("nan")
        for _, _, metric in metrics:
            metric.reset()

    def measure(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any, cost: float = 0.0) -> None:
        """Take in one batch; ``cost`` is what layers add to its loss."""
        batch_loss = cost
        for output, loss in self._losses.items():
            arguments = [_of(part, output) for part in (outputs, targets, mask, sample_weight)]
            total, weight = _loss_total(loss, *arguments)
            sums = self._totals[output]
            sums[0] += total
            sums[1] += weight
            batch_loss += self._loss_weights.get(output or "", 1.0) * (total / weight if weight else 0.0)
        self._cost[0] += cost
        self._cost[1] += 1
        self.last_loss = batch_loss
        for output, _, metric in self._metrics:
            given = {"mask": _of(mask, output), "sample_weight": _of(sample_weight, output)}
            present = {name: value for name, value in given.items() if value is not None}
            metric.update(_of(outputs, output), _of(targets, output), **present)

    def results(self) -> dict[str, Any]:
        """Return ``{"loss": …}`` with one entry a metric, and ``<output>_loss`` for several losses."""
        means = {
            output: total / weight if weight else float("nan")
            for output, (total, weight) in self._totals.items()
        }
        loss = sum(self._loss_weights.get(output or "", 1.0) * mean for output, mean in means.items())
        results: dict[str, Any] = {"loss": loss + (self._cost[0] / self._cost[1] if self._cost[1] else 0.0)}
        results.update({f"{output}_loss": mean for output, mean in means.items() if output is not None})
        results.update({key: metric.result() for _, key, metric in self._metrics})
        return results


def _of(value: Any, output: str | None) -> Any:
    return value.get(output) if output is not None and isinstance(value, dict) else value


def _loss_total(loss: Any, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> tuple[float, float]:
    if isinstance(loss, Objective) and loss.reduction == "mean":
        return loss.total(outputs, targets, mask, sample_weight)
    given = {"mask": mask, "sample_weight": sample_weight}
    value = loss.forward(outputs, targets, **{name: part for name, part in given.items() if part is not None})
    n_samples = float(len(outputs))
    return float(np.sum(value)) * n_samples, n_samples
