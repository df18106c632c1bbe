"""What this package adds to npdl's command line."""

from __future__ import annotations

from typing import Any

from npdl_core.hooks import hookimpl

__all__ = ["npdl_cli"]


@hookimpl
def npdl_cli(group: Any) -> None:
    """Add ``npdl generate``."""
    from npdl_rnn.command import generate

    group.add_command(generate)
