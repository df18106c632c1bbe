"""The tables of attacks, unusual inputs, kills and other faults, from a run of the tests that make them.

``python scripts/fault_tables.py [--proof] [pytest argument]…`` prints Markdown. By default it runs the small
versions that are part of the tests; with ``--proof`` those that take long, whose sizes are arguments as
``--size kills=500``. A test takes part with ``record_property("attack" or "fault", row)``.
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
FOLDERS = ("tests/security", "tests/faults", "plugins/npdl-cli/tests/test_hostile.py")


class Collector:
    """A pytest plugin that adds up what tests record under ``attack``, ``fault`` and ``input``."""

    def __init__(self) -> None:
        self.attacks: dict[str, list[float]] = {}
        self.faults: dict[str, dict[str, float]] = {}
        self.inputs: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in one test."""
        if report.when != "call":
            return
        for kind, value in report.user_properties:
            if kind == "attack":
                self.add_attack(*value)
            elif kind == "input":
                name, entry, given = value
                self.inputs.setdefault(name, {})[entry] = given
            elif kind == "fault":
                name, counts = value
                row = self.faults.setdefault(name, {})
                for key, count in counts.items():
                    row[key] = row.get(key, 0) + count

    def add_attack(self, entry: str, refused: bool, seconds: float, megabytes: float) -> None:
        """Count one attempt."""
        tried, past, longest, most = self.attacks.get(entry, [0, 0, 0.0, 0.0])
        self.attacks[entry] = [tried + 1, past + refused, max(longest, seconds), max(most, megabytes)]


def attack_table(attacks: dict[str, list[float]]) -> str:
    """Return Markdown, one row for an entry point.

    Examples
    --------
    >>> print(attack_table({"load": [3, 2, 0.25, 1.5]}))
    | entry | tried | refused | most CPU seconds | most memory, MB |
    |---|---|---|---|---|
    | load | 3 | 2 | 0.25 | 1.5 |
    """
    lines = ["| entry | tried | refused | most CPU seconds | most memory, MB |", "|---" * 5 + "|"]
    for entry, (tried, refused, seconds, megabytes) in sorted(attacks.items()):
        lines.append(f"| {entry} | {tried:,} | {refused:,} | {seconds:.2f} | {megabytes:.1f} |")
    return "\n".join(lines)


def fault_table(faults: dict[str, dict[str, float]]) -> str:
    """Return Markdown, one row for a kind of fault.

    Examples
    --------
    >>> print(fault_table({"SIGKILL": {"kills": 50, "bit-identical": 50}}))
    | fault | counts |
    |---|---|
    | SIGKILL | kills 50, bit-identical 50 |
    """
    lines = ["| fault | counts |", "|---|---|"]
    for name, counts in sorted(faults.items()):
        lines.append(f"| {name} | {', '.join(f'{key} {count:,}' for key, count in counts.items())} |")
    return "\n".join(lines)


def input_table(inputs: dict[str, dict[str, str]]) -> str:
    """Return Markdown, one row for an unusual input.

    Examples
    --------
    >>> print(input_table({"strings": {"fit": "DataError", "evaluate": "DataError", "predict": "DataError"}}))
    | X and Y | fit, train_on_batch | evaluate | predict |
    |---|---|---|---|
    | strings | DataError | DataError | DataError |
    """
    lines = ["| X and Y | fit, train_on_batch | evaluate | predict |", "|---" * 4 + "|"]
    for name, given in inputs.items():
        lines.append(f"| {name} | {given['fit']} | {given['evaluate']} | {given['predict']} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the tests and print both tables; what pytest prints goes to stderr if something failed."""
    marks = ["-m", "proof"] if "--proof" in arguments else []
    arguments = [argument for argument in arguments if argument != "--proof"]
    cli = find_spec("npdl_cli") is not None
    folders = [str(ROOT / folder) for folder in FOLDERS if cli or not folder.startswith("plugins")]
    collector, log = Collector(), io.StringIO()
    with contextlib.redirect_stdout(log):
        code = pytest.main(
            [
                *("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"),
                *(folders + marks + arguments),
            ],
            plugins=[collector],
        )
    if collector.attacks:
        print(attack_table(collector.attacks), end="\n\n")
    if collector.inputs:
        print(input_table(collector.inputs), end="\n\n")
    print(fault_table(collector.faults))
    if code:
        print(log.getvalue(), file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
