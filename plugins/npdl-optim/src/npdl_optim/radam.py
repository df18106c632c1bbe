"""RAdam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.optimizers.base import Arrays, Optimizer, Treatment
from npdl_optim.adam import Adam

__all__ = ["RAdam"]


class RAdam(Adam):
    r"""Adam that divides by the second moment only once enough gradients make it reliable.

    With :math:`\rho_\infty = \frac{2}{1 - \beta_2} - 1` and :math:`\rho_t = \rho_\infty - \frac{2 t
    \beta_2^t}{1 - \beta_2^t}`: while :math:`\rho_t \le 5`, :math:`p \leftarrow p - \eta \hat m`; after that
    the step is :class:`Adam`'s times :math:`\sqrt{\frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}{(\rho_\infty -
    4)(\rho_\infty - 2) \rho_t}}`.

    Parameters
    ----------
    beta1, beta2, epsilon
        See :class:`Adam`.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.

    Notes
    -----
    Source: Liu et al., On the variance of the adaptive learning rate and beyond, 2020. As in PyTorch. State
    as in :class:`Adam`.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(2)
    >>> RAdam(lr=0.1).update([p], [np.array([4.0, -0.5])])
    >>> p.round(4)
    array([-0.4 ,  0.05])
    """

    def prepare_step(self) -> None:
        """Compute bias corrections and the rectification, None while the second moment is not reliable."""
        super().prepare_step()
        t, limit = self.iterations, 2 / (1 - self.beta2) - 1
        length = limit - 2 * t * self.beta2**t / (1 - self.beta2**t)
        self.factor: float | None = None
        if length > 5:
            square = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            self.factor = math.sqrt(square)

    def coefficients(self, lr: float) -> tuple[float, float, dict[str, float]]:
        """Return the kernel's rate, epsilon and options for this step."""
        return super().coefficients(lr * (self.factor or 0.0))

    def update_array(
        self, p: NDArray[Any], g: NDArray[Any], treatment: Treatment, slots: dict[str, NDArray[Any]]
    ) -> None:
        """Hand the whole array to the kernel if the second moment is reliable."""
        rule = Optimizer if self.factor is None else Adam
        rule.update_array(self, p, g, treatment, slots)

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        if self.factor is not None:
            super().apply(p, g, lr, scratch, **slots)
            return
        m, v, step = slots["m"], slots["v"], scratch[0]
        m *= self.beta1
        m += g
        np.multiply(g, g, out=step)
        v *= self.beta2
        v += step
        np.multiply(m, lr / self.correction1 * (1 - self.beta1), out=step)
        p -= step
