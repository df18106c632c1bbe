"""The base of recurrent layers: the loop over time, masks, truncation, stacks and both directions."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_choice, check_float, check_int
from npdl_core.errors import DataError, NotConnectedError, ShapeError, StateError
from npdl_core.layers.base import Shape
from npdl_rnn.kernels.masks import blend_backward
from npdl_rnn.layers.sequence import Batch, Sequence, State, batch_of
from npdl_rnn.layers.stateful import Stateful

__all__ = ["RecurrentLayer", "Sequence", "State"]

Array = NDArray[Any]


class RecurrentLayer(Stateful):
    r"""Base of layers that step through time; a new cell defines :meth:`step` and :meth:`step_backward`.

    :math:`s_t, cache_t = \mathrm{step}(x_t, s_{t-1})`, and the output of a step is the first entry of
    :math:`s_t`. Everything else comes from here: the loop, both directions, masks, carried state, truncation,
    stacks, and the gradient with respect to the initial state. A cell whose state is not one vector of
    ``n_out`` numbers also defines :meth:`state_sizes`; parameters are made in :meth:`add_cell_params`.

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
    need_grad : bool
        False keeps nothing for a gradient: a fixed feature extractor, which training calls too compute as
        inference does.
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
        Fraction of the inputs dropped while training, anew at every step; in a stack of every layer's inputs.
    num_layers : int
        L, how many such layers lie on top of each other, each fed with all outputs of the one below.

    Notes
    -----
    Input (N, T, D); with ``return_sequence`` output (N, T, H), else (N, H). ``forward`` takes ``mask`` (N, T)
    and the initial state by keyword (``h0``; LSTMs also ``c0``): (N, H), or (L, N, H) where L > 1. The upper
    layers of a stack are children ``layer1``, ``layer2`` …

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
        n_out: int | None,
        n_in: int | None = None,
        nb_batch: int | None = None,
        nb_seq: int | None = None,
        return_sequence: bool = False,
        need_grad: bool = True,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
        dropout: float = 0.0,
        num_layers: int = 1,
    ) -> None:
        super().__init__(remember)
        if n_out is not None:
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
        self.need_grad = check_bool("need_grad", need_grad)
        self.return_state = check_bool("return_state", return_state)
        self.go_backwards = check_bool("go_backwards", go_backwards)
        self.mask_mode = check_choice("mask_mode", mask_mode, ("carry", "reset"))
        self.dropout = check_float("dropout", dropout, 0, 1, below=True)
        self.num_layers = check_int("num_layers", num_layers, 1, 64)
        for index in range(1, self.num_layers):
            self.add_layer(f"layer{index}", self.variant(num_layers=1, n_in=None))
        if not self.need_grad:
            self.trainable = False

    # -- what a cell defines ---------------------------------------------------------------------------------

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

    def add_cell_params(self, n_in: int) -> None:
        """Make the parameters for inputs of ``n_in`` features; none by default."""

    def begin_sequence(self, n_samples: int) -> None:
        """Draw what is the same at all steps of one training sequence, such as dropout masks."""

    # -- shapes ----------------------------------------------------------------------------------------------

    @property
    def levels(self) -> list[RecurrentLayer]:
        """The layer itself and those on top of it."""
        return [self, *(self.children[f"layer{index}"] for index in range(1, self.num_layers))]

    @property
    def input_dtype(self) -> Any:
        """In what the inputs of steps are kept."""
        return self.dtype

    def step_width(self) -> int:
        """Return D, how many numbers the input of one step has."""
        width: int = self.in_shape[2]
        return width

    def declared_input_shape(self) -> Shape | None:
        """Return (nb_batch, nb_seq, n_in) if n_in is given."""
        return None if self.n_in is None else (self.nb_batch, self.nb_seq, self.n_in)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make the cells' parameters.

        Raises
        ------
        ShapeError
            If the input is not (N, T, D).
        """
        shape = self.incoming_shape(prev_layer)
        if isinstance(shape, list) or len(shape) != 3:
            raise ShapeError(f"{self} needs sequences of shape (N, T, D), got {shape}")
        self.add_cell_params(shape[2])
        sizes = self.state_sizes()
        for upper in self.levels[1:]:
            upper.connect((shape[0], shape[1], sizes[0]))
        out: Shape = (shape[0], shape[1], sizes[0]) if self.return_sequence else (shape[0], sizes[0])
        stack = (self.num_layers,) if self.num_layers > 1 else ()
        states = [(*stack, shape[0], width) for width in sizes]
        self.out_shape = [out, *states] if self.return_state else out  # type: ignore[assignment]

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask if all steps are returned, in their order; None otherwise."""
        if mask is None or not self.return_sequence:
            return None
        return mask[:, ::-1] if self.go_backwards else mask

    # -- as one step of something else -----------------------------------------------------------------------

    def connect_step(self, shape: Any) -> tuple[int, ...]:
        """Connect to sequences of such steps (N, D) and return the sizes of one step's output."""
        if isinstance(shape, list) or len(shape) != 2:
            raise ShapeError(f"{self} needs vectors (N, D) at each step, got {shape}")
        self.connect((shape[0], None, shape[1]))
        return (self.state_sizes()[0],)

    def reinforce_step(self, reward: Array) -> None:
        """Take the reward (N,) of the step that :meth:`retreat` visits next; plain cells draw nothing."""

    # -- forward ---------------------------------------------------------------------------------------------

    def forward(
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None, h0: Any = None
    ) -> Any:
        """Return the outputs (N, T, H) or the last one (N, H); with ``return_state`` a list."""
        return self.run(input, train, mask, (h0,))

    def run(self, input: Any, train: bool, mask: Any, given: Any) -> Any:
        """Do the forward from an initial state, whose arrays may be None."""
        output, final = self.run_state(input, train, mask, given)
        return [output, *(array.copy() for array in final)] if self.return_state else output

    def run_state(self, input: Any, train: bool, mask: Any, given: Any) -> tuple[Array, State]:
        """Return the output and the final state."""
        if self.in_shape is None:
            raise NotConnectedError(f"{self} has no parameters yet; connect it, or put it into a model")
        batch = batch_of(input, mask, self.step_width(), self.go_backwards, str(self))
        if not (self.return_sequence or batch.x.shape[1]):
            raise DataError(f"{self}: a sequence without a step has no last output; use return_sequence=True")
        state = self.initial_state(len(input), train, given)
        if train and self.need_grad:
            output, final = self._training(batch, self.by_level(state))
        else:
            output, final = self._inference(batch, self.by_level(state))
        whole = self.stacked(final)
        self.carried.keep(whole, train)
        return output, whole

    def _training(self, batch: Batch, states: list[State]) -> tuple[Array, list[State]]:
        n_samples, n_steps, n_in = batch.x.shape
        x = self.work_array("x", (n_steps, n_samples, n_in), self.input_dtype)
        mask = batch.time_major(x, self.dtype)
        kept, final = [], []
        for level, state in zip(self.levels, states, strict=True):
            level.begin_sequence(n_samples)
            x, scale = level.drop_inputs(x)
            sequence = Sequence(x, state, mask)
            x, last, cache = level.forward_sequence(sequence, True)
            kept.append((sequence, scale, cache))
            final.append(last)
        self.retain(kept)
        return x.transpose(1, 0, 2) if self.return_sequence else x[-1], final

    def _inference(self, batch: Batch, states: list[State]) -> tuple[Array, list[State]]:
        """Compute a few steps at a time, and keep no more of them than what is returned."""
        n_samples, n_steps, n_in = batch.x.shape
        size = self.state_sizes()[0]
        outputs = np.empty((n_samples, n_steps if self.return_sequence else 0, size), self.dtype)
        for where, part in batch.chunks():
            x = np.empty((where.stop - where.start, n_samples, n_in), self.input_dtype)
            mask = part.time_major(x, self.dtype)
            for index, level in enumerate(self.levels):
                x, states[index], _ = level.forward_sequence(Sequence(x, states[index], mask), False)
            if self.return_sequence:
                outputs[:, where] = x.transpose(1, 0, 2)
        return outputs if self.return_sequence else states[-1][0].copy(), states

    def drop_inputs(self, x: Array) -> tuple[Array, Array | None]:
        """Return a training sequence's inputs through fresh dropout, and their factors."""
        if not self.dropout:
            return x, None
        keep = 1 - self.dropout
        scale = ((self.rng.random(x.shape) < keep) / keep).astype(self.dtype)
        return x * scale, scale

    def forward_sequence(self, sequence: Sequence, train: bool) -> tuple[Array, State, Any]:
        """Return outputs (T, N, H), final state and caches; the plain loop, unless a cell has a kernel."""
        state, caches = sequence.state, []
        outputs = np.empty((*sequence.x.shape[:2], self.state_sizes()[0]), self.dtype)
        for t, x in enumerate(sequence.x):
            state, cache = self.advance(x, state, None if sequence.mask is None else sequence.mask[t], train)
            outputs[t] = state[0]
            if train:
                caches.append(cache)
        return outputs, state, caches

    def advance(self, x: Any, state: State, real: Array | None, train: bool) -> tuple[State, Any]:
        """Do one step of which ``real`` (N, 1) says where it counts; the others keep or reset their state."""
        new, cache = self.step(x, state, train)
        if real is not None:
            keep = 0 if self.mask_mode == "reset" else 1 - real
            new = tuple(real * a + keep * b for a, b in zip(new, state, strict=True))
        return new, cache

    # -- backward --------------------------------------------------------------------------------------------

    def backward(self, pre_grad: Any, dcn: Any = None, dhn: Any = None) -> Array | None:
        """Return the input's gradient (N, T, D); ``self.d_h0`` (and ``d_c0``) receive the initial state's.

        Parameters
        ----------
        pre_grad : ndarray, or list of them with ``return_state``
            Gradient of what ``forward`` returned; None for zeros.
        dcn, dhn : ndarray of the shape of c0 and h0, optional
            Further gradients of the final cell and the final output.
        """
        return self.backward_state(pre_grad, (dhn, dcn))[0]

    def backward_state(self, pre_grad: Any, dfinal: Any) -> tuple[Array | None, State]:
        """Return the gradients of input and initial state, also for gradients of the final state.

        Raises
        ------
        StateError
            If nothing was kept, and the layers below need the gradient of their output.
        """
        if not self.need_grad:
            if self.first_layer:
                return None, ()
            raise StateError(
                f"{self} has need_grad=False, so nothing below it can be trained; set need_grad=True"
            )
        (kept,) = self.retained()
        n_steps, n_samples = kept[0][0].x.shape[:2]
        grads, final = self._final_gradients(pre_grad, dfinal, n_samples)
        by_level: list[State] = []
        for level, parts, dstate in reversed(list(zip(self.levels, kept, self.by_level(final), strict=True))):
            dh = level.output_gradients(grads, n_steps, dstate[0])
            grads, before = level._level_backward(dh, dstate[1:], *parts)
            by_level.insert(0, before)
            grads = None if grads is None else grads.transpose(1, 0, 2)
        dstate = self.stacked(by_level)
        self.d_state = dstate
        self.d_h0, self.d_c0 = (*dstate, None)[:2]
        return (grads[:, ::-1] if self.go_backwards and grads is not None else grads), dstate

    def _level_backward(
        self, dh: Array, dstate: State, sequence: Sequence, scale: Array | None, cache: Any
    ) -> tuple[Array | None, State]:
        dx, before = self.backward_sequence(dh, dstate, sequence, cache)
        if dx is None:
            return None, before
        if scale is not None:
            dx = dx * scale
        if sequence.mask is not None:
            dx = dx * sequence.mask
        return dx, before

    def _final_gradients(self, pre_grad: Any, dfinal: Any, n_samples: int) -> tuple[Array | None, State]:
        """Return the gradients of the outputs as they were returned, and of the final state."""
        first, *rest = pre_grad if self.return_state and pre_grad is not None else [pre_grad]
        final = self.zero_state(n_samples)
        for parts in (rest, dfinal):
            for target, part in zip(final, parts, strict=False):
                if part is not None:
                    target += part
        return first, final

    def output_gradients(self, grads: Array | None, n_steps: int, final: Array) -> Array:
        """Return dh (T + 1, N, H): ``dh[t + 1]`` is what outputs and final state give to h after step t."""
        dh = self.work_array("dh", (n_steps + 1, *final.shape))
        if grads is not None and grads.ndim == 3:
            dh[0] = 0
            dh[1:] = grads.transpose(1, 0, 2)
        else:
            dh[...] = 0
            dh[-1] += 0 if grads is None else grads
        dh[-1] += final
        return dh

    def backward_sequence(
        self, dh: Array, dstate: State, sequence: Sequence, cache: Any
    ) -> tuple[Array | None, State]:
        """Return the gradients of inputs and initial state; the plain loop, adding to ``self.d<name>``.

        Parameters
        ----------
        dh : ndarray (T + 1, N, H)
            See :meth:`output_gradients`; may be used up.
        dstate : tuple of ndarray (N, H)
            Gradients of the final state's other arrays.
        sequence, cache
            What :meth:`forward_sequence` was given, and returned.
        """
        self.clear_gradients()
        dx = np.zeros(sequence.x.shape, self.dtype)
        first = self.first_step(len(dx))
        carried: State = (dh[-1], *dstate)
        for t in range(len(dx) - 1, first - 1, -1):
            real = None if sequence.mask is None else sequence.mask[t]
            grad, before = self.retreat(carried, cache[t], real)
            dx[t] = grad.reshape(dx[t].shape)
            carried = (before[0] + dh[t], *before[1:])
        return dx, tuple(np.zeros_like(part) for part in carried) if first else carried

    def retreat(self, dstate: State, cache: Any, real: Array | None) -> tuple[Any, State]:
        """Go back through one :meth:`advance`, adding to ``self.d<name>``."""
        if real is None:
            return self.step_backward(dstate, cache)
        dstate = tuple(part.copy() for part in dstate)
        passed = [blend_backward(part, real, self.mask_mode == "reset") for part in dstate]
        dx, before = self.step_backward(dstate, cache)
        return dx, tuple(a + b for a, b in zip(before, passed, strict=True))

    def clear_gradients(self) -> None:
        """Zero what a sequence's backward adds to."""
        for parameter in self._parameters.values():
            if parameter.grad is not None:
                parameter.grad[...] = 0

    def first_step(self, n_steps: int) -> int:
        """Return the first step that back-propagation visits."""
        return 0 if self.bptt_steps is None else max(0, n_steps - self.bptt_steps)
