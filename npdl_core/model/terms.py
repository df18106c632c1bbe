"""What compile is given, resolved: losses, their factors, and metrics by output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from npdl_core import registry
from npdl_core.checks import check_float
from npdl_core.errors import ConfigError, printable
from npdl_core.saving.envelope import is_envelope

__all__ = ["Measure", "Term", "of_output", "resolve_losses", "resolve_metrics", "weighting"]


class Term(NamedTuple):
    """One summand of the loss: an objective of an output, and its factor."""

    output: str | None
    loss: Any
    factor: float


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
