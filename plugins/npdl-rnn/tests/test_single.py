"""Sequences of one sample: their own loop computes what the batch's does."""

import numpy as np
import pytest

from npdl_core import Model, kernels, registry
from npdl_rnn.kernels import examples

FORWARDS = ["simple_rnn_forward", "lstm_forward", "gru_forward", "gru_after_forward"]


def of_one(array, U, row):
    """Return an argument's row as a batch of one; weights and biases are for all rows."""
    shared = array.ndim < 2 or array.shape == U.shape
    return array.copy() if shared else array[..., row : row + 1, :].copy()


@pytest.mark.parametrize("name", FORWARDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sample_alone_is_computed_as_in_a_batch(name, dtype, monkeypatch):
    monkeypatch.setattr(examples, "SIZES", ((6, 3, 17), (1, 2, 1)))
    reference = kernels.find(name).reference
    tolerance = 2e-6 if dtype == "float32" else 1e-14
    for drawn in getattr(examples, name)(np.random.default_rng(0), np.dtype(dtype)):
        *args, options = drawn if isinstance(drawn[-1], dict) else (*drawn, {})
        together, U = [array.copy() for array in args], args[1]
        reference(*together, **options)
        for row in range(args[0].shape[1]):
            alone = [of_one(array, U, row) for array in args]
            given = {key: of_one(value, U, row) if key == "mask" else value for key, value in options.items()}
            reference(*alone, **given)
            for one, other in zip(alone, together, strict=True):
                np.testing.assert_allclose(one, of_one(other, U, row), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("layer", ["simple_rnn", "gru", "lstm"])
def test_weights_are_not_touched_and_arrays_in_any_order_do(layer):
    model = Model([registry.get("layers", layer, n_out=4, return_sequence=True)], seed=0)
    model.connect((None, None, 3))
    before = [array.copy() for array in model.params]
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    found = model.predict_on_batch(x[:1])
    strange = np.asfortranarray(np.repeat(x, 2, axis=2))[:1, :, ::2]
    np.testing.assert_array_equal(model.predict_on_batch(strange), found)
    np.testing.assert_allclose(model.predict(x)[:1], found, rtol=1e-5, atol=1e-6)
    for array, value in zip(model.params, before, strict=True):
        np.testing.assert_array_equal(array, value)
