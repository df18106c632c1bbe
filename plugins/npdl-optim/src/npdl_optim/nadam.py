"""NAdam."""

from __future__ import annotations

from typing import Any

from npdl_core.checks import check_float
from npdl_optim.adam import Adam

__all__ = ["NAdam"]


class NAdam(Adam):
    r"""Adam with Nesterov's momentum.

    With m, v and :math:`\hat v` as in :class:`AdamW`, :math:`\mu_t = \beta_1 (1 - \tfrac12 0.96^{t \psi})`
    and :math:`\pi_t = \prod_{i \le t} \mu_i`: :math:`p \leftarrow p - \eta \left( \frac{\mu_{t+1} m}{1 -
    \pi_{t+1}} + \frac{(1 - \mu_t) g}{1 - \pi_t} \right) / (\sqrt{\hat v} + \epsilon)`.

    Parameters
    ----------
    beta1, beta2, epsilon
        See :class:`Adam`; :math:`\epsilon` is added after the bias correction.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.
    momentum_decay : float
        :math:`\psi`, at least 0.

    Notes
    -----
    Source: Dozat, Incorporating Nesterov momentum into Adam, 2016. As in PyTorch. State as in
    :class:`Adam`, and the product of the momenta.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(2)
    >>> NAdam(lr=0.1).update([p], [np.array([4.0, -0.5])])
    >>> p.round(4)
    array([-0.1056,  0.1056])
    """

    scalars = {"mu_product": 1.0}  # noqa: RUF012 - read only, as in the base
    mu_product: float

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        *,
        momentum_decay: float = 0.004,
        **shared: Any,
    ) -> None:
        super().__init__(beta1, beta2, epsilon, lr, clip, decay, lr_min, lr_max, **shared)
        self.momentum_decay = check_float("momentum_decay", momentum_decay, 0)

    def _mu(self, step: int) -> float:
        power: float = 0.96 ** (step * self.momentum_decay)
        return self.beta1 * (1 - 0.5 * power)

    def prepare_step(self) -> None:
        """Compute bias corrections and the momentum of this step and the next."""
        super().prepare_step()
        self.mu, self.mu_next = self._mu(self.iterations), self._mu(self.iterations + 1)
        self.mu_product *= self.mu

    def coefficients(self, lr: float) -> tuple[float, float, dict[str, float]]:
        """Return the kernel's rate, epsilon and options for this step."""
        scale = lr * self.correction2 / self.root_scale
        rate = scale * self.mu_next / (1 - self.mu_product * self.mu_next) * (1 - self.beta1)
        gradient_rate = scale * (1 - self.mu) / (1 - self.mu_product)
        epsilon = self.epsilon * self.correction2 / self.root_scale
        return rate, epsilon, {"gradient_rate": gradient_rate}
