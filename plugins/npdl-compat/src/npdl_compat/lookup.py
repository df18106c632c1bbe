"""NumpyDL's ``get`` functions and its open namespaces, over the registry."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any

from npdl_core import registry
from npdl_core.errors import ConfigError, UnknownNameError, printable

__all__ = ["from_registry", "getter", "rest_of"]


def getter(label: str, base: type, named: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Return NumpyDL's ``get`` of a kind.

    A name gives a new instance with default arguments, an instance a deep copy of itself.

    Parameters
    ----------
    label : str
        What messages call the kind, such as ``"activation"``.
    base : type
        What instances are instances of.
    named : callable
        Returns the component of a name, or raises :class:`~npdl_core.errors.UnknownNameError`.

    Examples
    --------
    >>> from npdl_core.activations import Activation
    >>> getter("activation", Activation, from_registry("activations"))("tan")
    Tanh()
    """

    def get(spec: Any) -> Any:
        if isinstance(spec, str):
            try:
                return named(spec)
            except UnknownNameError as error:
                raise ConfigError(f"Unknown {label} name: {error}") from None
        if isinstance(spec, base):
            return copy.deepcopy(spec)
        raise ConfigError(
            f"Unknown type of {label}: {printable(type(spec).__name__)} is neither a name nor an instance of "
            f"{base.__name__}"
        )

    get.__doc__ = (
        f"Return the {label} of a name with default arguments, or a deep copy of an instance.\n\n"
        "Raises\n------\nConfigError\n    A ValueError, for unknown names and for other types."
    )
    return get


def from_registry(kind: str) -> Callable[[str], Any]:
    """Return the function from a name to a new component of a kind."""

    def named(name: str) -> Any:
        return registry.get(kind, name)

    return named


def rest_of(kind: str) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` for the classes that NumpyDL never had.

    Examples
    --------
    >>> rest_of("layers")("LayerNorm").__name__
    'LayerNorm'
    """

    def attribute(name: str) -> Any:
        return getattr(importlib.import_module(f"npdl_core.{kind}"), name)

    return attribute
