"""Import packages that two distributions install, so that the files of one overwrite those of the other.

A distribution names the packages that nobody else should have as entry points of the group ``npdl-packages``,
such as ``npdl = "npdl"``: an editable installation has no other list of them.
"""

from __future__ import annotations

from importlib_metadata import distributions, entry_points

from npdl_core.errors import printable
from npdl_core.registry.naming import fold_distribution

__all__ = ["overlap", "overlaps"]


def overlap(package: str, owner: str) -> str:
    """Return what to tell a user about other distributions that install ``package``, or an empty string.

    Nothing is imported: distributions are asked for their lists of files.

    Examples
    --------
    >>> overlap("a_package_of_nobody", "npdl-core")
    ''
    """
    found = {}
    for dist in distributions():
        files = f"\n{dist.read_text('RECORD') or ''}"
        listed = package in (dist.read_text("top_level.txt") or "").split() or f"\n{package}/" in files
        name = printable(dist.metadata["Name"] or "", 60) if listed else ""
        if name and fold_distribution(name) != fold_distribution(owner):
            found[name] = f"{name} {printable(dist.version, 40)}"
    if not found:
        return ""
    names, others = " ".join(sorted(found)), ", ".join(sorted(found.values()))
    return (
        f"{owner}: the package {package!r} is also installed by {others}, and their files overwrite each "
        f"other: pip uninstall {names} {owner}, then install {owner} again"
    )


def overlaps() -> list[str]:
    """Return :func:`overlap` of every package that an installed plugin has named, where there is one."""
    owned = sorted(
        {(entry.name, entry.dist.name) for entry in entry_points(group="npdl-packages") if entry.dist}
    )
    texts = (overlap(printable(package, 60), printable(owner, 60)) for package, owner in owned)
    return [text for text in texts if text]
