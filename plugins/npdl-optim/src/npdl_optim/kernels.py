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
    # Per block, a call costs about as much as its work: numbers as arrays and outputs by position halve that.
    b1, b2, eps, r, s, k = (np.array(c, p.dtype) for c in (beta1, beta2, epsilon, rate, gradient_rate, keep))
    work = [np.empty(min(p.size, BLOCK), p.dtype) for _ in range(2)]
    for p_block, g_block, m_block, v_block in blocks([p, g, m, v]):
        step, size = (row[: p_block.size].reshape(p_block.shape) for row in work)
        np.multiply(m_block, b1, m_block)
        np.add(m_block, g_block, m_block)
        np.multiply(g_block, g_block, step)
        np.multiply(v_block, b2, v_block)
        np.add(v_block, step, v_block)
        np.multiply(m_block, r, step)
        if gradient_rate:
            np.multiply(g_block, s, size)
            np.add(step, size, step)
        np.sqrt(v_block, size)
        np.add(size, eps, size)
        np.divide(step, size, step)
        if keep != 1:
            np.multiply(p_block, k, p_block)
        np.subtract(p_block, step, p_block)


adam_step = declare("adam_step", _adam_step)
