"""One plugin on its own: whether it fits the specifications, and what it registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from npdl_core.errors import PluginError, printable
from npdl_core.hooks import specs
from npdl_core.hooks.specs import SPECS, signatures
from npdl_core.registry.loading import cause

if TYPE_CHECKING:
    from pluggy import PluginManager

    from npdl_core.registry import Registry

__all__ = ["Booking", "alone", "announce", "new_manager"]


class Booking:
    """What ``npdl_register`` gets: it books names under the plugin's distribution and can take them back."""

    def __init__(self, registry: Registry, distribution: str) -> None:
        self._registry = registry
        self._distribution = distribution
        self.booked: list[tuple[str, str]] = []

    def register(self, kind: str, name: str, obj: Any) -> str:
        """Register a component; see :func:`npdl_core.registry.register`."""
        before = {entry.id for entry in self._registry.registered(kind)}
        component_id = self._registry.register(kind, name, obj, distribution=self._distribution)
        if component_id not in before:
            self.booked.append((kind, component_id))
        return component_id


def new_manager() -> PluginManager:
    """Return a manager that knows the specifications and no plugin."""
    import pluggy

    made = pluggy.PluginManager("npdl")
    mark = pluggy.HookspecMarker("npdl")
    for spec, _ in SPECS.values():
        mark(spec)
    made.add_hookspecs(specs)
    return made


def alone(name: str, plugin: Any, label: str | None = None) -> PluginManager:
    """Return a manager with nothing but one plugin, which proves that it fits the specifications."""
    label = label or f"hook plugin {printable(repr(name), 80)}"
    trial = new_manager()
    try:
        trial.register(plugin, name)
        trial.check_pending()
        implemented = trial.get_hookcallers(plugin)
    except Exception as error:
        raise PluginError(f"{label} does not fit: {cause(error)}; the hooks are {signatures()}") from error
    if not implemented:
        raise PluginError(f"{label} implements no hook; mark its functions with npdl_core.hooks.hookimpl")
    return trial


def announce(alone: PluginManager, booking: Booking, label: str) -> None:
    """Run one plugin's ``npdl_register``; every way in which it fails is a PluginError."""
    try:
        alone.hook.npdl_register(registry=booking)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{label} raised in npdl_register: {cause(error)}") from error
