"""The contract of a schedule, property by property."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from npdl_core.optimizers.sgd import SGD
from npdl_core.testing.common import COMMON, ComponentSubject
from npdl_core.testing.outcome import check_skipped, require, require_close, run
from npdl_core.testing.snapshot import changes, global_random_state, snapshot

__all__ = ["PROPERTIES", "check_schedule"]

TIMES = (0, 1, 2, 3, 7, 10, 100, 1_000, 123_457, 10**9)


def rates_are_numbers(subject: ComponentSubject) -> None:
    """At any time from 0 on the rate is a finite Python number, and not negative."""
    schedule = subject.new()
    for time in TIMES:
        subject.note(time=time)
        rate = schedule(time)
        require(isinstance(rate, float), "the rate is no float", "float", type(rate))
        require(math.isfinite(rate) and rate >= 0, "the rate is not a number of at least 0", ">= 0", rate)


def rate_is_a_pure_function_of_time(subject: ComponentSubject) -> None:
    """Asked again, in any order, and by another instance, it gives the same and writes nothing."""
    schedule, other = subject.new(), subject.new()
    before, random = snapshot(schedule), global_random_state()
    due = {time: schedule(time) for time in TIMES}
    for time in reversed(TIMES):
        subject.note(time=time)
        require(schedule(time) == due[time], "asked again, the rate differs", due[time], schedule(time))
        require(other(time) == due[time], "another instance gives another rate", due[time], other(time))
    written = changes(before, snapshot(schedule))
    require(not written, "a call writes to the schedule", "nothing", ", ".join(written[:5]))
    require(global_random_state() == random, "the global random generators were used")


def optimizers_take_it(subject: ComponentSubject) -> None:
    """An optimizer that is given it as ``lr`` takes steps of just that length, by step or by epoch."""
    schedule = subject.new()
    per = getattr(schedule, "per", "step")
    require(per in ("step", "epoch"), "per", "'step' or 'epoch'", per)
    p, g = np.zeros(1), np.ones(1)
    optimizer = SGD(lr=subject.new())
    for step in range(5):
        optimizer.epoch = 3 * step
        before = p.copy()
        optimizer.update([p], [g])
        time = step if per == "step" else 3 * step
        subject.note(time=time)
        require_close(before - p, [schedule(time)], "sgd's step is not the rate")


PROPERTIES = (*COMMON, rates_are_numbers, rate_is_a_pure_function_of_time, optimizers_take_it)


def check_schedule(
    schedule: Any, *, config: Mapping[str, Any] | None = None, skip: Collection[str] = ()
) -> tuple[str, ...]:
    """Check everything that a learning-rate schedule promises.

    Parameters
    ----------
    schedule : str, type, mapping or Schedule
        What to check.
    config : mapping, optional
        Constructor arguments.
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
    >>> "rates_are_numbers" in check_schedule("constant", config={"lr": 0.1})
    True
    """
    subject = ComponentSubject("schedules", schedule, config)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
