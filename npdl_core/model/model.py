"""A chain of layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from npdl_core import registry
from npdl_core.errors import ConfigError, StateError
from npdl_core.layers.base import Layer
from npdl_core.model.foreign import ForeignLayer, adopt, refuse_reuse
from npdl_core.model.network import Network

__all__ = ["Model"]


class Model(Network):
    """Layers one after another, trained and used as a whole.

    Parameters
    ----------
    layers : sequence of layers, names or envelopes, optional
        More can follow with :meth:`add`. One layer object used twice shares its weights.
    seed : int, optional
        Makes initial weights, shuffling and noise reproducible: two runs with one seed are bit-identical on
        one machine.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; float32 unless :func:`npdl_core.utils.set_dtype` says otherwise.

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
        if isinstance(layers, (str, Mapping)):
            raise ConfigError("layers must be a list of layers; model.add takes a single one")
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any, /, **config: Any) -> None:
        """Append a layer: a name with its configuration, an envelope, a class or an instance.

        Raises
        ------
        StateError
            If the model is connected already.
        """
        if self.connected:
            raise StateError(
                "this model is connected already; add all layers before compile, fit or connect, or make a "
                "new model of copies: Model([*copy.deepcopy(model.layers), …])"
            )
        is_instance = not isinstance(layer, (str, Mapping, type))
        found = layer if is_instance and not config else registry.get("layers", layer, **config)
        item = adopt(found)
        refuse_reuse(item, self._applied)
        self._names.append(f"{len(self._applied)}.{component_name(item)}")
        self._applied.append(item)

    @property
    def applications(self) -> list[tuple[str, Layer]]:
        """Name and layer of each step."""
        return list(zip(self._names, self._applied, strict=True))

    def declared_input_shape(self) -> Any:
        """Return the input shape that the first layer declares, or None."""
        return self._applied[0].declared_input_shape() if self._applied else None

    def output_names(self) -> set[str | None]:
        """Return None for the one output."""
        return {None}

    def output_layers(self) -> dict[str | None, Layer]:
        """Return the last layer, under None.

        Raises
        ------
        StateError
            If there is no layer yet.
        """
        if not self._applied:
            raise StateError("this model has no layers; add some first")
        return {None: self._applied[-1]}

    def _propagate(self, shape: Any) -> None:
        self.output_layers()
        came = list(shape.values()) if isinstance(shape, dict) else shape
        for name, layer in self.applications:
            self._connect_layer(name, layer, came)
            came = layer.out_shape

    def _roots(self) -> set[int]:
        return {0}

    def _ids(self, shape: Any) -> frozenset[str | None]:
        if not self._applied or not self._applied[0].integer_input:
            return frozenset()
        return frozenset(shape if isinstance(shape, dict) else [None])

    def run(self, x: Any, train: bool, mask: Any = None) -> tuple[Any, Any]:
        """Return the last layer's output and the mask that goes with it."""
        sharing = self._sharing if train else None
        if isinstance(x, dict):
            x = list(x.values())
        for index, layer in enumerate(self._applied):
            if sharing is not None:
                sharing.before_forward(index)
            forward: Callable[..., Any] = layer.forward
            out = forward(x, train=train, mask=mask) if layer.accepts_mask else forward(x, train=train)
            if mask is not None or self._masking[index]:
                mask = layer.compute_mask(x, mask)
            x = out
            if sharing is not None:
                sharing.after_forward(index)
        return x, mask

    def backward(self, grad: Any, fused: Collection[str | None] = ()) -> Any:
        """Run all layers' backward, last to first.

        Parameters
        ----------
        grad : ndarray
            Gradient with respect to the output.
        fused : collection
            Contains None if it is with respect to the argument of the last layer's softmax instead.

        Returns
        -------
        ndarray or None
            Gradient with respect to the input; None if the compiled model skips it.
        """
        sharing = self._sharing
        options = {"skip_activation": True} if None in fused else {}
        if sharing is not None:
            sharing.begin_backward()
        for index in range(len(self._applied) - 1, -1, -1):
            backward: Callable[..., Any] = self._applied[index].backward
            if sharing is not None:
                sharing.before_backward(index)
            grad = backward(grad, **options)
            options = {}
            if sharing is not None:
                sharing.after_backward(index)
        if sharing is not None:
            sharing.finish()
        return grad

    def structure(self, to_envelope: Callable[[Any, str], Any]) -> dict[str, Any]:
        """Return the layers' envelopes; a layer that comes again is a reference."""
        return {"layers": [to_envelope(layer, f"layers.{index}") for index, layer in enumerate(self.layers)]}

    def parts(self, copy: Callable[[Layer], Any]) -> dict[str, Any]:
        """Return copied layers."""
        return {"layers": [copy(layer) for layer in self._applied]}

    def __repr__(self) -> str:
        """Return the layers' names."""
        return f"Model([{', '.join(self._names)}])"


def component_name(layer: Layer) -> str:
    """Return the name of a layer's component, or of its class, as part of the names of its tensors."""
    inner = layer.inner if isinstance(layer, ForeignLayer) else layer
    name = registry.canonical_name("layers", type(inner))
    return "".join(sign if sign.isalnum() else "_" for sign in name)
