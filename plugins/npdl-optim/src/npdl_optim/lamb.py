"""LAMB."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.optimizers.base import Arrays, Treatment
from npdl_core.optimizers.blocks import blocks
from npdl_optim.adam import AdamFamily

__all__ = ["Lamb"]


class Lamb(AdamFamily):
    r"""AdamW's direction with a step as long as the parameter, tensor by tensor.

    :math:`r = \hat m / (\sqrt{\hat v} + \epsilon) + \lambda p`, then :math:`p \leftarrow p - \eta
    \frac{\lVert p \rVert}{\lVert r \rVert} r`, where the quotient is 1 if one of the norms is 0. Moments as
    in :class:`AdamW`.

    Parameters
    ----------
    beta1, beta2, epsilon
        See :class:`AdamW`.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.
    decoupled : bool
        False puts weight decay into the gradient.

    Notes
    -----
    Source: You et al., Large batch optimization for deep learning, 2020. It needs whole tensors, so
    ``elementwise`` is False: a model passes each parameter by itself. State as in :class:`Adam`.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([3.0, 4.0])
    >>> Lamb(lr=0.1).update([p], [np.array([1.0, 1.0])])
    >>> p.round(4)
    array([2.6464, 3.6464])
    """

    elementwise = False

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        *,
        decoupled: bool = True,
        **shared: Any,
    ) -> None:
        super().__init__(
            beta1, beta2, epsilon, lr, clip, decay, lr_min, lr_max, decoupled=decoupled, **shared
        )

    def update_array(
        self, p: NDArray[Any], g: NDArray[Any], treatment: Treatment, slots: dict[str, NDArray[Any]]
    ) -> None:
        """Update the moments and measure the direction, then go along it."""
        m, v = slots["m"], slots["v"]
        length = size = 0.0
        for p_block, g_block, m_block, v_block in blocks([p, g, m, v]):
            scratch = self._scratch.like(p_block)
            gradient = treatment.gradient(p_block, g_block, scratch)
            self._accumulate(gradient, m_block, v_block, scratch[0])
            self._direct(p_block, m_block, v_block, treatment, scratch)
            length += float(np.vdot(scratch[0], scratch[0]))
            size += float(np.vdot(p_block, p_block))
        trust = math.sqrt(size / length) if size and length else 1.0
        for p_block, m_block, v_block in blocks([p, m, v]):
            scratch = self._scratch.like(p_block)
            self._direct(p_block, m_block, v_block, treatment, scratch)
            self.apply(p_block, scratch[0], treatment.lr * trust, scratch)

    def _accumulate(self, g: NDArray[Any], m: NDArray[Any], v: NDArray[Any], square: NDArray[Any]) -> None:
        np.multiply(g, g, out=square)
        v *= self.beta2
        v += square
        m *= self.beta1
        m += g

    def _direct(
        self, p: NDArray[Any], m: NDArray[Any], v: NDArray[Any], treatment: Treatment, scratch: Arrays
    ) -> None:
        """Write the direction r into the first of ``scratch``."""
        direction, other = scratch
        np.sqrt(v, out=other)
        other *= self.root_scale / self.correction2
        other += self.epsilon
        np.multiply(m, (1 - self.beta1) / self.correction1, out=direction)
        direction /= other
        if treatment.decoupled:
            np.multiply(p, treatment.decoupled, out=other)
            direction += other

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Go along the direction ``g``."""
        np.multiply(g, lr, out=scratch[-1])
        p -= scratch[-1]
