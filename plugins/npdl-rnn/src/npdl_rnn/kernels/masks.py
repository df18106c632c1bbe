"""What a masked step does to a state, and to its gradient."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

__all__ = ["blend", "blend_backward"]

Array = NDArray[Any]


def blend(states: Array, t: int, real: Array, reset: bool) -> None:
    """Keep ``states[t]`` in ``states[t + 1]`` where a step is masked, or zero it.

    Parameters
    ----------
    states : ndarray (T + 1, N, H)
        ``states[t + 1]`` holds the new state of step t.
    t : int
        The step.
    real : ndarray (N, 1)
        1 where the step is real, else 0.
    reset : bool
        Zero instead of keep.
    """
    new = states[t + 1]
    new *= real
    if not reset:
        new += (1 - real) * states[t]


def blend_backward(grad: Array, real: Array, reset: bool) -> Array:
    """Take the part of a new state's gradient that passes by the step out of it, and return that part.

    Parameters
    ----------
    grad : ndarray (N, H)
        Gradient of the blended state; on return that of the step's own result.
    real : ndarray (N, 1)
        1 where the step is real, else 0.
    reset : bool
        The step zeroed the state, so nothing passes by.
    """
    passed = grad * (0 if reset else 1 - real)
    grad *= real
    return passed
