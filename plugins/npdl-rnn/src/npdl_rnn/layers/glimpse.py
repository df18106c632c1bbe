"""Patches of an image around a place, sharp in the middle and coarse around."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import DataError, ShapeError
from npdl_core.layers.base import Layer

__all__ = ["Glimpse"]

Array = NDArray[Any]


class Glimpse(Layer):
    r"""Look at an image through a retina: patches around a place, each further one larger and coarser.

    Patch d = 0 … ``depth`` - 1 is the square of side :math:`g_d = \mathrm{size} \cdot \mathrm{scale}^d` whose
    middle lies at the place, averaged over blocks of :math:`\mathrm{scale}^d \times \mathrm{scale}^d` pixels.
    Outside the image there is zero.

    Parameters
    ----------
    size : int
        Side of a patch in the output.
    depth : int
        How many patches there are.
    scale : int
        By what each patch is larger than the one before.

    Notes
    -----
    Inputs: a list of images (N, C, H, W) and places (N, 2), (y, x) in [-1, 1]: -1 is the middle of the first
    row or column, 1 that of the last one; what lies outside is clipped. Output (N, depth·C, size, size), the
    sharpest patch first. Places count in whole pixels, so their gradient is zero: they are learned by reward,
    see ``reinforce_normal``. Source: Mnih et al., Recurrent models of visual attention, 2014.

    Raises
    ------
    ShapeError
        If the inputs are not images and places.

    Examples
    --------
    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> layer = Glimpse(1, depth=2, scale=3).connect([(None, 1, 3, 3), (None, 2)])
    >>> layer.forward([image, np.array([[0.0, 0.0]])], train=False).ravel()
    array([4., 4.])
    """

    def __init__(self, size: int, depth: int = 3, scale: int = 2) -> None:
        self.size = check_int("size", size, 1)
        self.depth = check_int("depth", depth, 1, 16)
        self.scale = check_int("scale", scale, 1)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Learn the images' shape."""
        shape = self.incoming_shape(prev_layer)
        fits = isinstance(shape, list) and [len(part) for part in shape] == [4, 2] and shape[1][1] == 2
        if not fits or None in shape[0][1:]:
            raise ShapeError(f"{self} takes a list of images (N, C, H, W) and places (N, 2), got {shape}")
        self.out_shape = (shape[0][0], self.depth * shape[0][1], self.size, self.size)

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the patches (N, depth·C, size, size).

        Raises
        ------
        DataError
            If there is not one place for each image.
        """
        image, place = input
        if len(image) != len(place):
            raise DataError(f"{self}: {len(image)} images and {len(place)} places do not match")
        patches = []
        for index in range(self.depth):
            block = self.scale**index
            inside, rows, columns = self._where(place, image.shape[2:], block)
            patch = image[np.arange(len(image))[:, None, None], :, rows, columns]
            patch = np.where(inside[..., None], patch, 0).astype(image.dtype, copy=False)
            cells = patch.reshape(len(image), self.size, block, self.size, block, image.shape[1])
            patches.append(cells.mean(axis=(2, 4)).transpose(0, 3, 1, 2))
        if train:
            self.retain(image.shape, place)
        return np.concatenate(patches, axis=1)

    def backward(self, pre_grad: Any) -> list[Array]:
        """Return the images' gradient, and zeros for the places."""
        shape, place = self.retained()
        grad = np.zeros((shape[0], *shape[2:], shape[1]), pre_grad.dtype)
        for index, part in enumerate(np.split(pre_grad, self.depth, axis=1)):
            block = self.scale**index
            inside, rows, columns = self._where(place, shape[2:], block)
            cells = part.transpose(0, 2, 3, 1).repeat(block, axis=1).repeat(block, axis=2) / block**2
            sample = np.broadcast_to(np.arange(shape[0])[:, None, None], inside.shape)
            # A pixel occurs once in the patch of a sample, so adding by index loses nothing.
            grad[sample[inside], rows[inside], columns[inside]] += cells[inside]
        return [grad.transpose(0, 3, 1, 2), np.zeros(place.shape, pre_grad.dtype)]

    def _where(self, place: Array, shape: tuple[int, int], block: int) -> tuple[Array, Array, Array]:
        """Return which pixels of a patch (N, g, g) lie in the image, and the row and column to read."""
        side = self.size * block
        middle = (np.clip(place, -1, 1).astype(np.float64) + 1) / 2 * (np.array(shape) - 1)
        first = np.ceil(middle - side / 2).astype(int)
        rows, columns = (first[:, axis, None] + np.arange(side) for axis in (0, 1))
        rows, columns = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
        inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
        return inside, np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1)
