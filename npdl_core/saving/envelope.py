"""Components as ``{"name": …, "config": …}`` and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npdl_core import registry
from npdl_core.component import Component
from npdl_core.errors import ConfigError, SerializationError, printable

__all__ = ["from_envelope", "is_envelope", "jsonable", "to_envelope"]

Reference = Callable[[Any], dict[str, Any] | None]


def to_envelope(component: Any, reference: Reference | None = None) -> dict[str, Any]:
    """Return the envelope of a component.

    Parameters
    ----------
    component : Component
        Of a registered class.
    reference : callable, optional
        Returns ``{"ref": path}`` for a component that is written elsewhere in the same document, else None.

    Raises
    ------
    SerializationError
        If the class is not registered or its configuration holds what JSON cannot carry.
    """
    if not isinstance(component, Component):
        return _foreign_envelope(component)
    config = {
        key: jsonable(value, f"{component}.{key}", reference) for key, value in component.config.items()
    }
    return {"name": _name(component), "config": config}


def _name(component: Any) -> str:
    try:
        return registry.component_id(component)
    except LookupError as error:
        what = component.__name__ if isinstance(component, type) else component
        raise SerializationError(
            f"{printable(what, 80)} cannot be written to a configuration: {printable(error)}"
        ) from None


def _foreign_envelope(component: Any) -> dict[str, Any]:
    """Return the envelope that an object outside the base classes gives of itself."""
    envelope = component.to_json() if hasattr(component, "to_json") else None
    if not isinstance(envelope, Mapping) or not is_envelope(envelope):
        raise SerializationError(
            f"{printable(type(component).__name__)} has no to_json that returns an envelope, so it cannot be "
            "saved; derive it from the base class of its kind"
        )
    return {"name": envelope["name"], "config": jsonable(envelope.get("config", {}), envelope["name"])}


def jsonable(value: Any, where: str, reference: Reference | None = None) -> Any:
    """Return a value as plain JSON types; components and their classes become envelopes, tuples lists.

    Raises
    ------
    SerializationError
        For arrays, callables and everything else that JSON cannot carry; the message says where.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer, np.bool_)):
        return bool(value) if isinstance(value, np.bool_) else int(value)
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise SerializationError(f"{where}: {value} is not a JSON number")
        return float(value)
    if isinstance(value, (list, tuple)):
        return [jsonable(item, f"{where}[{index}]", reference) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            _key(key, where): jsonable(item, f"{where}[{key!r}]", reference) for key, item in value.items()
        }
    if isinstance(value, type) and issubclass(value, Component):
        return {"name": _name(value), "config": {}}
    if not isinstance(value, type) and (isinstance(value, Component) or hasattr(value, "to_json")):
        found = None if reference is None else reference(value)
        return to_envelope(value, reference) if found is None else found
    what = "an array" if isinstance(value, np.ndarray) else "code" if callable(value) else "an object"
    raise SerializationError(
        f"{where}: {what} ({printable(type(value).__name__)}) cannot be written to a configuration; "
        "use a registered component by name instead"
    )


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise SerializationError(f"{where}: keys must be strings, got {printable(repr(key), 40)}")
    return key


def is_envelope(value: Any) -> bool:
    """Return whether a value has the form of an envelope."""
    return (
        isinstance(value, Mapping) and isinstance(value.get("name"), str) and set(value) <= {"name", "config"}
    )


def from_envelope(cls: type[Any], envelope: Mapping[str, Any]) -> Any:
    """Return a component of class ``cls`` from its envelope, or from a bare configuration.

    Raises
    ------
    ConfigError
        If the envelope names a component that is not a ``cls``.
    """
    if not isinstance(envelope, Mapping):
        raise ConfigError(f"{cls.__name__}.from_json needs a dict, got {printable(type(envelope).__name__)}")
    if not is_envelope(envelope):
        return registry.get(cls.kind, cls, **dict(envelope))
    component = registry.get(cls.kind, dict(envelope))
    if not isinstance(component, cls):
        raise ConfigError(f"{printable(envelope['name'], 60)!r} is a {component}, not a {cls.__name__}")
    return component
