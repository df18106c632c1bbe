"""What the installed plugins are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from npdl_core.errors import MissingPluginError, PluginError, PluginVersionError, printable
from npdl_core.registry.discovery import API, Catalogue, Entry
from npdl_core.registry.loading import describe
from npdl_core.registry.naming import fold, fold_distribution, singular

if TYPE_CHECKING:
    from npdl_core.registry.table import Registry

__all__ = ["Plugin", "check_plugin", "plugins"]


class Plugin(NamedTuple):
    """One distribution that provides components or hooks.

    Attributes
    ----------
    distribution, version : str
        Its normalised name, and its version.
    api : int
        The version of the plugin interface that it speaks: ours if it speaks several.
    names : dict of kind to tuple of str
        What it provides, in its own order; hooks under ``"hooks"``.
    state : str
        ``"disabled"`` (an environment variable excludes it), ``"broken"``, ``"outdated"`` (it speaks another
        version), ``"shadowed"`` (it has a name of core's, which only ``distribution:name`` reaches),
        ``"ambiguous"`` (another distribution has the same name), or ``"ok"``: the first that is true.
    error : str
        The details; empty when all is well.
    """

    distribution: str
    version: str
    api: int
    names: dict[str, tuple[str, ...]]
    state: str
    error: str


def plugins(registry: Registry) -> list[Plugin]:
    """Return one record per distribution, and one for this process's own; nothing is imported."""
    catalogue = registry.catalogue
    owners = dict(catalogue.versions)
    for entry in registry.registered():
        owners.setdefault(entry.distribution, entry.version)
    return [_record(registry, catalogue, owner, version) for owner, version in sorted(owners.items())]


def check_plugin(registry: Registry, distribution: str) -> list[PluginError]:
    """Import everything that a distribution provides and return the errors."""
    catalogue, owner = registry.catalogue, fold_distribution(distribution)
    if owner not in catalogue.versions:
        raise MissingPluginError(
            f"the distribution {printable(repr(distribution), 80)} is not installed, or has no npdl entry "
            "points"
        )
    if owner in catalogue.excluded:
        raise MissingPluginError(
            f"{owner} is not allowed: see the environment variable {catalogue.excluded[owner]}"
        )
    mine = [entry for entry in catalogue.entries if entry.distribution == owner]
    errors = [PluginError(printable(f"{owner}: {text}", 500)) for _, text in _malformed(catalogue, owner)]
    errors += [PluginError(f"{owner}: {text}") for text in _twice(mine)]
    errors += [
        PluginVersionError(f"{describe(entry)} speaks version {entry.api} of the plugin interface, not {API}")
        for entry in _outdated(mine)
    ]
    for entry in catalogue.usable(mine):
        try:
            if entry.kind == "hooks":
                registry.hooks.check(entry)
            else:
                registry.load(entry)
        except PluginError as error:
            errors.append(error)
    return errors


def _record(registry: Registry, catalogue: Catalogue, owner: str, version: str) -> Plugin:
    mine = [entry for entry in catalogue.entries if entry.distribution == owner]
    booked = [entry for entry in registry.registered() if entry.distribution == owner]
    apis = {entry.api for entry in mine} or {API}
    names: dict[str, dict[str, None]] = {}
    for entry in [*mine, *booked]:
        names.setdefault(entry.kind, {})[entry.name] = None
    state, error = _state(registry, catalogue, owner, mine)
    return Plugin(
        owner,
        version,
        API if API in apis or booked else max(apis),
        {kind: tuple(found) for kind, found in names.items()},
        state,
        printable(error, 2000),
    )


def _state(registry: Registry, catalogue: Catalogue, owner: str, mine: list[Entry]) -> tuple[str, str]:
    """Return the first state that is true, with the details."""
    failed = {**registry.failures, **registry.hooks.failures}
    broken = [
        *(text for _, text in _malformed(catalogue, owner)),
        *_twice(mine),
        *(str(error) for entry, error in failed.items() if entry.distribution == owner and entry.api == API),
    ]
    usable = [entry for entry in catalogue.usable(mine) if entry.kind != "hooks"]
    details = {
        "disabled": [catalogue.excluded[owner]] if owner in catalogue.excluded else [],
        "broken": broken,
        "outdated": [f"{entry.id} speaks version {entry.api}, not {API}" for entry in _outdated(mine)],
        "shadowed": [entry.id for entry in usable if registry.is_core(entry.kind, entry.name)],
        "ambiguous": [
            entry.id for entry in usable if len(registry.providers_of(entry.kind, fold(entry.name))) > 1
        ],
    }
    return next(((state, "; ".join(texts)) for state, texts in details.items() if texts), ("ok", ""))


def _malformed(catalogue: Catalogue, owner: str) -> list[tuple[str, str]]:
    return [(name, text) for name, text in catalogue.malformed if name == owner]


def _outdated(mine: Iterable[Entry]) -> list[Entry]:
    """Return the entries of another version whose name the distribution has in no entry of ours."""
    current = {(entry.kind, fold(entry.name)) for entry in mine if entry.api == API}
    return [entry for entry in mine if entry.api != API and (entry.kind, fold(entry.name)) not in current]


def _twice(mine: Iterable[Entry]) -> list[str]:
    """Return a text for each name that one distribution gives to two objects."""
    targets: dict[tuple[str, str], list[str]] = {}
    for entry in mine:
        if entry.api == API:
            targets.setdefault((entry.kind, fold(entry.name)), []).append(entry.value)
    return [
        f"{singular(kind)} {name!r} is provided twice: {' and '.join(values)}"
        for (kind, name), values in targets.items()
        if len(values) > 1
    ]
