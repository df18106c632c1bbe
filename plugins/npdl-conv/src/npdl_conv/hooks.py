"""What this package adds to npdl's command line and to training."""

from __future__ import annotations

import math
from typing import Any

from npdl_core.hooks import hookimpl

__all__ = ["mostly_convolves", "npdl_cli", "npdl_fit_end", "npdl_fit_start"]


@hookimpl
def npdl_cli(group: Any) -> None:
    """Add ``npdl plot filters``, ``npdl plot activations`` and ``npdl plot deconvolution``."""
    from npdl_conv.commands import activations, deconvolution, filters

    for command in (filters, activations, deconvolution):
        group.commands["plot"].add_command(command)


@hookimpl
def npdl_fit_start(model: Any) -> None:
    """Let parts of the batch run on threads of their own where a model mostly convolves."""
    if mostly_convolves(model):
        from npdl_conv.threads import begin

        begin(model)


@hookimpl
def npdl_fit_end(model: Any) -> None:
    """Give BLAS its threads back."""
    from npdl_conv.threads import end

    end(model)


def mostly_convolves(model: Any) -> bool:
    """Return whether most multiplications of a connected model are in layers with filters."""
    from npdl_conv.layers.filters import Filters

    convolved = other = 0
    parts = (part for layer in model.distinct_layers() for part in layer.descendants())
    for part in parts:
        weights = sum(p.value.size for p in getattr(part, "_parameters", {}).values() if p.value.ndim > 1)
        if isinstance(part, Filters):
            convolved += weights * math.prod(size or 1 for size in (part.out_shape or ())[2:])
        else:
            other += weights
    return convolved > other
