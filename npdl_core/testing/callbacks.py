"""The contract of a callback, property by property."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from npdl_core.callbacks.base import Callback
from npdl_core.errors import NpdlError
from npdl_core.saving.envelope import jsonable
from npdl_core.testing.common import COMMON, ComponentSubject, constructor_allocates_nothing
from npdl_core.testing.outcome import check_skipped, fail, require, run
from npdl_core.testing.snapshot import changes, global_random_state, snapshot

__all__ = ["PROPERTIES", "check_callback"]


def fitted(callback: Any, epochs: int = 2) -> Any:
    """Return a small model that was trained with the callback."""
    from npdl_core.model import Model

    model = Model([{"name": "softmax", "config": {"n_out": 2, "n_in": 3}}], seed=1)
    model.compile("scce", "sgd", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (8, 3)).astype("float32"), rng.integers(0, 2, 8)
    model.fit(x, y, epochs=epochs, batch_size=4, validation_data=(x, y), callbacks=[callback])
    return model


def moments_take_their_arguments(subject: ComponentSubject) -> None:
    """Every ``on_…`` method that it has takes the arguments of its moment; unknown moments are misspelt."""
    callback = subject.new()
    moments = [name for name in dir(Callback) if name.startswith("on_")]
    for name in dir(callback):
        if not name.startswith("on_"):
            continue
        require(name in moments, f"there is no moment {name!r}", ", ".join(moments), name)
        arguments = list(inspect.signature(getattr(Callback, name)).parameters)[1:]
        try:
            inspect.signature(getattr(callback, name)).bind(*arguments)
        except TypeError as error:
            fail(f"{name} does not take its arguments", ", ".join(arguments), error)


def training_works(subject: ComponentSubject) -> None:
    """A small model trains with it, alone and again, and History has every epoch that was trained."""
    random = global_random_state()
    for _ in range(2):
        model = fitted(subject.new())
        losses = model.history.history["loss"]
        require(1 <= len(losses) <= 2, "epochs in History", "1 or 2", len(losses))
        require(np.isfinite(losses).all(), "a loss is not finite", "finite numbers", losses)
    require(global_random_state() == random, "the global random generators were used")


def state_survives_json(subject: ComponentSubject) -> None:
    """``state`` is JSON and arrays, a copy, and ``load_state`` of a new callback takes it over unchanged."""
    callback = subject.new()
    if not isinstance(callback, Callback):
        return
    fitted(callback)
    state = callback.state()
    for key, value in state.items():
        require(isinstance(key, str), "a key of the state is no string", "str", type(key))
        if not isinstance(value, np.ndarray):
            jsonable(value, f"state()[{key!r}]")
    kept = copy.deepcopy(state)
    other = subject.new()
    other.load_state(state)
    written = changes(_values(kept), _values(other.state()))
    require(not written, "the state that was loaded is not that which was saved: entries", "equal", written)
    fitted(other)
    written = changes(_values(kept), _values(state))
    require(not written, "training changes a state that was handed out or loaded", "a copy", written)


def _values(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a snapshot without identities: equal numbers are equal."""
    return {path: (None, content) for path, (_, content) in snapshot(state).items()}


def a_foreign_state_is_refused(subject: ComponentSubject) -> None:
    """``load_state`` refuses what is not its own, and nothing is changed."""
    callback = subject.new()
    if not isinstance(callback, Callback):
        return
    before = snapshot(callback)
    try:
        callback.load_state({"unheard of": 1})
    except NpdlError:
        written = changes(before, snapshot(callback))
        require(not written, "a refused state leaves changes", "nothing", ", ".join(written[:5]))
        return
    fail("a state that is not its own is taken", "FileFormatError", "no error")


PROPERTIES = (
    *(check for check in COMMON if check is not constructor_allocates_nothing),
    moments_take_their_arguments,
    training_works,
    state_survives_json,
    a_foreign_state_is_refused,
)


def check_callback(
    callback: Any, *, config: Mapping[str, Any] | None = None, skip: Collection[str] = ()
) -> tuple[str, ...]:
    """Check everything that a callback promises; it may write to the current folder if it is one that writes.

    Parameters
    ----------
    callback : str, type, mapping or Callback
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
    >>> "training_works" in check_callback("early_stopping", config={"patience": 3})
    True
    """
    subject = ComponentSubject("callbacks", callback, config)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
