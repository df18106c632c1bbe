"""Noise on gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float, check_int
from npdl_core.errors import FileFormatError
from npdl_core.optimizers.arguments import check_update
from npdl_core.optimizers.base import Arrays
from npdl_core.rng import generator_state, restore_generator, streams
from npdl_optim.wrappers.base import Wrapper

__all__ = ["GradientNoise"]


class GradientNoise(Wrapper):
    r"""Add Gaussian noise that fades: :math:`g + n` with :math:`n \sim N(0, \sigma_t^2)`.

    :math:`\sigma_t^2 = \eta / (1 + t)^\gamma`, where t counts the updates before this one.

    Parameters
    ----------
    optimizer : str, envelope or instance
        The optimizer that gets the noisy gradients; it clips them, if it does.
    eta : float
        :math:`\eta`, the variance at the start; the paper has 0.01, 0.3 and 1.
    gamma : float
        :math:`\gamma`, at least 0.
    seed : int, optional
        Makes the noise reproducible. It comes from a stream of its own, which is part of the state.

    Notes
    -----
    Source: Neelakantan et al., Adding gradient noise improves learning for very deep networks, 2015. One
    array of each parameter's shape holds the noisy gradient; the caller's stay as they are.

    Examples
    --------
    >>> import numpy as np
    >>> p, optimizer = np.zeros(3), GradientNoise("sgd", seed=0)
    >>> optimizer.update([p], [np.zeros(3)])
    >>> bool(np.all(p != 0))
    True
    """

    counters = ("updates",)
    updates: int

    def __init__(
        self, optimizer: Any = "sgd", eta: float = 0.01, gamma: float = 0.55, seed: int | None = None
    ) -> None:
        self.eta = check_float("eta", eta, 0)
        self.gamma = check_float("gamma", gamma, 0)
        self.seed = None if seed is None else check_int("seed", seed, 0)
        super().__init__(optimizer)

    def _restart(self) -> None:
        super()._restart()
        (self.rng,) = streams(self.seed, 1)
        self._noisy: list[NDArray[Any]] = []

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Let the optimizer update with noisy gradients."""
        check_update(self, params, grads, decay)
        before = self.rng.bit_generator.state
        deviation = math.sqrt(self.eta / (1 + self.updates) ** self.gamma)
        if [(n.shape, n.dtype) for n in self._noisy] != [(p.shape, p.dtype) for p in params]:
            self._noisy = [np.empty(p.shape, p.dtype) for p in params]
        for noisy, g in zip(self._noisy, grads, strict=True):
            self.rng.standard_normal(out=noisy, dtype=noisy.dtype)
            noisy *= deviation
            noisy += g
        try:
            self.step(params, self._noisy, decay)
        except BaseException:
            self.rng.bit_generator.state = before
            raise
        self.updates += 1

    def state(self) -> dict[str, Any]:
        """Return the counter, the state of the random numbers, and that of the optimizer inside."""
        return {"rng": generator_state(self.rng), **super().state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state` returned; everything is checked before anything is changed."""
        if not isinstance(state, Mapping) or "rng" not in state:
            raise FileFormatError(f"{self}: this is the state of another optimizer; it has no 'rng'")
        (rng,) = streams(0, 1)
        restore_generator(rng, state["rng"])
        super().load_state({key: value for key, value in state.items() if key != "rng"})
        self.rng = rng
