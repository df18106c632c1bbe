"""The table of a network's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from npdl_core.errors import printable
from npdl_core.model.foreign import ForeignLayer

if TYPE_CHECKING:
    from npdl_core.model.network import Network

__all__ = ["Summary", "summarize", "summary_rows"]

HEAD = ("name", "type", "output shape", "parameters")


class Summary(str):
    """Text that a notebook shows as it is, so ``model.summary()`` reads well there and in ``print``."""

    def __repr__(self) -> str:
        """Return the text itself."""
        return str(self)


def summary_rows(network: Network) -> list[tuple[str, str, str, str]]:
    """Return name, type, output shape and number of parameters of each application."""
    rows = []
    counted: set[int] = set()
    for name, layer in network.applications:
        arrays = (
            layer.params
            if isinstance(layer, ForeignLayer)
            else [p.value for _, p in layer.named_parameters()]
        )
        fresh = [array for array in arrays if id(array) not in counted]
        counted.update(map(id, fresh))
        shared = " (shared)" if len(fresh) < len(arrays) else ""
        shape = "?" if layer.out_shape is None else _shape_text(layer.out_shape)
        rows.append((name, str(layer), shape, f"{sum(array.size for array in fresh):,}{shared}"))
    return rows


def _shape_text(shape: Any) -> str:
    if isinstance(shape, list):
        return ", ".join(_shape_text(item) for item in shape)
    return (
        "("
        + ", ".join(
            "N" if i == 0 and s is None else "?" if s is None else str(s) for i, s in enumerate(shape)
        )
        + ")"
    )


def summarize(network: Network) -> Summary:
    """Return a table of name, type, output shape and parameters, with totals."""
    rows = [tuple(printable(cell, 60) for cell in row) for row in summary_rows(network)]
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [HEAD, *rows]
    ]
    rule = "-" * max(map(len, lines))
    total = sum(array.size for array in network.weights().values())
    trainable = sum(array.size for array in network.params)
    totals = f"{total:,} parameters, {trainable:,} trainable, {total - trainable:,} not"
    state = "" if network.connected else "\nnot connected yet: shapes and parameters follow at the first data"
    return Summary("\n".join([lines[0], rule, *lines[1:], rule, totals]) + state)
