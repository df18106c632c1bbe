"""Layers that change how many steps a sequence has change its mask."""

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import ShapeError

MASK = np.array([[True, True, True, False, False], [True, False, False, False, True]])


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("zero_padding", {"size": [[2, 1], [0, 0]]}, [[0, 0, 1, 1, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0, 1, 0]]),
        ("cropping", {"size": [[1, 2], [0, 0]]}, [[1, 1], [0, 0]]),
        ("upsampling", {"factor": [2, 1]}, [[1, 1] * 3 + [0] * 4, [1, 1] + [0] * 6 + [1, 1]]),
        ("max_pooling", {"pool_size": [2, 1]}, [[1, 1], [1, 0]]),
        ("mean_pooling", {"pool_size": [2, 1], "ceil_mode": True}, [[1, 1, 0], [1, 0, 1]]),
        (
            "l2_pooling",
            {"pool_size": [3, 1], "stride": 1, "padding": [1, 0]},
            [[1, 1, 1, 1, 0], [1, 1, 0, 1, 1]],
        ),
    ],
)
def test_steps_of_the_output_are_masked(name, config, expected):
    layer = registry.get("layers", name, **config).connect((None, None, 3))
    x = np.ones((2, 5, 3), "float32")
    mask = layer.compute_mask(x, MASK)
    assert mask.astype(int).tolist() == expected
    assert mask.shape == layer.forward(x).shape[:2]


@pytest.mark.parametrize("name", ["zero_padding", "cropping", "upsampling", "max_pooling"])
def test_images_keep_what_they_had(name):
    config = {"pool_size": 2} if name == "max_pooling" else {}
    layer = registry.get("layers", name, **config).connect((None, 5, 4, 4))
    assert layer.compute_mask(np.ones((2, 5, 4, 4)), MASK) is MASK
    assert layer.compute_mask(np.ones((2, 5, 4, 4)), None) is None


def test_cropping_everything_of_a_size_that_was_unknown():
    layer = registry.get("layers", "cropping", size=2).connect((None, 1, None, 9))
    with pytest.raises(ShapeError, match=r"axis 2.*leaves nothing of 4"):
        layer.forward(np.ones((1, 1, 4, 9)))
