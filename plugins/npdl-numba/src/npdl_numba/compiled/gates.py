"""What recurrent cells have in common: tanh and the logistic function, masks, copies into padded scratch."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.jit import jit

__all__ = ["PAD", "blend", "load_rows", "logistic", "take_passed", "tanh"]

PAD = 16
"""Numbers between the rows of scratch: rows a power of two apart would share few lines of the first cache."""

_f = np.float32


@jit(inline="always")
def tanh(x: Any) -> Any:
    r"""Return the hyperbolic tangent of a float32, off by less than 4e-7 of its value.

    :math:`\tanh x \approx x\,P(x^2) / Q(x^2)` on \|x\| <= 7.9, with polynomials of degree 4 fitted for the
    smallest relative error (6e-9; the rest is rounding), and constant beyond. NaN stays NaN.
    """
    x = _f(7.9) if x > _f(7.9) else x
    x = _f(-7.9) if x < _f(-7.9) else x
    s = x * x
    p = _f(2.202312862e-05) + s * _f(1.542778882e-08)
    p = _f(3.578985576e-03) + s * p
    p = _f(1.345061511e-01) + s * p
    p = _f(1.0) + s * p
    q = _f(3.423639573e-04) + s * _f(8.598710224e-07)
    q = _f(2.619221434e-02) + s * q
    q = _f(4.678394198e-01) + s * q
    q = _f(1.0) + s * q
    return x * p / q


@jit(inline="always")
def logistic(x: Any) -> Any:
    r"""Return :math:`\sigma(x) = \tfrac12 \tanh(x / 2) + \tfrac12` of a float32, off by less than 2e-7."""
    return _f(0.5) * tanh(_f(0.5) * x) + _f(0.5)


@jit
def load_rows(source: Any, first: int, target: Any) -> None:
    """Copy rows of ``source`` from ``first`` on into the left part of the scratch rows of ``target``."""
    for n in range(target.shape[0]):
        row, out = source[first + n], target[n]
        for j in range(len(row)):
            out[j] = row[j]


@jit(distinct=True)
def blend(new: Any, old: Any, real: Any, reset: bool) -> None:
    """Keep the old state (H,) in the new one where the step is masked (``real`` 0), or zero it."""
    if reset:
        for j in range(len(new)):
            new[j] *= real
    else:
        for j in range(len(new)):
            new[j] = new[j] * real + (_f(1.0) - real) * old[j]


@jit(distinct=True)
def take_passed(grad: Any, passed: Any, real: Any, reset: bool) -> None:
    """Move the part of a state's gradient (H,) that passes by a masked step into ``passed``."""
    kept = _f(0.0) if reset else _f(1.0) - real
    for j in range(len(grad)):
        passed[j] = grad[j] * kept
        grad[j] = grad[j] * real
