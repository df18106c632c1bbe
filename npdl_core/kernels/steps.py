"""Steps of gradient descent, in blocks that stay in cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.optimizers.blocks import blocks

__all__ = ["momentum_step", "sgd_step"]


def momentum_step(
    p: NDArray[Any],
    g: NDArray[Any],
    velocity: NDArray[Any],
    rate: float,
    momentum: float,
    *,
    nesterov: bool = False,
    keep: float = 1.0,
) -> None:
    r"""Update velocity and parameters in place.

    :math:`v \leftarrow m v - \eta g`, then :math:`p \leftarrow k p + v`, or in Nesterov's form
    :math:`p \leftarrow k p - \eta g + m v`.

    Parameters
    ----------
    p, g, velocity : ndarray
        Parameter, gradient and v, of one shape and dtype; g is read only.
    rate, momentum : float
        :math:`\eta` and m.
    nesterov : bool
        Look ahead.
    keep : float
        k, from decoupled weight decay.
    """
    step = None
    for p_block, g_block, v_block in blocks([p, g, velocity]):
        if step is None or step.shape != p_block.shape:
            step = np.empty_like(p_block)
        np.multiply(g_block, rate, out=step)
        v_block *= momentum
        v_block -= step
        if keep != 1:
            p_block *= keep
        if nesterov:
            p_block -= step
            np.multiply(v_block, momentum, out=step)
            p_block += step
        else:
            p_block += v_block


def sgd_step(p: NDArray[Any], g: NDArray[Any], rate: float, *, keep: float = 1.0) -> None:
    r"""Take a step of gradient descent: :math:`p \leftarrow k p - \eta g`.

    Parameters
    ----------
    p, g : ndarray
        A parameter, changed in place, and its gradient, of any shape.
    rate : float
        :math:`\eta`.
    keep : float
        k; less than 1 with decoupled weight decay.
    """
    step = None
    for p_block, g_block in blocks([p, g]):
        if keep != 1:
            p_block *= keep
        if step is None or step.shape != p_block.shape:
            step = np.empty_like(p_block)
        p_block -= np.multiply(g_block, rate, out=step)
