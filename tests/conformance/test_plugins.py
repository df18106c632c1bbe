"""Every package of this repository that provides components has a table of them, as core has."""

import tomllib
from pathlib import Path

import pytest

from npdl_core.builtin import KINDS

PLUGINS = Path(__file__).parents[2] / "plugins"


def provided(manifest):
    """Return name and kinds of what a package's manifest says it provides."""
    project = tomllib.loads(manifest.read_text(encoding="utf-8"))["project"]
    groups = project.get("entry-points", {})
    return project["name"], [kind for kind in KINDS if f"npdl.v1.{kind}" in groups]


@pytest.mark.parametrize(
    "manifest", sorted(PLUGINS.glob("*/pyproject.toml")), ids=lambda path: path.parent.name
)
def test_every_package_has_a_table(manifest):
    name, kinds = provided(manifest)
    table = manifest.parent / "tests" / "test_conformance.py"
    if kinds:
        assert f'check_table("{name}"' in table.read_text(encoding="utf-8")
