"""The commands of this package; what they need is imported when they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from npdl_cli.groups import PluginGroup

__all__ = ["make"]


def make(root: PluginGroup) -> list[click.Command]:
    """Return all commands, in the order in which help lists them."""
    from npdl_cli.commands import (
        components,
        describe,
        evaluate,
        plot,
        plugin,
        plugins,
        predict,
        summary,
        train,
        version,
    )

    return [
        train.train,
        evaluate.evaluate,
        predict.predict,
        summary.summary,
        plot.make(root),
        components.components,
        describe.describe,
        plugins.plugins,
        plugin.make(root),
        version.version,
    ]
