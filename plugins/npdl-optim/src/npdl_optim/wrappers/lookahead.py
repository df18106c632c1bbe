"""Lookahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npdl_core.checks import check_float, check_int
from npdl_core.optimizers.arguments import check_update
from npdl_core.optimizers.base import Arrays
from npdl_core.optimizers.blocks import Scratch, blocks
from npdl_optim.wrappers.base import Wrapper

__all__ = ["Lookahead"]


class Lookahead(Wrapper):
    r"""Explore with an optimizer, and every k updates go a part of the way.

    After every k updates: :math:`s \leftarrow s + \alpha (p - s)` and :math:`p \leftarrow s`, where the slow
    weights s start as the parameters.

    Parameters
    ----------
    optimizer : str, envelope or instance
        The optimizer that explores.
    k : int
        How many updates, at least 1.
    alpha : float
        :math:`\alpha` in (0, 1].

    Notes
    -----
    Source: Zhang et al., Lookahead optimizer: k steps forward, 1 step back, 2019. The state of the optimizer
    inside goes on.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([1.0])
    >>> optimizer = Lookahead({"name": "sgd", "config": {"lr": 0.1}}, k=2)
    >>> for _ in range(2):
    ...     optimizer.update([p], [np.array([1.0])])
    >>> p
    array([0.9])
    """

    slot_names = ("slow",)
    counters = ("updates",)
    updates: int

    def __init__(self, optimizer: Any = "sgd", k: int = 5, alpha: float = 0.5) -> None:
        self.k = check_int("k", k, 1)
        self.alpha = check_float("alpha", alpha, 0, 1, above=True)
        self._scratch = Scratch(1)
        super().__init__(optimizer)

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Let the optimizer update, and every k times pull back."""
        check_update(self, params, grads, decay)
        entries, fresh = self._slots.matching(params), not self._slots.entries
        if fresh:
            for p, entry in zip(params, entries, strict=True):
                np.copyto(entry["slow"], p)
        if not self.step(params, grads, decay):
            return
        self._slots.entries = entries
        self.updates += 1
        if self.updates % self.k == 0:
            for p, entry in zip(params, entries, strict=True):
                for p_block, slow in blocks([p, entry["slow"]]):
                    (ahead,) = self._scratch.like(p_block)
                    np.subtract(p_block, slow, out=ahead)
                    ahead *= self.alpha
                    slow += ahead
                    np.copyto(p_block, slow)
