"""Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.optimizers.base import Arrays, Optimizer

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    r"""Steps divided by the size of recent gradients and multiplied by that of recent steps.

    :math:`c \leftarrow \rho c + (1 - \rho) g^2`, :math:`u = g \sqrt{d + \epsilon} / \sqrt{c + \epsilon}`,
    :math:`p \leftarrow p - \eta u`, :math:`d \leftarrow \rho d + (1 - \rho) u^2`.

    Parameters
    ----------
    rho : float
        :math:`\rho` in [0, 1); the paper has 0.95.
    epsilon : float
        :math:`\epsilon`, above 0; it sets the size of the first steps.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`. The paper's method is ``lr=1.0``; the default is
        NumpyDL's.

    Notes
    -----
    Source: Zeiler, ADADELTA: an adaptive learning rate method, 2012. As in PyTorch. The state arrays hold
    :math:`c / (1 - \rho)` and :math:`d / (1 - \rho)`, which saves two passes over them.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(2)
    >>> Adadelta(0.75, 0.01, lr=1.0).update([p], [np.array([4.0, -0.5])])
    >>> p.round(3)
    array([-0.2 ,  0.186])
    """

    n_scratch = 2

    def __init__(
        self,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(lr, clip, decay, lr_min, lr_max, **shared)
        self.rho = check_float("rho", rho, 0, 1, below=True)
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)

    def slot_names(self) -> tuple[str, ...]:
        """Return the names of the averages of squared gradients and squared steps."""
        return ("squares", "steps")

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        squares, steps = slots["squares"], slots["steps"]
        step, size = scratch
        epsilon = self.epsilon / (1 - self.rho)
        np.multiply(g, g, out=step)
        squares *= self.rho
        squares += step
        np.add(squares, epsilon, out=size)
        np.add(steps, epsilon, out=step)
        step /= size
        np.sqrt(step, out=step)
        step *= g
        np.multiply(step, step, out=size)
        steps *= self.rho
        steps += size
        step *= lr
        p -= step
