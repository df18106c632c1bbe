"""A layer that follows the protocol without deriving from the base, made to look like one that does."""

from __future__ import annotations

import inspect
from typing import Any

from numpy.typing import NDArray

from npdl_core.errors import ConfigError, SerializationError, printable
from npdl_core.layers.base import Layer

__all__ = ["ForeignLayer", "adopt"]


class ForeignLayer(Layer):
    """Hands every call on to ``inner``; its arrays stay where they are and are optimised one by one.

    Parameters
    ----------
    inner : LayerProtocol
        Has ``connect_to``, ``forward``, ``backward``, ``params``, ``grads`` and ``out_shape``.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self._takes_train = "train" in inspect.signature(inner.forward).parameters

    def __str__(self) -> str:
        """Return the class name of the inner layer."""
        return type(self.inner).__name__

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the inner layer."""
        if prev_layer is not None:
            self.in_shape = prev_layer.out_shape
        self.inner.connect_to(prev_layer)
        self.out_shape = self.inner.out_shape

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the inner layer's output."""
        return self.inner.forward(input, train=train) if self._takes_train else self.inner.forward(input)

    def backward(self, pre_grad: Any) -> Any:
        """Return the inner layer's input gradient."""
        return self.inner.backward(pre_grad)

    @property
    def params(self) -> list[NDArray[Any]]:
        """The inner layer's parameters."""
        return list(self.inner.params)

    @property
    def grads(self) -> list[NDArray[Any]]:
        """The inner layer's gradients."""
        return list(self.inner.grads)

    def to_json(self) -> dict[str, Any]:
        """Return the inner layer's envelope.

        Raises
        ------
        SerializationError
            If it has none.
        """
        if not hasattr(self.inner, "to_json"):
            raise SerializationError(
                f"{self} has no to_json, so a model that holds it cannot be saved; derive it from Layer"
            )
        envelope: dict[str, Any] = self.inner.to_json()
        return envelope


def adopt(layer: Any) -> Layer:
    """Return a layer as it is, or a foreign one behind the base's interface.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if isinstance(layer, Layer):
        return layer
    missing = [
        name for name in ("connect_to", "forward", "backward") if not callable(getattr(layer, name, None))
    ]
    if missing or isinstance(layer, type):
        what = printable(repr(layer), 80)
        raise ConfigError(
            f"a layer must be a name, an envelope or an object with {', '.join(missing) or 'state'}, got {what}"
        )
    return ForeignLayer(layer)
