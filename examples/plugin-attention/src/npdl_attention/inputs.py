"""One, two or three inputs as query, key and value with masks; their gradients back in that form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ShapeError
from npdl_core.layers import Layer

__all__ = ["Attention", "real_parts", "three"]


def three(given: Any) -> list[Any]:
    """Return query, key and value of a single input, of ``[query, memory]`` or of all three."""
    parts = list(given) if isinstance(given, list) else [given]
    return [parts[0], parts[1 % len(parts)], parts[-1]]


def real_parts(arrays: list[Any], masks: list[Any]) -> list[Any]:
    """Return arrays (N, T, D) with zeros where their masks (N, T) are false: padding may hold anything."""
    return [a if m is None else np.where(m[..., None], a, 0) for a, m in zip(arrays, masks, strict=True)]


class Attention(Layer):
    """What both layers share: their inputs, their masks and the form of their gradients."""

    accepts_mask = True
    masks_apart = True

    def connected_shapes(self, prev_layer: Any) -> list[tuple[int | None, ...]]:
        """Return the shapes of query, key and value.

        Raises
        ------
        ShapeError
            If they are not one to three sequences (N, T, D), key and value of one length.
        """
        shapes = self.incoming_shape(prev_layer)
        if isinstance(shapes, list) and not 1 <= len(shapes) <= 3:
            raise ShapeError(f"{self}: one to three inputs are needed, got {len(shapes)}")
        found = [tuple(shape) for shape in three(shapes)]
        if any(len(shape) != 3 for shape in found):
            raise ShapeError(f"{self}: inputs must be sequences (N, T, D), got shapes {found}")
        lengths = {shape[1] for shape in found[1:]} - {None}
        if len(lengths) > 1:
            raise ShapeError(f"{self}: keys and values must have one length, got shapes {found[1:]}")
        return found

    def masks_of(self, inputs: list[Any], mask: Any) -> list[Any]:
        """Return the masks (N, T) of query, key and value, None for those without; one mask is for all.

        Raises
        ------
        ShapeError
            If a mask does not fit its input.
        """
        masks = three(mask) if isinstance(mask, list) else [mask] * 3
        for array, one in zip(inputs, masks, strict=True):
            if one is not None and one.shape != array.shape[:2]:
                raise ShapeError(f"{self}: a mask of shape {one.shape} for an input of shape {array.shape}")
        return masks

    def compute_mask(self, input: Any, mask: Any) -> NDArray[np.bool_] | None:
        """Return the queries' mask."""
        found: NDArray[np.bool_] | None = mask[0] if isinstance(mask, list) else mask
        return found

    def input_gradients(self, grads: list[Any], masks: list[Any]) -> Any:
        """Return the gradients of query, key and value in the form of the input, zero where it is masked."""
        query, key, value = real_parts(grads, masks)
        shapes = self.in_shape
        if not isinstance(shapes, list):
            return query + key + value
        if len(shapes) == 3:
            return [query, key, value]
        return [query, key + value] if len(shapes) == 2 else [query + key + value]
