"""The table of Element-Research's systems names components, tests and examples that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recurrent_coverage.md").read_text(encoding="utf-8")
TESTS = [ROOT / "plugins" / "npdl-rnn" / "tests", ROOT / "tests"]


def test_tests_exist():
    wanted = set(re.findall(r"`(test_\w+)`", PAGE))
    found = {
        name
        for folder in TESTS
        for path in folder.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(wanted) > 40
    assert not wanted - found


def test_files_exist():
    named = re.findall(r"`((?:[\w/]+/)?\w+\.(?:py|toml))", PAGE)
    places = [ROOT, ROOT / "examples", *TESTS]
    assert len(named) > 30
    assert not [name for name in named if not any((place / name).is_file() for place in places)]


def test_components_exist():
    pytest.importorskip("npdl_rnn")
    from npdl_core import registry

    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)(?:`|\()", row)}
    known = set(registry.names("layers")) | set(registry.names("objectives")) | {"ops", "stat_steps"}
    assert len(named) > 35
    assert named - known <= {"feature_activation", "remember_mode"}
