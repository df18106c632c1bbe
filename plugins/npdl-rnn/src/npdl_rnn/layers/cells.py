"""What the gated cells and the plain one share: arguments, fused weights, one-vector state."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npdl_core import kernels, registry
from npdl_core.activations import Sigmoid, Tanh
from npdl_core.activations.base import activate, activation_vjp
from npdl_core.checks import check_bool, check_float
from npdl_core.initializers.base import Given, Initializer
from npdl_core.layers.dense import as_rows
from npdl_rnn.kernels import recurrent_affine_backward
from npdl_rnn.layers.base import RecurrentLayer, Sequence, State

__all__ = ["Blocks", "FusedCell", "act", "act_vjp", "recurrent_weights_backward"]

Array = NDArray[Any]


class Blocks(Initializer):
    """Fill equal column blocks by one initializer each on its own, so that fans are those of one gate.

    Parameters
    ----------
    each : Initializer
        Fills a block.
    n_blocks : int
        How many there are.

    Examples
    --------
    >>> from npdl_core.initializers import Orthogonal
    >>> Blocks(Orthogonal(), 4)((3, 12)).shape
    (3, 12)
    """

    def __init__(self, each: Any, n_blocks: int) -> None:
        self.each = each
        self.n_blocks = n_blocks

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return draws of ``shape``."""
        block = (shape[0], shape[1] // self.n_blocks)
        return np.hstack([self.each(block, rng, "float64") for _ in range(self.n_blocks)])


class FusedCell(RecurrentLayer):
    """A cell whose gates lie side by side: ``W`` (D, kH), ``U`` (H, kH), ``b`` (kH,).

    The sequence kernels compute the usual activations without recurrent dropout; the loop over :meth:`step`
    computes everything else.
    """

    n_blocks: ClassVar[int] = 1

    def set_cell(
        self,
        init: Any,
        inner_init: Any,
        activation: Any,
        gate_activation: Any = None,
        recurrent_dropout: float = 0.0,
        mono: bool = False,
    ) -> None:
        """Resolve and check what all cells of this form take."""
        self.init = self.init_argument("init", init)
        self.inner_init = self.init_argument("inner_init", inner_init)
        self.activation = registry.get("activations", activation)
        self.gate_activation = (
            None if gate_activation is None else registry.get("activations", gate_activation)
        )
        self.recurrent_dropout = check_float("recurrent_dropout", recurrent_dropout, 0, 1, below=True)
        self.mono = check_bool("mono", mono)
        self._state_scale: Array | None = None

    def add_cell_params(self, n_in: int) -> None:
        """Make W, U and b; each gate is drawn on its own."""
        width = self.n_blocks * self.n_out
        self.add_param("W", (n_in, width), self._by_block(self.init))
        self.add_param("U", (self.state_sizes()[0], width), self._by_block(self.inner_init))
        self.add_param("b", (width,), self.bias_init(), decay=False)

    def bias_init(self) -> Any:
        """Return how b is filled."""
        return "zero"

    def _by_block(self, init: Any) -> Any:
        return init if isinstance(init, Given) else Blocks(init, self.n_blocks)

    # -- dropout ---------------------------------------------------------------------------------------------

    def begin_sequence(self, n_samples: int) -> None:
        """Draw one mask of the recurrent input for the whole sequence."""
        if self.recurrent_dropout:
            keep = 1 - self.recurrent_dropout
            drawn = self.rng.random((1 if self.mono else n_samples, self.state_sizes()[0])) < keep
            self._state_scale = (drawn / keep).astype(self.dtype)

    def dropped(self, h: Array, train: bool) -> tuple[Array, Array | None]:
        """Return the recurrent input through this sequence's mask, and the mask."""
        scale = self._state_scale if train and self.recurrent_dropout else None
        return (h, None) if scale is None else (h * scale, scale)

    # -- kernels ---------------------------------------------------------------------------------------------

    def uses_kernel(self) -> bool:
        """Return whether the sequence kernels compute this configuration."""
        usual = type(self.activation) is Tanh and (
            self.gate_activation is None or type(self.gate_activation) is Sigmoid
        )
        return usual and not self.recurrent_dropout

    def forward_sequence(self, sequence: Sequence, train: bool) -> tuple[Array, State, Any]:
        """Return outputs (T, N, H), final state and what the backward needs."""
        if not (len(sequence.x) and self.uses_kernel()):
            return super().forward_sequence(sequence, train)
        return self.kernel_forward(sequence, train)

    def backward_sequence(
        self, dh: Array, dstate: State, sequence: Sequence, cache: Any
    ) -> tuple[Array | None, State]:
        """Return the gradients of inputs and initial state, and write the weights' gradients."""
        if not (len(sequence.x) and self.uses_kernel()):
            return super().backward_sequence(dh, dstate, sequence, cache)
        return self.kernel_backward(dh, dstate, sequence, cache)

    def kernel_forward(self, sequence: Sequence, train: bool) -> tuple[Array, State, Any]:
        """Do the whole sequence at once; without a kernel, step by step."""
        return super().forward_sequence(sequence, train)

    def kernel_backward(
        self, dh: Array, dstate: State, sequence: Sequence, cache: Any
    ) -> tuple[Array | None, State]:
        """Do the whole sequence at once; without a kernel, step by step."""
        return super().backward_sequence(dh, dstate, sequence, cache)

    def buffer(self, name: str, shape: tuple[int, ...], train: bool) -> Array:
        """Return an uninitialised array: in training one that is kept and used again."""
        return self.work_array(name, shape) if train else np.empty(shape, self.dtype)

    def states_buffer(self, name: str, first: Array, n_steps: int, train: bool) -> Array:
        """Return an array (T + 1, N, H) that begins with an initial state."""
        states = self.buffer(name, (n_steps + 1, *first.shape), train)
        states[0] = first
        return states

    def project(self, x: Array, train: bool) -> Array:
        """Return x W + b for all steps in one product, (T, N, kH)."""
        out = self.buffer("z", (*x.shape[:2], self.W.shape[1]), train)
        kernels.affine_forward(as_rows(x), self.W, self.b, as_rows(out))
        return out

    def project_backward(self, x: Array, dz: Array) -> Array | None:
        """Write dW and db in one product each, and return the input's gradient."""
        dx = None if self.first_layer else self.work_array("dx", x.shape)
        grad = None if dx is None else as_rows(dx)
        kernels.affine_backward(as_rows(dz), as_rows(x), self.W, self.dW, self.db, grad)
        return dx

    def weights_backward(self, x: Array, h: Array, dz: Array) -> Array | None:
        """Write dW, dU and db for all steps, and return the input's gradient."""
        dx = None if self.first_layer else self.work_array("dx", x.shape)
        recurrent_affine_backward(
            *map(as_rows, (dz, x, h)), self.W, self.dW, self.dU, self.db, None if dx is None else as_rows(dx)
        )
        return dx

    def mask_options(self, sequence: Sequence) -> dict[str, Any]:
        """Return the kernels' options for a mask, none without one."""
        if sequence.mask is None:
            return {}
        return {"mask": sequence.mask} | ({"reset": True} if self.mask_mode == "reset" else {})

    def backward_options(self, sequence: Sequence) -> dict[str, Any]:
        """Return the backward kernels' options: the mask's, and where truncation starts."""
        first = self.first_step(len(sequence.x))
        return self.mask_options(sequence) | ({"first": first} if first else {})

    def step_weights_backward(self, x: Array, h: Array, dz: Array) -> Array:
        """Add one step's weight gradients and return the input's."""
        self.dW += x.T @ dz
        self.dU += h.T @ dz
        self.db += dz.sum(axis=0)
        return np.asarray(dz @ self.W.T)


def recurrent_weights_backward(h: Array, dz: Array, U: Array, dU: Array, db: Array | None = None) -> None:
    """Write the recurrent weights' gradient of all steps in one product, and that of their bias."""
    kernels.affine_backward(as_rows(dz), as_rows(h), U, dU, db, None)


def act(activation: Any, z: Array) -> Array:
    """Return ``activation(z)`` as a new array."""
    return activate(activation, z, np.empty_like(z))


def act_vjp(activation: Any, grad: Array, z: Array, y: Array) -> Array:
    """Return the gradient of the pre-activation as a new array."""
    return activation_vjp(activation, grad, z, y, np.empty_like(y))
