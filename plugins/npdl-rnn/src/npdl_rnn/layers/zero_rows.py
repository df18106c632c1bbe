"""Padding found by its zeros: rows that are masked, or left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer
from npdl_rnn.layers.base import RecurrentLayer, State
from npdl_rnn.layers.sequencer import Sequencer
from npdl_rnn.layers.stepped import blended, blended_backward
from npdl_rnn.layers.steps import Rows, scattered, taken

__all__ = ["MaskZero", "TrimZero"]

Array = NDArray[Any]


class _ZeroRows(Layer):
    """Finds the rows of an input that are all zeros, and hands on what concerns the layer inside."""

    accepts_mask = True

    def hold(self, layer: Any, feature_dims: int) -> None:
        """Make the layer a child."""
        self.feature_dims = check_int("feature_dims", feature_dims, 0, 16)
        self.add_layer("layer", layer)
        self.integer_input = self.layer.integer_input
        self.per_sample = getattr(self.layer, "per_sample", True)

    def declared_input_shape(self) -> Any:
        """Return what the layer inside declares."""
        return self.layer.declared_input_shape()

    def row_shape(self, prev_layer: Any) -> tuple[Any, int]:
        """Return the input's shape and how many axes its rows have.

        Raises
        ------
        ShapeError
            If there are several inputs, or too few axes.
        """
        shape = self.incoming_shape(prev_layer)
        if isinstance(shape, list) or len(shape) <= self.feature_dims:
            raise ShapeError(
                f"{self}: with feature_dims={self.feature_dims} an input has at least "
                f"{self.feature_dims + 1} axes, got shape {shape}"
            )
        lead = len(shape) - self.feature_dims
        self.accepts_mask = lead >= 2
        return shape, lead

    def real_rows(self, input: Array, mask: Any) -> NDArray[np.bool_]:
        """Return which rows are not all zeros, and real by a mask (N, T) too."""
        features = tuple(range(input.ndim - self.feature_dims, input.ndim))
        real: NDArray[np.bool_] = np.any(input != 0, axis=features)
        if mask is not None and real.ndim >= 2:
            steps = np.asarray(mask, bool)
            if steps.shape != real.shape[:2]:
                raise ShapeError(f"{self}: a mask of shape {steps.shape} does not fit an input {input.shape}")
            real = real & steps.reshape(*steps.shape, *[1] * (real.ndim - 2))
        return real

    def compute_mask(self, input: Any, mask: Any) -> NDArray[np.bool_] | None:
        """Return which rows are real, if they are those of (N, T) and still there."""
        real = self.real_rows(np.asarray(input), mask)
        return real if real.ndim == 2 and self._keeps_rows else None

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        """Whether inference writes carried state."""
        return any(bool(child.stateful) for child in self.children.values())

    def forget(self, samples: Any = None) -> None:
        """Drop the state that the layer inside carries."""
        for child in self.children.values():
            if callable(getattr(child, "forget", None)):
                child.forget(samples)


def _zeroed(array: Array, real: NDArray[np.bool_]) -> Array:
    """Return an array with zeros where rows are not real."""
    return np.where(real.reshape(*real.shape, *[1] * (array.ndim - real.ndim)), array, 0)


class MaskZero(_ZeroRows):
    r"""Take rows that are all zeros for padding: :math:`y_i = f(x_i)` if :math:`x_i \ne 0`, else 0.

    Parameters
    ----------
    layer : str, envelope or Layer
        f. One that takes a mask, such as ``lstm`` or ``batch_normal``, gets the rows (N, T) as its mask;
        ``mask_mode="reset"`` is then Element-Research's ``maskZero``.
    feature_dims : int
        How many axes at the end are features of one row: 1 for (N, D) and (N, T, D), 3 for images, 0 for ids.

    Notes
    -----
    Input (N, …, features), output (N, …) of f, zero in rows of padding; gradients that come in there count as
    zero before f sees them. Rows (N, T) go on as a mask, joined with one that came. A row of data that
    happens to be zero is lost: where that may be, use explicit masks (``mask=`` of ``fit``) instead. Source:
    Léonard et al., rnn: recurrent library for Torch, 2015.

    Raises
    ------
    ShapeError
        On connecting, if f does not keep the axes of rows and takes no mask.

    Examples
    --------
    >>> layer = MaskZero({"name": "linear", "config": {"n_out": 1, "init": "one"}}).connect((None, 2))
    >>> layer.layer.b += 1.0
    >>> layer.forward(np.array([[0.0, 0.0], [0.0, 0.5]], "float32")).tolist()
    [[0.0], [1.5]]
    """

    def __init__(self, layer: Any, feature_dims: int = 1) -> None:
        self.hold(layer, feature_dims)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the layer inside."""
        shape, lead = self.row_shape(prev_layer)
        out: Any = self.layer.connect(shape).out_shape
        self._passes_mask = bool(self.layer.accepts_mask and lead == 2)
        self._keeps_rows = not isinstance(out, list) and tuple(out[:lead]) == tuple(shape[:lead])
        if isinstance(out, list) or not (self._keeps_rows or self._passes_mask):
            raise ShapeError(
                f"{self}: {self.layer} turns shape {shape} into {out}; it must keep the axes {shape[:lead]}"
            )
        self.out_shape = out

    def forward(self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None) -> Any:
        """Return the layer's output with rows of padding at zero."""
        real = self.real_rows(input, mask)
        options = {"mask": real} if self._passes_mask else {}
        output = self.layer.forward(_zeroed(input, real), train=train, **options)
        if train:
            self.retain(real)
        return _zeroed(output, real) if self._keeps_rows else output

    def backward(self, pre_grad: Any) -> Any:
        """Return the input's gradient, zero in rows of padding."""
        (real,) = self.retained()
        self.layer.first_layer = self.first_layer
        dx = self.layer.backward(_zeroed(pre_grad, real) if self._keeps_rows else pre_grad)
        return None if dx is None else _zeroed(dx, real)


