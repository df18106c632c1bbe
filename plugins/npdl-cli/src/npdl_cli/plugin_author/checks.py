"""What a publisher wants to know of a plugin: everything is tried, nothing stops at the first fault."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

from npdl_cli.plugin_author.arguments import Table, arguments_for
from npdl_cli.plugin_author.naming import others_with
from npdl_core import registry
from npdl_core.builtin import FIRST_PARTY
from npdl_core.component import constructor_arguments
from npdl_core.errors import ConformanceError, PluginError, UnknownNameError, printable
from npdl_core.hooks import PluginWarning
from npdl_core.registry.discovery import API, Entry
from npdl_core.registry.loading import cause
from npdl_core.registry.naming import CORE, fold, fold_distribution, singular

__all__ = ["COLUMNS", "Cell", "Report", "Row", "check"]

COLUMNS = ("loads", "name", "docstring", "construction", "conformance")


class Cell(NamedTuple):
    """The outcome of one check of one component.

    ``state`` is ``"ok"``, ``"failed"``, ``"unchecked"`` or ``"none"`` where there is nothing to check;
    ``text`` is short, ``detail`` says all.
    """

    state: str
    text: str
    detail: str = ""


class Row(NamedTuple):
    """A component, the outcomes of its checks by column, and the properties that hold."""

    label: str
    kind: str
    cells: dict[str, Cell]
    held: tuple[str, ...] = ()


@dataclass
class Report:
    """What was found: faults of the package as a whole, and a row for each component."""

    distribution: str
    version: str
    faults: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Return everything that is wrong or could not be checked, one text each."""
        found = [
            f"{row.label}: {column}: {cell.detail or cell.text}"
            for row in self.rows
            for column, cell in row.cells.items()
            if cell.state in ("failed", "unchecked")
        ]
        return [*self.faults, *found]


_NOTHING = Cell("none", "–")
_OK = Cell("ok", "ok")


def check(distribution: str, table: Table) -> Report:
    """Check a distribution that the registry sees.

    Parameters
    ----------
    distribution : str
        Its normalised name.
    table : mapping
        As of :func:`npdl_cli.plugin_author.arguments.read_table`.
    """
    catalogue = registry.default().catalogue
    report = Report(distribution, catalogue.versions[distribution])
    mine = [entry for entry in catalogue.entries if entry.distribution == distribution]
    usable = catalogue.usable(mine)
    booked = [entry for entry in _registered() if entry.distribution == distribution]
    done: dict[tuple[str, str], Row] = {}
    for entry in [*usable, *booked]:
        row = done.get((entry.kind, entry.text)) or _row(entry, table)
        done.setdefault((entry.kind, entry.text), row)
        report.rows.append(row._replace(label=_label(entry), cells={**row.cells, "name": _name(entry)}))
    report.faults += _faults(distribution, [entry for entry in mine if entry.api != API], usable)
    names = {(entry.kind, entry.name) for entry in [*usable, *booked]}
    report.faults += _strangers(table, names)
    return report


def _registered() -> list[Entry]:
    """Return what ``npdl_register`` hooks register; they run now."""
    table = registry.default()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # what fails has its row; others are not asked about
        table.hooks.announce()
    return table.registered()


def _label(entry: Entry) -> str:
    return f"{'hooks' if entry.kind == 'hooks' else singular(entry.kind)} {entry.name}"


# -- the package as a whole ------------------------------------------------------------------------------


def _faults(distribution: str, outdated: list[Entry], usable: list[Entry]) -> list[str]:
    catalogue = registry.default().catalogue
    found = [f"entry points: {text}" for owner, text in catalogue.malformed if owner == distribution]
    current = {(entry.kind, entry.name) for entry in usable}
    found += [
        f"API version: {_label(entry)} speaks version {entry.api} of the plugin interface, not {API}"
        for entry in outdated
        if (entry.kind, entry.name) not in current
    ]
    return [*found, *_twice(usable), *_requirements(distribution)]


def _twice(usable: list[Entry]) -> list[str]:
    """Return a fault for each name that stands for two objects."""
    targets: dict[tuple[str, str], list[str]] = {}
    for entry in usable:
        targets.setdefault((entry.kind, fold(entry.name)), []).append(entry.value)
    return [
        f"entry points: {singular(kind)} {name} is provided twice: {' and '.join(values)}"
        for (kind, name), values in targets.items()
        if len(values) > 1
    ]


def _requirements(distribution: str) -> list[str]:
    """Return a fault unless the metadata asks for npdl-core, without which nothing of it works."""
    from importlib_metadata import distribution as installed

    requires = installed(distribution).requires or ()
    if CORE in {fold_distribution(re.split(r"[^\w.-]", one.strip(), maxsplit=1)[0]) for one in requires}:
        return []
    return [f"metadata: the requirement {CORE} is missing: add it to the dependencies"]


def _strangers(table: Table, names: set[tuple[str, str]]) -> list[str]:
    known = {(kind, fold(name)) for kind, name in names}
    return [
        f"[tool.npdl.check]: the package has no {singular(kind)} {printable(name, 60)}"
        for kind, name in table
        if (kind, name) not in known
    ]


