"""Functions of plugins that npdl calls at set moments, through pluggy.

A hook is a function named as one of the specifications below and marked with :data:`hookimpl`; it takes those
of the specified arguments that it wants. A plugin is a module, or an object with such methods, that a
distribution names in the entry-point group ``npdl.v1.hooks`` or that :func:`register` takes in. One that
cannot be imported, or that does not fit the specifications, is left out whole, listed by :func:`problems` and
warned about once; with ``NPDL_STRICT_PLUGINS=1`` it is an error instead.

Examples
--------
>>> from npdl_core.hooks import hookimpl, register, unregister
>>> class Shout:
...     @hookimpl
...     def npdl_epoch_end(self, epoch, logs):
...         print(f"epoch {epoch}: {logs['loss']}!")
>>> name = register(Shout(), "shout")
>>> call("npdl_epoch_end", model=None, epoch=1, logs={"loss": 0.5})
epoch 1: 0.5!
[]
>>> unregister("shout")
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from npdl_core.errors import (
    ConfigError,
    DuplicateNameError,
    PluginError,
    PluginVersionError,
    UnknownNameError,
    printable,
)
from npdl_core.registry.discovery import API, Entry
from npdl_core.registry.loading import again, cause, describe, initialising
from npdl_core.registry.naming import LOCAL, closest

if TYPE_CHECKING:
    from types import FrameType

    from pluggy import HookimplMarker, PluginManager

    from npdl_core.registry import Registry

    hookimpl: HookimplMarker

__all__ = [
    "HookManager",
    "PluginWarning",
    "Problem",
    "active",
    "call",
    "hookimpl",
    "manager",
    "npdl_batch_end",
    "npdl_cli",
    "npdl_epoch_end",
    "npdl_fit_end",
    "npdl_fit_start",
    "npdl_gradients_ready",
    "npdl_model_compiled",
    "npdl_register",
    "problems",
    "register",
    "unregister",
]


class PluginWarning(UserWarning):
    """A plugin with hooks was left out."""


class Problem(NamedTuple):
    """A plugin that was left out: which, from where, and why."""

    plugin: str
    distribution: str
    version: str
    target: str
    error: PluginError


# -- the specifications --------------------------------------------------------------------------------------


def npdl_register(registry: Any) -> None:
    """Register components that no entry point names: call ``registry.register(kind, name, obj)``.

    Called once, before the first look-up of a name that is not core's. The names belong to the plugin's
    distribution. If it raises, all that it registered is taken back.
    """


def npdl_model_compiled(model: Any) -> None:
    """Look at a model that was just compiled."""


def npdl_fit_start(model: Any) -> None:
    """Prepare for a training that is about to start."""


def npdl_batch_end(model: Any, step: int, logs: Any) -> None:
    """Look at the model after an update; ``step`` counts updates, ``logs`` has the batch's ``loss``."""


def npdl_gradients_ready(model: Any, grads: Any) -> None:
    """Change gradients in place, between backward and update: clipping, noise, an all-reduce."""


def npdl_epoch_end(model: Any, epoch: int, logs: Any) -> None:
    """Look at the model after an epoch; ``logs`` has the epoch's losses and metrics."""


def npdl_fit_end(model: Any, error: Any) -> None:
    """Finish after a training; ``error`` is the exception that ended it, or None."""


def npdl_cli(group: Any) -> None:
    """Add sub-commands to the ``npdl`` command's click group."""


_SPECS = {
    spec.__name__: frozenset(spec.__code__.co_varnames)
    for spec in (
        npdl_register,
        npdl_model_compiled,
        npdl_fit_start,
        npdl_batch_end,
        npdl_gradients_ready,
        npdl_epoch_end,
        npdl_fit_end,
        npdl_cli,
    )
}


# -- one process, one manager --------------------------------------------------------------------------------


def manager() -> HookManager:
    """Return the hooks of this process's registry."""
    from npdl_core import registry

    return registry.default().hooks


def active(name: str) -> bool:
    """Return whether any plugin implements a hook.

    Examples
    --------
    >>> active("npdl_batch_end")
    False
    """
    return manager().active(name)


def call(name: str, **arguments: Any) -> list[Any]:
    """Call a hook in every plugin that implements it and return what they returned, other than None.

    Raises
    ------
    PluginError
        If an implementation raises; the message names plugin and hook, and the cause is kept.
    ConfigError
        If there is no such hook, or the arguments are not those of its specification.
    """
    return manager().call(name, **arguments)


def register(plugin: Any, name: str | None = None) -> str:
    """Take in a module or an object with hooks, in this process, and return its name.

    Raises
    ------
    PluginError
        If it implements no hook, one that does not exist, or one with an argument that does not exist.
    DuplicateNameError
        If the name, or the plugin under another name, is taken.
    """
    return manager().register(plugin, name)


def unregister(plugin: Any) -> None:
    """Remove a plugin, given itself or its name, with all that its ``npdl_register`` registered.

    Raises
    ------
    UnknownNameError
        If it is not registered.
    """
    manager().unregister(plugin)


