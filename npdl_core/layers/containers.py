"""Layers made of a list of layers: one after the other, or side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, ShapeError, printable
from npdl_core.layers.base import Layer
from npdl_core.layers.masking import Masking

__all__ = ["Chain", "Parallel"]

Mask = NDArray[np.bool_] | None


class _Container(Layer):
    """Holds a list of layers and hands on what concerns all of them."""

    def hold(self, layers: Any) -> None:
        """Make the layers children."""
        if not isinstance(layers, (list, tuple)) or not layers:
            raise ConfigError(
                f"{self}: layers must be a list of at least one layer, got {printable(layers, 60)}"
            )
        for index, spec in enumerate(layers):
            added = self.add_layer(f"layer{index}", spec)
            if any(added is other for other in self.members[:-1]):
                raise ConfigError(f"{self}: {added} comes twice; clone it, or share it in a Graph")
        self._size = len(layers)
        self.accepts_mask = any(layer.accepts_mask for layer in self.members)
        self.per_sample = all(getattr(layer, "per_sample", True) for layer in self.members)

    @property
    def members(self) -> list[Layer]:
        """The layers in order."""
        return [child for name, child in self.children.items() if name.startswith("layer")]

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        """Whether inference writes carried state."""
        return any(layer.stateful for layer in self.members)

    def forget(self, samples: Any = None) -> None:
        """Drop the state that layers carry, of all samples or of those given by index."""
        for layer in self.members:
            if callable(getattr(layer, "forget", None)):
                layer.forget(samples)


def _run(layer: Layer, input: Any, train: bool, mask: Mask) -> Any:
    if layer.accepts_mask:
        return layer.forward(input, train=train, mask=mask)  # type: ignore[call-arg]
    return layer.forward(input, train=train)


class Chain(_Container):
    r"""Layers one after the other: :math:`y = f_k(\dots f_2(f_1(x)))`.

    A model is a chain already; a chain is a layer, for wrappers that take one.

    Parameters
    ----------
    layers : list of str, envelope or Layer
        The layers, first :math:`f_1`; each with weights of its own.

    Notes
    -----
    Input of the first one's shape, output of the last one's. A mask goes through all as in a model; a
    ``masking`` layer must come first.

    Raises
    ------
    ConfigError
        If there is no layer, one comes twice, or ``masking`` is not the first.

    Examples
    --------
    >>> dense = {"name": "dense", "config": {"n_out": 3}}
    >>> Chain([dense, "layer_norm"]).connect((None, 5)).out_shape
    (None, 3)
    """

    def __init__(self, layers: Any) -> None:
        self.hold(layers)
        first, *rest = self.members
        if any(isinstance(layer, Masking) for layer in rest):
            raise ConfigError(f"{self}: put masking first, where the data are that it looks at")
        self.integer_input = first.integer_input
        self.ends_with = self.members[-1].ends_with

    def declared_input_shape(self) -> Any:
        """Return what the first layer declares."""
        return self.members[0].declared_input_shape()

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect each layer to the one before."""
        shape: Any = self.incoming_shape(prev_layer)
        for layer in self.members:
            layer.connect(shape)
            shape = layer.out_shape
        self.out_shape = shape

    def compute_mask(self, input: Any, mask: Mask) -> Mask:
        """Return the mask after the last layer."""
        given = input
        for layer in self.members:
            mask = layer.compute_mask(given, mask)
            given = _shown(layer.out_shape, mask)
        return mask

    def forward(self, input: Any, train: bool = True, *, mask: Mask = None) -> Any:
        """Return the last layer's output."""
        value = input
        for layer in self.members:
            after = layer.compute_mask(value, mask)
            value = _run(layer, value, train, mask)
            mask = after
        if train:
            self.retain(True)
        return value

    def backward(self, pre_grad: Any, **options: Any) -> Any:
        """Go back through all layers; ``skip_activation`` goes to the last one."""
        self.retained()
        self.members[0].first_layer = self.first_layer
        for layer in reversed(self.members):
            pre_grad = layer.backward(pre_grad, **options)
            options = {}
        return pre_grad


