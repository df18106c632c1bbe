"""Lion."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.optimizers.base import Arrays, Optimizer

__all__ = ["Lion"]


class Lion(Optimizer):
    r"""Steps of one size, by the sign of the momentum.

    :math:`p \leftarrow (1 - \eta \lambda) p - \eta \operatorname{sign}(\beta_1 m + (1 - \beta_1) g)`, then
    :math:`m \leftarrow \beta_2 m + (1 - \beta_2) g`.

    Parameters
    ----------
    beta1, beta2 : float
        :math:`\beta_1, \beta_2` in [0, 1).
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`. A good rate is 3 to 10 times smaller than Adam's, a good
        :math:`\lambda` as much larger.
    decoupled : bool
        False makes weight decay L2.

    Notes
    -----
    Source: Chen et al., Symbolic discovery of optimization algorithms, 2023. The state array holds
    :math:`m / (1 - \beta_2)`.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(3)
    >>> Lion(lr=0.1).update([p], [np.array([4.0, 0.0, -0.5])])
    >>> p
    array([-0.1,  0. ,  0.1])
    """

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.99,
        lr: Any = 0.0001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        *,
        decoupled: bool = True,
        **shared: Any,
    ) -> None:
        super().__init__(lr, clip, decay, lr_min, lr_max, decoupled=decoupled, **shared)
        self.beta1 = check_float("beta1", beta1, 0, 1, below=True)
        self.beta2 = check_float("beta2", beta2, 0, 1, below=True)

    def slot_names(self) -> tuple[str, ...]:
        """Return the momentum's name."""
        return ("m",)

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        m, step = slots["m"], scratch[0]
        np.multiply(m, self.beta1 * (1 - self.beta2) / (1 - self.beta1), out=step)
        step += g
        np.sign(step, out=step)
        step *= lr
        p -= step
        m *= self.beta2
        m += g
