"""A new package: its files, and writing all of them or none."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from string import Template

from npdl_cli.plugin_author.kinds import KINDS
from npdl_cli.plugin_author.naming import Names
from npdl_core.errors import ConfigError, printable

__all__ = ["LICENCES", "render", "write"]

LICENCES = ("MIT", "BSD-3-Clause", "Apache-2.0", "none")


def render(names: Names, kind: str, licence: str = "MIT", holder: str | None = None) -> dict[str, str]:
    """Return the files of a new package by their paths in it.

    Parameters
    ----------
    names : Names
        As of :func:`npdl_cli.plugin_author.naming.choose_names`.
    kind : str
        A key of ``KINDS``.
    licence : str
        One of ``LICENCES``.
    holder : str, optional
        Who has the copyright; by default the package's authors.

    Raises
    ------
    ConfigError
        If the holder's name is not one printable line.

    Examples
    --------
    >>> from npdl_cli.plugin_author.naming import Names
    >>> list(render(Names("npdl-highway", "npdl_highway", "highway", "Highway"), "layer"))
    ['pyproject.toml', 'npdl_highway.py', 'tests/test_highway.py', 'README.md', 'LICENSE']
    """
    holder = f"the authors of {names.distribution}" if holder is None else holder
    if not holder.isprintable() or not holder.strip():
        raise ConfigError(f"the holder's name must be one printable line, got {printable(repr(holder), 80)}")
    about = KINDS[kind]
    words = {**names._asdict(), "group": about.group, "holder": holder}
    words["year"] = str(datetime.datetime.now(datetime.UTC).year)
    target = Template(about.target).substitute(words)
    words["target"] = f"{names.module}:{target}" if target else names.module
    words["description"] = _description(names, kind)
    words["usage"] = Template(about.usage).substitute(words)
    words["licence_lines"] = (
        f'license = "{licence}"\nlicense-files = ["LICENSE"]\n' if licence != "none" else ""
    )
    found = {
        "pyproject.toml": "pyproject",
        f"{names.module}.py": kind,
        f"tests/test_{names.name}.py": f"{kind}_test",
        "README.md": "readme",
    }
    if licence != "none":
        found["LICENSE"] = f"licences/{licence}"
    return {path: _template(source).substitute(words) for path, source in found.items()}


def _description(names: Names, kind: str) -> str:
    if kind == "hooks":
        return "Hooks for npdl that measure every training."
    return f"The {kind} {names.name} for npdl."


def _template(name: str) -> Template:
    path = files("npdl_cli.plugin_author") / "templates"
    for part in f"{name}.txt".split("/"):
        path = path / part
    return Template(path.read_text(encoding="utf-8"))


def write(folder: Path, contents: dict[str, str]) -> None:
    """Write files into a new folder: all of them, or none and no folder.

    Raises
    ------
    FileExistsError
        If the folder exists and is not empty.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        made.chmod(0o755)
        for path, text in contents.items():
            (made / path).parent.mkdir(exist_ok=True)
            (made / path).write_text(text, encoding="utf-8")
        _put(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put(made: Path, folder: Path) -> None:
    try:
        if folder.is_dir():
            folder.rmdir()  # an empty one gives way
        if folder.exists():
            raise FileExistsError(17, "exists already", str(folder))
        made.rename(folder)
    except OSError as error:
        raise FileExistsError(error.errno, f"{error.strerror}; nothing was written", str(folder)) from error