def _shown(shape: Any, mask: Mask) -> Any:
    """Return a weightless array of a layer's output shape, whose open sizes are the mask's."""
    if isinstance(shape, list):
        return [_shown(one, mask) for one in shape]
    known = () if mask is None else mask.shape
    sizes = [known[axis] if axis < len(known) else size or 1 for axis, size in enumerate(shape)]
    return np.broadcast_to(np.zeros(()), sizes)


class Parallel(_Container):
    r"""Layers side by side: :math:`y_i = f_i(x_i)`, or :math:`y_i = f_i(x)` of a single input.

    Parameters
    ----------
    layers : list of str, envelope or Layer
        The layers, each with one output and weights of its own.
    merge : str, envelope or Layer, optional
        Joins the outputs: ``"concat"``, ``"add"``, ``"multiply"`` or another layer of several inputs. Without
        it the output is a list.

    Notes
    -----
    Input: a list with one array for each layer, or one array that all of them read. A mask goes to every
    layer that takes one, and on if all outputs still have the axes (N, T).

    Raises
    ------
    ConfigError
        If there is no layer, or one comes twice.
    ShapeError
        On connecting, if there is neither one input nor one for each layer, or a layer has several outputs.

    Examples
    --------
    >>> dense = {"name": "dense", "config": {"n_out": 3}}
    >>> Parallel([dense, "identity"], merge="concat").connect((None, 5)).out_shape
    (None, 8)
    >>> Parallel([dense, "identity"]).connect([(None, 5), (None, 2)]).out_shape
    [(None, 3), (None, 2)]
    """

    def __init__(self, layers: Any, merge: Any = None) -> None:
        self.hold(layers)
        self.joined = None if merge is None else self.add_layer("merge", merge)
        self.integer_input = all(layer.integer_input for layer in self.members)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect each layer to its input."""
        shape: Any = self.incoming_shape(prev_layer)
        shapes = shape if isinstance(shape, list) else [shape] * self._size
        if len(shapes) != self._size:
            raise ShapeError(
                f"{self} has {self._size} layers, got {len(shapes)} inputs; give one, or one each"
            )
        outputs: Any = []
        for layer, one in zip(self.members, shapes, strict=True):
            outputs.append(layer.connect(one).out_shape)
            if isinstance(outputs[-1], list):
                raise ShapeError(f"{self}: {layer} has several outputs; it must have one")
        self.out_shape = outputs if self.joined is None else self.joined.connect(outputs).out_shape

    def compute_mask(self, input: Any, mask: Mask) -> Mask:
        """Return the conjunction of all layers' masks, or None if one of them has none."""
        found: Mask = None
        for layer, one in zip(self.members, self._inputs(input), strict=True):
            mine = layer.compute_mask(one, mask)
            if mine is None:
                return None
            found = mine if found is None else found & mine
        if self.joined is None:
            return found
        joined: Mask = self.joined.compute_mask(
            [_shown(layer.out_shape, found) for layer in self.members], found
        )
        return joined

    def _inputs(self, input: Any) -> list[Any]:
        return list(input) if isinstance(self.in_shape, list) else [input] * self._size

    def forward(self, input: Any, train: bool = True, *, mask: Mask = None) -> Any:
        """Return all layers' outputs as a list, or joined."""
        parts = zip(self.members, self._inputs(input), strict=True)
        outputs = [_run(layer, one, train, mask) for layer, one in parts]
        if train:
            self.retain(True)
        return outputs if self.joined is None else self.joined.forward(outputs, train=train)

    def backward(self, pre_grad: Any) -> Any:
        """Return the gradient of each input, or the sum for a single one."""
        self.retained()
        grads = pre_grad if self.joined is None else self.joined.backward(pre_grad)
        back: list[Any] = []
        for layer, grad in zip(self.members, grads, strict=True):
            layer.first_layer = self.first_layer
            back.append(layer.backward(grad))
        if isinstance(self.in_shape, list):
            return back
        if any(part is None for part in back):
            return None
        return sum(back[1:], back[0])