# -- one component -----------------------------------------------------------------------------------------


def _row(entry: Entry, table: Table) -> Row:
    found, loads = _guarded(lambda: registry.default().load(entry))
    cells = dict.fromkeys(COLUMNS, _NOTHING) | {"loads": loads}
    if loads.state != "ok":
        return Row("", entry.kind, cells)
    if entry.kind == "hooks":
        _, cells["conformance"] = _watched(entry, lambda: registry.default().hooks.check(entry))
        return Row("", entry.kind, cells)
    documented = bool((found.__doc__ or "").strip())
    cells["docstring"] = _OK if documented else Cell("failed", "missing", "there is no docstring")
    held: dict[str, None] = {}
    for arguments in arguments_for(table, entry.kind, entry.name):
        more, construction, conformance = _tried(entry, found, arguments)
        held.update(dict.fromkeys(more))
        for column, cell in (("construction", construction), ("conformance", conformance)):
            if cells[column].state in ("none", "ok"):
                cells[column] = cell
    if cells["conformance"].state == "ok":
        cells["conformance"] = Cell("ok", f"{len(held)} properties")
    return Row("", entry.kind, cells, tuple(held))


def _name(entry: Entry) -> Cell:
    """Return whether a name is nobody else's; a kernel overrides by its name, hooks carry their owner's."""
    if entry.kind in ("kernels", "hooks"):
        return _NOTHING
    others = others_with(entry.kind, entry.name, entry.distribution)
    if not others:
        return Cell("ok", "free")
    who = " and ".join(others)
    text = f"{who} has {entry.name!r} too: where both are installed, the name alone does not reach it"
    return Cell("failed", "taken", text)


def _tried(entry: Entry, found: Any, arguments: dict[str, Any]) -> tuple[tuple[str, ...], Cell, Cell]:
    """Construct with one set of arguments, and check what is promised."""
    if entry.kind == "kernels":
        _declare(entry.name)
        held, conformance = _guarded(lambda: _check_kernel(entry.name, found, arguments))
        return held or (), _NOTHING, conformance
    config = arguments.get("config", {})
    missing = _missing(found, config)
    if missing:
        text = (
            f"its constructor needs {', '.join(missing)}; say what to check it with in pyproject.toml, for "
            f"example [tool.npdl.check.{entry.kind}] {entry.name} = {{ config = {{ {missing[0]} = … }} }}"
        )
        return (), Cell("unchecked", "needs arguments", text), _NOTHING
    _, construction = _watched(
        entry, lambda: registry.get(entry.kind, {"name": entry.id, "config": json.loads(json.dumps(config))})
    )
    if construction.state != "ok":
        return (), construction, _NOTHING
    held, conformance = _guarded(lambda: _check_component(entry, arguments))
    return held or (), construction, conformance


def _check_component(entry: Entry, arguments: dict[str, Any]) -> tuple[str, ...]:
    from npdl_core.testing import check_component

    return check_component(entry.kind, entry.id, **arguments)


def _check_kernel(name: str, function: Any, arguments: dict[str, Any]) -> tuple[str, ...]:
    from npdl_core.testing import check_kernel

    return check_kernel(name, overrides=[function], **arguments)


def _declare(name: str) -> None:
    """Import the kernels of npdl's own packages where that is needed to know one of this name."""
    from npdl_core import kernels

    for package in FIRST_PARTY:
        try:
            kernels.find(name)
        except UnknownNameError:
            try:
                import_module(f"{package.replace('-', '_')}.kernels")
            except ImportError:
                continue


def _missing(found: Any, config: dict[str, Any]) -> list[str]:
    """Return the constructor's required arguments that are not given."""
    try:
        _, required, _ = constructor_arguments(found)
    except (TypeError, ValueError):  # a constructor without a signature: trying it will tell
        return []
    return sorted(required - config.keys())


def _watched(entry: Entry, work: Callable[[], Any]) -> tuple[Any, Cell]:
    """Run something that may only compute: no file, socket, process or foreign import."""
    from npdl_core.testing import forbidden

    own = (entry.target or ("", ""))[0].partition(".")[0]
    with forbidden(packages=(own,)) as tried:
        result, cell = _guarded(work)
    if tried:
        return None, Cell("failed", "not pure", f"more than computing was tried: {', '.join(tried)}")
    return result, cell


def _guarded(work: Callable[[], Any]) -> tuple[Any, Cell]:
    """Run a stranger's code and return what it returns, or how it failed; only Ctrl-C passes."""
    try:
        return work(), _OK
    except KeyboardInterrupt:
        raise
    except ConformanceError as error:
        return None, Cell("failed", getattr(error, "property_name", "") or "failed", str(error))
    except PluginError as error:
        return None, Cell("failed", "failed", str(error))
    except BaseException as error:  # a plugin may even exit
        return None, Cell("failed", "failed", cause(error))
