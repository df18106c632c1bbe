"""Fully connected layers on tiles: against NumPy, at all sizes, layouts and numbers of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npdl_core import Model, kernels
from npdl_core.layers import Dense
from npdl_core.testing import check_kernel
from npdl_numba import affine, coverage, threads

NAMES = affine.__all__
SIZES = [(16, 1, 1), (64, 784, 200), (17, 9, 33), (600, 70, 47), (33, 600, 16), (30, 40, 520)]


@pytest.fixture(autouse=True)
def all_sizes(monkeypatch):
    """Small arrays are computed, too."""
    monkeypatch.setattr(coverage, "MIN_PRODUCT", 0)
    monkeypatch.setattr(coverage, "MIN_ROWS", 1)
    monkeypatch.setattr(affine, "PER_THREAD", 1)


def draw(m, d, h, seed=0):
    """Return rows, W, b and the output's gradient."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape).astype("float32") for shape in ((m, d), (d, h), h, (m, h)))


def blank(*shape):
    return np.full(shape, np.nan, "float32")


def computed(rows, W, b, delta):
    """Return y, dW, db and dx by the compiled kernels."""
    y, dW, db, dx = blank(*delta.shape), blank(*W.shape), blank(len(b)), blank(*rows.shape)
    assert affine.affine_forward(rows, W, b, y) is y
    assert affine.affine_backward(delta, rows, W, dW, db, dx) is dx
    return y, dW, db, dx


def expected(rows, W, b, delta):
    rows, W, b, delta = (array.astype("float64") for array in (rows, W, b, delta))
    return rows @ W + b, rows.T @ delta, delta.sum(axis=0), delta @ W.T


def require_alike(came, due):
    for now, then in zip(came, due, strict=True):
        np.testing.assert_allclose(now, then, rtol=0, atol=1e-5 * max(1, np.abs(then).max()))


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_reference(name):
    check_kernel(name)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_products_of_every_form(sizes):
    arrays = draw(*sizes)
    require_alike(computed(*arrays), expected(*arrays))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 300), st.integers(1, 70))
def test_products_of_any_size(m, d, h):
    arrays = draw(m, d, h)
    require_alike(computed(*arrays), expected(*arrays))


