"""Adamax."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.optimizers.base import Arrays
from npdl_optim.adam import AdamFamily

__all__ = ["Adamax"]


class Adamax(AdamFamily):
    r"""Adam with the largest recent gradient in place of the root of the mean square.

    :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`, :math:`v \leftarrow \max(\beta_2 v, |g|)`, and
    :math:`p \leftarrow p - \frac{\eta}{1 - \beta_1^t} \frac{m}{v + \epsilon}`.

    Parameters
    ----------
    beta1, beta2 : float
        :math:`\beta_1, \beta_2` in [0, 1).
    epsilon : float
        :math:`\epsilon`, above 0.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.

    Notes
    -----
    Source: Kingma & Ba, Adam: a method for stochastic optimization, 2015, section 7.1. PyTorch has
    :math:`\max(\beta_2 v, |g| + \epsilon)` and divides by that. The state array holds :math:`m / (1 -
    \beta_1)`.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(2)
    >>> Adamax(lr=0.1).update([p], [np.array([4.0, -0.5])])
    >>> p.round(4)
    array([-0.1,  0.1])
    """

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        m, v, step = slots["m"], slots["v"], scratch[0]
        m *= self.beta1
        m += g
        np.abs(g, out=step)
        v *= self.beta2
        np.maximum(v, step, out=v)
        np.add(v, self.epsilon, out=step)
        np.divide(m, step, out=step)
        step *= lr / self.correction1 * (1 - self.beta1)
        p -= step
