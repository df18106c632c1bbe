"""A network as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from npdl_core.errors import printable
from npdl_core.layers.base import Layer
from npdl_core.model.foreign import ForeignLayer

if TYPE_CHECKING:
    from npdl_core.model.structure import Structure

__all__ = ["Summary", "summarize", "summary_rows"]

HEAD = ("name", "type", "output shape", "parameters")


class Summary(str):
    """Text that a notebook shows as it is, so ``model.summary()`` reads well there and in ``print``."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text itself."""
        return str(self)


def summary_rows(network: Structure) -> list[tuple[str, str, str, str]]:
    """Return name, type, output shape and number of parameters of each application."""
    counted: set[int] = set()
    rows = []
    for name, layer in network.applications:
        sizes = _sizes(layer)
        fresh = sum(size for key, size in sizes.items() if key not in counted)
        remark = " (shared)" if counted & sizes.keys() else ""
        counted |= sizes.keys()
        shape = "?" if layer.out_shape is None else _shape_text(layer.out_shape)
        rows.append((name, str(layer), shape, f"{fresh:,}{remark}"))
    return rows


def _sizes(layer: Layer) -> dict[int, int]:
    """Return the size of each array of a layer by its identity."""
    if isinstance(layer, ForeignLayer):
        return {id(array): array.size for array in layer.params}
    return {id(parameter): parameter.value.size for _, parameter in layer.named_parameters()}


def _shape_text(shape: Any) -> str:
    """Return a shape with N for the batch and ? for other open axes; several, comma-separated."""
    if isinstance(shape, list):
        return ", ".join(map(_shape_text, shape))
    sizes = ["?" if size is None else str(size) for size in shape[1:]]
    return f"({', '.join(['N', *sizes])})" if sizes else "(N,)"


def summarize(network: Structure) -> Summary:
    """Return a table of name, type, output shape and parameters, with totals."""
    rows = [tuple(printable(cell, 60) for cell in row) for row in summary_rows(network)]
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [HEAD, *rows]
    ]
    rule = "-" * max(map(len, lines))
    foreign = sum(array.size for layer in network.foreign_layers() for array in layer.params)
    total = foreign + sum(parameter.value.size for _, parameter in network.named_parameters())
    trainable = sum(array.size for array in network.params)
    totals = f"{total:,} parameters, {trainable:,} trainable, {total - trainable:,} not"
    state = "" if network.connected else "\nnot connected yet: shapes and parameters follow at the first data"
    return Summary("\n".join([lines[0], rule, *lines[1:], rule, totals]) + state)
