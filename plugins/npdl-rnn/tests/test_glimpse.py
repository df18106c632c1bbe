"""Glimpses against patches cut out by hand."""

import numpy as np
import pytest

from npdl_core.errors import DataError, ShapeError
from npdl_rnn.layers.glimpse import Glimpse


def by_hand(image, place, size, depth, scale):
    """Return one sample's patches, pixel by pixel."""
    channels, height, width = image.shape
    patches = []
    for index in range(depth):
        block = scale**index
        side = size * block
        top, left = (
            int(np.ceil((np.clip(at, -1, 1) + 1) / 2 * (n - 1) - side / 2))
            for at, n in zip(place, (height, width), strict=True)
        )
        for channel in range(channels):
            patch = np.zeros((size, size))
            for i in range(side):
                for j in range(side):
                    if 0 <= top + i < height and 0 <= left + j < width:
                        patch[i // block, j // block] += image[channel, top + i, left + j] / block**2
            patches.append((index, channel, patch))
    return np.stack([patch for *_, patch in patches])


@pytest.mark.parametrize(("size", "depth", "scale"), [(3, 1, 2), (2, 3, 2), (4, 2, 3)])
def test_patches(size, depth, scale):
    rng = np.random.default_rng(0)
    image, place = rng.normal(size=(6, 2, 9, 7)), rng.uniform(-1.3, 1.3, (6, 2))
    layer = Glimpse(size, depth, scale).connect([(None, 2, 9, 7), (None, 2)])
    out = layer.forward([image, place], train=False)
    assert out.shape == (6, *layer.out_shape[1:])
    for sample in range(6):
        np.testing.assert_allclose(out[sample], by_hand(image[sample], place[sample], size, depth, scale))


@pytest.mark.parametrize(
    ("place", "pixel"), [((-1, -1), (0, 0)), ((1, -1), (8, 0)), ((0, 0.5), (4, 6)), ((5, -9), (8, 0))]
)
def test_where_places_lie(place, pixel):
    image = np.arange(81.0).reshape(1, 1, 9, 9)
    layer = Glimpse(1, depth=1).connect([(None, 1, 9, 9), (None, 2)])
    assert layer.forward([image, np.array([place], float)]).item() == image[(0, 0, *pixel)]


def test_the_gradient_of_pixels_outside_is_not_lost_on_the_edge():
    layer = Glimpse(3, depth=1).connect([(None, 1, 5, 5), (None, 2)])
    layer.forward([np.ones((1, 1, 5, 5)), np.array([[-1.0, -1.0]])])
    image, place = layer.backward(np.ones((1, 1, 3, 3)))
    assert image.sum() == 4
    assert image[0, 0, :2, :2].tolist() == [[1, 1], [1, 1]]
    assert not place.any()


def test_what_is_refused():
    for shape in (
        [(None, 1, 5, 5), (None, 3)],
        [(None, 5, 5), (None, 2)],
        (None, 1, 5, 5),
        [(None, 1, None, 5), (None, 2)],
    ):
        with pytest.raises(ShapeError, match="images"):
            Glimpse(2).connect(shape)
    with pytest.raises(DataError, match="do not match"):
        Glimpse(2).connect([(None, 1, 5, 5), (None, 2)]).forward([np.ones((2, 1, 5, 5)), np.zeros((1, 2))])
