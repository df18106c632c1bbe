"""RMSprop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float
from npdl_core.optimizers.base import Arrays, Optimizer, Treatment
from npdl_optim.kernels import rmsprop_step

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    r"""Steps divided by the size of recent gradients.

    :math:`c \leftarrow \rho c + (1 - \rho) g^2` and :math:`p \leftarrow p - \eta g / \sqrt{c + \epsilon}`.
    Centered: :math:`a \leftarrow \rho a + (1 - \rho) g`, and :math:`c - a^2` in place of c under the root.
    With momentum m: :math:`v \leftarrow m v - \eta g / \sqrt{c + \epsilon}` and :math:`p \leftarrow p + v`.

    Parameters
    ----------
    rho : float
        :math:`\rho` in [0, 1).
    epsilon : float
        :math:`\epsilon`, above 0, inside the root.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.
    centered : bool
        Divide by the gradient's deviation from its mean. Source: Graves, Generating sequences with recurrent
        neural networks, 2013.
    momentum : float
        m in [0, 1).

    Notes
    -----
    Source: Tieleman & Hinton, Lecture 6.5, 2012. PyTorch adds :math:`\epsilon` to the root, so it steps
    differently where gradients are near :math:`\sqrt\epsilon`, and its velocity leaves the rate out. The
    state arrays hold :math:`c / (1 - \rho)` and :math:`a / (1 - \rho)`, which saves a pass over them.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(2)
    >>> RMSprop(0.75, lr=0.1).update([p], [np.array([4.0, -0.5])])
    >>> p.round(4)
    array([-0.2,  0.2])
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
        *,
        centered: bool = False,
        momentum: float = 0.0,
        **shared: Any,
    ) -> None:
        super().__init__(lr, clip, decay, lr_min, lr_max, **shared)
        self.rho = check_float("rho", rho, 0, 1, below=True)
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.centered = check_bool("centered", centered)
        self.momentum = check_float("momentum", momentum, 0, 1, below=True)

    def slot_names(self) -> tuple[str, ...]:
        """Return the names of the moments, and of the velocity if there is momentum."""
        optional = {"mean": self.centered, "velocity": bool(self.momentum)}
        return ("squares", *(name for name, used in optional.items() if used))

    def update_array(
        self, p: NDArray[Any], g: NDArray[Any], treatment: Treatment, slots: dict[str, NDArray[Any]]
    ) -> None:
        """Hand the whole array to the kernel if this is the plain rule and the gradient is taken as it is."""
        plain = treatment.plain and not self.centered and not self.momentum
        if not plain or type(self).apply is not RMSprop.apply:
            super().update_array(p, g, treatment, slots)
            return
        rest = 1 - self.rho
        rate, epsilon = treatment.lr / math.sqrt(rest), self.epsilon / rest
        options = {} if treatment.keep == 1 else {"keep": treatment.keep}
        rmsprop_step(p, g, slots["squares"], rate, self.rho, epsilon, **options)

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        step, size = scratch
        rest = 1 - self.rho
        squares = slots["squares"]
        np.multiply(g, g, out=step)
        squares *= self.rho
        squares += step
        variance = squares
        if self.centered:
            variance = self._center(g, slots["mean"], squares, size)
        np.add(variance, self.epsilon / rest, out=size)
        np.sqrt(size, out=size)
        np.multiply(g, lr / math.sqrt(rest), out=step)
        step /= size
        if self.momentum:
            velocity = slots["velocity"]
            velocity *= self.momentum
            velocity -= step
            p += velocity
        else:
            p -= step

    def _center(
        self, g: NDArray[Any], mean: NDArray[Any], squares: NDArray[Any], out: NDArray[Any]
    ) -> NDArray[Any]:
        """Update the mean and return the variance; rounding must not make it negative."""
        mean *= self.rho
        mean += g
        np.multiply(mean, mean, out=out)
        out *= 1 - self.rho
        np.subtract(squares, out, out=out)
        np.maximum(out, 0, out=out)
        return out
