"""A layer that follows the protocol without deriving from the base, made to look like one that does."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable
from typing import Any, Self

from numpy.typing import NDArray

from npdl_core.errors import ConfigError, printable
from npdl_core.layers.base import Layer

__all__ = ["ForeignLayer", "adopt", "refuse_reuse"]


class ForeignLayer(Layer):
    """Hands every call on to ``inner``; its arrays stay where they are and are optimised one by one.

    Parameters
    ----------
    inner : LayerProtocol
        Has ``connect_to``, ``forward`` and ``backward``, sets ``out_shape``, and has ``params`` and ``grads``
        if there are any. ``accepts_mask``, ``integer_input`` and ``stateful`` are respected.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self._takes_train = "train" in inspect.signature(inner.forward).parameters
        self.accepts_mask = bool(getattr(inner, "accepts_mask", False))
        self.integer_input = bool(getattr(inner, "integer_input", False))
        self.stateful = bool(getattr(inner, "stateful", False))
        self._connected_to: Any = None

    def __str__(self) -> str:
        """Return the class name of the inner layer."""
        return type(self.inner).__name__

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the inner layer, once for one shape: connecting it again might make new parameters.

        Raises
        ------
        ConfigError
            If it does not set ``out_shape``.
        """
        came = self.incoming_shape(prev_layer)
        if self.out_shape is not None and came == self._connected_to:
            return
        self.inner.connect_to(prev_layer)
        if getattr(self.inner, "out_shape", None) is None:
            raise ConfigError(f"{self}.connect_to must set out_shape, the shape of the output")
        self._connected_to, self.out_shape = came, self.inner.out_shape

    def forward(self, input: Any, train: bool = True, **options: Any) -> Any:
        """Return the inner layer's output."""
        given = {"train": train} if self._takes_train else {}
        return self.inner.forward(input, **given, **options)

    def backward(self, pre_grad: Any) -> Any:
        """Return the inner layer's input gradient."""
        return self.inner.backward(pre_grad)

    @property
    def params(self) -> list[NDArray[Any]]:
        """The inner layer's parameters."""
        return list(getattr(self.inner, "params", ()))

    @property
    def grads(self) -> list[NDArray[Any]]:
        """The inner layer's gradients."""
        return list(getattr(self.inner, "grads", ()))

    def clone(self, copies: dict[int, Any] | None = None) -> Self:
        """Return a copy of the inner layer, weights included: only it knows how to make new ones."""
        copies = {} if copies is None else copies
        found: Self = copies.setdefault(id(self), type(self)(copy.deepcopy(self.inner)))
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the inner layer as it is, connected or not."""
        shapes = (self.in_shape, self._connected_to, self.out_shape)
        return _readopt, (self.inner, shapes, self.trainable)


def _readopt(inner: Any, shapes: tuple[Any, Any, Any], trainable: bool) -> ForeignLayer:
    layer = ForeignLayer(inner)
    layer.in_shape, layer._connected_to, layer.out_shape = shapes
    layer.trainable = trainable
    return layer


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
            f"a layer is a name, an envelope or an object with {', '.join(missing) or 'state'}, got {what}"
        )
    return ForeignLayer(layer)


def refuse_reuse(layer: Layer, others: Iterable[Layer]) -> None:
    """Raise :class:`ConfigError` if a foreign layer is among others: nobody could keep its residuals."""
    if isinstance(layer, ForeignLayer) and any(
        isinstance(other, ForeignLayer) and other.inner is layer.inner for other in others
    ):
        raise ConfigError(f"{layer} does not derive from Layer, so a model can use it only once")