def problems() -> list[Problem]:
    """Return the plugins that were left out, and why."""
    return manager().problems()


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
        self._in_this_thread = threading.local()
        self._together: PluginManager | None = None
        self._alone: dict[str, PluginManager] = {}
        self._entries: dict[str, Entry] = {}
        self._booked: dict[str, list[tuple[str, str]]] = {}
        self._waiting: list[str] = []
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
        if _SPECS.get(name) != arguments.keys():
            raise ConfigError(_wrong_call(name, arguments))
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
        if self._waiting and not self._busy():
            with self._lock, _Flag(self._in_this_thread):
                while self._waiting:
                    self._announce(self._waiting.pop(0))
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
        if self._loaded or self._busy():
            return
        entries = self._registry.entries("hooks")
        with _Flag(self._in_this_thread):
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
            if known is plugin:
                return chosen
            if known is not None or any(other is plugin for _, other in self._pluggy().list_name_plugin()):
                raise DuplicateNameError(
                    f"hook plugin {printable(repr(chosen), 80)}: the name is taken, or the plugin has another one "
                    "already; call hooks.unregister first"
                )
            entry = Entry("hooks", chosen, LOCAL, "", printable(repr(plugin)))
            self._add(chosen, entry, plugin, _alone(chosen, plugin))
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

        alone = _alone(_plugin_name(entry), self._registry.load(entry), describe(entry))
        _announce(alone, _Booking(Registry(path=()), entry.distribution), describe(entry))

    # -- inside ----------------------------------------------------------------------------------------------

    def _busy(self) -> bool:
        return getattr(self._in_this_thread, "set", False)

    def _pluggy(self) -> PluginManager:
        with self._lock:
            if self._together is None:
                self._together = _new_manager()
            return self._together

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
            alone = _alone(name, plugin, describe(entry))
            if any(other is plugin for _, other in self._pluggy().list_name_plugin()):
                raise PluginError(f"{describe(entry)} is a plugin already, under another name")
        except PluginError as error:
            self._leave_out(entry, error)
        else:
            self._add(name, entry, plugin, alone)

    def _add(self, name: str, entry: Entry, plugin: Any, alone: PluginManager) -> None:
        self._pluggy().register(plugin, name)
        self._alone[name], self._entries[name] = alone, entry
        if alone.hook.npdl_register.get_hookimpls():
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
        self._active = frozenset(name for name in _SPECS if getattr(hooks, name).get_hookimpls())

    def _leave_out(self, entry: Entry, error: PluginError) -> None:
        self._failures[entry] = error
        if os.environ.get("NPDL_STRICT_PLUGINS", "0") not in ("", "0"):
            raise again(error) from error.__cause__
        self._unsaid.append(f"{error}; its hooks are left out")

    def _speak(self) -> None:
        while self._unsaid:
            warnings.warn(self._unsaid.pop(0), PluginWarning, stacklevel=2)

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
        booking = _Booking(self._registry, entry.distribution)
        try:
            _announce(self._alone[name], booking, describe(entry))
        except PluginError as error:
            self._take_back(booking.booked)
            self._remove(name)
            self._leave_out(entry, error)
        else:
            self._booked[name] = booking.booked

    def _take_back(self, booked: list[tuple[str, str]]) -> None:
        for kind, component_id in booked:
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


class _Booking:
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


class _Flag:
    """Says that this thread is loading plugins, so that their own look-ups do not start over."""

    def __init__(self, local: threading.local) -> None:
        self._local = local

    def __enter__(self) -> None:
        self._local.set = True

    def __exit__(self, *_: object) -> None:
        self._local.set = False


def _new_manager() -> PluginManager:
    import pluggy

    made = pluggy.PluginManager("npdl")
    mark = pluggy.HookspecMarker("npdl")
    module = sys.modules[__name__]
    for name in _SPECS:
        mark(getattr(module, name))
    made.add_hookspecs(module)
    return made


def _alone(name: str, plugin: Any, label: str | None = None) -> PluginManager:
    """Return a manager with nothing but one plugin, which proves that it fits the specifications."""
    label = label or f"hook plugin {printable(repr(name), 80)}"
    trial = _new_manager()
    try:
        trial.register(plugin, name)
        trial.check_pending()
        implemented = trial.get_hookcallers(plugin)
    except Exception as error:
        raise PluginError(f"{label} does not fit: {cause(error)}; the hooks are {_signatures()}") from error
    if not implemented:
        raise PluginError(f"{label} implements no hook; mark its functions with npdl_core.hooks.hookimpl")
    return trial


def _announce(alone: PluginManager, booking: _Booking, label: str) -> None:
    try:
        alone.hook.npdl_register(registry=booking)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{label} raised in npdl_register: {cause(error)}") from error


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


def _wrong_call(name: str, arguments: dict[str, Any]) -> str:
    if name in _SPECS:
        return (
            f"{name} takes {', '.join(sorted(_SPECS[name]))}, got {', '.join(sorted(arguments)) or 'nothing'}"
        )
    near = closest(name, _SPECS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is no hook {printable(repr(name), 80)}; the hooks are {', '.join(_SPECS)}{hint}"


def _signatures() -> str:
    module = sys.modules[__name__]
    return ", ".join(f"{name}({', '.join(getattr(module, name).__code__.co_varnames)})" for name in _SPECS)


def __getattr__(name: str) -> Any:
    """Make :data:`hookimpl` when it is first asked for: pluggy is not imported before."""
    if name != "hookimpl":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pluggy import HookimplMarker

    marker = globals()["hookimpl"] = HookimplMarker("npdl")
    return marker
