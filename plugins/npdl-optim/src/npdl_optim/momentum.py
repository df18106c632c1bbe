"""Gradient descent with momentum, in three forms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float
from npdl_core.optimizers.base import Arrays, Optimizer
from npdl_core.optimizers.sgd import SGD

__all__ = ["EmaMomentum", "Momentum", "NesterovMomentum"]


class Momentum(SGD):
    r"""Gradient descent with momentum m: :math:`v \leftarrow m v - \eta g`, then :math:`p \leftarrow p + v`.

    Parameters
    ----------
    momentum : float
        m in [0, 1).
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.
    nesterov : bool
        Nesterov's form; :class:`NesterovMomentum` is this one by name.

    Notes
    -----
    Source: Polyak, Some methods of speeding up the convergence of iteration methods, 1964. At a constant rate
    this is PyTorch's ``SGD(momentum=m)``; its velocity is :math:`-v / \eta`, so the two differ while a
    schedule changes the rate.

    Examples
    --------
    >>> import numpy as np
    >>> p, optimizer = np.array([1.0]), Momentum(0.5, 0.1)
    >>> for _ in range(2):
    ...     optimizer.update([p], [np.array([1.0])])
    >>> p
    array([0.75])
    """

    def __init__(
        self,
        momentum: float = 0.9,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        *,
        nesterov: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(lr, clip, decay, lr_min, lr_max, momentum=momentum, nesterov=nesterov, **shared)


class NesterovMomentum(SGD):
    r"""Momentum that looks ahead.

    :math:`v \leftarrow m v - \eta g`, then :math:`p \leftarrow p + m v - \eta g`.

    Parameters
    ----------
    momentum : float
        m in (0, 1).
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.

    Notes
    -----
    Source: Sutskever et al., On the importance of initialization and momentum in deep learning, 2013, in the
    form where the gradient is taken at the parameters themselves. PyTorch's
    ``SGD(momentum=m, nesterov=True)`` at a constant rate.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([1.0])
    >>> NesterovMomentum(0.5, 0.1).update([p], [np.array([1.0])])
    >>> p
    array([0.85])
    """

    def __init__(
        self,
        momentum: float = 0.9,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(lr, clip, decay, lr_min, lr_max, momentum=momentum, nesterov=True, **shared)


class EmaMomentum(Optimizer):
    r"""Momentum that averages: the step does not grow with the momentum.

    :math:`b \leftarrow m b + (1 - d) g` and :math:`p \leftarrow p - \eta b`, where b starts as the first
    gradient; Nesterov's form steps by :math:`g + m b` instead of b.

    Parameters
    ----------
    momentum : float
        m in [0, 1).
    damping : float, optional
        d in [0, 1]; m by default, which makes b an exponential moving average. 0 is plain momentum.
    lr, clip, decay, lr_min, lr_max, **shared
        See :class:`npdl_core.optimizers.Optimizer`.
    nesterov : bool
        Look ahead.

    Notes
    -----
    The momentum of Element-Research's dpnn, and PyTorch's ``SGD(momentum=m, dampening=d)``.

    Examples
    --------
    >>> import numpy as np
    >>> p, optimizer = np.array([1.0]), EmaMomentum(0.9, lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.update([p], [np.array([1.0])])
    >>> p
    array([0.8])
    """

    def __init__(
        self,
        momentum: float = 0.9,
        damping: float | None = None,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        *,
        nesterov: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(lr, clip, decay, lr_min, lr_max, **shared)
        self.momentum = check_float("momentum", momentum, 0, 1, below=True)
        self.damping = self.momentum if damping is None else check_float("damping", damping, 0, 1)
        self.nesterov = check_bool("nesterov", nesterov)

    def slot_names(self) -> tuple[str, ...]:
        """Return the name of the averaged gradient."""
        return ("average",)

    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Take one step."""
        average, step = slots["average"], scratch[0]
        if self.iterations == 1:
            np.copyto(average, g)
        else:
            average *= self.momentum
            np.multiply(g, 1 - self.damping, out=step)
            average += step
        if self.nesterov:
            np.multiply(average, self.momentum, out=step)
            step += g
            step *= lr
        else:
            np.multiply(average, lr, out=step)
        p -= step
