"""last_step and mean_over_time, with and without masks."""

import numpy as np
import pytest

from npdl_core.errors import ShapeError
from npdl_core.layers import LastStep, MeanOverTime

X = np.arange(24.0).reshape(4, 3, 2)
MASK = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 0, 0]], bool)


def connected(layer, shape=(None, None, 2)):
    layer.dtype = "float64"
    return layer.connect(shape)


def test_last_step():
    layer = connected(LastStep())
    assert layer.out_shape == (None, 2)
    np.testing.assert_array_equal(layer.forward(X), X[:, -1])
    due = np.zeros_like(X)
    due[:, -1] = 1
    np.testing.assert_array_equal(layer.backward(np.ones((4, 2))), due)


def test_last_real_step():
    layer = connected(LastStep())
    # The mask of the third sequence has a gap; the fourth sequence has no step at all.
    np.testing.assert_array_equal(layer.forward(X, mask=MASK), [X[0, 2], X[1, 1], X[2, 2], [0, 0]])
    due = np.zeros_like(X)
    due[[0, 1, 2], [2, 1, 2]] = 1
    np.testing.assert_array_equal(layer.backward(np.ones((4, 2))), due)


def test_last_step_is_no_view_of_its_input():
    layer = connected(LastStep())
    assert not np.shares_memory(layer.forward(X, train=False), X)


def test_mean_over_time():
    layer = connected(MeanOverTime())
    np.testing.assert_allclose(layer.forward(X), X.mean(axis=1))
    np.testing.assert_allclose(layer.backward(np.ones((4, 2))), np.full((4, 3, 2), 1 / 3))


def test_mean_over_real_steps():
    layer = connected(MeanOverTime())
    x = np.where(MASK[..., None], X, np.nan)
    out = layer.forward(x, mask=MASK)
    np.testing.assert_allclose(
        out, [X[0].mean(axis=0), X[1, :2].mean(axis=0), X[2, [0, 2]].mean(axis=0), [0, 0]]
    )
    grad = layer.backward(np.ones((4, 2)))
    np.testing.assert_allclose(grad, (MASK / [[3], [2], [2], [1]])[..., None] * np.ones(2))


@pytest.mark.parametrize("kind", [LastStep, MeanOverTime])
def test_frames(kind):
    layer = connected(kind(), (None, 3, 2, 5))
    x = np.random.default_rng(0).normal(size=(4, 3, 2, 5))
    assert layer.out_shape == (None, 2, 5)
    assert layer.forward(x, mask=MASK).shape == (4, 2, 5)
    assert layer.backward(x[:, 0]).shape == x.shape


@pytest.mark.parametrize("kind", [LastStep, MeanOverTime])
@pytest.mark.parametrize("mask", [None, MASK[:, :0]])
def test_sequences_without_a_step_give_zeros(kind, mask):
    layer = connected(kind())
    np.testing.assert_array_equal(layer.forward(X[:, :0], mask=mask), np.zeros((4, 2)))
    assert layer.backward(np.ones((4, 2))).shape == (4, 0, 2)


@pytest.mark.parametrize("kind", [LastStep, MeanOverTime])
def test_the_mask_ends(kind):
    assert connected(kind()).compute_mask(X, MASK) is None


@pytest.mark.parametrize("kind", [LastStep, MeanOverTime])
def test_refusals(kind):
    with pytest.raises(ShapeError, match="needs sequences"):
        kind().connect((None, 3))
    with pytest.raises(ShapeError, match="mask of shape"):
        connected(kind()).forward(X, mask=MASK[:3])


@pytest.mark.parametrize("kind", [LastStep, MeanOverTime])
def test_float32_stays(kind):
    layer = kind().connect((None, 3, 2))
    out = layer.forward(X.astype("float32"), mask=MASK)
    assert out.dtype == layer.backward(out).dtype == np.float32
