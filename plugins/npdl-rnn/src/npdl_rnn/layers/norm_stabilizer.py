"""A cost on how much the length of the hidden state changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer
from npdl_core.layers.masking import over_steps

__all__ = ["NormStabilizer"]

Array = NDArray[Any]


class NormStabilizer(Layer):
    r"""Hand a sequence on, and let each change of its vectors' length cost something in training.

    Adds :math:`\frac{\beta}{N T} \sum_n \sum_{t \ge 2} (\|h_t\| - \|h_{t-1}\|)^2` to the loss.

    Parameters
    ----------
    beta : float
        The factor, at least 0.

    Notes
    -----
    Input and output (N, T, H). With a mask only pairs of real steps count, and N T is the number of real
    steps; masked steps come out as zeros. The gradient is that of the cost, so T times smaller than
    Element-Research's, which leaves 1/T out: multiply their beta by T. The derivative of the length of a zero
    vector counts as 0. Put it between recurrent layers. Source: Krueger and Memisevic, Regularizing RNNs by
    stabilizing activations, 2016.

    Raises
    ------
    ShapeError
        On connecting, if the input is no sequence (N, T, H).

    Examples
    --------
    >>> import numpy as np
    >>> layer = NormStabilizer(beta=2.0).connect((None, None, 2))
    >>> x = np.array([[[3.0, 4.0], [0.0, 4.0]]])
    >>> layer.forward(x) is x, layer.cost()
    (True, 1.0)
    """

    accepts_mask = True

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = check_float("beta", beta, 0)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Check that the input is a sequence of vectors."""
        shape = self.incoming_shape(prev_layer)
        if isinstance(shape, list) or len(shape) != 3:
            raise ShapeError(f"{self} needs sequences of shape (N, T, H), got {shape}")
        self.out_shape = shape

    def forward(self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None) -> Array:
        """Return the input, masked steps at zero."""
        steps = None if mask is None else over_steps(mask, input)
        output = input if steps is None else np.where(steps, input, 0)
        if train:
            self.retain(output, steps)
        return np.asarray(output)

    def _changes(self) -> tuple[Array, Array, float]:
        """Return the lengths (N, T), their changes (N, T - 1) between real steps, and beta / (N T)."""
        output, steps = self.retained()
        lengths = np.sqrt(np.square(output, dtype=np.float64).sum(axis=2))
        changes = np.diff(lengths, axis=1)
        if steps is not None:
            changes *= steps[:, 1:, 0] & steps[:, :-1, 0]
        return lengths, changes, self.beta / max(1, lengths.size if steps is None else int(steps.sum()))

    def cost(self) -> float:
        """Return the cost of the last training forward, 0 before the first."""
        if self._residuals.kept is None:
            return 0.0
        _, changes, factor = self._changes()
        return float(factor * np.square(changes).sum())

    def backward(self, pre_grad: Any) -> Array:
        """Return ``pre_grad``, zero at masked steps, plus the cost's gradient."""
        output, steps = self.retained()
        lengths, changes, factor = self._changes()
        by_length = np.zeros_like(lengths)
        by_length[:, 1:] += changes
        by_length[:, :-1] -= changes
        by_length *= 2 * factor / np.where(lengths > 0, lengths, 1)
        grad = pre_grad + (by_length[:, :, None] * output).astype(output.dtype)
        return np.asarray(grad if steps is None else np.where(steps, grad, 0))
