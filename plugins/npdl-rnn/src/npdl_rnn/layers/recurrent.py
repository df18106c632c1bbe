"""A recurrent layer out of any layers for the input, the feedback and the start."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation
from npdl_core.checks import check_int
from npdl_core.errors import ShapeError
from npdl_rnn.layers.base import State
from npdl_rnn.layers.step_of import cell_of
from npdl_rnn.layers.stepped import SteppedLayer, blended, blended_backward
from npdl_rnn.layers.steps import Cell, Rows

__all__ = ["Recurrent"]

Array = NDArray[Any]


class Recurrent(SteppedLayer):
    r"""Elman's network out of any layers, with a learned start.

    :math:`y_1 = g(\mathrm{start}(\mathrm{in}(x_1)))`;
    :math:`y_t = g(\mathrm{merge}(\mathrm{in}(x_t), \mathrm{feedback}(y_{t-1})))`.

    Parameters
    ----------
    start : int, or envelope or Layer
        A number, which is the size of in(x), for a learned vector that is added to the first in(x); or any
        layer.
    input_layer : str, envelope or Layer
        in, such as ``dense``, ``embedding`` or a ``chain``.
    feedback_layer : str, envelope or Layer
        How the last output comes back.
    transfer : str, Activation, or envelope or Layer
        g: an activation by name, or a layer.
    merge : str, envelope or Layer
        ``"add"``, ``"multiply"``, ``"concat"`` or another layer of two inputs.
    return_sequence : bool
        Return all outputs (N, T, ...) instead of the last one (N, ...).
    return_state, go_backwards, mask_mode, remember, bptt_steps
        See :class:`~npdl_rnn.RecurrentLayer`. After a masked step with ``mask_mode="reset"`` a sample starts
        anew.

    Notes
    -----
    Input (N, T, ...) of steps as ``input_layer`` takes them, or ids (N, T). The state is y, flat (N, H), and
    1 where a sample has begun (N, 1), then what recurrent layers inside keep. Parameter ``start_bias`` where
    ``start`` is a number. Source: Elman, Finding structure in time, 1990.

    Raises
    ------
    ShapeError
        On connecting, if the start gives another shape than the merge.

    Examples
    --------
    >>> dense = {"name": "linear", "config": {"n_out": 4}}
    >>> layer = Recurrent(4, dense, dense, return_sequence=True).connect((None, None, 3))
    >>> layer.out_shape, layer.start_bias.shape
    ((None, None, 4), (4,))
    """

    def __init__(
        self,
        start: Any,
        input_layer: Any,
        feedback_layer: Any,
        transfer: Any = "sigmoid",
        merge: Any = "add",
        return_sequence: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
    ) -> None:
        super().__init__(return_sequence, return_state, go_backwards, mask_mode, remember, bptt_steps)
        if isinstance(transfer, (str, Activation)):
            transfer = {"name": "activation", "config": {"activation": transfer}}
        specs = {"input": input_layer, "feedback": feedback_layer, "merge": merge, "transfer": transfer}
        self.start_size = check_int("start", start, 1) if isinstance(start, (int, np.integer)) else None
        if self.start_size is None:
            specs["start"] = start
        self.parts = {name: cell_of(self.add_layer(f"{name}_layer", spec)) for name, spec in specs.items()}
        self.integer_input = self.input_layer.integer_input
        self.per_sample = all(getattr(child, "per_sample", True) for child in self.children.values())

    @property
    def cells(self) -> list[Cell]:
        """All layers, the input's first."""
        return list(self.parts.values())

    def state_sizes(self) -> tuple[int, ...]:
        """Return the lengths of y, of the mark whether a sample has begun, and of the states inside."""
        return (self.n_out, 1, *(size for cell in self.cells for size in cell.sizes()))

    def connect_cells(self, shape: Any) -> Any:
        """Connect all layers to each other."""
        came = self.parts["input"].connect(shape)
        first = came
        if self.start_size is None:
            first = self.parts["start"].connect(came)
        elif tuple(came[1:]) != (self.start_size,):
            raise ShapeError(
                f"{self}: start={self.start_size}, but the input layer's output has shape {came}"
            )
        else:
            self.add_param("start_bias", (self.start_size,), "uniform", decay=False)
        out = self.parts["transfer"].connect(first)
        fed = self.parts["feedback"].connect(out)
        merged = self.parts["merge"].connect([came, fed])
        if tuple(merged[1:]) != tuple(first[1:]):
            raise ShapeError(
                f"{self}: the first step hands on shape {first}, later ones {merged}; they must agree"
            )
        return out

    # -- one step --------------------------------------------------------------------------------------------

    def proceed(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[State, Any]:
        """Return y, the mark, the states inside, and the cache."""
        y, begun = state[:2]
        inner, caches = dict(zip(self.parts, self._split(state[2:]), strict=True)), {}

        def apply(name: str, value: Any, which: Rows) -> Any:
            output, inner[name], caches[name] = self.parts[name].forward(value, inner[name], which, train)
            return output

        came = apply("input", x, rows)
        later = begun[:, 0] > 0
        pre = came[:0]
        if later.any() or not len(later):
            fed = apply("feedback", y.reshape(len(y), *self._out_step), _both(later, rows))
            pre = apply("merge", [came, fed], _both(later, rows))
        if not later.all():
            first = came + self.start_bias if self.start_size else apply("start", came, _both(~later, rows))
            pre = np.where(_spread(later, first), pre, first) if later.any() else first
        out = apply("transfer", pre, rows).reshape(y.shape)
        new = blended(out, y, rows, self.mask_mode), blended(np.ones_like(begun), begun, rows, self.mask_mode)
        after = tuple(array for arrays in inner.values() for array in arrays)
        return (*new, *after), (caches, rows, later)

    def go_back(self, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through all layers."""
        caches, rows, later = cache
        inner = dict(zip(self.parts, self._split(dstate[2:]), strict=True))

        def undo(name: str, grad: Any) -> Any:
            back, inner[name] = self.parts[name].backward(grad, inner[name], caches[name])
            return back

        dy, passed = blended_backward(dstate[0], rows, self.mask_mode)
        d_pre = undo("transfer", dy.reshape(len(dy), *self._out_step))
        total: Any = None
        if "merge" in caches:
            total, d_fed = undo("merge", np.where(_spread(later, d_pre), d_pre, 0))
            passed = passed + undo("feedback", d_fed).reshape(passed.shape)
        if not later.all():
            first = np.where(_spread(later, d_pre), 0, d_pre)
            if self.start_size:
                self.dstart_bias += first.sum(axis=0)
            else:
                first = undo("start", first)
            total = first if total is None else total + first
        dx = undo("input", total)
        return dx, (
            passed,
            np.zeros_like(dstate[1]),
            *(array for arrays in inner.values() for array in arrays),
        )

    def _split(self, state: State) -> list[State]:
        """Return each layer's part of the states inside."""
        found, start = [], 0
        for cell in self.cells:
            stop = start + len(cell.sizes())
            found.append(state[start:stop])
            start = stop
        return found


def _both(which: NDArray[np.bool_], rows: Rows) -> Rows:
    """Return the conjunction, None for all samples."""
    joined = which if rows is None else which & rows
    return None if joined.all() else joined


def _spread(rows: NDArray[np.bool_], like: Array) -> NDArray[np.bool_]:
    """Return a mark for each sample in a shape that broadcasts over an array."""
    return rows.reshape(-1, *[1] * (like.ndim - 1))
