"""What every component of every kind has: captured configuration and a JSON envelope."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self

from npdl_core.errors import ConfigError, SerializationError, printable

__all__ = ["Component"]


@cache
def _signature(cls: type) -> inspect.Signature:
    init = cls.__init__  # type: ignore[misc]  # it is only looked at
    if init is object.__init__:
        return inspect.Signature()
    parameters = list(inspect.signature(init).parameters.values())[1:]
    return inspect.Signature(parameters)


class Component(ABC):
    """Base of layers, activations, objectives, optimizers and all other kinds.

    Constructor arguments are captured, defaults included, in ``self.config`` before ``__init__`` runs, so a
    component's JSON form needs no code of its own. ``name`` is never a constructor argument.

    Examples
    --------
    >>> from npdl_core.layers import Dense
    >>> Dense(3).config["activation"]
    'tanh'
    >>> Dense(3).to_json()["name"]
    'npdl-core:dense'
    """

    kind: ClassVar[str] = ""
    config: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Capture the configuration, then construct as usual."""
        self = super().__new__(cls)
        try:
            bound = _signature(cls).bind(*args, **kwargs)
        except TypeError as error:
            raise ConfigError(_wrong_arguments(cls, error)) from None
        bound.apply_defaults()
        object.__setattr__(self, "config", _flatten(bound))
        return self

    def __str__(self) -> str:
        """Return the class name, as NumpyDL does."""
        return type(self).__name__

    def __repr__(self) -> str:
        """Return the constructor call that makes an equal component."""
        arguments = ", ".join(f"{key}={printable(repr(value), 60)}" for key, value in self.config.items())
        return f"{type(self).__name__}({arguments})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by constructing anew, then restoring attributes."""
        state = {key: value for key, value in self.__dict__.items() if key != "config"}
        return _construct, (type(self), self.config), state

    def to_json(self) -> dict[str, Any]:
        """Return the envelope ``{"name": "distribution:name", "config": {…}}``.

        Raises
        ------
        SerializationError
            If the class is not registered, or the configuration holds something that JSON cannot carry.
        """
        from npdl_core.saving.envelope import to_envelope

        return to_envelope(self)

    @classmethod
    def from_json(cls, envelope: Mapping[str, Any]) -> Self:
        """Build a component from its envelope, or from a bare configuration of this class.

        Raises
        ------
        ConfigError
            If the envelope has other keys than ``name`` and ``config``, or names another class.
        """
        from npdl_core.saving.envelope import from_envelope

        component: Self = from_envelope(cls, envelope)
        return component


def _flatten(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Return the bound arguments by name, with ``**kwargs`` spread."""
    config: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            config.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            raise SerializationError(
                f"*{name}: a component's constructor takes named arguments only, so that its configuration "
                "is JSON; take a list instead"
            )
        else:
            config[name] = value
    return config


def _construct(cls: type[Component], config: dict[str, Any]) -> Component:
    return cls(**config)


def _wrong_arguments(cls: type, error: TypeError) -> str:
    return f"{cls.__name__}{_signature(cls)}: {printable(error)}"


def constructor_arguments(cls: type) -> tuple[set[str], set[str], bool]:
    """Return the accepted and the required argument names of a class, and whether it takes ``**kwargs``."""
    parameters = _signature(cls).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    required = {p.name for p in parameters if p.name in named and p.default is p.empty}
    return named, required, any(p.kind is p.VAR_KEYWORD for p in parameters)
