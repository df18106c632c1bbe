"""Groups of commands that plugins can add to."""

from __future__ import annotations

from typing import Any

import click

from npdl_cli.console import note
from npdl_cli.options import Command
from npdl_core.errors import DuplicateNameError, PluginError, printable

__all__ = ["PluginGroup"]


class PluginGroup(click.Group):
    """A group whose plugins' commands are looked for when all commands, or an unknown one, are asked for.

    Parameters
    ----------
    root : PluginGroup, optional
        The group that hooks are given; by default this one.
    """

    command_class = Command

    def __init__(self, *args: Any, root: PluginGroup | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._root = root or self
        self._announced = False

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command.

        Raises
        ------
        DuplicateNameError
            If its name is taken.
        """
        chosen = name or cmd.name or ""
        if chosen in self.commands and self.commands[chosen] is not cmd:
            raise DuplicateNameError(f"there is a command {printable(repr(chosen), 60)} already")
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all commands: this package's in the order of use, then plugins'."""
        self._root.announce()
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None."""
        if cmd_name not in self.commands:
            self._root.announce()
        return super().get_command(ctx, cmd_name)

    # -- plugins ---------------------------------------------------------------------------------------------

    def announce(self) -> None:
        """Let every plugin add its commands, once; what a failing one added is taken back."""
        if self._announced:
            return
        self._announced = True
        from npdl_core import hooks, registry

        registry_ = registry.default()
        hooks.manager().load()
        left_out = hooks.manager().failures
        for entry in registry_.entries("hooks"):
            if entry in left_out:
                continue
            before = self._snapshot()
            try:
                _call_alone(entry, registry_.load(entry), self)
                self._try_help(before)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a stranger's code, which must not break the command
                _restore(before)
                note(f"warning: {_complaint(entry, error)}; its commands are left out")

    def _groups(self) -> list[click.Group]:
        return [self, *(found for found in self.commands.values() if isinstance(found, PluginGroup))]

    def _snapshot(self) -> list[tuple[click.Group, dict[str, click.Command]]]:
        return [(group, dict(group.commands)) for group in self._groups()]

    @staticmethod
    def _try_help(before: list[tuple[click.Group, dict[str, click.Command]]]) -> None:
        """Make the help lines of new commands, which must not fail when help is asked for."""
        for group, known in before:
            for name in group.commands.keys() - known.keys():
                group.commands[name].get_short_help_str()


def _restore(before: list[tuple[click.Group, dict[str, click.Command]]]) -> None:
    for group, known in before:
        group.commands.clear()
        group.commands.update(known)


def _call_alone(entry: Any, plugin: Any, group: click.Group) -> None:
    """Call one plugin's hook, so that its failure is its own."""
    from npdl_core.hooks.trial import alone

    alone(entry.id, plugin).hook.npdl_cli(group=group)


def _complaint(entry: Any, error: BaseException) -> str:
    from npdl_core.registry.loading import cause, describe

    text = str(error) if isinstance(error, PluginError) else cause(error)
    return f"{describe(entry)} raised in npdl_cli: {text}"
