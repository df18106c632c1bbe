"""What makes a kind's module show every component of that kind."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from npdl_core.builtin import BUILTIN
from npdl_core.errors import UnknownNameError
from npdl_core.registry.discovery import Entry

if TYPE_CHECKING:
    from npdl_core.registry.table import Registry

__all__ = ["Namespace"]


class Namespace:
    """The attributes of a kind's module that are not in the module.

    Parameters
    ----------
    registry : Registry
        Where names are looked up.
    kind : str
        The kind.
    module_globals : dict
        The module's own names.
    """

    def __init__(self, registry: Registry, kind: str, module_globals: dict[str, Any]) -> None:
        self.registry = registry
        self.kind = kind
        self.globals = module_globals
        self.classes = {value.partition(":")[2]: (name, value) for name, value in BUILTIN[kind].items()}

    def names(self) -> list[str]:
        """Return every bare name and alias of this kind, sorted; no component is imported."""
        return self.registry.names(self.kind)

    def attribute(self, attribute: str) -> Any:
        """Return a class by its name or a component's name, or a submodule."""
        module = self.globals["__name__"]
        if attribute.startswith("_"):
            raise AttributeError(f"module {module!r} has no attribute {attribute!r}")
        if attribute in self.classes:
            return self.registry.resolve(self.kind, self.classes[attribute][0])
        # An import makes a submodule an attribute; dense must not be a class before that and a module after.
        if self._is_submodule(attribute):
            return import_module(f"{module}.{attribute}")
        try:
            return self.registry.load(self._find(attribute))
        except UnknownNameError as error:
            raise AttributeError(f"module {module!r} has no attribute {attribute!r}: {error}") from error

    def directory(self) -> list[str]:
        """Return the module's own names, core's classes and every bare name."""
        return sorted({*self.globals, *self.classes, *self.names()})

    def _is_submodule(self, name: str) -> bool:
        from importlib.util import find_spec

        return (
            "__path__" in self.globals
            and name.isidentifier()
            and find_spec(f"{self.globals['__name__']}.{name}") is not None
        )

    def _find(self, attribute: str) -> Entry:
        """Return the entry with this name, or else the only one whose class is called so."""
        try:
            return self.registry.find(self.kind, attribute)
        except UnknownNameError:
            classes = {
                entry.text: entry
                for entry in self.registry.entries(self.kind)
                if entry.text.rpartition(":")[2] == attribute
            }
            if len(classes) != 1:
                raise
            return classes.popitem()[1]
