"""The max pooling kernels against npdl-conv's references; skipped where npdl-conv is not installed."""

import numpy as np
import pytest

from npdl_core.testing import check_kernel
from npdl_numba import coverage, threads
from npdl_numba.pooling import __all__ as NAMES
from npdl_numba.pooling import max_pooling_backward, max_pooling_forward

reference = pytest.importorskip("npdl_conv.kernels.pooling")


@pytest.fixture
def all_sizes(monkeypatch):
    """Small arrays are computed, too."""
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_reference(name, all_sizes):
    check_kernel(name)


SIZES = [
    ((2, 8, 6, 20), (2, 2), (2, 2), (4, 3)),
    ((3, 7, 7, 17), (3, 2), (2, 1), (3, 6)),
    ((1, 5, 9, 33), (2, 3), (3, 4), (2, 2)),
    ((2, 11, 5), (3,), (2,), (5,)),
]


def draw(shape, kernel, stride, outs):
    """Return rounded numbers with ties and NaN, gradients, and room for maxima and their places."""
    rng = np.random.default_rng(0)
    x = np.round(2 * rng.standard_normal(shape)).astype("float32")
    x.flat[::29] = np.nan
    maps = (shape[0], *outs, shape[-1])
    return x, rng.standard_normal(maps).astype("float32"), np.zeros(maps, "float32"), np.zeros(maps, "uint8")


@pytest.mark.parametrize(("shape", "kernel", "stride", "outs"), SIZES)
@pytest.mark.parametrize("parts", [1, 2])
def test_maxima_their_places_and_gradients_to_the_last_bit(
    shape, kernel, stride, outs, parts, all_sizes, monkeypatch
):
    monkeypatch.setattr(threads, "limit", lambda: parts)
    x, dy, out, winner = draw(shape, kernel, stride, outs)
    assert max_pooling_forward(x, kernel, stride, out, winner) is out
    due, places = np.empty_like(out), np.empty_like(winner)
    reference.max_pooling_forward(x, kernel, stride, due, places)
    np.testing.assert_array_equal(out, due)
    np.testing.assert_array_equal(winner, places)
    alone = np.empty_like(out)
    max_pooling_forward(x, kernel, stride, alone, None)
    np.testing.assert_array_equal(alone, due)
    dx, expected = np.full_like(x, np.nan), np.full_like(x, np.nan)
    assert max_pooling_backward(dy, winner, kernel, stride, dx) is dx
    reference.max_pooling_backward(dy, winner, kernel, stride, expected)
    np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-6)


def test_what_is_declined(monkeypatch):
    x, dy, out, winner = draw(*SIZES[0])
    kernel = stride = (2, 2)
    assert max_pooling_forward(x, kernel, stride, out, winner) is NotImplemented
    assert max_pooling_backward(dy, winner, kernel, stride, x) is NotImplemented
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    wide = np.repeat(x, 2, axis=-1)[..., ::2]
    for images in (x.astype("float64"), wide, x[:, :-1], x[:1]):
        assert max_pooling_forward(images, kernel, stride, out, winner) is NotImplemented
    for places in (winner.astype(np.intp), winner[:, :, :, ::-1], winner[:1]):
        assert max_pooling_forward(x, kernel, stride, out, places) is NotImplemented
        assert max_pooling_backward(dy, places, kernel, stride, x) is NotImplemented
    for fixed in (out, winner):
        fixed.flags.writeable = False
        assert max_pooling_forward(x, kernel, stride, out, winner) is NotImplemented
        fixed.flags.writeable = True
    x.flags.writeable = False
    assert max_pooling_backward(dy, winner, kernel, stride, x) is NotImplemented
    assert max_pooling_forward(x, (17, 17), (1, 1), out, None) is NotImplemented
    volume = np.zeros((2, 4, 4, 4, 3), "float32")
    assert max_pooling_forward(volume, (2,) * 3, (2,) * 3, volume[:, ::2, ::2, ::2].copy(), None) is (
        NotImplemented
    )
