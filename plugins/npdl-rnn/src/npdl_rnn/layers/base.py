"""The base of recurrent layers: the loop over time, masks, state, truncation and both directions."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
from npdl_core.checks import check_bool, check_choice, check_float, check_int
from npdl_core.errors import DataError, ShapeError
from npdl_core.layers.base import Layer, Shape
from numpy.typing import NDArray

from npdl_rnn.kernels.masks import blend_backward
from npdl_rnn.layers.carried import CarriedState

__all__ = ["RecurrentLayer", "Sequence", "State"]

Array = NDArray[Any]
State = tuple[Array, ...]


class Sequence(NamedTuple):
    """What a cell computes over: time-major inputs, initial state and mask of one call.

    Attributes
    ----------
    x : ndarray (T, N, D)
        Inputs, zero at masked steps.
    state : tuple of ndarray (N, H)
        Initial state.
    mask : ndarray (T, N, 1) or None
        1 at real steps, 0 at masked ones, in the layer's dtype.
    scale : ndarray (T, N, D) or None
        What dropout multiplied the inputs by.
    """

    x: Array
    state: State
    mask: Array | None
    scale: Array | None = None


class RecurrentLayer(Layer):
    r"""Base of layers that step through time; a new cell defines :meth:`step` and :meth:`step_backward`.

    :math:`s_t, cache_t = \mathrm{step}(x_t, s_{t-1})`, and the output of a step is the first entry of
    :math:`s_t`. Everything else comes from here: the loop, both directions, masks, carried state, truncation,
    and the gradient with
    respect to the initial state. A cell whose state is not one vector of ``n_out`` numbers also defines
    :meth:`state_sizes`; parameters are made in :meth:`add_cell_params`.

    Parameters
    ----------
    n_out : int
        H, how many units.
    n_in : int, optional
        D, needed only by a first layer that must connect before it sees data.
    nb_batch, nb_seq : int, optional
        N and T, likewise.
    return_sequence : bool
        Return all steps' outputs (N, T, H) instead of the last one's (N, H).
    return_state : bool
        Return a list: the output, then each array of the final state.
    go_backwards : bool
        Start at the last step; outputs come in the order of computation, as Keras returns them.
    mask_mode : str
        What a masked step does: ``"carry"`` keeps state and output, ``"reset"`` sets both to zero.
    remember : str
        When the final state starts the next call: ``"neither"``, ``"train"``, ``"eval"`` or ``"both"``.
    bptt_steps : int, optional
        Back-propagate through no more than the last so many steps.
    dropout : float
        Fraction of the inputs dropped while training, anew at every step.

    Notes
    -----
    Input (N, T, D); with ``return_sequence`` output (N, T, H), else (N, H). ``forward`` takes ``mask`` (N, T)
    and the initial state by keyword (``h0``; LSTMs also ``c0``), each (N, H).

    Examples
    --------
    >>> import numpy as np
    >>> class Decay(RecurrentLayer):  # h_t = x_t + h_{t-1} / 2
    ...     def __init__(self, n_out, **options):
    ...         super().__init__(n_out, **options)
    ...     def step(self, x, state, train):
    ...         return (x + state[0] / 2,), None
    ...     def step_backward(self, dstate, cache):
    ...         return dstate[0], (dstate[0] / 2,)
    >>> layer = Decay(1, return_sequence=True).connect((None, None, 1))
    >>> layer.forward(np.ones((1, 3, 1), "float32"))[0, :, 0].tolist()
    [1.0, 1.5, 1.75]
    """

    accepts_mask = True
    n_out: int

    def __init__(
        self,
        n_out: int,
        n_in: int | None = None,
        nb_batch: int | None = None,
        nb_seq: int | None = None,
        return_sequence: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        self.n_out = check_int("n_out", n_out, 1)
        self.n_in, self.nb_batch, self.nb_seq, self.bptt_steps = (
            None if value is None else check_int(name, value, 1)
            for name, value in (
                ("n_in", n_in),
                ("nb_batch", nb_batch),
                ("nb_seq", nb_seq),
                ("bptt_steps", bptt_steps),
            )
        )
        self.return_sequence = check_bool("return_sequence", return_sequence)
        self.return_state = check_bool("return_state", return_state)
        self.go_backwards = check_bool("go_backwards", go_backwards)
        self.mask_mode = check_choice("mask_mode", mask_mode, ("carry", "reset"))
        self.dropout = check_float("dropout", dropout, 0, 1, below=True)
        self.carried = CarriedState(remember)

    # -- what a cell defines -----------------------------------------------------------------------------------

    @abstractmethod
    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return the new state and what :meth:`step_backward` needs, for one step.

        Parameters
        ----------
        x : ndarray (N, D)
            Input of the step.
        state : tuple of ndarray
            State before it, one array (N, size) for each of :meth:`state_sizes`.
        train : bool
            Whether a backward may follow.
        """

    @abstractmethod
    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Add to ``self.d<name>`` and return the gradients of the step's input and of the state before it."""

    def state_sizes(self) -> tuple[int, ...]:
        """Return the length of each state vector."""
        return (self.n_out,)

    def add_cell_params(self, n_in: int) -> None:
        """Make the parameters for inputs of ``n_in`` features; none by default."""

    def begin_sequence(self, n_samples: int, train: bool) -> None:
        """Draw what is the same at all steps of one training sequence, such as dropout masks."""

    # -- shapes ------------------------------------------------------------------------------------------------

    def declared_input_shape(self) -> Shape | None:
        """Return (nb_batch, nb_seq, n_in) if n_in is given."""
        return None if self.n_in is None else (self.nb_batch, self.nb_seq, self.n_in)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make the cell's parameters.

        Raises
        ------
        ShapeError
            If the input is not (N, T, D).
        """
        shape = self.incoming_shape(prev_layer)
        if isinstance(shape, list) or len(shape) != 3:
            raise ShapeError(f"{self} needs sequences of shape (N, T, D), got {shape}")
        self.add_cell_params(shape[2])
        size = self.state_sizes()[0]
        out: Shape = (shape[0], shape[1], size) if self.return_sequence else (shape[0], size)
        states = [(shape[0], width) for width in self.state_sizes()]
        self.out_shape = [out, *states] if self.return_state else out  # type: ignore[assignment]

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask if all steps are returned, in their order; None otherwise."""
        if mask is None or not self.return_sequence:
            return None
        return mask[:, ::-1] if self.go_backwards else mask

    # -- state -------------------------------------------------------------------------------------------------

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        """Whether inference writes carried state."""
        return self.carried.mode in ("eval", "both")

    def remember_mode(self, mode: str) -> None:
        """Choose when the final state starts the next call: neither, train, eval or both."""
        self.carried.set_mode(mode)

    def forget(self, samples: Any = None) -> None:
        """Drop the carried state, of all samples or of those given by index."""
        self.carried.forget(samples)

    def get_state(self) -> State | None:
        """Return copies of the carried state, None if there is none."""
        return self.carried.get()

    def set_state(self, state: Any) -> None:
        """Start the next call from ``state``: one array (N, H), or a tuple of them for cells with several."""
        arrays = state if isinstance(state, (tuple, list)) else (state,)
        self.carried.put(self._checked_state(arrays, None))

    def _checked_state(self, arrays: Any, n_samples: int | None) -> State:
        sizes = self.state_sizes()
        if len(arrays) != len(sizes):
            raise ShapeError(f"{self}: the state has {len(sizes)} arrays, got {len(arrays)}")
        checked = []
        for array, size in zip(arrays, sizes, strict=True):
            array = np.asarray(array, self.dtype)
            if array.ndim != 2 or array.shape[1] != size or n_samples not in (None, array.shape[0]):
                raise ShapeError(
                    f"{self}: a state must have shape ({'N' if n_samples is None else n_samples}, {size}), "
                    f"got {array.shape}"
                )
            checked.append(array)
        return tuple(checked)

    def initial_state(self, n_samples: int, train: bool, given: Any) -> State:
        """Return the state before the first step: what is given, else what is carried, else zeros."""
        carried = self.carried.start(n_samples, train, str(self))
        zeros = [np.zeros((n_samples, size), self.dtype) for size in self.state_sizes()]
        chosen = zeros if carried is None else list(carried)
        for index, array in enumerate(given):
            if array is not None:
                chosen[index] = array
        return self._checked_state(chosen, n_samples)

    # -- computing ---------------------------------------------------------------------------------------------

    def forward(
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None, h0: Any = None
    ) -> Any:
        """Return the outputs (N, T, H) or the last one (N, H); with ``return_state`` a list."""
        return self.run(input, train, mask, (h0,))

    def run(self, input: Any, train: bool, mask: Any, given: Any) -> Any:
        """Do the forward of all steps from a given initial state, whose entries may be None."""
        sequence = self._sequence(input, train, mask, given)
        self.begin_sequence(sequence.x.shape[1], train)
        outputs, final, cache = self.forward_sequence(sequence, train)
        self.carried.keep(final, train)
        if train:
            self.retain(sequence, cache)
        last: Array = outputs.transpose(1, 0, 2) if self.return_sequence else self._last(outputs)
        return [last, *(array.copy() for array in final)] if self.return_state else last

    def _last(self, outputs: Array) -> Array:
        if not len(outputs):
            raise DataError(f"{self}: a sequence without a step has no last output; use return_sequence=True")
        return outputs[-1]

    def _sequence(self, input: Any, train: bool, mask: Any, given: Any) -> Sequence:
        """Return the time-major form of a call's arguments."""
        if input.ndim != 3:
            raise ShapeError(f"{self} needs sequences of shape (N, T, D), got {input.shape}")
        x = input.transpose(1, 0, 2)
        real = None
        if mask is not None:
            if np.shape(mask) != input.shape[:2]:
                raise DataError(f"{self}: the mask has shape {np.shape(mask)}, the input {input.shape}")
            real = np.asarray(mask, bool).T[:, :, None]
            x = np.where(real, x, 0)
            real = real.astype(self.dtype)
        if self.go_backwards:
            x, real = x[::-1], None if real is None else real[::-1]
        x = np.ascontiguousarray(x, self.dtype)
        scale = None
        if train and self.dropout:
            keep = 1 - self.dropout
            scale = ((self.rng.random(x.shape) < keep) / keep).astype(self.dtype)
            x = x * scale
        return Sequence(x, self.initial_state(input.shape[0], train, given), real, scale)

    def forward_sequence(self, sequence: Sequence, train: bool) -> tuple[Array, State, Any]:
        """Return outputs (T, N, H), final state and caches; the plain loop, which a cell may override by a kernel."""
        state, caches = sequence.state, []
        outputs = np.empty((*sequence.x.shape[:2], self.state_sizes()[0]), self.dtype)
        for t, x in enumerate(sequence.x):
            new, cache = self.step(x, state, train)
            if sequence.mask is not None:
                keep = 0 if self.mask_mode == "reset" else 1 - sequence.mask[t]
                new = tuple(sequence.mask[t] * a + keep * b for a, b in zip(new, state, strict=True))
            state = new
            outputs[t] = state[0]
            if train:
                caches.append(cache)
        return outputs, state, caches

    def backward(self, pre_grad: Any, dcn: Any = None, dhn: Any = None) -> Array | None:
        """Return the input's gradient (N, T, D); ``self.d_h0`` (and ``d_c0``) receive the initial state's.

        Parameters
        ----------
        pre_grad : ndarray, or list of them with ``return_state``
            Gradient of what ``forward`` returned.
        dcn, dhn : ndarray (N, H), optional
            Further gradients of the final cell and the final output.
        """
        sequence, cache = self.retained()
        for parameter in self._parameters.values():
            if parameter.grad is not None:
                parameter.grad[...] = 0
        grads, final = self._output_gradients(pre_grad, sequence, (dhn, dcn))
        dx, dstate = self.backward_sequence(grads, final, sequence, cache)
        self._show_state_gradients(dstate)
        if self.first_layer:
            return None
        if sequence.scale is not None:
            dx = dx * sequence.scale
        if sequence.mask is not None:
            dx = dx * sequence.mask
        return (dx[::-1] if self.go_backwards else dx).transpose(1, 0, 2)

    def _output_gradients(self, pre_grad: Any, sequence: Sequence, extra: Any) -> tuple[Array, State]:
        """Return the gradients of all outputs (T, N, H) and of the final state."""
        n_steps, n_samples = sequence.x.shape[:2]
        sizes = self.state_sizes()
        parts = list(pre_grad) if self.return_state else [pre_grad]
        final = [np.zeros((n_samples, size), self.dtype) for size in sizes]
        for target, part in zip(final, parts[1:], strict=False):
            target += 0 if part is None else part
        for target, part in zip(final, extra, strict=False):
            target += 0 if part is None else part
        grads = np.zeros((n_steps, n_samples, sizes[0]), self.dtype)
        if self.return_sequence:
            grads += parts[0].transpose(1, 0, 2)
        elif n_steps:
            grads[-1] = parts[0]
        return grads, tuple(final)

    def backward_sequence(
        self, grads: Array, final: State, sequence: Sequence, cache: Any
    ) -> tuple[Array, State]:
        """Return the gradients of inputs (T, N, D) and initial state; the plain loop, adding to ``self.d<name>``."""
        dx = np.zeros(sequence.x.shape, self.dtype)
        dstate = list(final)
        first = self.first_step(len(grads))
        for t in range(len(grads) - 1, first - 1, -1):
            dstate[0] = dstate[0] + grads[t]
            passed = None
            if sequence.mask is not None:
                dstate = [np.array(part) for part in dstate]
                passed = [
                    blend_backward(part, sequence.mask[t], self.mask_mode == "reset") for part in dstate
                ]
            dx[t], before = self.step_backward(tuple(dstate), cache[t])
            dstate = list(before) if passed is None else [a + b for a, b in zip(before, passed, strict=True)]
        return dx, tuple(np.zeros_like(part) for part in dstate) if first else tuple(dstate)

    def first_step(self, n_steps: int) -> int:
        """Return the first step that back-propagation visits."""
        return 0 if self.bptt_steps is None else max(0, n_steps - self.bptt_steps)

    def _show_state_gradients(self, dstate: State) -> None:
        self.d_h0 = dstate[0]
        if len(dstate) > 1:
            self.d_c0 = dstate[1]

    def project(self, x: Array, W: Array, b: Array, name: str, train: bool) -> Array:
        """Return x W + b for all steps in one product, (T, N, K)."""
        shape = (*x.shape[:2], W.shape[1])
        out = self.work_array(name, shape) if train else np.empty(shape, self.dtype)
        np.matmul(x.reshape(-1, x.shape[2]), W, out=out.reshape(-1, W.shape[1]))
        out += b
        return out

    def project_backward(self, x: Array, dz: Array, W: Array, dW: Array, db: Array) -> Array:
        """Write the weight gradients of :meth:`project` and return the input's."""
        rows, flat = x.reshape(-1, x.shape[2]), dz.reshape(-1, dz.shape[2])
        np.matmul(rows.T, flat, out=dW)
        np.add.reduce(flat, axis=0, out=db)
        if self.first_layer:
            return np.zeros((0,), self.dtype)
        return np.matmul(flat, W.T).reshape(x.shape)
