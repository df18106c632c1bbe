"""Layers and parameters that one network uses more than once: who keeps residuals, who adds up gradients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from npdl_core.layers.base import Layer
from npdl_core.parameters import Parameter

__all__ = ["Sharing"]


class Sharing:
    """Bookkeeping for the applications of a network, in order.

    A layer's ``backward`` overwrites its gradients and reads its last residuals. Where a layer object, or a
    parameter, occurs in more than one application, each application gets its own residuals back before its
    backward, and the gradients are summed.

    Parameters
    ----------
    layers : sequence of Layer
        The layer of each application.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        members = [{id(member) for member in layer.descendants()} for layer in layers]
        uses = Counter(key for keys in members for key in keys)
        self._swapped = [any(uses[key] > 1 for key in keys) for keys in members]
        parameters = [_trainable(layer) for layer in layers]
        counts = Counter(key for found in parameters for key in found)
        self._summed = [[p for key, p in found.items() if counts[key] > 1] for found in parameters]
        self._residuals: list[Any] = [None] * len(layers)
        self._totals: dict[int, tuple[Parameter, NDArray[Any]]] = {}

    @property
    def needed(self) -> bool:
        """Whether anything is used more than once."""
        return any(self._swapped) or any(self._summed)

    def is_shared(self, index: int) -> bool:
        """Whether the layer of this application occurs in another one."""
        return self._swapped[index]

    def before_forward(self, index: int) -> None:
        """Give the layer this application's residuals, so that its work arrays are its own."""
        if self._swapped[index]:
            self._layers[index].residuals = self._residuals[index]

    def after_forward(self, index: int) -> None:
        """Keep the residuals of this application."""
        if self._swapped[index]:
            self._residuals[index] = self._layers[index].residuals

    def begin_backward(self) -> None:
        """Forget the totals of a backward that was broken off."""
        self._totals.clear()

    def before_backward(self, index: int) -> None:
        """Restore the residuals of this application."""
        if self._swapped[index]:
            self._layers[index].residuals = self._residuals[index]

    def after_backward(self, index: int) -> None:
        """Add this application's gradients to the totals."""
        for parameter in self._summed[index]:
            grad: Any = parameter.grad
            if id(parameter) in self._totals:
                total = self._totals[id(parameter)][1]
                total += grad
            else:
                self._totals[id(parameter)] = (parameter, grad.copy())

    def finish(self) -> None:
        """Write the summed gradients back."""
        for parameter, total in self._totals.values():
            grad: Any = parameter.grad
            grad[...] = total


def _trainable(layer: Layer) -> dict[int, Parameter]:
    return {id(p): p for _, p in layer.named_parameters() if p.trainable}
