"""What this package adds to npdl's command line."""

from __future__ import annotations

from typing import Any

from npdl_core.hooks import hookimpl

__all__ = ["npdl_cli"]


@hookimpl
def npdl_cli(group: Any) -> None:
    """Add ``npdl plot filters``, ``npdl plot activations`` and ``npdl plot deconvolution``."""
    from npdl_conv.commands import activations, deconvolution, filters

    for command in (filters, activations, deconvolution):
        group.commands["plot"].add_command(command)
