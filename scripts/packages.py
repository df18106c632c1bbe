"""What the packages of this repository say about themselves, for the Makefile and CI.

A package is a folder with a ``pyproject.toml``: the root (npdl-core) and every ``plugins/*``. Nothing lists
them elsewhere, so a new folder is built, installed, tested and documented without further ado.

    packages.py folders              . plugins/npdl-data …
    packages.py editable EXTRA…      -e .[extra] -e plugins/npdl-data[extra] …
    packages.py extras EXTRA…        what these extras ask for, over all packages, a requirement each line
    packages.py build                what the build backends need
    packages.py oldest               npdl-core's own requirements, at the oldest version it allows
    packages.py wheel FOLDER EXTRA…  build/wheels/npdl_data-0.1.0-py3-none-any.whl[extra]
    packages.py needs FOLDER         the wheels of the other plugins that a package depends on

Only extras that a package declares are asked of it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WHEELS = Path("build/wheels")


def folders() -> list[str]:
    """Return the folders of all packages relative to the root, npdl-core's first."""
    plugins = sorted(path.parent.relative_to(ROOT) for path in ROOT.glob("plugins/*/pyproject.toml"))
    return [".", *map(str, plugins)]


def manifest(folder: str) -> dict[str, Any]:
    """Return the parsed ``pyproject.toml`` of a package."""
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))


def import_name(requirement: str) -> str:
    """Return the import name of a requirement: ``importlib-metadata>=8`` → ``importlib_metadata``."""
    return re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0].replace("-", "_")


def declared(folder: str, wanted: list[str]) -> dict[str, list[str]]:
    """Return those of the wanted extras that a package declares."""
    extras = manifest(folder)["project"].get("optional-dependencies", {})
    return {name: extras[name] for name in wanted if name in extras}


def with_extras(target: str, folder: str, wanted: list[str]) -> str:
    """Return ``target[extra,…]``."""
    extras = ",".join(declared(folder, wanted))
    return f"{target}[{extras}]" if extras else target


def editable(wanted: list[str]) -> list[str]:
    """Return pip's arguments that install all packages from their folders."""
    return [word for folder in folders() for word in ("-e", with_extras(f"./{folder}", folder, wanted))]


def extra_requirements(wanted: list[str]) -> list[str]:
    """Return what the wanted extras of all packages ask for, each once."""
    found = (line for folder in folders() for lines in declared(folder, wanted).values() for line in lines)
    return list(dict.fromkeys(found))


def build_requirements() -> list[str]:
    """Return what the build backends need; hatchling needs ``editables`` for editable installs."""
    found = (line for folder in folders() for line in manifest(folder)["build-system"]["requires"])
    return list(dict.fromkeys([*found, "editables"]))


def oldest() -> list[str]:
    """Return npdl-core's requirements with each lower bound made exact."""
    return [line.replace(">=", "==") for line in manifest(".")["project"]["dependencies"]]


def wheel(folder: str, wanted: list[str]) -> list[str]:
    """Return the built wheel of a package, as an argument of pip's that no index can replace."""
    project = manifest(folder)["project"]
    name = f"{import_name(project['name'])}-{project['version']}-py3-none-any.whl"
    return [with_extras(f"./{WHEELS / name}", folder, wanted)]


def needs(folder: str) -> list[str]:
    """Return the wheels of the plugins that a package depends on, directly or through another."""
    by_name = {import_name(manifest(each)["project"]["name"]): each for each in folders()[1:]}
    found: list[str] = []
    waiting = [folder]
    while waiting:
        required = map(import_name, manifest(waiting.pop())["project"]["dependencies"])
        new = [by_name[name] for name in required if name in by_name and by_name[name] not in found]
        found += new
        waiting += new
    return [path for each in found for path in wheel(each, [])]


def main(command: str, *words: str) -> None:
    """Print what the command asks for; several words a line fit a shell, one a line fits ``pip -r``."""
    commands = {
        "folders": lambda: " ".join(folders()),
        "editable": lambda: " ".join(editable(list(words))),
        "extras": lambda: "\n".join(extra_requirements(list(words))),
        "build": lambda: "\n".join(build_requirements()),
        "oldest": lambda: "\n".join(oldest()),
        "wheel": lambda: " ".join(wheel(words[0], list(words[1:]))),
        "needs": lambda: " ".join(needs(words[0])),
    }
    print(commands[command]())


if __name__ == "__main__":
    main(*sys.argv[1:])
