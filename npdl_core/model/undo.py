"""Taking back an attempt to connect layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npdl_core.layers.base import Layer
from npdl_core.parameterized import Parameterized

__all__ = ["Undo"]


class Undo:
    """Remembers which parameters and shapes layers have; calling it removes what was made since.

    Parameters
    ----------
    layers : sequence of Layer
        Looked at with all that is below them.
    rng : Generator
        Draws initial values; it is put back as well, so that the next attempt draws the same.
    """

    def __init__(self, layers: Sequence[Layer], rng: np.random.Generator) -> None:
        parts = [part for layer in layers for part in layer.descendants()]
        self._known = [(part, set(part._parameters)) for part in parts if isinstance(part, Parameterized)]
        self._shapes = [(part, part.in_shape, part.out_shape) for part in parts if isinstance(part, Layer)]
        self._rng = rng
        self._state: Any = rng.bit_generator.state

    def __call__(self) -> None:
        """Restore."""
        for part, names in self._known:
            for name in [name for name in part._parameters if name not in names]:
                part.forget_param(name)
        for layer, came, out in self._shapes:
            layer.in_shape, layer.out_shape = came, out
        self._rng.bit_generator.state = self._state
