"""The distributions that a file needs: written down when it is saved, checked before anything in it is built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from npdl_core import registry
from npdl_core.builtin import FIRST_PARTY
from npdl_core.errors import FileFormatError, MissingPluginError, printable
from npdl_core.registry.failures import install_line
from npdl_core.saving.envelope import components_of

__all__ = ["check_requirements", "required_by"]

_CORE = "npdl-core"
_LOCAL = "local"
_MAX_ENTRIES = 1000


def required_by(components: Iterable[Any]) -> dict[str, str]:
    """Return the version of each distribution that ``components``, and what they hold, come from.

    What is registered in this process only has no distribution and is left out.
    """
    from npdl_core import __version__

    owners = set()
    for component in components_of(list(components)):
        try:
            owners.add(registry.component_id(component).partition(":")[0])
        except LookupError:
            continue
    versions = {_CORE: __version__} | (
        registry.default().catalogue.versions if owners - {_CORE, _LOCAL} else {}
    )
    return {owner: versions[owner] for owner in sorted(owners - {_LOCAL})}


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
        if owner != _CORE:
            _check_one(owner, version)


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
