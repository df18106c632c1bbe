"""The table of components, their oracles and the largest errors, from a run of the tests marked ``oracle``.

``python scripts/oracle_table.py [pytest argument]…`` prints Markdown. A test takes part by comparing with the
fixture ``agree`` of the root's conftest.py; nothing else is to be done.
"""

from __future__ import annotations

import contextlib
import io
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
QUANTITIES = ("output", "gradient", "weights", "state")


class Collector:
    """A pytest plugin that keeps what tests record under ``oracle``."""

    def __init__(self) -> None:
        self.errors: dict[tuple[str, str], dict[str, float]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in one test."""
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == "oracle":
                component, oracle, quantity, error = value
                row = self.errors.setdefault((component, oracle), {})
                row[quantity] = max(error, row.get(quantity, 0.0))


def table(errors: dict[tuple[str, str], dict[str, float]]) -> str:
    """Return Markdown, one row for a component and an oracle.

    Examples
    --------
    >>> print(table({("activations tanh", "PyTorch"): {"output": 1e-16}}))
    | component | oracle | output |
    |---|---|---|
    | activations tanh | PyTorch | 1.0e-16 |
    """
    found = {quantity for row in errors.values() for quantity in row}
    columns = [q for q in QUANTITIES if q in found] + sorted(found.difference(QUANTITIES))
    lines = ["| " + " | ".join(["component", "oracle", *columns]) + " |", "|---" * (2 + len(columns)) + "|"]
    for (component, oracle), row in sorted(errors.items()):
        cells = [f"{row[column]:.1e}" if column in row else "" for column in columns]
        lines.append("| " + " | ".join([component, oracle, *cells]) + " |")
    return "\n".join(lines)


def installed(distribution: str) -> bool:
    """Return whether a package of this repository can be imported.

    Examples
    --------
    >>> installed("npdl-core"), installed("npdl-of-nobody")
    (True, False)
    """
    return find_spec(distribution.replace("-", "_")) is not None


def main(arguments: list[str]) -> int:
    """Run the tests of all installed packages, or those given, and print the table; failures go to stderr."""
    collector = Collector()
    log = io.StringIO()
    plugins = [path for path in sorted(ROOT.glob("plugins/*/tests")) if installed(path.parent.name)]
    with contextlib.redirect_stdout(log):
        code = pytest.main(
            [
                *("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")),
                *("-m", "oracle", "-q", "-p", "no:cacheprovider"),
                *(arguments or map(str, [ROOT / "tests", *plugins])),
            ],
            plugins=[collector],
        )
    print(table(collector.errors))
    if code:
        print(log.getvalue(), file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
