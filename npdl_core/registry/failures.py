"""The errors for names that cannot be resolved: who is meant, why not, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import NoReturn

from npdl_core.builtin import FIRST_PARTY
from npdl_core.errors import MissingPluginError, PluginVersionError, UnknownNameError, printable
from npdl_core.registry.discovery import API, Catalogue, origin
from npdl_core.registry.loading import describe
from npdl_core.registry.naming import CORE, LOCAL, closest, fold, singular, split

__all__ = ["install_line", "refuse"]

_SOURCE = re.compile(r"\w+\+[A-Za-z][\w+.-]*://[\w.~:/@%+-]+", re.ASCII)


class UnknownDistributionError(MissingPluginError, UnknownNameError):
    """A name with a provider that is not installed: nothing installed provides it."""


def refuse(
    kind: str, spec: str, catalogue: Catalogue, known: Iterable[str], path: list[str] | None
) -> NoReturn:
    """Raise the error for a name that nothing usable provides.

    Parameters
    ----------
    kind, spec : str
        What was asked for.
    catalogue : Catalogue
        What the scan found.
    known : iterable of str
        The bare names that can be used.
    path : list of str or None
        Where distributions are searched.
    """
    distribution, key = split(spec) or (None, "")
    found = catalogue.find(kind, key, distribution)
    for entry in found:
        if entry.distribution in catalogue.excluded:
            raise MissingPluginError(
                f"{describe(entry)} is not allowed: {_variable(catalogue, entry.distribution)}"
            )
    for entry in found:
        raise PluginVersionError(
            f"{describe(entry)} was made for version {entry.api} of the plugin interface; this npdl-core "
            f"speaks version {API}. Install a release of {entry.distribution} for version {API}"
        )
    what = f"{singular(kind)} {printable(repr(spec), 80)}"
    if distribution in catalogue.excluded:
        raise MissingPluginError(
            f"{what}: {distribution} is not allowed: {_variable(catalogue, str(distribution))}"
        )
    if distribution == LOCAL:
        raise UnknownNameError(
            f"unknown {what}: it stands for what a program registers itself; call "
            f"npdl_core.registry.register({kind!r}, {key!r}, …) with its class first"
        )
    if distribution and distribution != CORE and origin(distribution, path) is None:
        line = f"; {install_line(distribution, path)}" if distribution in FIRST_PARTY else ""
        raise UnknownDistributionError(f"{what}: the distribution {distribution!r} is not installed{line}")
    raise UnknownNameError(f"unknown {what}{_advice(kind, spec, catalogue, known, path)}")


def _variable(catalogue: Catalogue, distribution: str) -> str:
    variable = catalogue.excluded[distribution]
    return f"the environment variable {variable} {'lists' if 'DISABLE' in variable else 'does not list'} it"


def _advice(kind: str, spec: str, catalogue: Catalogue, known: Iterable[str], path: list[str] | None) -> str:
    """Return the closest names, and how to install the first-party package that has the closest."""
    missing = {
        fold(name): (name, distribution)
        for distribution, kinds in FIRST_PARTY.items()
        if distribution not in catalogue.versions
        for name in kinds.get(kind, ())
    }
    bare = spec.rpartition(":")[2]
    near = [fold(name) for name in closest(bare, [*known, *(name for name, _ in missing.values())])]
    own = {fold(name): name for name in known}
    shown = [
        repr(own[name]) if name in own else f"{missing[name][0]!r} ({missing[name][1]})" for name in near
    ]
    text = f"; the closest names are {', '.join(shown)}" if shown else f"; see npdl_core.{kind}.names()"
    if near and near[0] not in own:
        name, distribution = missing[near[0]]
        line = install_line(distribution, path)
        text += f". {name!r} is part of {distribution}, which is not installed; {line}"
    return text


def install_line(distribution: str, path: list[str] | None = None) -> str:
    """Return how to install a first-party package from where this one came from."""
    folder = f"plugins/{distribution}"
    source = _source(origin(CORE, path) or "", folder)
    if source:
        return f"install it with: pip install {source}"
    return f"install it with: pip install ./{folder} in a clone of the npdl repository"


def _source(text: str, folder: str) -> str | None:
    """Return pip's argument for a folder beside the one that a ``direct_url.json`` tells of."""
    try:
        document = json.loads(text)
        url = str(document["url"])
        if url.startswith("file:") and "dir_info" in document:
            return _quoted(f"{_local_path(url)}/{folder}")
        info = document["vcs_info"]
        source = f"{info['vcs']}+{url}@{info['commit_id']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    # Anything else is not to be pasted into a shell.
    return f'"{source}#subdirectory={folder}"' if _SOURCE.fullmatch(source) else None


def _local_path(url: str) -> str:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return url2pathname(urlsplit(url).path).rstrip("/\\")


def _quoted(path: str) -> str:
    import shlex

    return printable(shlex.quote(path), 1000)
