"""A sequence read from both ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_choice
from npdl_core.errors import ConfigError, ShapeError, printable
from npdl_core.layers.base import Layer
from npdl_rnn.layers.base import RecurrentLayer

__all__ = ["Bidirectional"]

Array = NDArray[Any]


class Bidirectional(Layer):
    r"""Read sequences from both ends: :math:`y_t = \mathrm{merge}(\overrightarrow h_t, \overleftarrow h_t)`.

    Parameters
    ----------
    layer : str, envelope or RecurrentLayer
        Reads forwards.
    backward_layer : str, envelope or RecurrentLayer, optional
        Reads backwards (``go_backwards=True``); by default as ``layer``, with weights of its own.
    merge : str
        ``"concat"`` on the last axis, ``"sum"``, ``"mul"`` or ``"ave"``.

    Notes
    -----
    Input (N, T, D). Where the layers return sequences, output (N, T, 2H) or (N, T, H), both halves of a step
    belonging to that step; else (N, 2H) or (N, H), the two final outputs. ``h0`` (LSTMs also ``c0``) is a
    pair, the forward layer's state first, and so is ``d_h0``; with ``return_state`` the forward layer's
    arrays come before the backward one's. Source: Schuster and Paliwal, Bidirectional recurrent neural
    networks, 1997.

    Raises
    ------
    ConfigError
        If the two layers read in the same direction or return different things.

    Examples
    --------
    >>> spec = {"name": "npdl-rnn:lstm", "config": {"n_out": 4, "return_sequence": True}}
    >>> Bidirectional(spec).connect((None, None, 3)).out_shape
    (None, None, 8)
    """

    accepts_mask = True

    def __init__(self, layer: Any, backward_layer: Any = None, merge: str = "concat") -> None:
        self.merge = check_choice("merge", merge, ("concat", "sum", "mul", "ave"))
        forward = self.add_layer("forward_layer", layer)
        self._check_recurrent("layer", forward)
        other = forward.variant(go_backwards=True) if backward_layer is None else backward_layer
        backward = self.add_layer("backward_layer", other)
        self._check_recurrent("backward_layer", backward)
        self._check_pair(forward, backward)
        self.per_sample = all(getattr(one, "per_sample", True) for one in self.both)

    def _check_recurrent(self, name: str, layer: Any) -> None:
        if not isinstance(layer, RecurrentLayer):
            raise ConfigError(f"{self}: {name} must be a recurrent layer, got {printable(layer, 60)}")

    def _check_pair(self, forward: RecurrentLayer, backward: RecurrentLayer) -> None:
        if forward.go_backwards or not backward.go_backwards:
            raise ConfigError(
                f"{self}: layer reads forwards and backward_layer backwards; set go_backwards=True for the "
                "latter only"
            )
        for name in ("return_sequence", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ConfigError(f"{self}: both layers must have the same {name}")

    @property
    def both(self) -> tuple[RecurrentLayer, RecurrentLayer]:
        """The two layers, the forward one first."""
        return self.children["forward_layer"], self.children["backward_layer"]

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect both layers.

        Raises
        ------
        ShapeError
            If the input is not (N, T, D), or the outputs do not fit together.
        """
        shape = self.incoming_shape(prev_layer)
        outputs: list[Any] = []
        states: list[Any] = []
        for layer in self.both:
            layer.connect(shape)
            declared: Any = layer.out_shape
            first, *rest = declared if layer.return_state else [declared]
            outputs.append(first)
            states += rest
        self._sizes = [first[-1] for first in outputs]
        if self.merge != "concat" and self._sizes[0] != self._sizes[1]:
            raise ShapeError(f"{self}: merge={self.merge!r} needs outputs of one size, got {self._sizes}")
        size = sum(self._sizes) if self.merge == "concat" else self._sizes[0]
        out = (*outputs[0][:-1], size)
        self.out_shape = [out, *states] if self.both[0].return_state else out  # type: ignore[assignment]

    def declared_input_shape(self) -> Any:
        """Return what the forward layer declares."""
        return self.both[0].declared_input_shape()

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask if all steps are returned."""
        return self.both[0].compute_mask(input, mask)

    # -- state -----------------------------------------------------------------------------------------------

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        """Whether inference writes carried state."""
        return any(layer.stateful for layer in self.both)

    def remember_mode(self, mode: str) -> None:
        """Choose when final states start the next call, for both layers."""
        for layer in self.both:
            layer.remember_mode(mode)

    def forget(self, samples: Any = None) -> None:
        """Drop both layers' carried state, of all samples or of those given by index."""
        for layer in self.both:
            layer.forget(samples)

    # -- computing -------------------------------------------------------------------------------------------

    def forward(
        self,
        input: Any,
        train: bool = True,
        *,
        mask: NDArray[np.bool_] | None = None,
        c0: Any = None,
        h0: Any = None,
    ) -> Any:
        """Return the merged outputs; with ``return_state`` a list with all final states."""
        outputs, states = [], []
        for index, layer in enumerate(self.both):
            given = [None if pair is None else pair[index] for pair in (h0, c0)]
            output, final = layer.run_state(input, train, mask, given[: len(layer.state_sizes())])
            reverse = index and layer.return_sequence
            outputs.append(output[:, ::-1] if reverse else output)
            states += [array.copy() for array in final]
        if train:
            self.retain(*(outputs if self.merge == "mul" else (None, None)))
        merged = self._merged(*outputs)
        return [merged, *states] if self.both[0].return_state else merged

    def _merged(self, a: Array, b: Array) -> Array:
        if self.merge == "concat":
            return np.concatenate([a, b], axis=-1)
        if self.merge == "mul":
            return np.asarray(a * b)
        return np.asarray(a + b if self.merge == "sum" else (a + b) / 2)

    def _split(self, grad: Array) -> tuple[Array, Array]:
        """Return each layer's part of the output's gradient."""
        if self.merge == "concat":
            return grad[..., : self._sizes[0]], grad[..., self._sizes[0] :]
        if self.merge == "mul":
            a, b = self.retained()
            return grad * b, grad * a
        half = grad if self.merge == "sum" else grad / 2
        return half, half

    def backward(self, pre_grad: Any) -> Array | None:
        """Return the input's gradient; ``self.d_h0`` (and ``d_c0``) receive the pair of initial states'."""
        self.retained()
        whole, *states = pre_grad if self.both[0].return_state else [pre_grad]
        total: Array | None = None
        before = []
        for index, (layer, grad) in enumerate(zip(self.both, self._split(whole), strict=True)):
            layer.first_layer = self.first_layer
            count = len(layer.state_sizes())
            final = states[index * count : (index + 1) * count]
            parts = grad[:, ::-1] if index and layer.return_sequence else grad
            given = [parts, *[None] * count] if layer.return_state else parts
            dx, dstate = layer.backward_state(given, final)
            before.append(dstate)
            if dx is not None:
                total = dx if total is None else total + dx
        self.d_h0, self.d_c0 = (*(list(pair) for pair in zip(*before, strict=False)), None, None)[:2]
        return total
