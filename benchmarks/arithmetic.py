"""What a table of measurements is computed with: spreads, ratios round by round, slopes, parts of a peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from statistics import fmean, median

Times = Mapping[str, Sequence[float]]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the smallest, median and largest value."""
    return {"min": min(values), "median": median(values), "max": max(values)}


def fastest(times: Times, names: Sequence[str]) -> str:
    """Return the name whose median time is the smallest."""
    return min(names, key=lambda name: median(times[name]))


def ratios(times: Times, reference: str) -> dict[str, dict[str, float]]:
    """Return each contender's time over the reference's, round by round, as spreads."""
    return {
        name: spread([a / b for a, b in zip(values, times[reference], strict=True)])
        for name, values in times.items()
        if name != reference
    }


def fractions(times: Times, flops: float, peak: Sequence[float]) -> dict[str, dict[str, float]]:
    """Return which part of the peak (operations a second, measured in the same round) each step reaches."""
    return {
        name: spread([flops / seconds / most for seconds, most in zip(values, peak, strict=True)])
        for name, values in times.items()
    }


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the exponent p of the least-squares fit time = a · sizeᵖ.

    Raises
    ------
    ValueError
        If there are fewer than two different sizes.

    Examples
    --------
    >>> round(slope([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    x, y = [log(size) for size in sizes], [log(time) for time in times]
    mean_x, mean_y = fmean(x), fmean(y)
    variance = sum((a - mean_x) ** 2 for a in x)
    if variance == 0:
        raise ValueError(f"a slope needs two different sizes, not {list(sizes)}")
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / variance


def verdict(ratio: float, target: float) -> str:
    """Return whether a ratio meets its target, or by how much of the target it misses it.

    Examples
    --------
    >>> verdict(0.8, 0.9), verdict(1.26, 0.9)
    ('met', 'missed by 40 %')
    """
    return "met" if ratio <= target else f"missed by {max(1, round(100 * (ratio / target - 1)))} %"
