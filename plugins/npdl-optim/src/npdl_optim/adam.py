"""Adam, AdamW and AMSGrad."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.optimizers.base import Arrays, Optimizer, Treatment
from npdl_optim.kernels import adam_step

__all__ = ["AMSGrad", "Adam", "AdamFamily", "AdamW"]


class AdamFamily(Optimizer):
    r"""What the rules with two moments share: their arguments, state and bias corrections.

    Parameters
    ----------
    beta1, beta2 : float
        How much of the old moments stays, in [0, 1).
    epsilon : float
        Added to the root of the second moment; above 0.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.

    Notes
    -----
    The state arrays hold :math:`m / (1 - \beta_1)` and :math:`v / (1 - \beta_2)`: two passes less.
    """

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
        **shared: Any,
    ) -> None:
        super().__init__(lr, clip, decay, lr_min, lr_max, **shared)
        self.beta1 = check_float("beta1", beta1, 0, 1, below=True)
        self.beta2 = check_float("beta2", beta2, 0, 1, below=True)
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)

    def slot_names(self) -> tuple[str, ...]:
        """Return the names of the moments."""
        return ("m", "v")

    def prepare_step(self) -> None:
        r"""Compute :math:`1 - \beta_1^t` and :math:`\sqrt{1 - \beta_2^t}`."""
        self.correction1 = 1 - self.beta1**self.iterations
        self.correction2 = math.sqrt(1 - self.beta2**self.iterations)

    @property
    def root_scale(self) -> float:
        r"""What the root of the stored second moment is to be multiplied by: :math:`\sqrt{1 - \beta_2}`."""
        return math.sqrt(1 - self.beta2)


class Adam(AdamFamily):
    r"""Steps by the mean of recent gradients, divided by their size.

    :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`, :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`, and
    :math:`p \leftarrow p - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m}{\sqrt v + \epsilon}`.

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
    Source: Kingma & Ba, Adam: a method for stochastic optimization, 2015, in the efficient form of its
    section 2, as NumpyDL and ONNX have it. PyTorch adds :math:`\epsilon` after the bias correction, as
    :class:`AdamW` does here: its :math:`\epsilon` is ours divided by :math:`\sqrt{1 - \beta_2^t}`. The state
    arrays hold :math:`m / (1 - \beta_1)` and :math:`v / (1 - \beta_2)`, which saves two passes over them.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(2)
    >>> Adam(lr=0.1).update([p], [np.array([4.0, -0.5])])
    >>> p.round(4)
    array([-0.1,  0.1])
    """

    def update_array(
        self, p: NDArray[Any], g: NDArray[Any], treatment: Treatment, slots: dict[str, NDArray[Any]]
    ) -> None:
        """Hand the whole array to the kernel if the gradient is taken as it is."""
        if treatment.plain:
            self._step(p, g, treatment.lr, treatment.keep, slots)
        else:
            super().update_array(p, g, treatment, slots)

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        self._step(p, g, lr, 1.0, slots)

    def _step(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, keep: float, slots: dict[str, NDArray[Any]]
    ) -> None:
        rate, epsilon, options = self.coefficients(lr)
        if keep != 1:
            options["keep"] = keep
        adam_step(p, g, slots["m"], slots["v"], rate, self.beta1, self.beta2, epsilon, **options)

    def added_to_root(self) -> float:
        r"""Return what is added to :math:`\sqrt v`."""
        return self.epsilon

    def coefficients(self, lr: float) -> tuple[float, float, dict[str, float]]:
        """Return the kernel's rate, epsilon and options for this step."""
        rate = lr * self.correction2 / self.correction1 * (1 - self.beta1) / self.root_scale
        return rate, self.added_to_root() / self.root_scale, {}


class AdamW(Adam):
    r"""Adam with decoupled weight decay.

    :math:`p \leftarrow (1 - \eta \lambda) p`, then :math:`p \leftarrow p - \eta \hat m / (\sqrt{\hat v} +
    \epsilon)` with :math:`\hat m = m / (1 - \beta_1^t)`, :math:`\hat v = v / (1 - \beta_2^t)`.

    Parameters
    ----------
    beta1, beta2, epsilon
        See :class:`Adam`; :math:`\epsilon` is added after the bias correction.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.
    weight_decay : float
        :math:`\lambda`.
    decoupled : bool
        False makes it PyTorch's ``Adam``: L2 decay that goes through the moments.

    Notes
    -----
    Source: Loshchilov & Hutter, Decoupled weight decay regularization, 2019. As in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.ones(2)
    >>> AdamW(lr=0.1, weight_decay=0.5).update([p], [np.array([4.0, -0.5])])
    >>> p.round(4)
    array([0.85, 1.05])
    """

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
        weight_decay: float = 0.01,
        decoupled: bool = True,
        **shared: Any,
    ) -> None:
        settings = {"weight_decay": weight_decay, "decoupled": decoupled, **shared}
        super().__init__(beta1, beta2, epsilon, lr, clip, decay, lr_min, lr_max, **settings)

    def added_to_root(self) -> float:
        r"""Return what is added to :math:`\sqrt v`."""
        return self.epsilon * self.correction2


class AMSGrad(AdamFamily):
    r"""Adam whose steps are divided by the largest second moment so far.

    :math:`w \leftarrow \max(w, v)`, then :math:`p \leftarrow p - \eta \hat m / (\sqrt{\hat w} + \epsilon)`
    with m and v as in :class:`Adam`, :math:`\hat m = m / (1 - \beta_1^t)`, :math:`\hat w = w / (1 -
    \beta_2^t)`.

    Parameters
    ----------
    beta1, beta2, epsilon
        See :class:`Adam`; :math:`\epsilon` is added after the bias correction.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.

    Notes
    -----
    Source: Reddi et al., On the convergence of Adam and beyond, 2018, which has no bias corrections; with
    them, as here, it is PyTorch's ``Adam(amsgrad=True)``. State as in :class:`Adam`.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.zeros(2)
    >>> AMSGrad(lr=0.1).update([p], [np.array([4.0, -0.5])])
    >>> p.round(4)
    array([-0.1,  0.1])
    """

    n_scratch = 2

    def slot_names(self) -> tuple[str, ...]:
        """Return the names of the moments and of the largest second one."""
        return ("m", "v", "v_max")

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        m, v, v_max = slots["m"], slots["v"], slots["v_max"]
        step, size = scratch
        m *= self.beta1
        m += g
        np.multiply(g, g, out=step)
        v *= self.beta2
        v += step
        np.maximum(v_max, v, out=v_max)
        np.sqrt(v_max, out=size)
        size += self.epsilon * self.correction2 / self.root_scale
        np.multiply(
            m, lr * self.correction2 / self.correction1 * (1 - self.beta1) / self.root_scale, out=step
        )
        step /= size
        p -= step
