"""Functions that all kernels are made of: products by tiles, tanh and the logistic function."""

import numpy as np
import pytest

from npdl_numba.compiled import gates, tiles
from npdl_numba.compiled.jit import jit


@jit
def each(function_is_tanh, x, out):
    for i in range(len(x)):
        out[i] = gates.tanh(x[i]) if function_is_tanh else gates.logistic(x[i])


def computed(is_tanh, x):
    out = np.empty_like(x)
    each(is_tanh, x, out)
    return out


POINTS = np.concatenate([np.logspace(-30, 4, 100_001), np.linspace(0, 12, 100_001)]).astype("float32")


def test_tanh_is_within_its_bound():
    for x in (POINTS, -POINTS):
        exact = np.tanh(x.astype("float64"))
        error = np.abs(computed(True, x) - exact) / np.where(exact, np.abs(exact), 1)
        assert 1e-8 < error.max() < 4e-7
        assert np.abs(computed(True, x)).max() <= 1


def test_logistic_is_within_its_bound():
    for x in (POINTS, -POINTS):
        with np.errstate(over="ignore"):
            exact = 1 / (1 + np.exp(-x.astype("float64")))
        error = np.abs(computed(False, x) - exact)
        assert 1e-9 < error.max() < 2e-7


def test_infinities_saturate_and_nan_stays():
    x = np.array([np.inf, -np.inf, np.nan, 0, -0.0], "float32")
    assert computed(True, x).round(5).tolist()[:2] == [1, -1]
    assert np.isnan(computed(True, x)[2])
    assert np.isnan(computed(False, x)[2])
    assert np.signbit(computed(True, x)[3:]).tolist() == [False, True]


def product(a, W, transposed=False):
    """Return a @ W by tiles, columns of W taken from the middle of a wider matrix."""
    depth, width = W.shape
    panels = np.full((tiles.n_panels(width), depth, tiles.WIDTH), np.nan, "float32")
    if transposed:
        wide = np.hstack([np.full((width, 3), np.nan), W.T, np.full((width, 2), np.nan)]).astype("float32")
        tiles.pack_transposed(wide, 3, panels, 0, len(panels))
    else:
        wide = np.hstack([np.full((depth, 3), np.nan), W, np.full((depth, 2), np.nan)]).astype("float32")
        tiles.pack(wide, 3, width, panels, 0, len(panels))
    out = np.full((len(a), len(panels) * tiles.WIDTH + 5), np.nan, "float32")
    row, step = (stride // 4 for stride in a.strides)
    tiles.multiply(a.ctypes.data, row, step, len(a), panels, out)
    assert np.isnan(out[:, -5:]).all()
    assert not out[:, width:-5].any()
    return out[:, :width]


@pytest.mark.parametrize("rows", [*range(1, 18), 33])
@pytest.mark.parametrize(("depth", "width"), [(1, 1), (7, 16), (16, 31), (33, 32), (5, 70)])
def test_a_product_by_tiles(rows, depth, width):
    rng = np.random.default_rng(0)
    a, W = (rng.standard_normal(shape).astype("float32") for shape in ((rows, depth), (depth, width)))
    expected = a.astype("float64") @ W
    straight = product(a, W)
    np.testing.assert_allclose(straight, expected, rtol=0, atol=1e-5)
    assert product(a, W, transposed=True).tobytes() == straight.tobytes()
    assert product(np.asfortranarray(a), W).tobytes() == straight.tobytes()
    for one in range(rows):
        assert product(a[one : one + 1], W).tobytes() == straight[one : one + 1].tobytes()
