"""From the name of a distribution to those of its module, its component and its class, all of them free."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.util import find_spec
from typing import NamedTuple

from npdl_cli.plugin_author.kinds import KINDS
from npdl_core import registry
from npdl_core.builtin import FIRST_PARTY
from npdl_core.errors import ConfigError, DuplicateNameError, printable
from npdl_core.registry.naming import CORE, fold, fold_distribution, is_distribution

__all__ = ["Names", "choose_names", "others_with"]

_COMPONENT = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class Names(NamedTuple):
    """What a new package and what is in it are called."""

    distribution: str
    module: str
    name: str
    cls: str


def choose_names(distribution: str, kind: str, component: str | None = None) -> Names:
    """Return the names of a package for one component.

    Parameters
    ----------
    distribution : str
        Its name; ``npdl-highway`` gives the module ``npdl_highway``, the component ``highway`` and the class
        ``Highway``.
    kind : str
        A key of ``KINDS``.
    component : str, optional
        The component's name, where it is not to follow from the distribution's.

    Raises
    ------
    ConfigError
        If something cannot be called so.
    DuplicateNameError
        If the name is npdl's own, or installed already.

    Examples
    --------
    >>> choose_names("npdl-gated-sum", "layer")
    Names(distribution='npdl-gated-sum', module='npdl_gated_sum', name='gated_sum', cls='GatedSum')
    """
    shown = printable(repr(distribution), 80)
    if not is_distribution(distribution):
        raise ConfigError(
            f"{shown} is no name of a distribution: letters and digits, with - _ . between them"
        )
    folded = fold_distribution(distribution)
    if folded in (CORE, *FIRST_PARTY):
        raise DuplicateNameError(f"{shown} is one of npdl's own packages; choose another name")
    module = folded.replace("-", "_")
    _check_module(module, shown)
    name = KINDS[kind].fixed or component or module.removeprefix("npdl_")
    if component not in (None, name):
        raise ConfigError(f"a new {kind} package overrides {name!r}, not {printable(repr(component), 80)}")
    cls = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    _check_component(name, cls, kind)
    group = KINDS[kind].group
    taken = [] if kind in ("kernel", "hooks") else others_with(group, name, folded)
    if taken:
        raise DuplicateNameError(
            f"there is a {kind} {name!r} already, in {' and '.join(taken)}; choose another name with "
            "--component"
        )
    return Names(folded, module, name, cls)


def others_with(kind: str, name: str, distribution: str) -> list[str]:
    """Return who but ``distribution`` has a component's name: core, npdl's packages, what is installed.

    Examples
    --------
    >>> others_with("layers", "Dense", "npdl-mine"), others_with("layers", "lstm", "npdl-rnn")
    (['npdl-core'], [])
    """
    table = registry.default()
    found = {provider.partition(":")[0] for provider in table.providers(kind, name)}
    found |= {
        package
        for package, kinds in FIRST_PARTY.items()
        if fold(name) in {fold(other) for other in kinds.get(kind, ())}
    }
    if table.is_core(kind, name):
        found.add(CORE)
    return sorted(found - {distribution})


def _check_module(module: str, shown: str) -> None:
    if not module.isidentifier() or keyword.iskeyword(module):
        raise ConfigError(f"{shown} gives no module that Python could import: {module!r}")
    if module in sys.stdlib_module_names or module in ("npdl_core", "numpy"):
        raise DuplicateNameError(
            f"{shown}: its module {module!r} would hide another one; choose another name"
        )
    spec = getattr(sys.modules[module], "__spec__", None) if module in sys.modules else find_spec(module)
    if getattr(spec, "has_location", False):  # a mere folder of that name is no module
        raise DuplicateNameError(
            f"{shown}: a module {module!r} is installed already; choose another name, or uninstall it first"
        )


def _check_component(name: str, cls: str, kind: str) -> None:
    base = KINDS[kind].group.removesuffix("s").capitalize()
    if not _COMPONENT.fullmatch(name) or not cls.isidentifier() or keyword.iskeyword(cls) or cls == base:
        raise ConfigError(
            f"no {kind} can be called {printable(repr(name), 80)}; write small letters, digits and _, a "
            "letter first, for example with --component"
        )
