"""The kernels that this package owns: a NumPy reference each, which installed overrides may answer for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.kernels import declare
from npdl_core.optimizers.blocks import BLOCK, blocks

__all__ = ["adam_step"]


def _adam_step(
    p: NDArray[Any],
    g: NDArray[Any],
    m: NDArray[Any],
    v: NDArray[Any],
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    *,
    keep: float = 1.0,
    gradient_rate: float = 0.0,
) -> None:
    r"""Update moments and parameters in place, in the one form that all of Adam's family shares.

    :math:`m \leftarrow \beta_1 m + g`, :math:`v \leftarrow \beta_2 v + g^2`, :math:`p \leftarrow k p -
    (r m + s g) / (\sqrt v + \epsilon)`. The moments lack the factors :math:`1 - \beta`, which the caller puts
    into r and :math:`\epsilon` together with the bias corrections.

    Parameters
    ----------
    p, g, m, v : ndarray
        Parameter, gradient and moments, of one shape and dtype; g is read only.
    rate, beta1, beta2, epsilon : float
        r, the decay of the moments, and what is added to the root.
    keep : float
        k, from decoupled weight decay.
    gradient_rate : float
        s, for Nesterov's form.
    """
    work = [np.empty(min(p.size, BLOCK), p.dtype) for _ in range(2)]
    for p_block, g_block, m_block, v_block in blocks([p, g, m, v]):
        step, size = (row[: p_block.size].reshape(p_block.shape) for row in work)
        m_block *= beta1
        m_block += g_block
        np.multiply(g_block, g_block, out=step)
        v_block *= beta2
        v_block += step
        np.sqrt(v_block, out=size)
        size += epsilon
        np.multiply(m_block, rate, out=step)
        if gradient_rate:
            step += gradient_rate * g_block
        step /= size
        if keep != 1:
            p_block *= keep
        p_block -= step


adam_step = declare("adam_step", _adam_step)
