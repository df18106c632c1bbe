"""The contract of an optimizer, property by property."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import NpdlError
from npdl_core.optimizers.base import Optimizer
from npdl_core.testing.common import COMMON, ComponentSubject
from npdl_core.testing.outcome import check_skipped, fail, require, require_close, require_same, run
from npdl_core.testing.snapshot import changes, global_random_state, snapshot

__all__ = ["PROPERTIES", "check_optimizer"]

SHAPES = ((3, 4), (5,), (), (0, 2), (2, 3, 2))
STEPS = 4
ULPS = 4
"""How many units in the last place flat and separate arrays may differ by, relative to the largest entry.

A rule computes each number by the same operations either way, and add, multiply, divide and square root are
correctly rounded; only transcendental functions may round differently in a vector loop and in its remainder.
"""

Arrays = list[NDArray[Any]]


class OptimizerSubject(ComponentSubject):
    """An optimizer and the parameters that it is tried on."""

    def __init__(self, spec: Any, config: Any) -> None:
        super().__init__("optimizers", spec, config)

    def arrays(self, shapes: Any = SHAPES, seed: int = 0, dtype: str = "float64") -> Arrays:
        """Return parameters of several shapes."""
        self.note(seed=seed, dtype=dtype)
        rng = np.random.default_rng(seed)
        return [np.asarray(rng.normal(0, 1, shape), dtype) for shape in shapes]

    @staticmethod
    def gradients(params: Arrays, step: int = 0) -> Arrays:
        """Return random gradients for a step."""
        rng = np.random.default_rng([step, 5])
        return [np.asarray(rng.normal(0, 1, p.shape), p.dtype) for p in params]

    def steps(self, optimizer: Any, params: Arrays, n: int = STEPS, start: int = 0, **options: Any) -> Arrays:
        """Update ``params`` n times and return copies."""
        for step in range(start, start + n):
            optimizer.update(params, self.gradients(params, step), **options)
        return [p.copy() for p in params]


def updates_in_place(subject: OptimizerSubject) -> None:
    """The arrays that were passed are changed, in their shape and dtype, to finite numbers."""
    for dtype in ("float32", "float64"):
        params = subject.arrays(dtype=dtype)
        before = [p.copy() for p in params]
        result = subject.new().update(params, subject.gradients(params))
        require(result is None, "update returns something; it changes its arguments", None, type(result))
        for p, then in zip(params, before, strict=True):
            require(p.dtype == dtype and p.shape == then.shape, "an array changed its form", dtype, p.dtype)
            require(np.isfinite(p).all(), "a parameter is not finite after the update", "finite numbers", p)
            require(
                not p.size or not np.array_equal(p, then), f"the parameter of shape {p.shape} did not change"
            )


def gradients_are_not_modified(subject: OptimizerSubject) -> None:
    """``update`` only reads gradients, and takes some that cannot be written."""
    params = subject.arrays()
    optimizer = subject.new()
    for step in range(STEPS):
        grads = subject.gradients(params, step)
        kept = [g.copy() for g in grads]
        optimizer.update(params, grads)
        for now, then in zip(grads, kept, strict=True):
            require_same(now, then, "a gradient was modified")
    for grad in grads:
        grad.flags.writeable = False
    optimizer.update(params, grads)


def flat_buffers_are_equal(subject: OptimizerSubject) -> None:
    """An ``elementwise`` rule gives the same for one flat buffer as for separate arrays of any size."""
    for sizes in (((3, 4), (5,), (2, 3, 2)), ((130, 150), (7,), (20_011,))):
        separate, together = subject.new(), subject.new()
        if not getattr(separate, "elementwise", False):
            return
        params = subject.arrays(sizes)
        flat = [np.concatenate([p.ravel() for p in params])]
        for step in range(STEPS):
            grads = subject.gradients(params, step)
            separate.update(params, grads)
            together.update(flat, [np.concatenate([g.ravel() for g in grads])])
        due = np.concatenate([p.ravel() for p in params])
        subject.note(sizes=sizes)
        bound = ULPS * np.finfo(np.float64).eps
        require_close(flat[0], due, "a flat buffer gives other parameters than separate arrays", bound, bound)


def strided_arrays_work(subject: OptimizerSubject) -> None:
    """Parameters and gradients that are views give what contiguous ones give."""
    params = subject.arrays(((6, 4),))
    due = subject.steps(subject.new(), [params[0].copy()])[0]
    for name, view in (
        ("Fortran order", np.asfortranarray(params[0])),
        ("every second row", np.zeros((12, 4))[::2]),
    ):
        subject.note(layout=name)
        view[...] = params[0]
        optimizer = subject.new()
        for step in range(STEPS):
            optimizer.update([view], [np.asfortranarray(subject.gradients(params, step)[0])])
        require_close(np.ascontiguousarray(view), due, "a view gives other numbers")


def same_gradients_same_result(subject: OptimizerSubject) -> None:
    """Two optimizers do the same to the last bit, in turns too, without global random numbers."""
    random = global_random_state()
    due = subject.steps(subject.new(), subject.arrays())
    one, other = subject.new(), subject.new()
    first, second = subject.arrays(), subject.arrays()
    for step in range(STEPS):
        subject.steps(one, first, 1, step)
        subject.steps(other, second, 1, step)
    for now, then, kept in zip(first, second, due, strict=True):
        require_same(now, kept, "a second optimizer gives other numbers")
        require_same(then, kept, "two optimizers in turns disturb each other")
    require(global_random_state() == random, "the global random generators were used")


def state_continues(subject: OptimizerSubject) -> None:
    """What ``load_state`` takes over from ``state`` goes on to the last bit, and is a copy."""
    optimizer, resumed = subject.new(), subject.new()
    if not isinstance(optimizer, Optimizer):
        return
    params = subject.arrays()
    subject.steps(optimizer, params)
    state = optimizer.state()
    kept, continued = copy.deepcopy(state), [p.copy() for p in params]
    due = subject.steps(optimizer, params, start=STEPS)
    _require_equal_state(state, kept, "later updates change what state() returned")
    resumed.load_state(state)
    came = subject.steps(resumed, continued, start=STEPS)
    _require_equal_state(state, kept, "updates change the state that was loaded")
    for now, then in zip(came, due, strict=True):
        require_same(now, then, "after load_state the updates differ")
    _require_equal_state(resumed.state(), optimizer.state(), "after the same updates the states differ")


def _require_equal_state(came: Mapping[str, Any], due: Mapping[str, Any], what: str) -> None:
    require(set(came) == set(due), f"{what}: entries", sorted(due), sorted(came))
    for key, value in due.items():
        if isinstance(value, np.ndarray):
            require_same(came[key], value, f"{what}: {key}")
        else:
            require(came[key] == value, f"{what}: {key}", value, came[key])


def a_foreign_state_is_refused(subject: OptimizerSubject) -> None:
    """A state with an entry missing, another one, or another type is refused, and nothing is changed."""
    optimizer = subject.new()
    if not isinstance(optimizer, Optimizer):
        return
    subject.steps(optimizer, subject.arrays())
    good = optimizer.state()
    cases: dict[str, dict[str, Any]] = {
        "one entry more": {**good, "unheard_of": 1},
        "nothing": {},
        "a negative count": {**good, "iterations": -1},
        "a count that is text": {**good, "iterations": "3"},
    }
    cases.update({f"without {key}": {k: v for k, v in good.items() if k != key} for key in good})
    for what, state in cases.items():
        subject.note(state=what)
        before = snapshot(optimizer)
        try:
            optimizer.load_state(state)
        except NpdlError:
            written = changes(before, snapshot(optimizer))
            require(not written, "a refused state leaves changes", "nothing", ", ".join(written[:5]))
            continue
        fail("a state that is not its own is taken", "FileFormatError", "no error")


def reset_forgets(subject: OptimizerSubject) -> None:
    """After ``reset`` an optimizer is as new, and takes other parameters."""
    optimizer = subject.new()
    if not isinstance(optimizer, Optimizer):
        return
    subject.steps(optimizer, subject.arrays(((2, 2), (3,))))
    optimizer.reset()
    due = subject.steps(subject.new(), subject.arrays())
    for now, then in zip(subject.steps(optimizer, subject.arrays()), due, strict=True):
        require_same(now, then, "after reset the updates differ from a new optimizer's")


def misfits_change_nothing(subject: OptimizerSubject) -> None:
    """Arrays that do not fit are refused before the first is changed: parameters, state and counters stay."""
    optimizer = subject.new()
    params = subject.arrays()
    subject.steps(optimizer, params)
    grads = subject.gradients(params)
    cases = {
        "a gradient less": (params, grads[:-1]),
        "a gradient of another shape": (params, [*grads[:-1], np.zeros((2, 3, 3))]),
        "a parameter less": (params[:-1], grads[:-1]),
        "a parameter of another shape": ([*params[:-1], np.zeros(7)], [*grads[:-1], np.zeros(7)]),
    }
    stateful = isinstance(optimizer, Optimizer) and bool(optimizer.slot_names())
    for what, (p, g) in cases.items():
        if "parameter" in what and not stateful:
            continue
        subject.note(case=what)
        kept, before = [a.copy() for a in p], snapshot(optimizer)
        try:
            optimizer.update(p, g)
        except NpdlError:
            pass
        else:
            fail("arrays that do not fit are taken", "ShapeError", "no error")
        for now, then in zip(p, kept, strict=True):
            require_same(now, then, "a refused update changed a parameter")
        written = changes(before, snapshot(optimizer))
        require(not written, "a refused update leaves changes", "nothing", ", ".join(written[:5]))


def descends(subject: OptimizerSubject) -> None:
    """On a quadratic bowl the loss is lower after fifty steps than before."""
    optimizer = subject.new()
    curvature = np.array([0.5, 1.0, 2.0])
    p = np.array([1.0, -2.0, 1.5])
    loss = [float(curvature @ p**2)]
    for _ in range(50):
        optimizer.update([p], [2 * curvature * p])
        loss.append(float(curvature @ p**2))
    require(loss[-1] < loss[0], "fifty steps do not lower a quadratic", f"below {loss[0]}", loss[-1])


def rate_zero_changes_nothing(subject: OptimizerSubject) -> None:
    """With ``lr=0`` every parameter stays as it is, whatever else is configured."""
    if not subject.source.accepts("lr"):
        return
    params = subject.arrays()
    before = [p.copy() for p in params]
    subject.steps(subject.source.with_config(lr=0.0, lr_min=0.0), params)
    for now, then in zip(params, before, strict=True):
        require_close(now, then, "lr=0 changes a parameter", 0.0)


def schedules_are_taken(subject: OptimizerSubject) -> None:
    """``lr`` may be a schedule by envelope; a constant one is that number."""
    if not subject.source.accepts("lr"):
        return
    schedule = {"name": "constant", "config": {"lr": 0.01}}
    due = subject.steps(subject.source.with_config(lr=0.01), subject.arrays())
    came = subject.steps(subject.source.with_config(lr=schedule), subject.arrays())
    for now, then in zip(came, due, strict=True):
        require_same(now, then, "a constant schedule differs from the number")


def clipping_is_of_the_gradient(subject: OptimizerSubject) -> None:
    """``clip`` and ``clip_norm`` give what clipped gradients give without them."""
    if not subject.source.accepts("clip_norm"):
        return
    off = {"clip": -1, "clip_norm": None, "clip_param_norm": None}
    plain = {name: value for name, value in off.items() if subject.source.accepts(name)}

    def by_value(grads: Arrays) -> Arrays:
        return [np.asarray(np.clip(g, -0.3, 0.3)) for g in grads]

    def by_norm(grads: Arrays) -> Arrays:
        norm = np.sqrt(sum(float(np.sum(g**2)) for g in grads))
        return [np.asarray(g * min(1.0, 0.7 / norm)) for g in grads]

    for name, value, clip in (("clip", 0.3, by_value), ("clip_norm", 0.7, by_norm)):
        subject.note(case=f"{name}={value}")
        params, twin = subject.arrays(), subject.arrays()
        clipped = subject.source.with_config(**{**plain, name: value})
        due = subject.source.with_config(**plain)
        for step in range(STEPS):
            clipped.update(params, subject.gradients(params, step))
            due.update(twin, clip(subject.gradients(twin, step)))
        for now, then in zip(params, twin, strict=True):
            require_close(now, then, f"{name} differs from clipped gradients", 1e-9)


def decay_flags_choose(subject: OptimizerSubject) -> None:
    """Weight decay changes the parameters whose flag is true, and those only."""
    if not subject.source.accepts("weight_decay"):
        return
    with_decay, without = (
        subject.source.with_config(weight_decay=0.1),
        subject.source.with_config(weight_decay=0.0),
    )
    params, plain = subject.arrays(((3, 4), (5,))), subject.arrays(((3, 4), (5,)))
    subject.steps(with_decay, params, decay=[True, False])
    subject.steps(without, plain, decay=[True, False])
    require(not np.array_equal(params[0], plain[0]), "weight_decay changes nothing where the flag is true")
    require_close(params[1], plain[1], "weight decay changes a parameter whose flag is false", 1e-12)


def nothing_to_update_is_fine(subject: OptimizerSubject) -> None:
    """No parameters at all are no error."""
    subject.new().update([], [])


PROPERTIES = (
    *COMMON,
    updates_in_place,
    gradients_are_not_modified,
    same_gradients_same_result,
    flat_buffers_are_equal,
    strided_arrays_work,
    state_continues,
    a_foreign_state_is_refused,
    reset_forgets,
    misfits_change_nothing,
    descends,
    rate_zero_changes_nothing,
    schedules_are_taken,
    clipping_is_of_the_gradient,
    decay_flags_choose,
    nothing_to_update_is_fine,
)


def check_optimizer(
    optimizer: Any, *, config: Mapping[str, Any] | None = None, skip: Collection[str] = ()
) -> tuple[str, ...]:
    """Check everything that an optimizer promises.

    Parameters
    ----------
    optimizer : str, type, mapping or Optimizer
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
    >>> "flat_buffers_are_equal" in check_optimizer("sgd", config={"momentum": 0.9})
    True
    """
    subject = OptimizerSubject(optimizer, config)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
