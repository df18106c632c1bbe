"""Sequence kernels against the loop over steps, over everything that they take; dropout; new cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_rnn import GRU, LSTM, SimpleRNN

CELLS = {
    "simple_rnn": (SimpleRNN, {}),
    "gru": (GRU, {}),
    "gru_after": (GRU, {"reset_after": True}),
    "lstm": (LSTM, {}),
}


def made(cls, **config):
    layer = cls(4, return_state=True, **config)
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(0)
    return layer.connect((None, None, 3))


def looped(cls):
    """Return the class with its kernels turned off."""
    return type(cls.__name__, (cls,), {"uses_kernel": lambda self: False, "__init__": cls.__init__})


@pytest.mark.parametrize("name", CELLS)
@given(
    size=st.tuples(st.integers(1, 4), st.integers(1, 6)),
    seed=st.integers(0, 99),
    masked=st.booleans(),
    config=st.fixed_dictionaries(
        {
            "mask_mode": st.sampled_from(["carry", "reset"]),
            "go_backwards": st.booleans(),
            "return_sequence": st.booleans(),
            "bptt_steps": st.sampled_from([None, 1, 3]),
            "num_layers": st.sampled_from([1, 2]),
        }
    ),
)
def test_kernels_are_the_loop(name, size, seed, masked, config):
    cls, options = CELLS[name]
    fast, slow = (made(one, **options, **config) for one in (cls, looped(cls)))
    assert fast.uses_kernel()
    assert not slow.uses_kernel()
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (*size, 3))
    mask = rng.random(size) < 0.6 if masked else None
    start = {
        key: rng.normal(0, 1, a.shape) for key, a in zip(("h0", "c0"), fast.zero_state(len(x)), strict=False)
    }
    outputs = [layer.forward(x, mask=mask, **start) for layer in (fast, slow)]
    grads = [rng.normal(0, 1, a.shape) for a in outputs[0]]
    found = [[*out, layer.backward(grads), *layer.d_state, *layer.grads]
             for layer, out in zip((fast, slow), outputs, strict=True)]  # fmt: skip
    for came, due in zip(*found, strict=True):
        np.testing.assert_allclose(came, due, rtol=1e-10, atol=1e-12)
    for came, due in zip(fast.forward(x, False, mask=mask, **start), outputs[1], strict=True):
        np.testing.assert_allclose(came, due, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_one_mask_of_the_recurrent_input_serves_all_steps(name):
    cls, options = CELLS[name]
    layer = made(cls, recurrent_dropout=0.5, **options)
    scales = []
    original = layer.dropped
    object.__setattr__(layer, "dropped", lambda h, train: scales.append(original(h, train)) or scales[-1])
    layer.forward(np.ones((3, 6, 3)))
    masks = [scale for _, scale in scales]
    assert all(mask is masks[0] for mask in masks)
    assert masks[0].shape == (3, 4)
    assert set(np.unique(masks[0])) == {0.0, 2.0}
    layer.forward(np.ones((3, 6, 3)))
    assert not np.array_equal(scales[-1][1], masks[0])
    scales.clear()
    layer.forward(np.ones((3, 6, 3)), False)
    assert all(mask is None for _, mask in scales)


def test_mono_draws_one_row_for_the_whole_batch():
    layer = made(GRU, recurrent_dropout=0.5, mono=True)
    layer.begin_sequence(7)
    assert layer._state_scale.shape == (1, 4)


def test_dropout_of_inputs_is_inverted_and_fresh_at_every_step():
    layer = made(LSTM, dropout=0.25)
    x, scale = layer.drop_inputs(np.ones((400, 5, 3)))
    np.testing.assert_allclose(x.mean(), 1, atol=0.03)
    np.testing.assert_allclose(np.unique(scale), [0, 4 / 3])
    assert not np.array_equal(scale[0], scale[1])


def test_every_gate_is_drawn_on_its_own():
    """A block of the recurrent weights is orthogonal, and the fans are those of one gate."""
    layer = made(LSTM)
    for block in np.split(layer.U, 4, axis=1):
        np.testing.assert_allclose(block.T @ block, np.eye(4), atol=1e-12)
    assert np.abs(layer.W).max() <= np.sqrt(6 / (3 + 4))
    assert np.abs(layer.W).max() > np.sqrt(6 / (3 + 16))


def test_biases_of_gates():
    assert made(LSTM, forget_bias_num=2.0).b.tolist() == [0.0] * 4 + [2.0] * 4 + [0.0] * 8
    assert made(GRU, update_bias=1.0).b.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 4


def test_final_gradients_by_numpydls_names():
    """``backward(pre_grad, dcn, dhn)`` adds to what the outputs give; ``d_c0`` and ``d_h0`` receive."""
    layer, x = made(LSTM), np.random.default_rng(1).normal(size=(2, 5, 3))
    dcn, dhn = np.ones((2, 4)), np.full((2, 4), 2.0)
    layer.forward(x)
    by_name = layer.backward([None, None, None], dcn, dhn).copy(), layer.d_c0.copy(), layer.d_h0.copy()
    by_list = layer.backward([dhn, None, dcn]), layer.d_c0, layer.d_h0
    for came, due in zip(by_list, by_name, strict=True):
        np.testing.assert_allclose(came, due)
