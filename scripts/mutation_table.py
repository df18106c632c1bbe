"""What the conformance kit rejects: every property and the defects planted to break it, from a run of tests.

``python scripts/mutation_table.py [pytest argument]…`` prints Markdown. A test takes part by rejecting a
defect with the fixture ``rejected`` of tests/testing/conftest.py; nothing else is to be done.
"""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
EVERY = "every kind"

Defects = dict[tuple[str, str], dict[str, str]]


class Collector:
    """A pytest plugin that keeps what tests record under ``mutant``."""

    def __init__(self) -> None:
        self.defects: Defects = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in one test."""
        if report.when != "call" or not report.passed:
            return
        for name, value in report.user_properties:
            if name == "mutant":
                kind, broken, defect, source = value
                self.defects.setdefault((kind, broken), {}).setdefault(defect, source)


def promises(kind: str) -> dict[str, str]:
    """Return what is checked of a kind and not of every kind, by property; ``EVERY`` is what all have.

    Examples
    --------
    >>> list(promises("schedules"))
    ['rates_are_numbers', 'rate_is_a_pure_function_of_time', 'optimizers_take_it']
    """
    from npdl_core.testing import properties
    from npdl_core.testing.common import COMMON

    common = {check.__name__ for check in COMMON}
    found = properties("activations" if kind == EVERY else kind)
    return {name: text for name, text in found.items() if (name in common) is (kind == EVERY)}


def section(kind: str, defects: Defects) -> str:
    """Return the Markdown of one kind: a table, and folded below it a defect of each property as code.

    Examples
    --------
    >>> page = section("schedules", {("schedules", "optimizers_take_it"): {"Late": "class Late: ..."}})
    >>> page.splitlines()[0], page.count("| `Late` |"), "class Late: ..." in page
    ('## Schedules', 1, True)
    """
    rows, listings = [], []
    for name, text in promises(kind).items():
        found = defects.get((kind, name), {})
        rows.append(f"| `{name}` | {text} | {', '.join(f'`{defect}`' for defect in found)} |")
        first = next((source for source in found.values() if source), "")
        if first:
            listings.append(f"`{name}`:\n\n```python\n{first.rstrip()}\n```\n")
    table = "\n".join(["| property | what holds | planted defects |", "|---|---|---|", *rows])
    if not listings:
        return f"## {kind.capitalize()}\n\n{table}\n"
    shown = "\n".join(["<details><summary>One defect of each, as code</summary>\n", *listings, "</details>"])
    return f"## {kind.capitalize()}\n\n{table}\n\n{shown}\n"


def main(arguments: list[str]) -> int:
    """Run the kit's tests, or those given, and print a section for each kind; what fails goes to stderr."""
    collector = Collector()
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        code = pytest.main(
            [
                *("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")),
                *("-q", "-k", "rejected or signatures or telling", "-p", "no:cacheprovider"),
                *(arguments or [str(ROOT / "tests" / "testing")]),
            ],
            plugins=[collector],
        )
    # Only now: pytest warns of a package with a plugin for it that was imported before it began.
    from npdl_core.builtin import KINDS

    kinds = (EVERY, *KINDS)
    print("\n".join(section(kind, collector.defects) for kind in kinds))
    untried = [
        (kind, name) for kind in kinds for name in promises(kind) if (kind, name) not in collector.defects
    ]
    if untried:
        print(f"no planted defect breaks: {untried}", file=sys.stderr)
    if code:
        print(log.getvalue(), file=sys.stderr)
    return int(code) or bool(untried)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
