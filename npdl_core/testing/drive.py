"""Running any layer, whether it derives from the base or only follows the protocol."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from npdl_core.layers.base import Layer, Shaped
from npdl_core.parameterized import Parameterized
from npdl_core.testing.arrays import as_list

__all__ = [
    "call",
    "connect",
    "connected_to",
    "copy_parameters",
    "forget",
    "in_float64",
    "prepare",
    "reseed",
    "trainable_arrays",
]


def connect(layer: Any, shape: Any) -> Any:
    """Connect a layer to an input of ``shape`` and return it."""
    if isinstance(layer, Layer):
        return layer.connect(shape)
    layer.connect_to(Shaped(shape))
    return layer


def connected_to(layer: Any, input: Any) -> Any:
    """Return the layer, connected to the shape of ``input`` unless it is connected already."""
    if getattr(layer, "out_shape", None) is not None:
        return layer
    shapes = [(None, *np.shape(x)[1:]) for x in as_list(input)]
    return connect(layer, shapes if isinstance(input, (list, tuple)) else shapes[0])


def in_float64(layer: Any) -> Any:
    """Return the layer itself if it computes in float64, or a copy with the same parameters that does."""
    if not isinstance(layer, Layer) or layer.dtype == np.float64:
        return layer
    twin = layer.clone()
    twin.dtype = "float64"
    twin.first_layer = layer.first_layer
    twin.connect(layer.in_shape)
    copy_parameters(layer, twin)
    return twin


def copy_parameters(source: Parameterized, target: Parameterized) -> None:
    """Copy the numbers of all parameters of one layer into another of the same configuration."""
    arrays = dict(source.named_parameters())
    for name, parameter in target.named_parameters():
        parameter.value[...] = arrays[name].value


def prepare(layer: Any, seed: int) -> None:
    """Make the next training forward reproducible: random numbers from ``seed``, no carried state."""
    reseed(layer, seed)
    forget(layer)


def reseed(layer: Any, seed: int) -> None:
    """Start the layer's random generator anew, if it has one."""
    if isinstance(layer, Layer) or hasattr(layer, "rng"):
        layer.rng = np.random.default_rng(seed)


def forget(layer: Any) -> None:
    """Drop the state that a layer carries from call to call, if it carries one."""
    if callable(getattr(layer, "forget", None)):
        layer.forget()


def call(
    layer: Any, input: Any, train: bool, mask: Any = None, options: Mapping[str, Any] | None = None
) -> Any:
    """Return what ``layer.forward`` returns, handing on only what it takes."""
    given: dict[str, Any] = dict(options or {})
    if mask is not None:
        given["mask"] = mask
    if isinstance(layer, Layer) or "train" in inspect.signature(layer.forward).parameters:
        given["train"] = train
    return layer.forward(input, **given)


def trainable_arrays(layer: Any) -> dict[str, tuple[Any, Any]]:
    """Return parameter and gradient of every trainable array by name; a shared one comes once."""
    if not isinstance(layer, Parameterized):
        return {f"params[{i}]": pair for i, pair in enumerate(zip(layer.params, layer.grads, strict=True))}
    found: dict[str, tuple[Any, Any]] = {}
    seen: set[int] = set()
    for name, parameter in layer.named_parameters():
        if id(parameter) not in seen and not parameter.frozen:
            seen.add(id(parameter))
            found[name] = (parameter.value, parameter.grad)
    return found
