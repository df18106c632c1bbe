"""A chain of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from npdl_core import registry
from npdl_core.errors import StateError
from npdl_core.layers.base import Layer, Shaped
from npdl_core.model.foreign import ForeignLayer, adopt
from npdl_core.model.network import Network, component_name, located

__all__ = ["Model"]


class Model(Network):
    """Layers one after another, trained and used as a whole.

    Parameters
    ----------
    layers : sequence of layers, names or envelopes, optional
        More can follow with :meth:`add`.
    seed : int, optional
        Makes a run bit-identical on the same machine.
    dtype : str, optional
        ``"float32"`` (default) or ``"float64"``.

    Examples
    --------
    >>> import numpy as np
    >>> model = Model(seed=0)
    >>> model.add("dense", n_out=8, activation="tanh")
    >>> model.add("softmax", n_out=2)
    >>> _ = model.compile(loss="scce", optimizer="sgd", metrics=["accuracy"])
    >>> X = np.random.default_rng(0).normal(size=(32, 3))
    >>> history = model.fit(X, (X[:, 0] > 0).astype(int), epochs=3)
    >>> sorted(history.history), model.predict(X).shape
    (['accuracy', 'loss'], (32, 2))
    """

    def __init__(
        self, layers: Sequence[Any] | None = None, *, seed: int | None = None, dtype: Any = None
    ) -> None:
        super().__init__(seed=seed, dtype=dtype)
        self._applied: list[Layer] = []
        self._names: list[str] = []
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any, **config: Any) -> None:
        """Append a layer: a name with its configuration, an envelope, a class or an instance.

        Raises
        ------
        StateError
            If the model is connected already.
        """
        if self.connected:
            raise StateError("this model is connected already; add all layers before compile, fit or connect")
        item = adopt(
            registry.get("layers", layer, **config) if config or not _is_layer_like(layer) else layer
        )
        self._names.append(f"{len(self._applied)}.{component_name(item)}")
        self._applied.append(item)

    @property
    def layers(self) -> list[Any]:
        """The layers, in order."""
        return [layer.inner if isinstance(layer, ForeignLayer) else layer for layer in self._applied]

    @property
    def applications(self) -> list[tuple[str, Layer]]:
        """Name and layer of each step."""
        return list(zip(self._names, self._applied, strict=True))

    def declared_input_shape(self) -> Any:
        """Return the input shape that the first layer declares, or None."""
        return self._applied[0].declared_input_shape() if self._applied else None

    def output_layers(self) -> Layer:
        """Return the last layer."""
        if not self._applied:
            raise StateError("this model has no layers; add some first")
        return self._applied[-1]

    def _propagate(self, shape: Any) -> None:
        self.output_layers()
        previous: Any = Shaped(list(shape.values()) if isinstance(shape, dict) else shape)
        for name, layer in self.applications:
            with located(name, layer):
                layer.connect_to(previous)
            layer.in_shape = previous.out_shape
            previous = layer

    def roots(self) -> set[int]:
        """Return the first layer's index."""
        return {0}

    def _takes_ids(self, name: str | None) -> bool:
        return self._applied[0].integer_input

    def run(self, x: Any, train: bool, mask: Any = None) -> tuple[Any, Any]:
        """Return the last layer's output and the mask that goes with it."""
        sharing = self._sharing if train else None
        if isinstance(x, dict):
            x = list(x.values())
        for index, layer in enumerate(self._applied):
            if sharing is not None:
                sharing.before_forward(index)
            given = x
            x = (
                layer.forward(x, train=train, mask=mask)
                if layer.accepts_mask
                else layer.forward(x, train=train)
            )
            mask = layer.compute_mask(given, mask)
            if sharing is not None:
                sharing.after_forward(index)
        return x, mask

    def backward(self, grad: Any, skip_activation: bool = False) -> Any:
        """Run all layers' backward, last to first; return the input's gradient unless the first layer skips it."""
        sharing = self._sharing
        for index in range(len(self._applied) - 1, -1, -1):
            layer = self._applied[index]
            if sharing is not None:
                sharing.before_backward(index)
            if skip_activation and index == len(self._applied) - 1:
                grad = layer.backward(grad, skip_activation=True)  # type: ignore[call-arg]
            else:
                grad = layer.backward(grad)
            if sharing is not None:
                sharing.after_backward(index)
        if sharing is not None:
            sharing.finish()
        return grad

    def structure(self, to_envelope: Any) -> dict[str, Any]:
        """Return the layers' envelopes; a layer that comes again is a reference."""
        return {
            "layers": [to_envelope(layer, f"layers.{index}") for index, layer in enumerate(self._applied)]
        }

    def _parts(self) -> dict[str, Any]:
        return {"layers": self.layers}

    def clone(self) -> Self:
        """Return a model of the same structure and seed, not connected, with weights of its own to come."""
        copies: dict[int, Any] = {}
        layers = [copies.setdefault(id(layer), layer.clone()) for layer in self._applied]
        return type(self)(layers, seed=self.seed, dtype=self.dtype.name)

    def __repr__(self) -> str:
        """Return the layers' names."""
        return f"Model([{', '.join(self._names)}])"


def _is_layer_like(layer: Any) -> bool:
    return isinstance(layer, Layer) or (
        not isinstance(layer, (str, dict, type)) and hasattr(layer, "forward")
    )
