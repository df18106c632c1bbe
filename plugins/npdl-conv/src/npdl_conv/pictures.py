"""Pictures of what a convolutional network has learned: filters, maps, and what excites a map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv.geometry import Pads
from npdl_conv.layers.convolution import Convolution
from npdl_conv.layers.pooling import MaxPooling
from npdl_conv.layers.transposed import TransposedConvolution
from npdl_conv.layers.unpooling import MaxUnpooling
from npdl_core.errors import ConfigError, DataError, MissingDependencyError, printable

__all__ = ["activations", "deconvolution", "figure", "filters"]

Array = NDArray[Any]


def filters(model: Any) -> Array:
    """Return the first convolution's filters (F, C, H, W).

    Raises
    ------
    ConfigError
        If the model has no convolution of images.
    """
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, Convolution) and layer.n_axes == 2:
            return np.array(layer.W)
    raise ConfigError("this model has no convolution of images")


def activations(model: Any, image: Array, layer: int | None = None) -> Array:
    """Return the maps (F, 1, H, W) of an image (C, H, W) in a layer, by default the last with maps."""
    return _outputs(model, image, layer)[-1][1].swapaxes(0, 1)


def deconvolution(model: Any, image: Array, layer: int | None = None) -> Array:
    """Return for each map what of an image (C, H, W) excites it most, (F, C, H, W).

    Of each map only the largest entry is kept; it goes back through the layers: negative entries dropped,
    then the transposed convolution with the same filters, or the unpooling to where the maxima were.
    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014.

    Raises
    ------
    ConfigError
        If there is a layer on the way that is neither a convolution nor a max pooling.
    """
    passed = _outputs(model, image, layer)
    maps = passed[-1][1][0]
    flat = maps.reshape(len(maps), math.prod(maps.shape[1:]))
    each, strongest = np.arange(len(maps)), flat.argmax(axis=1)
    kept = np.zeros((len(maps), *flat.shape), maps.dtype)
    kept[each, each, strongest] = flat[each, strongest]
    back = kept.reshape(len(maps), *maps.shape)
    befores = [np.asarray(image, maps.dtype)[None], *(output for _, output in passed[:-1])]
    for (part, _), before in zip(reversed(passed), reversed(befores), strict=True):
        back = _undo(part, back, before)
    return back


def _outputs(model: Any, image: Array, layer: int | None) -> list[tuple[Any, Array]]:
    """Return the layers up to one, each with its output (1, C, H, W)."""
    layers = list(getattr(model, "layers", ()))
    ends = [index for index, item in enumerate(layers) if len(item.out_shape) == 4]
    if not ends:
        raise ConfigError("this model has no layer whose output are maps (N, C, H, W)")
    last = ends[-1] if layer is None else layer
    if last not in ends:
        raise ConfigError(f"layer {last} has no maps; these have: {', '.join(map(str, ends))}")
    wanted = tuple(model.input_shape[1:])
    if tuple(image.shape) != wanted:
        raise DataError(f"the image has the shape {image.shape}, the model takes {wanted}")
    output, passed = np.asarray(image, layers[0].dtype)[None], []
    for item in layers[: last + 1]:
        output = item.forward(output, train=False)
        passed.append((item, output))
    return passed


def _undo(layer: Any, maps: Array, before: Array) -> Array:
    """Return what arrives at a layer's input, of the shape of ``before`` but for the batch axis."""
    if isinstance(layer, MaxPooling) and not isinstance(layer, MaxUnpooling):
        undo = MaxUnpooling(layer.pool_size, layer.stride, layer.padding, layer.ceil_mode)
        seen = np.repeat(before, len(maps), axis=0)
        undo.connect([maps.shape, seen.shape])
        return undo.forward([maps, seen], train=False)
    if isinstance(layer, Convolution) and layer.n_axes == 2:
        return _transposed(layer, np.maximum(maps, 0), before.shape)
    raise ConfigError(f"{printable(layer)} is neither a convolution nor a max pooling: it cannot be undone")


def _transposed(layer: Convolution, maps: Array, shape: tuple[int, ...]) -> Array:
    """Return the transposed convolution with a convolution's filters, brought to the input's size."""
    undo = TransposedConvolution(
        shape[1],
        layer.filter_size,
        stride=layer.stride,
        activation="linear",
        dilation=layer.dilation,
        groups=layer.groups,
        use_bias=False,
    )
    undo.dtype = layer.dtype
    undo.connect((None, *maps.shape[1:]))
    undo.W = layer.W
    wide = undo.forward(maps, train=False)
    margins: Pads = layer.margins(shape[2:])
    out = np.zeros((len(maps), *shape[1:]), wide.dtype)
    (top, _), (left, _) = margins
    inner = wide[:, :, top : top + shape[2], left : left + shape[3]]
    out[:, :, : inner.shape[2], : inner.shape[3]] = inner
    return out


def figure(tiles: Array) -> Any:
    """Return a matplotlib Figure of images (F, C, H, W) side by side: colours if C is 3, else grey.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            f"pictures need matplotlib, which cannot be imported ({printable(error)}): pip install matplotlib"
        ) from error
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    drawn = Figure(figsize=(columns, rows), layout="constrained")
    for index, tile in enumerate(tiles):
        axes = drawn.add_subplot(rows, columns, index + 1)
        axes.set_axis_off()
        low, high = tile.min(), tile.max()
        shown = (tile - low) / (high - low if high > low else 1)
        if len(tile) == 3:
            axes.imshow(np.moveaxis(shown, 0, -1))
        else:
            axes.imshow(shown.mean(axis=0), cmap="gray", vmin=0, vmax=1)
    return drawn
