"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from npdl_core import kernels
from npdl_core.checks import check_bool, check_float
from npdl_core.errors import ConfigError
from npdl_core.optimizers.base import Optimizer
from npdl_core.optimizers.slots import Arrays
from npdl_core.optimizers.treatment import Treatment

__all__ = ["SGD"]


class SGD(Optimizer):
    r"""Gradient descent, with momentum if asked for.

    :math:`p \leftarrow p - \eta g`; with momentum m: :math:`v \leftarrow m v - \eta g`, then :math:`p
    \leftarrow p + v`, or :math:`p \leftarrow p + m v - \eta g` for Nesterov's.

    Parameters
    ----------
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`Optimizer`.
    momentum : float
        m in [0, 1).
    nesterov : bool
        Look ahead; needs momentum. Source: Sutskever et al., On the importance of initialization and
        momentum, 2013.

    Notes
    -----
    The velocity v holds the learning rate, so a schedule changes the steps to come and not those already in
    it. PyTorch's holds gradients; at a constant rate the two are the same.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([1.0])
    >>> SGD(lr=0.1).update([p], [np.array([2.0])])
    >>> p
    array([0.8])
    """

    def __init__(
        self,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        **shared: Any,
    ) -> None:
        self.momentum = check_float("momentum", momentum, 0, 1, below=True)
        self.nesterov = check_bool("nesterov", nesterov)
        if self.nesterov and not self.momentum:
            raise ConfigError("sgd: nesterov=True needs momentum above 0")
        super().__init__(lr, clip, decay, lr_min, lr_max, **shared)

    def slot_names(self) -> tuple[str, ...]:
        """Return the velocity's name, if there is momentum."""
        return ("velocity",) if self.momentum else ()

    def update_array(
        self, p: NDArray[Any], g: NDArray[Any], treatment: Treatment, slots: dict[str, NDArray[Any]]
    ) -> None:
        """Hand the whole array to the kernel if the gradient is taken as it is."""
        if treatment.plain and type(self).apply is SGD.apply:
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
        options: dict[str, Any] = {} if keep == 1 else {"keep": keep}
        if not self.momentum:
            kernels.sgd_step(p, g, lr, **options)
            return
        if self.nesterov:
            options["nesterov"] = True
        kernels.momentum_step(p, g, slots["velocity"], lr, self.momentum, **options)
