"""``npdl describe``."""

from __future__ import annotations

from typing import Any

import click

from npdl_cli.options import Command, Kind

__all__ = ["describe"]


@click.command(cls=Command)
@click.argument("name")
@click.option("--kind", type=Kind(), help="Only components of this kind.")
def describe(name: str, kind: str | None) -> None:
    """Show what a component is and takes.

    NAME may name the provider as well, as in npdl-rnn:lstm.
    """
    from npdl_cli.console import line
    from npdl_core import registry

    for number, one in enumerate([kind] if kind else _kinds_of(name)):
        cls = registry.resolve(one, name)
        if number:
            line()
        for row in _description(one, name, cls):
            line(row)


def _kinds_of(name: str) -> list[str]:
    """Return the kinds that have a component of this name, installed or first-party.

    Raises
    ------
    click.BadParameter
        If none has; the message has the closest names.
    """
    from npdl_core import registry
    from npdl_core.builtin import FIRST_PARTY, KINDS
    from npdl_core.errors import printable
    from npdl_core.registry.naming import closest, fold

    bare = name.rpartition(":")[2]
    first_party = {
        kind: [one for package in FIRST_PARTY.values() for one in package.get(kind, ())] for kind in KINDS
    }
    found = (
        [kind for kind in KINDS if fold(bare) in map(fold, registry.names(kind))]
        or [kind for kind in KINDS if registry.providers(kind, bare)]  # after hooks have registered theirs
        or [kind for kind in KINDS if fold(bare) in map(fold, first_party[kind])]
    )
    if found:
        return found
    near = closest(bare, [one for kind in KINDS for one in (*registry.names(kind), *first_party[kind])])
    hint = f"; the closest names are {', '.join(map(repr, near))}" if near else ""
    raise click.BadParameter(f"no component is called {printable(repr(name), 80)}{hint}", param_hint="NAME")


def _description(kind: str, name: str, cls: Any) -> list[str]:
    """Return the lines about one component."""
    import inspect

    from npdl_cli.commands.components import provider
    from npdl_core import registry
    from npdl_core.registry.naming import singular

    entry = registry.default().find(kind, name)
    documentation = inspect.getdoc(cls) or "It has no documentation."
    return [
        f"{entry.name}: {singular(kind)} of {provider(entry)}, {entry.text}",
        "",
        f"{entry.name}{_signature(cls)}",
        "",
        *documentation.splitlines(),
    ]


def _signature(cls: Any) -> str:
    import inspect

    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):
        return "(…)"
    parameters = [
        parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))
