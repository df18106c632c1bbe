"""Euclidean norms of gradients, and clipping by them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import NonFiniteError
from npdl_core.optimizers.blocks import blocks

__all__ = ["array_norm", "clip_global_norm", "global_norm", "norm_scales"]


def array_norm(array: NDArray[Any], clip: float = 0.0) -> float:
    """Return the Euclidean norm of all entries, each cut to [-clip, clip] before if ``clip`` is above 0.

    Computed in float64, piece by piece; neither squares of large entries nor of small ones are lost.
    """
    total = _sum_of_squares(array, clip, 1.0)
    if 1e-290 < total < math.inf:
        return math.sqrt(total)
    peaks = [np.max(np.abs(block)) for (block,) in blocks([array]) if block.size]
    peak = float(np.max(peaks)) if peaks else 0.0
    if peak == 0 or not math.isfinite(peak):
        return peak
    return peak * math.sqrt(_sum_of_squares(array, clip, peak))


def _sum_of_squares(array: NDArray[Any], clip: float, unit: float) -> float:
    total = 0.0
    for (block,) in blocks([array]):
        wide = block.astype(np.float64, order="C").reshape(-1)
        if clip > 0:
            np.clip(wide, -clip, clip, out=wide)
        if unit != 1.0:
            wide /= unit
        total += float(np.vdot(wide, wide))
    return total


def global_norm(arrays: Sequence[NDArray[Any]]) -> float:
    """Return the Euclidean norm of all entries of all arrays.

    Examples
    --------
    >>> import numpy as np
    >>> global_norm([np.array([3.0]), np.array([4.0])])
    5.0
    """
    return math.hypot(*map(array_norm, arrays))


def clip_global_norm(grads: Sequence[NDArray[Any]], max_norm: float) -> float:
    r"""Scale gradients in place so that their common norm is at most ``max_norm``, and return what it was.

    :math:`g \leftarrow g \cdot \min(1, c / \lVert g \rVert)`. For hand-written loops and hooks; optimizers
    have ``clip_norm`` and leave gradients alone. Source: Pascanu et al., On the difficulty of training
    recurrent neural networks, 2013.

    Parameters
    ----------
    grads : sequence of ndarray
        All gradients.
    max_norm : float
        c; 0 or less is off.

    Raises
    ------
    NonFiniteError
        If a gradient is NaN or infinite; nothing is changed.

    Examples
    --------
    >>> import numpy as np
    >>> grads = [np.array([3.0]), np.array([4.0])]
    >>> clip_global_norm(grads, 1.0), grads
    (5.0, [array([0.6]), array([0.8])])
    """
    max_norm = check_float("max_norm", max_norm)
    norm = finite_norm(global_norm(grads))
    if 0 < max_norm < norm:
        for grad in grads:
            grad *= max_norm / norm
    return norm


def finite_norm(norm: float) -> float:
    """Return a norm that is a number.

    Raises
    ------
    NonFiniteError
        If it is NaN or infinite.
    """
    if not math.isfinite(norm):
        raise NonFiniteError(
            f"the norm of the gradients is {norm}, so there is nothing to scale; look for NaN and infinity "
            "in the data, or lower the learning rate"
        )
    return norm


def norm_scales(
    grads: Sequence[NDArray[Any]], clip: float, each: float | None, common: float | None
) -> tuple[list[float], float | None]:
    """Return what each gradient is to be multiplied by, and the norm of all of them if that is clipped.

    Parameters
    ----------
    grads : sequence of ndarray
        Gradients; their entries count as cut to [-clip, clip] if ``clip`` is above 0.
    each, common : float or None
        What the norm of each, and after that of all together, may be at most.

    Raises
    ------
    NonFiniteError
        If a norm is needed and is no number.
    """
    scales = [1.0] * len(grads)
    if each is None and common is None:
        return scales, None
    norms = [finite_norm(array_norm(grad, clip)) for grad in grads]
    if each is not None:
        scales = [min(1.0, each / norm) if norm else 1.0 for norm in norms]
    if common is None:
        return scales, None
    total = finite_norm(math.hypot(*(scale * norm for scale, norm in zip(scales, norms, strict=True))))
    factor = min(1.0, common / total) if total else 1.0
    return [scale * factor for scale in scales], total
