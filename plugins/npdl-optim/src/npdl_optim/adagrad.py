"""Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.optimizers.base import Arrays, Optimizer, Treatment
from npdl_optim.kernels import adagrad_step

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    r"""Steps divided by the size of all gradients so far.

    :math:`c \leftarrow c + g^2`, then :math:`p \leftarrow p - \eta g / (\sqrt c + \epsilon)`.

    Parameters
    ----------
    epsilon : float
        :math:`\epsilon`, above 0.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`; 0.01 is the usual rate.

    Notes
    -----
    Source: Duchi et al., Adaptive subgradient methods for online learning and stochastic optimization, 2011.
    As in PyTorch, whose :math:`\epsilon` is 1e-10, and in ONNX.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(2)
    >>> Adagrad(lr=0.1).update([p], [np.array([4.0, -0.5])])
    >>> p.round(4)
    array([-0.1,  0.1])
    """

    n_scratch = 2

    def __init__(
        self,
        epsilon: float = 1e-6,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(lr, clip, decay, lr_min, lr_max, **shared)
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)

    def slot_names(self) -> tuple[str, ...]:
        """Return the name of the sum of squares."""
        return ("squares",)

    def update_array(
        self, p: NDArray[Any], g: NDArray[Any], treatment: Treatment, slots: dict[str, NDArray[Any]]
    ) -> None:
        """Hand the whole array to the kernel if the gradient is taken as it is."""
        if not treatment.plain or type(self).apply is not Adagrad.apply:
            super().update_array(p, g, treatment, slots)
        else:
            options = {} if treatment.keep == 1 else {"keep": treatment.keep}
            adagrad_step(p, g, slots["squares"], treatment.lr, self.epsilon, **options)

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        squares, (step, size) = slots["squares"], scratch
        np.multiply(g, g, out=step)
        squares += step
        np.sqrt(squares, out=size)
        size += self.epsilon
        np.multiply(g, lr, out=step)
        step /= size
        p -= step
