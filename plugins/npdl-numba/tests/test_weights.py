"""Gradients of recurrent layers' weights, compiled: against npdl-rnn's reference; skipped without npdl-rnn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npdl_core import Model, registry
from npdl_core.testing import check_kernel
from npdl_numba import coverage, threads, weights
from npdl_numba.compiled import tiles
from npdl_numba.compiled import weights as compiled

pytest.importorskip("npdl_rnn.kernels.examples")


@pytest.fixture(autouse=True)
def all_sizes(monkeypatch):
    """Small arrays are computed, too."""
    monkeypatch.setattr(coverage, "MIN_PRODUCT", 0)
    monkeypatch.setattr(coverage, "MIN_ROWS", 1)
    monkeypatch.setattr(weights, "PER_THREAD", 1)


def draw(n_rows, n_in, n_hidden, width, passed=True):
    """Return the kernel's arguments."""
    rng = np.random.default_rng(0)
    shapes = (n_rows, width), (n_rows, n_in), (n_rows, n_hidden), (n_in, width)
    given = [rng.standard_normal(shape, dtype="float32") for shape in shapes]
    blank = [np.full(shape, np.nan, "float32") for shape in ((n_in, width), (n_hidden, width), (width,))]
    return [*given, *blank, np.full((n_rows, n_in), np.nan, "float32") if passed else None]


def test_equals_the_reference():
    check_kernel("recurrent_affine_backward")


sizes = st.integers(1, 70)


@given(n_rows=st.sampled_from([1, 5, 255, 256, 257, 520]), n_in=sizes, n_hidden=sizes, width=sizes)
@settings(max_examples=40, deadline=None)
def test_is_the_products_at_all_sizes(n_rows, n_in, n_hidden, width):
    delta, rows, states, W, dW, dU, db, dx = args = draw(n_rows, n_in, n_hidden, width)
    assert weights.recurrent_affine_backward(*args) is None
    for found, wanted in (
        (dW, rows.T @ delta),
        (dU, states.T @ delta),
        (db, delta.sum(0)),
        (dx, delta @ W.T),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("parts", [2, 3])
def test_every_bit_is_the_same_on_any_number_of_threads(parts, monkeypatch):
    mine, others = draw(300, 20, 40, 90), draw(300, 20, 40, 90)
    monkeypatch.setattr(threads, "limit", lambda: 1)
    weights.recurrent_affine_backward(*mine)
    monkeypatch.setattr(threads, "limit", lambda: parts)
    weights.recurrent_affine_backward(*others)
    for one, other in zip(mine, others, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("n_rows", [40, 1100])
def test_more_columns_than_one_block(n_rows):
    width = compiled.BLOCK_PANELS * tiles.WIDTH + 37
    delta, rows, states, _, dW, dU, db, _ = args = draw(n_rows, 3, 5, width, passed=False)
    weights.recurrent_affine_backward(*args)
    for found, wanted in ((dW, rows.T @ delta), (dU, states.T @ delta), (db, delta.sum(0))):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("index", [*range(7), 7])
def test_declines_other_types_layouts_and_shapes(index):
    def ways(array):
        yield array.astype("float64")
        if array.ndim == 2:
            yield np.asfortranarray(array)
        yield array[:-1]

    for other in ways(draw(20, 3, 5, 9)[index]):
        args = draw(20, 3, 5, 9)
        args[index] = other
        assert weights.recurrent_affine_backward(*args) is NotImplemented


def test_declines_what_is_too_small(monkeypatch):
    monkeypatch.setattr(coverage, "MIN_ROWS", 21)
    assert weights.recurrent_affine_backward(*draw(20, 3, 5, 9)) is NotImplemented
    monkeypatch.setattr(coverage, "MIN_ROWS", 1)
    monkeypatch.setattr(coverage, "MIN_PRODUCT", 20 * 9 * 8)
    assert weights.recurrent_affine_backward(*draw(20, 3, 5, 9)) is NotImplemented


@pytest.mark.parametrize("name", ["simple_rnn", "lstm"])
def test_layers_write_their_gradients_with_it(name, monkeypatch):
    calls = []
    kernel = compiled.work
    monkeypatch.setattr(compiled, "work", lambda *args: (calls.append(1), kernel(*args)))
    monkeypatch.setattr(threads, "limit", lambda: 1)
    layer = registry.get("layers", name, n_out=6, n_in=3, num_layers=2)
    model = Model([layer], seed=0)
    model.compile(loss="mse", optimizer="sgd")
    model.train_on_batch(np.ones((4, 5, 3), "float32"), np.ones((4, 6), "float32"))
    assert len(calls) == 2


@pytest.mark.parametrize("index", [4, 5, 6, 7])
def test_what_may_not_be_written_to_is_left_to_the_reference(index):
    args = draw(40, 5, 6, 7)
    args[index].flags.writeable = False
    assert weights.recurrent_affine_backward(*args) is NotImplemented
