"""The contract of an objective, property by property."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from npdl_core.testing.domains import Draw
from npdl_core.testing.objectives.properties import PROPERTIES
from npdl_core.testing.objectives.subject import ObjectiveSubject
from npdl_core.testing.outcome import check_skipped, run

__all__ = ["PROPERTIES", "check_objective"]


def check_objective(
    objective: Any,
    *,
    config: Mapping[str, Any] | None = None,
    outputs: str | Draw | None = None,
    targets: str | Draw | None = None,
    n_outputs: int = 4,
    ids: bool | None = None,
    skip: Collection[str] = (),
) -> tuple[str, ...]:
    """Check everything that an objective promises.

    Parameters
    ----------
    objective : str, type, mapping or Objective
        What to check.
    config : mapping, optional
        Constructor arguments.
    outputs, targets : str or callable(rng, shape), optional
        What to feed: ``"probabilities"`` (rows that sum to 1), ``"unit"`` (0 to 1), ``"real"``,
        ``"positive"``, ``"binary"``, ``"signs"`` (-1 or 1), ``"one_hot"``, ``"ids"``, or a function that
        draws an array. Probabilities by default; targets as outputs.
    n_outputs : int
        K, how many columns outputs have.
    ids : bool, optional
        Whether class ids are accepted as targets; by default what the attribute ``ids`` says.
    skip : collection of str
        Names of properties that do not apply.

    Returns
    -------
    tuple of str
        Names of the properties that hold.

    Raises
    ------
    ConformanceError
        Naming the property that does not hold.

    Examples
    --------
    >>> "gradient_is_the_derivative" in check_objective("mean_squared_error", outputs="real")
    True
    """
    subject = ObjectiveSubject(objective, config, outputs, targets, n_outputs, ids)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
