"""One look at the installed distributions: which entry points there are, and which are allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from npdl_core.builtin import KINDS
from npdl_core.registry.naming import CORE, LOCAL, fold, fold_distribution, is_distribution, is_name

if TYPE_CHECKING:
    from importlib_metadata import IDistribution

__all__ = ["API", "Catalogue", "Entry", "discover", "origin"]

API = 1
"""The version of the plugin interface that this core speaks, as in ``npdl.v1.layers``."""

_GROUP = re.compile(r"npdl\.v(\d{1,9})\.(\w+)", re.ASCII)
_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_FIELD = re.compile(r"(Name|Version):[ \t]*(.*)", re.IGNORECASE)
_TARGET = re.compile(rf"({_DOTTED})\s*(?::\s*({_DOTTED}))?\s*(?:\[.*\])?")


class Entry(NamedTuple):
    """One name that a distribution provides, and where its object is found."""

    kind: str
    name: str
    distribution: str
    version: str
    value: str
    api: int = API

    @property
    def id(self) -> str:
        """The name with its provider, as it is written into files."""
        return f"{self.distribution}:{self.name}"

    @property
    def target(self) -> tuple[str, str] | None:
        """The module and the attribute path (``""`` for the module itself); None if it is not written so."""
        return _parse(self.value)

    @property
    def text(self) -> str:
        """The target as ``module:attribute``, to compare with where a class says it is from."""
        return ":".join(self.target or ())

    def twin(self, other: Entry) -> bool:
        """Return whether two entries with one name say the same."""
        mine, theirs = (self.distribution, self.api, self.text), (other.distribution, other.api, other.text)
        return mine == theirs


@lru_cache(maxsize=4096)
def _parse(value: str) -> tuple[str, str] | None:
    match = _TARGET.fullmatch(value)
    return (match[1], match[2] or "") if match else None


class Catalogue:
    """What one scan found.

    Attributes
    ----------
    entries : list of Entry
        Every well-formed entry, whatever its version of the interface and whether it is allowed; by
        distribution, and in each distribution's own order.
    versions : dict of distribution to version
        The distributions that have npdl entry points.
    excluded : dict of distribution to environment variable
        Those that may not be used, and the variable that says so.
    malformed : list of (distribution, text)
        Entry points that nothing can ever use.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.versions: dict[str, str] = {}
        self.excluded: dict[str, str] = {}
        self.malformed: list[tuple[str, str]] = []

        self._by_name: dict[tuple[str, str], list[Entry]] = {}

    def add(self, entry: Entry) -> None:
        """Take an entry in; one that repeats another's provider, name and target is dropped."""
        known = self._by_name.setdefault((entry.kind, fold(entry.name)), [])
        if not any(entry.twin(other) for other in known):
            known.append(entry)
            self.entries.append(entry)

    def find(self, kind: str, key: str, distribution: str | None = None) -> list[Entry]:
        """Return all entries with a folded name, of one distribution if it is given."""
        found = self._by_name.get((kind, key), [])
        return [entry for entry in found if distribution in (None, entry.distribution)]

    def usable(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return those that speak our version of the interface and are allowed."""
        return [entry for entry in entries if entry.api == API and entry.distribution not in self.excluded]


def discover(path: list[str] | None = None) -> Catalogue:
    """Read the entry points of all distributions on ``path``, by default ``sys.path``.

    ``NPDL_PLUGINS`` lists the only distributions that may be used, separated by commas; set to nothing it
    allows none. ``NPDL_DISABLE_PLUGINS`` lists those that may not. Nothing is imported from any distribution.
    """
    catalogue = Catalogue()
    for name, distribution in _with_entry_points(path):
        _take(catalogue, name, distribution)
    allowed, blocked = os.environ.get("NPDL_PLUGINS"), os.environ.get("NPDL_DISABLE_PLUGINS", "")
    for name in catalogue.versions:
        if name in _listed(blocked):
            catalogue.excluded[name] = "NPDL_DISABLE_PLUGINS"
        elif allowed is not None and name not in _listed(allowed):
            catalogue.excluded[name] = "NPDL_PLUGINS"
    return catalogue


def origin(name: str, path: list[str] | None = None) -> str | None:
    """Return a distribution's ``direct_url.json`` (PEP 610), ``""`` without one, None if not installed."""
    first = _first(name, path)
    return None if first is None else _text(first, "direct_url.json")


def _listed(text: str) -> set[str]:
    return {fold_distribution(name.strip()) for name in text.split(",") if name.strip()}


def _search(path: list[str] | None, **query: str) -> Iterable[IDistribution]:
    from importlib_metadata import distributions

    return distributions(**query) if path is None else distributions(path=path, **query)


def _first(name: str, path: list[str] | None) -> IDistribution | None:
    """Return the distribution that Python would import from: the first on the path that has metadata."""
    return next((found for found in _search(path, name=name) if _name(found)), None)


def _name(distribution: IDistribution) -> str | None:
    """Return the normalised name, or None where an uninstalled package left a folder without metadata."""
    name = _fields(distribution).get("name", "")
    return fold_distribution(name) if is_distribution(name) else None


def _fields(distribution: IDistribution) -> dict[str, str]:
    """Return name and version; ``distribution.metadata`` imports a parser of e-mails and reads it all."""
    text = _text(distribution, "METADATA") or _text(distribution, "PKG-INFO")
    found: dict[str, str] = {}
    for line in text.splitlines():
        field = _FIELD.match(line)
        if field:
            found.setdefault(field[1].lower(), field[2].strip())
        elif not line:
            break
    return found


def _with_entry_points(path: list[str] | None) -> Iterator[tuple[str, IDistribution]]:
    """Yield each distribution that has npdl entry points once, in the order of their names."""
    # Metadata is parsed only where the entry points mention npdl: an environment may hold hundreds of others.
    mentioned = [found for found in _search(path) if "[npdl." in _text(found, "entry_points.txt")]
    by_name: dict[str | None, IDistribution] = {}
    for found in mentioned:
        by_name.setdefault(_name(found), found)
    for name in sorted(name for name in by_name if name and name != CORE):
        yield name, _first(name, path) or by_name[name]


def _text(distribution: IDistribution, file: str) -> str:
    try:
        return distribution.read_text(file) or ""
    except (OSError, UnicodeDecodeError):
        return ""


def _take(catalogue: Catalogue, owner: str, distribution: IDistribution) -> None:
    version = _fields(distribution).get("version", "?")
    for point in distribution.entry_points:
        if not point.group.startswith("npdl."):
            continue
        catalogue.versions[owner] = version
        match = _GROUP.fullmatch(point.group)
        kind, api = (match[2], int(match[1])) if match else ("", API)
        entry = Entry(kind, point.name, owner, version, point.value, api)
        fault = _fault(entry) if api == API else None
        if fault:
            catalogue.malformed.append((owner, f"{point.group}: {point.name} = {point.value}: {fault}"))
        else:
            catalogue.add(entry)


def _fault(entry: Entry) -> str | None:
    if entry.distribution == LOCAL:
        return f"a distribution cannot be called {LOCAL!r}, which stands for what a process registers itself"
    if entry.kind not in (*KINDS, "hooks"):
        return (
            f"no such group; the groups are npdl.v{API}.hooks and npdl.v{API}.<kind> with {', '.join(KINDS)}"
        )
    if not is_name(entry.name):
        return "a name is made of letters, digits, '_', '-' and spaces"
    return None if entry.target else "the target is not written as module:attribute"
