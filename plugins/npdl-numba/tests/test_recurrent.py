"""The sequence kernels against npdl-rnn's references; skipped where npdl-rnn is not installed."""

import numpy as np
import pytest

from npdl_core import Model, kernels, registry
from npdl_core.testing import check_kernel
from npdl_numba import coverage, recurrent, threads

examples = pytest.importorskip("npdl_rnn.kernels.examples")
NAMES = recurrent.__all__


@pytest.fixture
def all_sizes(monkeypatch):
    """Small arrays are computed, too."""
    monkeypatch.setattr(coverage, "MIN_WORK", 0)


def draw(name, sizes=((5, 3, 17),), dtype="float32"):
    """Return arguments and options of every example of these sizes."""
    mine = pytest.MonkeyPatch()
    with mine.context() as patch:
        patch.setattr(examples, "SIZES", sizes)
        found = list(getattr(examples, name)(np.random.default_rng(0), np.dtype(dtype)))
    return [(args[:-1], args[-1]) if isinstance(args[-1], dict) else (args, {}) for args in found]


def arrays_of(args):
    return [np.nan_to_num(array) for array in args]


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_reference_at_odd_sizes_with_masks_and_cuts(name, all_sizes):
    check_kernel(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sizes", [((2, 9, 33),), ((3, 1, 40),), ((2, 16, 64),)], ids=str)
def test_equals_the_reference_for_every_tile(name, sizes, all_sizes, monkeypatch):
    monkeypatch.setattr(examples, "SIZES", ((1, 1, 1), *sizes))
    check_kernel(name)


@pytest.mark.parametrize("name", NAMES)
def test_none_of_these_examples_is_declined(name, all_sizes):
    for args, options in draw(name):
        assert getattr(recurrent, name)(*args, **options) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parts", [2, 3])
def test_every_bit_is_the_same_on_any_number_of_threads(name, parts, all_sizes, monkeypatch):
    for args, options in draw(name):
        mine, others = arrays_of(args), arrays_of(args)
        monkeypatch.setattr(threads, "limit", lambda: 1)
        getattr(recurrent, name)(*mine, **options)
        monkeypatch.setattr(threads, "limit", lambda: parts)
        getattr(recurrent, name)(*others, **options)
        for one, other in zip(mine, others, strict=True):
            assert one.tobytes() == other.tobytes()


def rows_of(value, like):
    """Return an argument's row 1 as a batch of one; weights are for all rows."""
    shared = value.ndim < 2 or like.shape[-2:] == value.shape[-2:]
    return value.copy() if shared else np.ascontiguousarray(value[..., 1:2, :])


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("forward")])
@pytest.mark.parametrize("hidden", [5, 24, 61])
def test_a_sample_alone_has_every_bit_that_it_has_in_a_batch(name, hidden, all_sizes, monkeypatch):
    for args, options in draw(name, sizes=((4, 3, hidden),)):
        together = [array.copy() for array in args]
        U = together[1]
        alone = [rows_of(array, U) for array in args]
        mask = {key: rows_of(value, U) for key, value in options.items() if key == "mask"}
        getattr(recurrent, name)(*together, **options)
        with monkeypatch.context() as patch:
            patch.setattr(threads, "run", None)  # it is not shared out, and nothing is packed
            getattr(recurrent, name)(*alone, **(options | mask))
        for one, other in zip(alone, together, strict=True):
            assert one.tobytes() == rows_of(other, U).tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_small_double_and_strided_arrays_are_declined(name, monkeypatch):
    ((args, options), *_) = draw(name)
    assert getattr(recurrent, name)(*args, **options) is NotImplemented
    monkeypatch.setattr(coverage, "MIN_WORK", 0)
    ((doubles, options), *_) = draw(name, dtype="float64")
    assert getattr(recurrent, name)(*doubles, **options) is NotImplemented
    for position in range(len(args)):
        changed = list(args)
        changed[position] = np.repeat(args[position], 2, axis=-1)[..., ::2]
        if not changed[position].flags.c_contiguous:
            assert getattr(recurrent, name)(*changed, **options) is NotImplemented


@pytest.mark.parametrize("name", NAMES)
def test_wrong_shapes_are_left_to_the_reference(name, all_sizes):
    ((args, options), *_) = draw(name)
    for position in range(len(args)):
        changed = list(args)
        changed[position] = np.ascontiguousarray(args[position][:-1])
        assert getattr(recurrent, name)(*changed, **options) is NotImplemented
    mask = {"mask": np.ones((4, 3, 1), "float32")}
    assert getattr(recurrent, name)(*args, **mask) is NotImplemented


def test_nan_stays_nan(all_sizes):
    ((args, _), *_) = draw("lstm_forward")
    gates, _, h, *_ = args
    gates[2, 1, 0] = np.nan
    recurrent.lstm_forward(*args)
    assert np.isnan(h[3, 1]).any()
    assert not np.isnan(h[3:, [0, 2]]).any()


@pytest.fixture
def compiled_or_not(monkeypatch):
    """Return a function that trains a layer for some steps with or without overrides."""

    def train(layer, overridden, masked=False):
        if not overridden:
            monkeypatch.setenv("NPDL_KERNELS", "numpy")
        for name in NAMES:
            kernels.find(name).refresh()
        try:
            rng = np.random.default_rng(0)
            x = rng.standard_normal((16, 16, 8), dtype="float32")
            y = rng.uniform(-1, 1, (16, 16, 64)).astype("float32")
            mask = np.arange(16) < rng.integers(4, 17, (16, 1)) if masked else None
            built = registry.get("layers", layer, n_out=64, n_in=8, return_sequence=True)
            model = Model([built], seed=0).compile(loss="mse", optimizer="sgd")
            losses = [model.train_on_batch(x, y, mask=mask)["loss"] for _ in range(4)]
            return losses, model.predict(x, mask=mask)
        finally:
            monkeypatch.delenv("NPDL_KERNELS", raising=False)
            for name in NAMES:
                kernels.find(name).refresh()

    return train


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layer", ["simple_rnn", "gru", "lstm"])
def test_training_goes_as_with_numpy_and_repeats_to_the_last_bit(layer, masked, compiled_or_not):
    losses, outputs = compiled_or_not(layer, True, masked)
    again, outputs_again = compiled_or_not(layer, True, masked)
    reference, reference_outputs = compiled_or_not(layer, False, masked)
    assert losses == again
    assert outputs.tobytes() == outputs_again.tobytes()
    np.testing.assert_allclose(losses, reference, rtol=1e-5)
    np.testing.assert_allclose(outputs, reference_outputs, rtol=1e-4, atol=1e-5)
    assert outputs.tobytes() != reference_outputs.tobytes()  # else the overrides were not used
