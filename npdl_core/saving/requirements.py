"""The distributions that a file needs: written down when it is saved, checked before it is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from npdl_core import registry
from npdl_core.builtin import FIRST_PARTY
from npdl_core.errors import FileFormatError, MissingPluginError, printable
from npdl_core.registry.failures import install_line
from npdl_core.registry.naming import CORE, LOCAL, fold_distribution
from npdl_core.saving.envelope import is_envelope

__all__ = ["check_requirements", "required_by"]

_MAX_ENTRIES = 1000


def required_by(document: Any) -> dict[str, str]:
    """Return the version of each distribution that the envelopes in a document name.

    What is registered in this process only has no distribution and is left out.
    """
    from npdl_core import __version__

    owners = {name.partition(":")[0] for name in _names(document)} - {CORE, LOCAL}
    installed = registry.default().catalogue.versions if owners else {}
    versions = {owner: installed[owner] for owner in owners if owner in installed}
    return dict(sorted({CORE: __version__, **versions}.items()))


def _names(value: Any) -> Iterator[str]:
    """Yield the names of all envelopes in a JSON value."""
    if is_envelope(value):
        yield value["name"]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in items:
        yield from _names(item)


def check_requirements(requires: Any) -> None:
    """Check that every distribution that a document names is installed and allowed; nothing is imported.

    Raises
    ------
    FileFormatError
        If it is not a dict of distributions to versions.
    MissingPluginError
        If one is not installed, or excluded by ``NPDL_PLUGINS`` or ``NPDL_DISABLE_PLUGINS``.
    """
    plain = isinstance(requires, dict) and all(
        isinstance(text, str) for pair in requires.items() for text in pair
    )
    if not plain or len(requires) > _MAX_ENTRIES:
        raise FileFormatError("model: 'requires' must map distributions to versions")
    for owner, version in requires.items():
        if owner != CORE:
            _check_one(fold_distribution(owner), version)


def _check_one(owner: str, version: str) -> None:
    catalogue = registry.default().catalogue
    shown = f"{printable(owner, 60)} (saved with version {printable(version, 30)})"
    if owner not in catalogue.versions:
        raise MissingPluginError(f"this model needs {shown}, which is not installed; {_how(owner)}")
    if owner in catalogue.excluded:
        raise MissingPluginError(
            f"this model needs {shown}, which {catalogue.excluded[owner]} does not allow"
        )


def _how(owner: str) -> str:
    if owner in FIRST_PARTY:
        return install_line(owner)
    return "install it from where its author publishes it"
