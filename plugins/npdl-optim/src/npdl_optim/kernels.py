"""The kernels that this package owns: a NumPy reference each, which installed overrides may answer for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.kernels import declare
from npdl_core.optimizers.blocks import BLOCK, blocks

__all__ = ["adagrad_step", "adam_step", "rmsprop_step"]


def _with_scratch(count: int, *arrays: NDArray[Any]) -> Iterator[list[NDArray[Any]]]:
    """Yield matching blocks and behind them arrays to compute in, which blocks of one shape share."""
    scratch: list[NDArray[Any]] = []
    for piece in blocks(arrays):
        if not scratch or scratch[0].shape != piece[0].shape:
            scratch = [np.empty_like(piece[0]) for _ in range(count)]
        yield [*piece, *scratch]


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
    # An operation takes an array of no dimensions in half the time of a Python number.
    r, b1, b2, eps, k, s = (np.array(c, p.dtype) for c in (rate, beta1, beta2, epsilon, keep, gradient_rate))
    rows = [np.empty(min(p.size, BLOCK), p.dtype) for _ in range(2 if gradient_rate else 1)]
    for p_block, g_block, m_block, v_block in blocks([p, g, m, v]):
        size, *ahead = (row[: p_block.size].reshape(p_block.shape) for row in rows)
        np.multiply(g_block, g_block, out=size)
        v_block *= b2
        v_block += size
        m_block *= b1
        m_block += g_block
        np.sqrt(v_block, out=size)
        size += eps
        if keep != 1:
            p_block *= k
        for step in ahead:
            np.divide(g_block, size, out=step)
            step *= s
            p_block -= step
        np.divide(m_block, size, out=size)
        size *= r
        p_block -= size


def _adagrad_step(
    p: NDArray[Any],
    g: NDArray[Any],
    squares: NDArray[Any],
    rate: float,
    epsilon: float,
    *,
    keep: float = 1.0,
) -> None:
    r"""Update squares and parameters in place.

    :math:`c \leftarrow c + g^2`, then :math:`p \leftarrow k p - \eta g / (\sqrt c + \epsilon)`.

    Parameters
    ----------
    p, g, squares : ndarray
        Parameter, gradient and c, of one shape and dtype; g is read only.
    rate, epsilon : float
        :math:`\eta` and :math:`\epsilon`.
    keep : float
        k, from decoupled weight decay.
    """
    for p_block, g_block, c_block, step, size in _with_scratch(2, p, g, squares):
        np.multiply(g_block, g_block, out=step)
        c_block += step
        np.sqrt(c_block, out=size)
        size += epsilon
        np.multiply(g_block, rate, out=step)
        step /= size
        if keep != 1:
            p_block *= keep
        p_block -= step


def _rmsprop_step(
    p: NDArray[Any],
    g: NDArray[Any],
    squares: NDArray[Any],
    rate: float,
    rho: float,
    epsilon: float,
    *,
    keep: float = 1.0,
) -> None:
    r"""Update squares and parameters in place, without centering and momentum.

    :math:`c \leftarrow \rho c + g^2`, then :math:`p \leftarrow k p - r g / \sqrt{c + \epsilon}`. The squares
    lack the factor :math:`1 - \rho`, which the caller puts into r and :math:`\epsilon`.

    Parameters
    ----------
    p, g, squares : ndarray
        Parameter, gradient and c, of one shape and dtype; g is read only.
    rate, rho, epsilon : float
        r, the decay of the squares, and what is added under the root.
    keep : float
        k, from decoupled weight decay.
    """
    for p_block, g_block, c_block, step, size in _with_scratch(2, p, g, squares):
        np.multiply(g_block, g_block, out=step)
        c_block *= rho
        c_block += step
        np.add(c_block, epsilon, out=size)
        np.sqrt(size, out=size)
        np.multiply(g_block, rate, out=step)
        step /= size
        if keep != 1:
            p_block *= keep
        p_block -= step


adagrad_step = declare("adagrad_step", _adagrad_step)
adam_step = declare("adam_step", _adam_step)
rmsprop_step = declare("rmsprop_step", _rmsprop_step)
