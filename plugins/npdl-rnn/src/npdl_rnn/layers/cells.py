"""What the gated cells and the plain one share: arguments, fused weights, one-vector state."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from npdl_core import registry
from npdl_core.activations.base import activation_vjp
from npdl_core.checks import check_float
from npdl_core.initializers.base import Given, Initializer
from numpy.typing import NDArray

from npdl_rnn.layers.base import RecurrentLayer, Sequence

__all__ = ["Blocks", "FusedCell", "act", "act_vjp"]

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
    """A cell whose gates lie side by side: ``W`` (D, kH), ``U`` (H, kH), ``b`` (kH,)."""

    n_blocks: ClassVar[int] = 1

    def set_cell(self, init: Any, inner_init: Any, activation: Any, recurrent_dropout: float) -> None:
        """Resolve and check what all cells of this form take."""
        self.init = self.init_argument("init", init)
        self.inner_init = self.init_argument("inner_init", inner_init)
        self.activation = registry.get("activations", activation)
        self.recurrent_dropout = check_float("recurrent_dropout", recurrent_dropout, 0, 1, below=True)

    def add_cell_params(self, n_in: int) -> None:
        """Make W, U and b; each gate is drawn on its own."""
        width = self.n_blocks * self.n_out
        self.add_param("W", (n_in, width), self._by_block(self.init))
        self.add_param("U", (self.recurrent_size(), width), self._by_block(self.inner_init))
        self.add_param("b", (width,), self.bias_init(), decay=False)

    def recurrent_size(self) -> int:
        """Return the length of what is fed back."""
        return self.n_out

    def bias_init(self) -> Any:
        """Return how b is filled."""
        return "zero"

    def _by_block(self, init: Any) -> Any:
        return init if isinstance(init, Given) else Blocks(init, self.n_blocks)

    def begin_sequence(self, n_samples: int, train: bool) -> None:
        """Draw one mask of the recurrent input for the whole sequence."""
        if not train:
            return
        self._state_scale = None
        if self.recurrent_dropout:
            keep = 1 - self.recurrent_dropout
            rows = 1 if getattr(self, "mono", False) else n_samples
            drawn = self.rng.random((rows, self.recurrent_size())) < keep
            self._state_scale = (drawn / keep).astype(self.dtype)

    def dropped(self, h: Array, train: bool) -> tuple[Array, Array | None]:
        """Return the recurrent input through this sequence's mask, and the mask."""
        scale = self._state_scale if train and self.recurrent_dropout else None
        return (h, None) if scale is None else (h * scale, scale)

    def is_default(self, activation: Any, name: str) -> bool:
        """Return whether an activation is core's own of that name, which the kernels have built in."""
        return type(activation) is registry.resolve("activations", name)

    def mask_options(self, sequence: Sequence) -> dict[str, Any]:
        """Return the kernels' options for a mask, none without one."""
        if sequence.mask is None:
            return {}
        return {"mask": sequence.mask} | ({"reset": True} if self.mask_mode == "reset" else {})

    def backward_options(self, sequence: Sequence) -> dict[str, Any]:
        """Return the backward kernels' options: the mask's, and where truncation starts."""
        first = self.first_step(len(sequence.x))
        return self.mask_options(sequence) | ({"first": first} if first else {})

    def shifted(self, grads: Array, final: Array) -> Array:
        """Return the outputs' gradients (T + 1, N, H) with room for the initial state's, and the final state's added."""
        dh = self.work_array("dh", (len(grads) + 1, *grads.shape[1:]))
        dh[0] = 0
        dh[1:] = grads
        dh[-1] += final
        return dh

    @staticmethod
    def recurrent_weights_backward(h: Array, dz: Array, dU: Array) -> None:
        """Write the recurrent weights' gradient of all steps in one product."""
        np.matmul(h.reshape(-1, h.shape[2]).T, dz.reshape(-1, dz.shape[2]), out=dU)

    def step_weights_backward(self, x: Array, h: Array, dz: Array) -> Array:
        """Add one step's weight gradients and return the input's."""
        self.dW += x.T @ dz
        self.dU += h.T @ dz
        self.db += dz.sum(axis=0)
        return dz @ self.W.T


def act(activation: Any, z: Array) -> Array:
    """Return ``activation(z)`` as a new array."""
    return np.asarray(activation(z.copy()))


def act_vjp(activation: Any, grad: Array, z: Array, y: Array) -> Array:
    """Return the gradient of the pre-activation as a new array."""
    return activation_vjp(activation, grad, z, y, np.empty_like(y))
