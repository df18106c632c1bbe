"""What pytest gets from npdl-core: short failures of the kit, and components for the length of one test.

pytest loads it by itself where npdl-core is installed (``-p no:npdl`` leaves it out). It imports nothing but
pytest; the kit and NumPy are imported when a test uses them.

- A property that does not hold is reported as the message alone, without the kit's own traceback: component,
  property, input, seed, expected and actual value. Where the component raised, its own part of the traceback
  comes with it. ``--full-trace`` shows everything.
- The fixture ``npdl_register`` registers a component, and takes it back after the test::

      def test_mine(npdl_register):
          npdl_register("layers", "mine", Mine)
          check_layer("mine")
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["npdl_register", "pytest_runtest_makereport"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    """Report a property that does not hold by its message."""
    report = yield
    # A test can only have met the error if somebody imported it.
    errors = sys.modules.get("npdl_core.errors")
    found = call.excinfo.value if call.excinfo is not None else None
    if errors is None or not isinstance(found, errors.ConformanceError) or not report.failed:
        return report
    if not item.config.getoption("fulltrace"):
        lines = [str(found), "", *_component_traceback(item, found.__cause__), _place(item, call)]
        report.longrepr = "\n".join(lines)
    return report


@pytest.fixture
def npdl_register() -> Iterator[Callable[[str, str, Any], str]]:
    """Return ``npdl_core.registry.register``; what it registers is taken back after the test."""
    from npdl_core import registry
    from npdl_core.errors import UnknownNameError

    booked: list[tuple[str, str]] = []

    def register(kind: str, name: str, obj: Any) -> str:
        component_id = registry.register(kind, name, obj)
        booked.append((kind, name))
        return component_id

    yield register
    for kind, name in dict.fromkeys(booked):
        try:
            registry.unregister(kind, name)
        except UnknownNameError:  # the test did so itself
            continue


def _place(item: pytest.Item, call: pytest.CallInfo[Any]) -> str:
    """Return the line of the test that called the kit."""
    entries = call.excinfo.traceback if call.excinfo is not None else []
    inside = [entry for entry in entries if entry.path == item.path]
    line = inside[-1].lineno + 1 if inside else (item.location[1] or 0) + 1
    return f"{item.location[0]}:{line}: {item.name}"


def _component_traceback(item: pytest.Item, cause: BaseException | None) -> list[str]:
    """Return where the component raised, without the kit's frames."""
    if cause is None:
        return []
    lines = []
    for entry in pytest.ExceptionInfo.from_exception(cause).traceback:
        if not str(entry.frame.f_globals.get("__name__")).startswith("npdl_core.testing."):
            path = Path(entry.path)
            shown = (
                path.relative_to(item.config.rootpath) if path.is_relative_to(item.config.rootpath) else path
            )
            lines += [f"{shown}:{entry.lineno + 1}: in {entry.name}", f"    {str(entry.statement).strip()}"]
    return lines
