"""masking: a mask from the data."""

import numpy as np
import pytest

import npdl_core as npdl
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers import LastStep, Masking, MeanOverTime
from npdl_core.layers.masking import over_steps

X = np.array([[[1.0, 0.0], [0.0, 0.0], [2.0, 3.0]], [[0.0, 0.0], [0.0, 4.0], [-1.0, -1.0]]])
REAL = np.array([[True, False, True], [False, True, True]])


def test_steps_of_one_value_are_masked():
    layer = Masking().connect((None, 3, 2))
    np.testing.assert_array_equal(layer.compute_mask(X, None), REAL)
    np.testing.assert_array_equal(layer.forward(X), X)
    np.testing.assert_array_equal(layer.backward(np.ones((2, 3, 2))), REAL[..., None] * np.ones(2))


def test_another_value():
    layer = Masking(-1.0).connect((None, 3, 2))
    np.testing.assert_array_equal(layer.compute_mask(X, None), [[True] * 3, [True, True, False]])
    out = layer.forward(X)
    np.testing.assert_array_equal(out[1, 2], 0)
    np.testing.assert_array_equal(out[0], X[0])


def test_the_value_is_compared_in_the_precision_of_the_input():
    layer = Masking(0.1).connect((None, 1, 1))
    assert not layer.compute_mask(np.full((1, 1, 1), 0.1, "float32"), None).any()


def test_a_mask_that_came_along_is_joined():
    layer = Masking().connect((None, 3, 2))
    came = np.array([[True, True, False], [True, True, True]])
    np.testing.assert_array_equal(layer.compute_mask(X, came), REAL & came)
    np.testing.assert_array_equal(layer.forward(X, mask=came), X * (REAL & came)[..., None])
    np.testing.assert_array_equal(layer.backward(X), X * (REAL & came)[..., None])


def test_several_feature_axes():
    layer = Masking().connect((None, 3, 2, 2))
    frames = np.stack([X, 0 * X], axis=-1)
    np.testing.assert_array_equal(layer.compute_mask(frames, None), REAL)


@pytest.mark.parametrize("end", [LastStep(), MeanOverTime()], ids=str)
def test_the_model_hands_the_mask_on(end):
    model = npdl.Model([Masking(), end], dtype="float64").connect((None, 3, 2))
    np.testing.assert_allclose(
        model.predict(X), [[2, 3], [-1, -1]] if isinstance(end, LastStep) else [[1.5, 1.5], [-0.5, 1.5]]
    )


def test_refusals():
    with pytest.raises(ShapeError, match=r"masking needs sequences \(N, T, D\)"):
        Masking().connect((None, 3))
    with pytest.raises(ShapeError, match=r"mask of shape \(2, 2\)"):
        Masking().connect((None, 3, 2)).forward(X, mask=REAL[:, :2])
    with pytest.raises(ConfigError):
        Masking("zero")


def test_over_steps():
    assert over_steps([[1, 0, 1], [0, 0, 1]], X).shape == (2, 3, 1)
    assert over_steps(REAL, X[..., 0]).shape == (2, 3)
    for wrong in (REAL[0], REAL.T, REAL[..., None]):
        with pytest.raises(ShapeError, match="does not fit the steps"):
            over_steps(wrong, X)
