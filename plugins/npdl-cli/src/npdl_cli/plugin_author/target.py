"""What is to be checked: a project, a wheel, or what is installed, made visible to the registry."""

from __future__ import annotations

import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from npdl_cli.config import gate
from npdl_core import registry
from npdl_core.errors import ConfigError, MissingPluginError, printable
from npdl_core.registry.naming import fold_distribution, is_distribution

__all__ = ["project_of", "visible"]


@contextmanager
def visible(target: str) -> Iterator[str]:
    """Make a distribution visible to the registry inside the ``with`` block, and return its name.

    Parameters
    ----------
    target : str
        A folder with a ``pyproject.toml``, a wheel, or the name of what is installed. The modules of a folder
        are imported from there or from ``src`` in it, installed or not.

    Raises
    ------
    ConfigError
        If it is none of these.
    MissingPluginError
        If nothing of this name is installed, it has no npdl entry points, or is not allowed.
    """
    path = Path(target)
    with tempfile.TemporaryDirectory(prefix="npdl-check-") as folder:
        site = Path(folder)
        if path.is_dir():
            name = _fabricate(project_of(path / "pyproject.toml"), site)
            places = [site, path.resolve(), *([path.resolve() / "src"] if (path / "src").is_dir() else [])]
        elif path.suffix == ".whl":
            name, places = _unpack(path, site), [site]
        elif is_distribution(target):
            name, places = fold_distribution(target), []
        else:
            raise ConfigError(f"{printable(repr(target), 80)} is no folder, no wheel and no distribution")
        before = list(sys.path)
        sys.path[:0] = map(str, places)
        registry.refresh()
        try:
            _require_allowed(name)
            yield name
        finally:
            sys.path[:] = before
            registry.refresh()


def project_of(file: Path) -> Mapping[str, Any]:
    """Return a parsed ``pyproject.toml``.

    Raises
    ------
    ConfigError
        If there is none, or it is no TOML.
    """
    try:
        text = file.read_text(encoding="utf-8")
        gate.check_form(text, printable(file))
        return tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"there is no {printable(file)}") from None
    except ConfigError:
        raise
    except ValueError as error:  # no UTF-8, no TOML, an integer of thousands of digits
        raise ConfigError(f"{printable(file)}: {printable(error)}") from None


def _fabricate(document: Mapping[str, Any], site: Path) -> str:
    """Write the metadata that an installation of a project would leave, and return the project's name."""
    project = document.get("project", {})
    name, version = project.get("name"), str(project.get("version", "0"))
    if not is_distribution(name) or "entry-points" in project.get("dynamic", ()):
        raise ConfigError(
            "pyproject.toml: [project] does not say the name, or leaves the entry points to the build; "
            "build a wheel and check that"
        )
    info = site / f"{name.replace('-', '_')}-0.dist-info"
    info.mkdir()
    head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    head += [f"Requires-Dist: {one}" for one in project.get("dependencies", ())]
    (info / "METADATA").write_text("\n".join(head) + "\n", encoding="utf-8")
    groups = project.get("entry-points", {})
    lines = [
        f"[{group}]\n" + "".join(f"{point} = {value}\n" for point, value in points.items())
        for group, points in groups.items()
    ]
    (info / "entry_points.txt").write_text("".join(lines), encoding="utf-8")
    return fold_distribution(name)


def _unpack(wheel: Path, site: Path) -> str:
    """Unpack a wheel and return the name that its metadata says."""
    from importlib_metadata import distributions

    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{printable(wheel)} is no wheel that can be read: {printable(error)}") from None
    names = [found.metadata["Name"] for found in distributions(path=[str(site)])]
    if len(names) != 1 or not is_distribution(names[0]):
        raise ConfigError(f"{printable(wheel)} is no wheel: it has no metadata of one distribution")
    return fold_distribution(names[0])


def _require_allowed(name: str) -> None:
    catalogue = registry.default().catalogue
    if name not in catalogue.versions:
        raise MissingPluginError(f"the distribution {name!r} is not installed, or has no npdl entry points")
    if name in catalogue.excluded:
        raise MissingPluginError(
            f"{name} is not allowed: see the environment variable {catalogue.excluded[name]}"
        )