def rectified(rows, W, b, delta):
    """Return the same with the rectifier."""
    y, dW, db, dx = blank(*delta.shape), blank(*W.shape), blank(len(b)), blank(*rows.shape)
    assert affine.affine_forward(rows, W, b, y, rectify=True) is y
    assert affine.affine_backward(delta, rows, W, dW, db, dx, rectified=y) is dx
    return y, dW, db, dx


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_rectified_ones_are_those_of_what_is_positive(sizes):
    rows, W, b, delta = draw(*sizes)
    kept = delta.copy()
    y, *grads = rectified(rows, W, b, delta)
    scores = computed(rows, W, b, delta)[0]
    np.testing.assert_array_equal(y, np.maximum(scores, 0))
    np.testing.assert_array_equal(delta, kept)
    for one, other in zip(grads, computed(rows, W, b, delta * (scores > 0))[1:], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kernel", [computed, rectified])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_bit_is_the_same_on_any_number_of_threads(sizes, kernel, monkeypatch):
    arrays, found = draw(*sizes), []
    for limit in (1, 2, 3, 5):
        monkeypatch.setattr(threads, "limit", lambda limit=limit: limit)
        found.append([array.tobytes() for array in kernel(*arrays)])
    assert found[1:] == found[:1] * 3


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_rows_may_lie_apart(sizes):
    rows, W, b, delta = draw(*sizes)
    (m, d), h = rows.shape, len(b)
    wide = {key: blank(*shape) for key, shape in {"x": (m, d + 3), "w": (d, h + 5), "y": (m, h + 1)}.items()}
    apart = (wide["x"][:, 2:-1], wide["w"][:, 5:], wide["y"][:, :-1])
    for view, array in zip(apart, (rows, W, delta), strict=True):
        view[...] = array
    y, dW, dx = (np.full(shape, 7, "float32") for shape in ((m, h + 2), (d, h + 3), (m, d + 4)))
    db = blank(h)
    affine.affine_forward(apart[0], apart[1], b, y[:, :-2], rectify=True)
    affine.affine_backward(apart[2], apart[0], apart[1], dW[:, 3:], db, dx[:, 1:-3], rectified=y[:, :-2])
    together = (y[:, :-2], dW[:, 3:], db, dx[:, 1:-3])
    for one, other in zip(together, rectified(rows, W, b, delta), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (y[:, -2:] == 7).all()
    assert (dW[:, :3] == 7).all()
    assert (dx[:, 0] == 7).all()
    assert (dx[:, -3:] == 7).all()


def test_without_bias_and_without_input_gradient():
    rows, W, b, delta = draw(40, 30, 20)
    y, dW = blank(40, 20), blank(30, 20)
    assert affine.affine_forward(rows, W, None, y) is y
    assert affine.affine_backward(delta, rows, W, dW, None, None) is None
    due = expected(rows, W, 0 * b, delta)
    require_alike((y, dW), due[:2])


def test_infinite_and_missing_numbers_stay_in_their_row():
    rows, W, b, _ = draw(40, 300, 33)
    clean = rows @ W + b
    rows[3, 280], rows[5, 7] = np.nan, np.inf
    y = blank(40, 33)
    affine.affine_forward(rows, W, b, y)
    assert np.isnan(y[3]).all()
    assert np.isinf(y[5]).all()
    others = np.setdiff1d(np.arange(40), (3, 5))
    np.testing.assert_allclose(y[others], clean[others], rtol=0, atol=1e-4)
    affine.affine_forward(rows, W, b, y, rectify=True)
    assert np.isnan(y[3]).all()
    assert set(y[5]) == {0, np.inf}


def test_what_is_declined(monkeypatch):
    rows, W, b, delta = draw(40, 30, 20)
    y, dW, db, dx = blank(40, 20), blank(30, 20), blank(20), blank(40, 30)

    def declined(rows=rows, W=W, b=b, y=y):
        return affine.affine_forward(rows, W, b, y) is NotImplemented

    assert not declined()
    assert declined(rows.astype("float64"))
    assert declined(W=W.astype("float64"))
    assert declined(np.asfortranarray(rows))
    assert declined(np.broadcast_to(rows[:1], rows.shape))
    assert declined(b=b.astype("float64"))
    assert declined(y=y[:, ::-1])
    assert declined(rows[0], b=None, y=y[0])
    assert declined(rows[:, :0], W[:0])
    assert declined(W=W[:-1])
    back = affine.affine_backward
    for wrong in (dW[:, ::2], dW.T, dW.astype("float64")):
        assert back(delta, rows, W, wrong, db, dx) is NotImplemented
    assert back(delta, rows, W, dW, db.astype("float64"), dx) is NotImplemented
    assert back(delta, rows, W, dW, db, dx[:, ::2]) is NotImplemented
    assert back(delta[1:], rows, W, dW, db, dx) is NotImplemented
    assert back(delta, rows, W, dW, db, dx, rectified=y[1:]) is NotImplemented
    monkeypatch.setattr(coverage, "MIN_ROWS", 41)
    assert declined()
    monkeypatch.setattr(coverage, "MIN_ROWS", 1)
    monkeypatch.setattr(coverage, "MIN_PRODUCT", 40 * 30 * 20)
    assert declined()


def test_dense_layers_train_alike(monkeypatch):
    def trained():
        model = Model([Dense(65, n_in=40, activation="relu"), Dense(3)], seed=0)
        model.compile(loss="mse", optimizer="sgd")
        rng = np.random.default_rng(0)
        x, y = (rng.standard_normal((50, width)).astype("float32") for width in (40, 3))
        for _ in range(3):
            model.train_on_batch(x, y)
        return [layer.W.copy() for layer in model.layers]

    def plain(kernel):
        monkeypatch.setattr(kernel, "_overrides", ())

    with_tiles = trained()
    for name in NAMES:
        plain(kernels.find(name))
    for one, other in zip(with_tiles, trained(), strict=True):
        assert one.tobytes() != other.tobytes() or one.shape[1] == 3
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


CROWDED = """
import threading
from itertools import cycle
import numpy as np
from npdl_numba import affine

rng = np.random.default_rng(0)
rows, W = rng.random((400, 300), "float32"), rng.random((300, 96), "float32")
first, again = np.empty((2, 400, 96), "float32")
assert affine.affine_forward(rows, W, None, first) is first
ended, latest = threading.Event(), []


def allocate():
    for size in cycle(range(4000, 10000, 500)):
        latest[:] = [*latest[-2:], np.full(size, np.nan, "float32")]
        if ended.is_set():
            break


other = threading.Thread(target=allocate)
other.start()
wrong = 0
for _ in range(200):
    affine.affine_forward(rows, W, None, again)
    wrong += not np.array_equal(first, again)
ended.set()
other.join()
print(wrong)
"""


def test_scratch_of_a_product_is_not_handed_to_another_thread():
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CROWDED], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "0", done.stderr
