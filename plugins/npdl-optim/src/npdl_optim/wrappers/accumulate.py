"""Larger batches than fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npdl_core.checks import check_int
from npdl_core.optimizers.arguments import check_update
from npdl_core.optimizers.base import Arrays
from npdl_optim.wrappers.base import Wrapper

__all__ = ["Accumulate"]


class Accumulate(Wrapper):
    r"""Update once for several micro-batches, by the mean of their gradients.

    Every ``steps`` calls, the optimizer inside gets :math:`\frac{1}{k} \sum_{i=1}^k g_i`; the calls between
    leave the parameters alone.

    Parameters
    ----------
    optimizer : str, envelope or instance
        The optimizer that updates.
    steps : int
        k, at least 1.

    Notes
    -----
    With a loss that is a mean, k micro-batches of one size give the gradient of the k times larger batch.
    Counters, schedules and ``decay`` count updates, not micro-batches. A group that is not full at the end of
    an epoch goes on in the next one. An error in the update discards the group.

    Examples
    --------
    >>> import numpy as np
    >>> p, optimizer = np.array([1.0]), Accumulate({"name": "sgd", "config": {"lr": 0.1}}, steps=2)
    >>> optimizer.update([p], [np.array([1.0])])
    >>> p
    array([1.])
    >>> optimizer.update([p], [np.array([3.0])])
    >>> p
    array([0.8])
    """

    slot_names = ("total",)
    counters = ("pending",)
    pending: int

    def __init__(self, optimizer: Any = "sgd", steps: int = 2) -> None:
        self.steps = check_int("steps", steps, 1)
        super().__init__(optimizer)

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Add the gradients up, and let the optimizer update when there are enough."""
        check_update(self, params, grads, decay)
        entries = self._slots.entries = self._slots.matching(params)
        for g, entry in zip(grads, entries, strict=True):
            if self.pending:
                entry["total"] += g
            else:
                np.copyto(entry["total"], g, casting="same_kind")
        self.pending += 1
        if self.pending < self.steps:
            return
        self.pending = 0
        for entry in entries:
            entry["total"] /= self.steps
        self.step(params, [entry["total"] for entry in entries], decay)
