"""What happens to a gradient between the caller and the rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.optimizers.slots import Arrays

__all__ = ["Treatment"]


class Treatment(NamedTuple):
    """How one update treats one parameter.

    Attributes
    ----------
    lr : float
        The learning rate.
    clip : float
        Entries of the gradient are cut to [-clip, clip] first; 0 or less is off.
    scale : float
        What the gradient is multiplied by then, from clipping by norms.
    l2 : float
        This times the parameter is added to the gradient at last.
    decoupled : float
        Weight decay apart from the gradient.
    """

    lr: float
    clip: float
    scale: float
    l2: float
    decoupled: float

    @property
    def plain(self) -> bool:
        """Whether the rule gets the gradient as it came."""
        return self.clip <= 0 and self.scale == 1 and self.l2 == 0

    @property
    def keep(self) -> float:
        """What the parameter is multiplied by before the step: 1 - lr · decoupled weight decay."""
        return 1 - self.lr * self.decoupled

    def gradient(self, p: NDArray[Any], g: NDArray[Any], scratch: Arrays) -> NDArray[Any]:
        """Return the treated gradient of a block: ``g`` itself, or computed in the last of ``scratch``."""
        out = scratch[-1]
        if self.clip > 0:
            np.minimum(g, self.clip, out=out)
            g = np.maximum(out, -self.clip, out=out)
        if self.scale != 1:
            g = np.multiply(g, self.scale, out=out)
        if self.l2:
            pull = np.multiply(p, self.l2, out=scratch[0])
            g = np.add(g, pull, out=out)
        return g
