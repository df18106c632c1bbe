"""What holds for components of every kind: documentation, construction, configuration."""

from __future__ import annotations

import inspect
import json
from contextlib import suppress
from typing import Any

from npdl_core import registry
from npdl_core.component import Component
from npdl_core.errors import ConformanceError, SerializationError
from npdl_core.saving.envelope import jsonable
from npdl_core.testing.audit import forbidden
from npdl_core.testing.outcome import Subject, fail, require
from npdl_core.testing.snapshot import arrays_in, global_random_state
from npdl_core.testing.source import Source

__all__ = [
    "COMMON",
    "ComponentSubject",
    "config_as_json",
    "config_round_trip",
    "constructor_allocates_nothing",
    "constructor_does_no_io",
    "constructor_takes_named_arguments",
    "documented",
]


class ComponentSubject(Subject):
    """A component that is made from a source as often as a property needs it."""

    def __init__(self, kind: str, spec: Any, config: Any = None) -> None:
        self.kind = kind
        self.source = Source(kind, spec, config)
        super().__init__(self.source.label)

    def new(self) -> Any:
        """Return a new component."""
        return self.source.new()


def documented(subject: ComponentSubject) -> None:
    """The class has a docstring of its own."""
    require((subject.source.cls.__doc__ or "").strip(), "the class has no docstring", "a docstring", None)


def constructor_takes_named_arguments(subject: ComponentSubject) -> None:
    """Every argument can be given by name, and none is called ``name``: both are what JSON needs."""
    constructor = subject.source.cls.__init__
    if constructor is object.__init__:
        return
    for parameter in list(inspect.signature(constructor).parameters.values())[1:]:
        positional = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL)
        require(not positional, f"argument {parameter.name} cannot be given by name", "a named argument")
        require(parameter.name != "name", "a constructor argument is called 'name'", "another name")


def constructor_does_no_io(subject: ComponentSubject) -> None:
    """Constructing opens, starts and imports nothing foreign, and draws no global random number."""
    # Names are looked up once before, so that the scan of installed distributions is not the constructor's.
    registry.names(subject.kind)
    before = global_random_state()
    own = subject.source.cls.__module__.partition(".")[0]
    with forbidden(packages=(own,)) as tried, suppress(ConformanceError):
        subject.new()
    require(not tried, "the constructor does more than to keep its arguments", "no access", ", ".join(tried))
    require(global_random_state() == before, "the constructor uses the global random generators")


def constructor_allocates_nothing(subject: ComponentSubject) -> None:
    """A new component holds no arrays but those that it was given."""
    component = subject.new()
    given = arrays_in(subject.source.spec) if isinstance(subject.source.spec, Component) else {}
    bounds = {array.size for array in (*given.values(), *arrays_in(subject.source.config).values())}
    for path, array in arrays_in(component).items():
        require(array.size in bounds, f"the constructor allocates {path}", "no array", f"shape {array.shape}")


def config_round_trip(subject: ComponentSubject) -> None:
    """The configuration passes through JSON and makes an equal component.

    A registered class is found by the name in its envelope; another is constructed directly. Code in the
    configuration must be refused, since no file may hold it.
    """
    component = subject.new()
    if not isinstance(component, Component):
        return
    if any(_is_code(value) for value in component.config.values()):
        _require_refusal(component)
        return
    rebuilt = rebuild(component)
    require(type(rebuilt) is type(component), "JSON makes another class", type(component), type(rebuilt))
    due, came = config_as_json(component), config_as_json(rebuilt)
    for key in dict.fromkeys([*due, *came]):
        require(
            key in came and key in due and came[key] == due[key],
            f"the configuration does not survive JSON: {key}",
            due.get(key, "no such argument"),
            came.get(key, "no such argument"),
        )


def rebuild(component: Component) -> Any:
    """Return the component that the JSON form of another one describes."""
    cls = type(component)
    if not _is_registered(component):
        config = json.loads(json.dumps(config_as_json(component), allow_nan=False))
        return cls(**config)
    envelope = json.loads(json.dumps(component.to_json(), allow_nan=False))
    require(set(envelope) == {"name", "config"}, "to_json returns no envelope", "name and config", envelope)
    return registry.get(cls.kind, envelope)


def config_as_json(component: Component) -> dict[str, Any]:
    """Return the configuration as JSON values."""
    return {key: jsonable(value, f"{component}.{key}") for key, value in component.config.items()}


def _require_refusal(component: Component) -> None:
    try:
        config_as_json(component)
    except SerializationError:
        return
    fail("code in the configuration is written to JSON", "SerializationError", "an envelope")


def _is_code(value: Any) -> bool:
    return callable(value) and not isinstance(value, (Component, type)) and not hasattr(value, "to_json")


def _is_registered(component: Component) -> bool:
    try:
        registry.component_id(component)
    except LookupError:
        return False
    return True


COMMON = (
    documented,
    constructor_takes_named_arguments,
    constructor_does_no_io,
    constructor_allocates_nothing,
    config_round_trip,
)
