"""The plugins with hooks of one registry: loading them in isolation, and calling them together."""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from npdl_core.errors import (
    ConfigError,
    DuplicateNameError,
    PluginError,
    PluginVersionError,
    UnknownNameError,
    printable,
)
from npdl_core.hooks.specs import SPECS, wrong_call
from npdl_core.hooks.trial import Booking, alone, announce, new_manager
from npdl_core.registry.discovery import API, Entry
from npdl_core.registry.loading import again, cause, describe, initialising
from npdl_core.registry.naming import LOCAL

if TYPE_CHECKING:
    from types import FrameType

    from pluggy import PluginManager

    from npdl_core.registry import Registry

__all__ = ["HookManager", "PluginWarning", "Problem"]


class PluginWarning(UserWarning):
    """A plugin with hooks was left out."""


class Problem(NamedTuple):
    """A plugin that was left out: which, from where, and why."""

    plugin: str
    distribution: str
    version: str
    target: str
    error: PluginError


class HookManager:
    """The hooks of the plugins in a registry's distributions.

    Parameters
    ----------
    registry : Registry
        Knows the entry points; takes what ``npdl_register`` registers.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.RLock()
        self._together: PluginManager | None = None
        self._alone: dict[str, PluginManager] = {}
        self._entries: dict[str, Entry] = {}
        self._booked: dict[str, list[tuple[str, str]]] = {}
        self._waiting: list[str] = []
        self._announcing = False
        self._failures: dict[Entry, PluginError] = {}
        self._unsaid: list[str] = []
        self._active: frozenset[str] = frozenset()
        self._loaded = False

    # -- calling ---------------------------------------------------------------------------------------------

    def active(self, name: str) -> bool:
        """Return whether any plugin implements a hook."""
        if not self._loaded:
            self.load()
        return name in self._active

    def call(self, name: str, **arguments: Any) -> list[Any]:
        """Call a hook; see :func:`npdl_core.hooks.call`."""
        if name not in SPECS or arguments.keys() != set(SPECS[name][1]):
            raise ConfigError(wrong_call(name, arguments))
        if not self.active(name):
            return []
        hook = getattr(self._pluggy().hook, name)
        try:
            results: list[Any] = hook(**arguments)
        except Exception as error:
            raise PluginError(f"{self._culprit(name, error)} raised in {name}: {cause(error)}") from error
        return results

    def announce(self) -> None:
        """Run ``npdl_register`` of every plugin that has not had it run."""
        if not self._loaded:
            self.load()
        if self._waiting or self._announcing:  # other threads wait until all have run
            with self._lock:
                outermost, self._announcing = not self._announcing, True
                try:
                    while self._waiting:
                        self._announce(self._waiting.pop(0))
                finally:
                    self._announcing = not outermost
        self._speak()

    def problems(self) -> list[Problem]:
        """Return the plugins that were left out, and why."""
        self.load()
        return [
            Problem(_plugin_name(entry), entry.distribution, entry.version, entry.value, error)
            for entry, error in list(self._failures.items())
        ]

    @property
    def failures(self) -> dict[Entry, PluginError]:
        """The entries that were left out so far; nothing is loaded for this."""
        return dict(self._failures)

    # -- taking in -------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Import and take in the plugins that distributions name, once."""
        if self._loaded:
            return
        entries = self._registry.entries("hooks")
        # No lock is held here: Python's own import locks see deadlocks, ours would make them.
        imported = [(entry, self._import(entry)) for entry in entries]
        if any(initialising(entry) for entry in entries):
            return  # this look-up comes from a plugin's own module, not all of which exists yet
        with self._lock:
            if not self._loaded:
                for entry, plugin in imported:
                    self._take_in(entry, plugin)
                for entry in self._outdated(entries):
                    self._leave_out(entry, PluginVersionError(_speaks(entry)))
                self._loaded = True
        self._speak()

    def register(self, plugin: Any, name: str | None = None) -> str:
        """Take in a plugin; see :func:`npdl_core.hooks.register`."""
        chosen = name or str(getattr(plugin, "__name__", None) or f"{type(plugin).__name__}-{id(plugin):x}")
        with self._lock:
            known = self._pluggy().get_plugin(chosen)
            if known is not None and known is plugin:
                return chosen
            if known is not None or self._has(plugin):
                raise DuplicateNameError(
                    f"hook plugin {printable(repr(chosen), 80)}: the name is taken, or the plugin has "
                    "another one; call hooks.unregister first"
                )
            entry = Entry("hooks", chosen, LOCAL, "", type(plugin).__qualname__)
            self._add(chosen, entry, plugin, alone(chosen, plugin))
        return chosen

    def unregister(self, plugin: Any) -> None:
        """Remove a plugin; see :func:`npdl_core.hooks.unregister`."""
        with self._lock:
            for name, known in self._pluggy().list_name_plugin():
                if known is plugin or name == plugin:
                    self._remove(name)
                    return
        raise UnknownNameError(f"no hook plugin {printable(repr(plugin), 80)} is registered")

    def refresh(self) -> None:
        """Drop the plugins of distributions, and load them anew when a hook is next needed."""
        with self._lock:
            for name, entry in list(self._entries.items()):
                if entry.distribution != LOCAL:
                    self._remove(name)
            self._failures.clear()
            self._loaded = False

    def check(self, entry: Entry) -> None:
        """Import a plugin and try it on its own, without taking it in.

        Raises
        ------
        PluginError
            If it cannot be imported, does not fit the specifications, or its ``npdl_register`` raises.
        """
        from npdl_core.registry import Registry

        single = alone(_plugin_name(entry), self._registry.load(entry), describe(entry))
        announce(single, Booking(Registry(path=()), entry.distribution), describe(entry))

    # -- inside ----------------------------------------------------------------------------------------------

    def _pluggy(self) -> PluginManager:
        with self._lock:
            if self._together is None:
                self._together = new_manager()
            return self._together

    def _has(self, plugin: Any) -> bool:
        return any(other is plugin for _, other in self._pluggy().list_name_plugin())

    def _import(self, entry: Entry) -> Any:
        try:
            return self._registry.load(entry)
        except PluginError as error:
            return error

    def _take_in(self, entry: Entry, plugin: Any) -> None:
        name = _plugin_name(entry)
        if name in self._entries:
            return
        try:
            if isinstance(plugin, PluginError):
                raise plugin
            single = alone(name, plugin, describe(entry))
            if self._has(plugin):
                raise PluginError(f"{describe(entry)} is a plugin already, under another name")
            self._add(name, entry, plugin, single)
        except PluginError as error:
            self._leave_out(entry, error)

    def _add(self, name: str, entry: Entry, plugin: Any, single: PluginManager) -> None:
        try:
            self._pluggy().register(plugin, name)
        except ValueError as error:  # it says that it equals another plugin
            raise PluginError(f"hook plugin {printable(repr(name), 80)}: {cause(error)}") from error
        self._alone[name], self._entries[name] = single, entry
        if single.hook.npdl_register.get_hookimpls():
            self._waiting.append(name)
        self._count()

    def _remove(self, name: str) -> None:
        self._pluggy().unregister(name=name)
        del self._alone[name], self._entries[name]
        self._waiting = [other for other in self._waiting if other != name]
        self._take_back(self._booked.pop(name, []))
        self._count()

    def _count(self) -> None:
        hooks = self._pluggy().hook
        self._active = frozenset(name for name in SPECS if getattr(hooks, name).get_hookimpls())

    def _leave_out(self, entry: Entry, error: PluginError) -> None:
        self._failures[entry] = error
        if os.environ.get("NPDL_STRICT_PLUGINS", "0") not in ("", "0"):
            raise again(error) from error.__cause__
        self._unsaid.append(f"{error}; its hooks are left out")

    def _speak(self) -> None:
        while self._unsaid:
            with suppress(IndexError):  # another thread may have said it meanwhile
                text = self._unsaid.pop(0)
                warnings.warn(text, PluginWarning, stacklevel=3)

    def _outdated(self, entries: list[Entry]) -> list[Entry]:
        catalogue = self._registry.catalogue
        served = {*catalogue.excluded, *(entry.distribution for entry in entries)}
        return [
            entry
            for entry in catalogue.entries
            if entry.kind == "hooks" and entry.api != API and entry.distribution not in served
        ]

    def _announce(self, name: str) -> None:
        entry = self._entries[name]
        booking = Booking(self._registry, entry.distribution)
        try:
            announce(self._alone[name], booking, describe(entry))
        except PluginError as error:
            self._take_back(booking.booked)
            self._remove(name)
            self._leave_out(entry, error)
        else:
            self._booked[name] = booking.booked

    def _take_back(self, booked: list[tuple[str, str]]) -> None:
        for kind, component_id in booked:
            with suppress(UnknownNameError):  # the user may have done so before
                self._registry.unregister(kind, component_id)

    def _culprit(self, hook: str, error: BaseException) -> str:
        """Return the plugin whose implementation an exception came from."""
        implementations = getattr(self._pluggy().hook, hook).get_hookimpls()
        trace = error.__traceback__
        while trace is not None:
            for implementation in implementations:
                if _runs(trace.tb_frame, implementation.function):
                    return f"hook plugin {printable(repr(implementation.plugin_name), 80)}"
            trace = trace.tb_next
        names = " or ".join(printable(repr(one.plugin_name), 80) for one in implementations)
        return f"hook plugin {names}"


def _runs(frame: FrameType, function: Any) -> bool:
    """Return whether a frame is a run of a function or of a bound method."""
    code = function.__code__
    owner = getattr(function, "__self__", None)
    return frame.f_code is code and (owner is None or frame.f_locals.get(code.co_varnames[0]) is owner)


def _plugin_name(entry: Entry) -> str:
    return entry.name if entry.distribution == LOCAL else entry.id


def _speaks(entry: Entry) -> str:
    return (
        f"{describe(entry)} speaks version {entry.api} of the plugin interface; this npdl-core speaks {API}"
    )
