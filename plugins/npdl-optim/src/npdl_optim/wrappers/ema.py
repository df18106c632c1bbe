"""An average of the parameters to evaluate with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npdl_core.checks import check_float
from npdl_core.errors import StateError
from npdl_core.optimizers.arguments import check_update
from npdl_core.optimizers.base import Arrays
from npdl_core.optimizers.blocks import Scratch, blocks
from npdl_optim.wrappers.base import Wrapper

__all__ = ["Ema"]


class Ema(Wrapper):
    r"""Keep an exponential moving average of the parameters, and lend it out for evaluation.

    After every update :math:`a \leftarrow d a + (1 - d) p`, where a starts as the parameters after the first
    one. Training goes on with p.

    Parameters
    ----------
    optimizer : str, envelope or instance
        The optimizer that updates.
    decay : float
        d in [0, 1).

    Raises
    ------
    StateError
        When updating, saving or loading the state while the average is lent out.

    Notes
    -----
    ``fit`` validates with the average. Elsewhere, ``with model.evaluation_weights():`` puts it into the model
    for as long as the block takes; ``model.save`` in there writes it. Without a model, :meth:`swap` before
    and after does the same. Nothing is allocated for it. Source: Polyak & Juditsky, Acceleration of
    stochastic approximation by averaging, 1992; PyTorch's ``AveragedModel`` with ``get_ema_multi_avg_fn``.

    Examples
    --------
    >>> import numpy as np
    >>> p, optimizer = np.array([1.0]), Ema({"name": "sgd", "config": {"lr": 0.5}}, decay=0.75)
    >>> for _ in range(2):
    ...     optimizer.update([p], [np.array([1.0])])
    >>> p
    array([0.])
    >>> optimizer.swap([p])
    >>> p
    array([0.375])
    >>> optimizer.swap([p])
    """

    slot_names = ("average",)

    def __init__(self, optimizer: Any = "sgd", decay: float = 0.999) -> None:
        self.decay = check_float("decay", decay, 0, 1, below=True)
        self._scratch = Scratch(1)
        self._lent = False
        super().__init__(optimizer)

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Let the optimizer update, then average."""
        self._refuse_lent("update")
        check_update(self, params, grads, decay)
        entries, fresh = self._slots.matching(params), not self._slots.entries
        if not self.step(params, grads, decay):
            return
        self._slots.entries = entries
        for p, entry in zip(params, entries, strict=True):
            if fresh:
                np.copyto(entry["average"], p)
                continue
            for p_block, average in blocks([p, entry["average"]]):
                (ahead,) = self._scratch.like(p_block)
                np.subtract(p_block, average, out=ahead)
                ahead *= 1 - self.decay
                average += ahead

    def swap(self, params: Arrays) -> None:
        """Exchange parameters and average; called again, exchange them back."""
        entries = self._slots.matching(params) if self._slots.entries else []
        for p, entry in zip(params, entries, strict=bool(entries)):
            for p_block, average in blocks([p, entry["average"]]):
                (kept,) = self._scratch.like(p_block)
                np.copyto(kept, p_block)
                np.copyto(p_block, average)
                np.copyto(average, kept)
        self._lent = not self._lent

    def _refuse_lent(self, what: str) -> None:
        if self._lent:
            raise StateError(
                f"ema: the average is in the parameters' place, for evaluation: swap back before you {what}"
            )

    def reset(self) -> None:
        """Forget all state, also that of the optimizer inside."""
        self._refuse_lent("reset")
        super().reset()

    def state(self) -> dict[str, Any]:
        """Return the average, and the state of the optimizer inside."""
        self._refuse_lent("save the state")
        return super().state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state` returned."""
        self._refuse_lent("load a state")
        super().load_state(state)
