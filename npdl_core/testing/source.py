"""New components of one description, again and again: from a name, a class, an envelope or an instance."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from npdl_core import registry
from npdl_core.component import Component
from npdl_core.errors import ConfigError, printable
from npdl_core.layers.base import Layer
from npdl_core.registry.naming import singular

__all__ = ["Source"]


class Source:
    """Makes components of one kind.

    Parameters
    ----------
    kind : str
        The kind.
    spec : str, type, mapping or instance
        What to make; an instance is a pattern that is never used itself.
    config : mapping, optional
        Constructor arguments.

    Attributes
    ----------
    cls : type
        The class of what is made.
    """

    def __init__(self, kind: str, spec: Any, config: Mapping[str, Any] | None = None) -> None:
        self.kind = kind
        self.spec = spec
        self.config = dict(config or {})
        self.cls: Any = registry.resolve(kind, spec)
        if self.config and not isinstance(spec, (str, type, Mapping)):
            raise ConfigError(f"{type(spec).__name__} is an instance already; it takes no config")

    def new(self) -> Any:
        """Return a new component."""
        if isinstance(self.spec, (str, type, Mapping)):
            return registry.get(self.kind, copy.deepcopy(self.spec), **copy.deepcopy(self.config))
        if isinstance(self.spec, Layer):
            return self.spec.clone()
        if isinstance(self.spec, Component):
            return type(self.spec)(**copy.deepcopy(self.spec.config))
        return copy.deepcopy(self.spec)

    def with_config(self, **changed: Any) -> Any:
        """Return a new component with some constructor arguments changed."""
        base = self.new()
        config = base.config if isinstance(base, Component) else self.config
        return self.cls(**{**copy.deepcopy(dict(config)), **changed})

    def accepts(self, argument: str) -> bool:
        """Return whether the constructor takes an argument of this name."""
        base = self.new()
        return isinstance(base, Component) and argument in base.config

    @property
    def label(self) -> str:
        """The component in words."""
        if isinstance(self.spec, str):
            arguments = ", ".join(f"{key}={printable(repr(value), 60)}" for key, value in self.config.items())
            return f"{singular(self.kind)} {printable(self.spec)!r} ({arguments})"
        what = self.spec.__name__ if isinstance(self.spec, type) else repr(self.spec)
        return f"{singular(self.kind)} {printable(what)}"
