"""What compile is given, resolved: losses, their factors, and metrics by output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from npdl_core import registry
from npdl_core.checks import check_float
from npdl_core.errors import ConfigError, printable
from npdl_core.objectives.base import Objective
from npdl_core.saving.envelope import is_envelope

__all__ = ["Measure", "Term", "of_output", "resolve_losses", "resolve_metrics", "weighting"]


class Term(NamedTuple):
    """One summand of the loss: an objective of an output, and its factor."""

    output: str | None
    loss: Any
    factor: float

    def total(self, outputs: Any, targets: Any, weights: dict[str, Any]) -> tuple[float, float]:
        """Return the weighted sum of the positions' losses and the sum of the weights.

        An objective with another reduction than the mean, or one that only follows the protocol, counts every
        sample of a batch alike.
        """
        loss = self.loss
        if isinstance(loss, Objective) and loss.reduction == "mean":
            return loss.total(outputs, targets, **weights)
        n_samples = float(len(outputs))
        return float(np.sum(loss.forward(outputs, targets, **weights))) * n_samples, n_samples

    def evaluation_total(self, outputs: Any, targets: Any, weights: dict[str, Any]) -> tuple[float, float]:
        """Return what :meth:`total` does, of the loss that is reported where nothing is trained."""
        if isinstance(self.loss, Objective) and self.loss.reduction == "mean":
            return self.loss.evaluation_total(outputs, targets, **weights)
        return self.total(outputs, targets, weights)

    @property
    def rewards(self) -> bool:
        """Whether the loss has rewards for stochastic layers."""
        return bool(getattr(self.loss, "rewards", False))

    def total_and_gradient(
        self, outputs: Any, targets: Any, weights: dict[str, Any], fused: bool
    ) -> tuple[float, float, Any]:
        """Return what :meth:`total` does, and the gradient of the weighted loss."""
        loss, factor = self.loss, self.factor
        if _gives_both(loss.__class__) and loss.reduction == "mean":
            total, weight, grad = loss.total_and_gradient(outputs, targets, **weights, fused=fused)
        else:
            total, weight = self.total(outputs, targets, weights)
            grad = (loss.fused_backward if fused else loss.backward)(outputs, targets, **weights)
        return total, weight, grad if factor == 1 else grad * np.asarray(factor, grad.dtype)


@cache
def _gives_both(cls: type) -> bool:
    """Return whether ``total_and_gradient`` agrees with what else a class defines."""
    if not issubclass(cls, Objective):
        return False
    return cls.total_and_gradient is not Objective.total_and_gradient or all(
        getattr(cls, name) is getattr(Objective, name)
        for name in ("forward", "total", "backward", "fused_backward")
    )


class Measure(NamedTuple):
    """A metric of an output, and its key in the logs; output None with several outputs stands for each."""

    output: str | None
    key: str
    metric: Any


def of_output(value: Any, output: str | None) -> Any:
    """Return the part of an output: ``value[output]`` of a dict, None where it has none, else ``value``."""
    return value.get(output) if output is not None and isinstance(value, dict) else value


def weighting(mask: Any, sample_weight: Any, output: str | None) -> dict[str, Any]:
    """Return keyword arguments for what is given, so that a plain ``forward(outputs, targets)`` works too."""
    if mask is None and sample_weight is None:
        return {}
    given = {"mask": of_output(mask, output), "sample_weight": of_output(sample_weight, output)}
    return {name: value for name, value in given.items() if value is not None}


def resolve_losses(loss: Any, loss_weights: Any) -> list[Term]:
    """Return the terms of the loss.

    Raises
    ------
    ConfigError
        If there is none, or a weight is for something else than an output with a loss.
    """
    by_output: dict[str | None, Any]
    if isinstance(loss, Mapping) and not is_envelope(loss):
        by_output = {str(output): spec for output, spec in loss.items()}
    else:
        by_output = {None: loss}
    if not by_output:
        raise ConfigError("loss: an empty dict names no output")
    weights = {} if loss_weights is None else loss_weights
    if not isinstance(weights, Mapping):
        raise ConfigError(
            f"loss_weights must be a dict of output names to factors, got {type(weights).__name__}"
        )
    for name in weights:
        if name not in by_output:
            raise ConfigError(
                f"loss_weights: {printable(repr(name), 60)} is no output with a loss; losses are for "
                f"{[output for output in by_output if output is not None] or 'a single output'}"
            )
    return [
        Term(
            output,
            registry.get("objectives", spec),
            check_float(f"loss_weights[{output!r}]", weights.get(output, 1.0), 0),
        )
        for output, spec in by_output.items()
    ]


def resolve_metrics(metrics: Any, outputs: Sequence[str | None]) -> list[Measure]:
    """Return the metrics of each output, with different keys.

    Parameters
    ----------
    metrics : name, envelope or instance, a sequence of them, or a dict of those by output name
        Without a dict they are of every output.
    outputs : sequence
        The outputs with a loss; [None] for a single one.

    Raises
    ------
    ConfigError
        If a key is no output.
    """
    if isinstance(metrics, Mapping) and not is_envelope(metrics):
        unknown = [name for name in metrics if name not in outputs]
        if unknown:
            raise ConfigError(f"metrics: {printable(repr(unknown[0]), 60)} is no output with a loss")
        by_output = dict(metrics)
    else:
        by_output = dict.fromkeys(outputs, metrics)
    measures = [
        _measure(output, registry.get("metrics", spec))
        for output, specs in by_output.items()
        for spec in _as_list(specs)
    ]
    keys = [measure.key for measure in measures]
    return [
        measure if keys.count(measure.key) == 1 else _numbered(measure, keys[: i + 1].count(measure.key))
        for i, measure in enumerate(measures)
    ]


def _measure(output: str | None, metric: Any) -> Measure:
    name = registry.canonical_name("metrics", type(metric))
    return Measure(output, name if output is None else f"{output}_{name}", metric)


def _numbered(measure: Measure, number: int) -> Measure:
    return measure._replace(key=f"{measure.key}_{number}")


def _as_list(specs: Any) -> list[Any]:
    if specs is None:
        return []
    return list(specs) if isinstance(specs, (list, tuple)) else [specs]