class _Trimmed(Sequencer):
    """Steps a layer on the real samples of each step only."""

    def proceed(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[State, Any]:
        """Do the step on a smaller batch and put the results back into their places."""
        if rows is None:
            return super().proceed(x, state, None, train)
        inner = tuple(part[rows] for part in state)
        output, after, cache = self.cell.forward(x[rows], inner[1:], None, train)
        new = (output.reshape(len(output), self.n_out), *after)
        whole = [scattered(part, rows) for part in new]
        mixed = tuple(blended(a, b, rows, self.mask_mode) for a, b in zip(whole, state, strict=True))
        return mixed, (cache, rows, output.shape)

    def go_back(self, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through the step on the smaller batch."""
        kept, rows, shape = cache
        if rows is None:
            return super().go_back(dstate, cache)
        parts = [blended_backward(part, rows, self.mask_mode) for part in dstate]
        (grad, *inner) = (part[rows] for part, _ in parts)
        dx, before = self.cell.backward(grad.reshape(shape), tuple(inner), kept)
        first, *passed = (old for _, old in parts)
        after = (old + scattered(part, rows) for old, part in zip(passed, before, strict=True))
        return scattered(dx, rows), (first, *after)


class TrimZero(_ZeroRows):
    r"""Leave rows that are all zeros out: :math:`y_i = f(x_i)` if :math:`x_i \ne 0`, else 0.

    The result is that of :class:`MaskZero`, but f works on the real rows only. A recurrent f does every step
    on the samples that are real in it, which pays where most of a batch is padding.

    Parameters
    ----------
    layer : str, envelope or Layer
        f: a layer of rows such as ``dense``, a recurrent layer, or a ``chain`` or ``parallel`` with recurrent
        layers. These have no ``remember``, ``go_backwards`` or ``bptt_steps`` here, and their recurrent
        dropout needs ``mono=True``, since the batch changes from step to step.
    feature_dims : int
        How many axes at the end are features of one row: 1 for (N, D) and (N, T, D), 3 for images, 0 for ids.

    Notes
    -----
    Input (N, …, features), a recurrent layer's (N, T, features); output (N, …, H), with
    ``return_sequence=False`` (N, H). Otherwise as :class:`MaskZero`. Source: Léonard et al., rnn: recurrent
    library for Torch, 2015.

    Raises
    ------
    ConfigError
        If recurrent layers inside do not agree on ``mask_mode``, or have what is excluded above.

    Examples
    --------
    >>> lstm = {"name": "lstm", "config": {"n_out": 4, "return_sequence": True}}
    >>> TrimZero(lstm).connect((None, 5, 3)).out_shape
    (None, 5, 4)
    """

    def __init__(self, layer: Any, feature_dims: int = 1) -> None:
        self.hold(layer, feature_dims)
        recurrent = [part for part in self.layer.descendants() if isinstance(part, RecurrentLayer)]
        self._recurrent = bool(recurrent)
        if not recurrent:
            return
        modes = {part.mask_mode for part in recurrent}
        if len(modes) > 1:
            raise ConfigError(
                f"{self}: all recurrent layers inside must have one mask_mode, got {sorted(modes)}"
            )
        for part in recurrent:
            dropped = getattr(part, "recurrent_dropout", 0) or getattr(part, "p", 0)
            if dropped and not getattr(part, "mono", True):
                raise ConfigError(f"{self}: {part} drops state at random; it needs mono=True to be trimmed")
        returns = isinstance(self.layer, RecurrentLayer) and not self.layer.return_sequence
        self.add_layer("steps", _Trimmed(self.layer, return_sequence=not returns, mask_mode=modes.pop()))

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the layer inside to one row, or to sequences of them."""
        shape, lead = self.row_shape(prev_layer)
        if self._recurrent and lead != 2:
            raise ShapeError(f"{self}: {self.layer} needs rows of sequences (N, T), got shape {shape}")
        self._keeps_rows = not self._recurrent or self.steps.return_sequence
        if self._recurrent:
            self.out_shape = self.steps.connect(shape).out_shape
            return
        out: Any = self.layer.connect((None, *shape[lead:])).out_shape
        if isinstance(out, list):
            raise ShapeError(f"{self}: {self.layer} has several outputs; it must have one")
        self.out_shape = (*shape[:lead], *out[1:])

    def forward(self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None) -> Any:
        """Return the layer's output of the real rows, zeros elsewhere."""
        real = self.real_rows(input, mask)
        if train:
            self.retain(real)
        if self._recurrent:
            output, _ = self.steps.run_state(input, train, real, ())
            return _zeroed(output, real) if self._keeps_rows else output
        rows = input.reshape(math.prod(real.shape), *input.shape[real.ndim :])
        output = scattered(self.layer.forward(taken(rows, real.reshape(-1)), train=train), real.reshape(-1))
        return output.reshape(*real.shape, *output.shape[1:])

    def backward(self, pre_grad: Any) -> Any:
        """Return the input's gradient, zero in rows of padding."""
        (real,) = self.retained()
        if self._recurrent:
            self.steps.first_layer = self.first_layer
            return self.steps.backward_state(_zeroed(pre_grad, real) if self._keeps_rows else pre_grad, ())[0]
        self.layer.first_layer = self.first_layer
        rows = pre_grad.reshape(math.prod(real.shape), *pre_grad.shape[real.ndim :])
        dx = scattered(self.layer.backward(taken(rows, real.reshape(-1))), real.reshape(-1))
        return None if dx is None else dx.reshape(*real.shape, *dx.shape[1:])
