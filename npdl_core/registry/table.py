"""The registry: one table of names per process, filled from core, from entry points and by calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from npdl_core.builtin import ALIASES, BUILTIN, KINDS
from npdl_core.errors import (
    AmbiguousNameError,
    ConfigError,
    DuplicateNameError,
    PluginError,
    UnknownNameError,
    printable,
)
from npdl_core.registry.contracts import mismatch
from npdl_core.registry.discovery import Catalogue, Entry, discover
from npdl_core.registry.loading import again, initialising, load
from npdl_core.registry.naming import CORE, LOCAL, closest, fold, fold_distribution, is_name, singular, split

if TYPE_CHECKING:
    from npdl_core.hooks import HookManager
    from npdl_core.registry.report import Plugin

__all__ = ["Registry", "core_entries"]


@cache
def core_entries(kind: str) -> dict[str, Entry]:
    """Return core's entries of a kind by folded name, aliases included."""
    own = {name: Entry(kind, name, CORE, "", value) for name, value in BUILTIN[kind].items()}
    aliases = {alias: own[name] for alias, name in ALIASES[kind].items()}
    return {fold(name): entry for name, entry in {**own, **aliases}.items()}


class Registry:
    """Finds components by kind and name.

    A process has one, which the functions of :mod:`npdl_core.registry` use; tests make their own.

    Parameters
    ----------
    path : sequence of str, optional
        Folders to search for installed distributions, instead of ``sys.path``.
    """

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self.path = None if path is None else [str(folder) for folder in path]
        self._lock = threading.RLock()
        self._catalogue: Catalogue | None = None
        self._registered: dict[tuple[str, str, str], Entry] = {}
        self._objects: dict[Entry, Any] = {}
        self._failures: dict[Entry, PluginError] = {}
        self._hooks: HookManager | None = None

    # -- looking up ------------------------------------------------------------------------------------------

    def get(self, kind: str, spec: Any, /, **config: Any) -> Any:
        """Return a new component; see :func:`npdl_core.registry.get`."""
        from npdl_core.registry.construction import build, read_envelope

        if isinstance(spec, Mapping):
            spec, stored = read_envelope(kind, spec)
            for key in stored.keys() & config.keys():
                raise ConfigError(f"{singular(kind)} {printable(repr(spec), 80)}: {key!r} is given twice")
            config = {**stored, **config}
        found = self.resolve(kind, spec)
        if isinstance(spec, (str, type)):
            label = spec if isinstance(spec, str) else spec.__name__
            return build(f"{singular(kind)} {printable(repr(label), 80)}", found, config)
        if config:
            names = ", ".join(map(repr, config))
            raise ConfigError(
                f"{type(spec).__name__} is an instance already; it takes no configuration, got {names}"
            )
        return spec

    def resolve(self, kind: str, spec: Any) -> Any:
        """Return a class; see :func:`npdl_core.registry.resolve`."""
        check_kind(kind)
        if isinstance(spec, str):
            return self.load(self.find(kind, spec))
        if isinstance(spec, Mapping):
            from npdl_core.registry.construction import read_envelope

            return self.resolve(kind, read_envelope(kind, spec)[0])
        fault = mismatch(kind, spec, instance=not isinstance(spec, type))
        if fault:
            raise ConfigError(f"{fault}; a name, an envelope or an instance will do as well")
        return spec if isinstance(spec, type) or kind == "kernels" else type(spec)

    def find(self, kind: str, spec: str) -> Entry:
        """Return the one entry that a name stands for.

        Core's own names need no scan; nothing is imported but, once, the plugins with hooks.
        """
        distribution, key = split(spec) or (None, "")
        core = core_entries(check_kind(kind)).get(key)
        if core and distribution in (None, CORE):
            return core
        self.hooks.announce()
        found = self.providers_of(kind, key, distribution)
        if not found:
            from npdl_core.registry.failures import refuse

            refuse(kind, spec, self.catalogue, self.names(kind), self.path)
        what = f"{singular(kind)} {printable(repr(spec), 80)}"
        owners = {entry.distribution for entry in found}
        if len(owners) > 1:
            ids = " and ".join(printable(entry.id) for entry in found)
            raise AmbiguousNameError(f"{what} is provided by {ids}; ask for one of them by this id")
        if len(found) > 1:
            targets = " and ".join(printable(entry.value) for entry in found)
            owner = f"{found[0].distribution} {printable(found[0].version, 40)}"
            raise PluginError(f"{owner} provides {what} twice: {targets}")
        return found[0]

    def providers_of(self, kind: str, key: str, distribution: str | None = None) -> list[Entry]:
        """Return the usable entries with a folded name outside core, ordered by distribution."""
        found = self.catalogue.usable(self.catalogue.find(kind, key, distribution))
        for entry in list(self._registered.values()):
            same = (
                entry.kind == kind and fold(entry.name) == key and distribution in (None, entry.distribution)
            )
            if same and not any(entry.twin(other) for other in found):
                found.append(entry)
        return sorted(found, key=lambda entry: entry.distribution)

    def providers(self, kind: str, name: str) -> list[str]:
        """Return the ids behind a bare name; see :func:`npdl_core.registry.providers`."""
        _, key = split(name) or (None, "")
        core = core_entries(check_kind(kind)).get(key)
        self.hooks.announce()
        found = [*([core] if core else []), *self.providers_of(kind, key)]
        return list(dict.fromkeys(entry.id for entry in found))

    def load(self, entry: Entry) -> Any:
        """Return the object of an entry, imported once; a failure is kept until :meth:`refresh`."""
        if entry in self._objects:
            return self._objects[entry]
        if entry in self._failures:
            raise again(self._failures[entry]) from self._failures[entry].__cause__
        # No lock is held here: Python's own import locks see deadlocks, ours would make them.
        try:
            return self._objects.setdefault(entry, load(entry))
        except PluginError as error:
            if not initialising(entry):
                self._failures[entry] = error
            raise

    def names(self, kind: str) -> list[str]:
        """Return every bare name of a kind; see :func:`npdl_core.registry.names`."""
        core = [*BUILTIN[check_kind(kind)], *ALIASES[kind]]
        by_key = {fold(name): name for name in core}
        for entry in (*self.entries(kind), *self.registered(kind)):
            by_key.setdefault(fold(entry.name), entry.name)
        return sorted(by_key.values())

    # -- identity --------------------------------------------------------------------------------------------

    def component_id(self, component: Any, kind: str | None = None) -> str:
        """Return the canonical id of a class; see :func:`npdl_core.registry.component_id`."""
        from npdl_core.registry.identity import identify

        return identify(self, component, kind).id

    def canonical_name(self, kind: str, spec: Any) -> str:
        """Return the canonical bare name; see :func:`npdl_core.registry.canonical_name`."""
        from npdl_core.registry.identity import canonical_name

        return canonical_name(self, check_kind(kind), spec)

    # -- registering -----------------------------------------------------------------------------------------

    def register(self, kind: str, name: str, obj: Any, *, distribution: str = LOCAL) -> str:
        """Book an object under a name and return its id; see :func:`npdl_core.registry.register`."""
        entry = self.check_registration(kind, name, obj, distribution=distribution)
        with self._lock:
            taken = self._registered.get(_key(entry))
            if taken and self._objects[taken] is not obj:
                raise DuplicateNameError(
                    f"{taken.id} is registered already, for another object ({taken.value}); choose another "
                    f"name, or call registry.unregister({kind!r}, {taken.id!r}) first"
                )
            if not taken:
                self._objects[entry] = obj
                self._registered[_key(entry)] = entry
        return (taken or entry).id

    def check_registration(self, kind: str, name: str, obj: Any, *, distribution: str = LOCAL) -> Entry:
        """Return the entry that a registration would make, or raise what is wrong with it."""
        check_kind(kind)
        if not is_name(name):
            raise ConfigError(
                f"a name is made of letters, digits, '_', '-' and spaces, got {printable(repr(name), 80)}"
            )
        core = core_entries(kind).get(fold(name))
        if core:
            raise DuplicateNameError(
                f"{printable(name)!r} is core's name of {core.value} and cannot be taken"
            )
        fault = mismatch(kind, obj)
        if fault:
            raise ConfigError(f"{singular(kind)} {printable(repr(name), 80)}: {fault}")
        value = f"{obj.__module__}:{obj.__qualname__}" if hasattr(obj, "__qualname__") else type(obj).__name__
        return Entry(kind, name, fold_distribution(distribution), "", value)

    def unregister(self, kind: str, name: str) -> None:
        """Take a registration back; see :func:`npdl_core.registry.unregister`."""
        distribution, key = split(name) or (None, "")
        with self._lock:
            entry = self._registered.pop((check_kind(kind), key, distribution or LOCAL), None)
            if entry is None:
                raise UnknownNameError(
                    f"nothing was registered as {singular(kind)} {printable(repr(name), 80)}"
                )
            del self._objects[entry]

    def registered(self, kind: str | None = None) -> list[Entry]:
        """Return what was registered in this process, of one kind or of all."""
        return [entry for entry in list(self._registered.values()) if kind in (None, entry.kind)]

    @staticmethod
    def is_core(kind: str, name: str) -> bool:
        """Return whether a name is core's own."""
        return fold(name) in core_entries(kind)

    # -- the scan --------------------------------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """What is installed, read once."""
        with self._lock:
            if self._catalogue is None:
                self._catalogue = discover(self.path)
            return self._catalogue

    def entries(self, kind: str) -> list[Entry]:
        """Return the usable entry points of a kind, by distribution."""
        catalogue = self.catalogue
        return catalogue.usable(entry for entry in catalogue.entries if entry.kind == kind)

    @property
    def hooks(self) -> HookManager:
        """The hooks of the plugins in this registry's distributions."""
        with self._lock:
            if self._hooks is None:
                from npdl_core.hooks import HookManager

                self._hooks = HookManager(self)
            return self._hooks

    def refresh(self) -> None:
        """Forget the scan and all failures; see :func:`npdl_core.registry.refresh`."""
        import importlib

        importlib.invalidate_caches()
        with self._lock:
            self._catalogue = None
            self._failures.clear()
        self.hooks.refresh()

    # -- reports ---------------------------------------------------------------------------------------------

    @property
    def failures(self) -> dict[Entry, PluginError]:
        """The entries that could not be loaded."""
        return dict(self._failures)

    def plugins(self) -> list[Plugin]:
        """Return one record per distribution; see :func:`npdl_core.registry.plugins`."""
        from npdl_core.registry.report import plugins

        return plugins(self)

    def check_plugin(self, distribution: str) -> list[PluginError]:
        """Load all that a distribution provides; see :func:`npdl_core.registry.check_plugin`."""
        from npdl_core.registry.report import check_plugin

        return check_plugin(self, distribution)


def check_kind(kind: str) -> str:
    """Return ``kind`` if there is such a kind.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if kind in KINDS:
        return kind
    near = closest(str(kind), KINDS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"unknown kind {printable(repr(kind), 80)}; the kinds are {', '.join(KINDS)}{hint}")


def _key(entry: Entry) -> tuple[str, str, str]:
    return entry.kind, fold(entry.name), entry.distribution
