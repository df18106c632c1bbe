"""Components of any kind, and tables of all the components of a distribution."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from npdl_core import kernels, registry
from npdl_core.builtin import ALIASES, BUILTIN, KINDS
from npdl_core.errors import ConformanceError, MissingPluginError, printable
from npdl_core.registry.discovery import Entry
from npdl_core.registry.naming import CORE, fold, fold_distribution, singular
from npdl_core.registry.table import check_kind

__all__ = [
    "Case",
    "Table",
    "cases",
    "check_component",
    "check_table",
    "properties",
    "registered_components",
]

Table = Mapping[str, Mapping[str, Any]]

_CHECKS = {kind: f"check_{singular(kind).replace(' ', '')}" for kind in KINDS}


def check_component(kind: str, spec: Any, /, **arguments: Any) -> tuple[str, ...]:
    """Check everything that a component promises, with the function of its kind.

    Parameters
    ----------
    kind : str
        ``"layers"``, ``"activations"``, …
    spec : str, type, mapping or instance
        What to check.
    **arguments
        As of ``check_layer``, ``check_activation``, …

    Returns
    -------
    tuple of str
        Names of the properties that hold.

    Raises
    ------
    ConformanceError
        Naming the property that does not hold.

    Examples
    --------
    >>> "gradients" in check_component("layers", "dense", config={"n_out": 2}, input_shape=(None, 3))
    True
    """
    module = importlib.import_module(f"npdl_core.testing.{check_kind(kind)}")
    held: tuple[str, ...] = getattr(module, _CHECKS[kind])(spec, **arguments)
    return held


def properties(kind: str) -> dict[str, str]:
    """Return what is checked of a kind, in order: names, as ``skip=`` takes them, and what they mean.

    Examples
    --------
    >>> properties("optimizers")["descends"]
    'On a quadratic bowl the loss is lower after fifty steps than before.'
    """
    module = importlib.import_module(f"npdl_core.testing.{check_kind(kind)}")
    return {check.__name__: (check.__doc__ or "").partition("\n")[0] for check in module.PROPERTIES}


def registered_components(distribution: str) -> dict[str, list[str]]:
    """Return the names of all components of a distribution by kind, each once, without its aliases.

    Kernels are those that it declares, and those that it overrides.

    Raises
    ------
    MissingPluginError
        If the distribution is not installed, not allowed, or provides nothing.
    PluginError
        If something that it provides cannot be imported.

    Examples
    --------
    >>> "dense" in registered_components("npdl-core")["layers"]
    True
    """
    return {kind: [group[0] for group in groups] for kind, groups in _groups(distribution).items() if groups}


class Case(NamedTuple):
    """One line of a table: a component and the arguments of its check."""

    kind: str
    name: str
    arguments: Mapping[str, Any]
    number: int = 0

    def __str__(self) -> str:
        """Return an id for a test."""
        return f"{self.kind}-{self.name}" + (f"-{self.number + 1}" if self.number else "")

    def check(self) -> tuple[str, ...]:
        """Check the component and return the names of the properties that hold."""
        arguments = dict(self.arguments)
        return check_component(self.kind, arguments.pop("spec", self.name), **arguments)


def cases(table: Table) -> list[Case]:
    """Return the cases of a table ``{kind: {name: arguments}}``; a list of arguments makes several cases.

    An entry ``"spec"`` among the arguments is checked instead of the name: an instance, or a class that holds
    a component which cannot stand alone.

    Examples
    --------
    >>> table = {"layers": {"dense": [{"config": {"n_out": 2}}, {"config": {"n_out": 3}}]}}
    >>> [str(case) for case in cases(table)]
    ['layers-dense', 'layers-dense-2']
    """
    found = []
    for kind, names in table.items():
        for name, arguments in names.items():
            several = arguments if isinstance(arguments, list) else [arguments]
            found += [Case(check_kind(kind), name, one or {}, number) for number, one in enumerate(several)]
    return found


def check_table(distribution: str, table: Table) -> None:
    """Check that a table has every component of a distribution, and nothing else.

    Parameters
    ----------
    distribution : str
        Whose components.
    table : mapping
        As of :func:`cases`; any of a component's names will do.

    Raises
    ------
    ConformanceError
        Listing what is missing and what is not the distribution's.

    Examples
    --------
    >>> check_table("npdl-core", {"layers": {"dense": {}}})
    Traceback (most recent call last):
        ...
    npdl_core.errors.ConformanceError: npdl-core: not in the table: ...
    """
    missing, unknown = [], []
    groups = _groups(distribution)
    for kind in KINDS:
        listed = {fold(name): name for name in table.get(kind, {})}
        for group in groups[kind]:
            found = [fold(name) for name in group if fold(name) in listed]
            if not found:
                missing.append(f"{singular(kind)} {group[0]}")
            for name in found:
                del listed[name]
        unknown += [f"{singular(kind)} {printable(name, 60)}" for name in listed.values()]
    problems = [
        f"{what}: {', '.join(names)}"
        for what, names in (("not in the table", missing), ("in the table but not its own", unknown))
        if names
    ]
    if problems:
        raise ConformanceError(f"{printable(distribution, 80)}: {'; '.join(problems)}")


def _groups(distribution: str) -> dict[str, list[list[str]]]:
    """Return the components of a distribution by kind, each as the list of its names, canonical one first."""
    owner = fold_distribution(distribution)
    if owner == CORE:
        found = {kind: [[name, *_aliases(kind, name)] for name in BUILTIN[kind]] for kind in KINDS}
        packages = {"npdl_core"}
    else:
        entries = _entries(owner)
        for entry in entries:
            registry.default().load(entry)
        found = {kind: _by_target(kind, entries) for kind in KINDS}
        packages = {entry.text.partition(":")[0].partition(".")[0] for entry in entries}
    known = {fold(name) for group in found["kernels"] for name in group}
    declared = [
        name
        for name in kernels.names()
        if kernels.find(name).reference.__module__.partition(".")[0] in packages and fold(name) not in known
    ]
    found["kernels"] += [[name] for name in declared]
    return found


def _aliases(kind: str, name: str) -> list[str]:
    return [alias for alias, target in ALIASES[kind].items() if target == name]


def _entries(owner: str) -> list[Entry]:
    table = registry.default()
    table.hooks.announce()
    catalogue = table.catalogue
    mine = [entry for entry in catalogue.usable(catalogue.entries) if entry.distribution == owner]
    mine += [entry for entry in table.registered() if entry.distribution == owner]
    if not mine:
        raise MissingPluginError(
            f"the distribution {printable(repr(owner), 80)} provides no components, is not installed, or is "
            "excluded by NPDL_PLUGINS or NPDL_DISABLE_PLUGINS"
        )
    return [entry for entry in mine if entry.kind in KINDS]


def _by_target(kind: str, entries: list[Entry]) -> list[list[str]]:
    """Group the names of one kind by what they stand for; the name spelled as the class comes first."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        if entry.kind == kind:
            groups.setdefault(entry.text, []).append(entry.name)
    for text, names in groups.items():
        spelled = fold(text.rpartition(":")[2].rpartition(".")[2])
        names.sort(key=lambda name: fold(name) != spelled)
    return list(groups.values())
