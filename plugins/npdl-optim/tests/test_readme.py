"""The examples of the README, and that its tables have every component."""

import doctest
from pathlib import Path

import pytest

from npdl_core.builtin import FIRST_PARTY

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_of_the_readme_run():
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert failed == 0
    assert attempted > 5


@pytest.mark.parametrize("name", [name for names in FIRST_PARTY["npdl-optim"].values() for name in names])
def test_every_component_is_in_a_table(name):
    rows = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert any(f"`{name}`" in row for row in rows)
