"""Sequence kernels against the loop over steps, over everything that they take; dropout; new cells."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npdl_rnn import GRU, LSTM, RecurrentLayer, SimpleRNN

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
@settings(max_examples=60)
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


def test_a_cell_may_have_numbers_that_are_not_trained():
    class Scaled(RecurrentLayer):
        def __init__(self, n_out, **options):
            super().__init__(n_out, **options)

        def add_cell_params(self, n_in):
            self.add_param("scale", (n_in,), "one", trainable=False)

        def step(self, x, state, train):
            return (x * self.scale + state[0],), None

        def step_backward(self, dstate, cache):
            return dstate[0] * self.scale, dstate

    layer = Scaled(2).connect((None, None, 2))
    assert layer.forward(np.ones((1, 3, 2), "float32")).tolist() == [[3.0, 3.0]]
    assert layer.backward(np.ones((1, 2), "float32")).tolist() == [[[1.0, 1.0]] * 3]


@pytest.mark.parametrize("name", CELLS)
def test_training_steps_allocate_no_large_arrays(name):
    """From the second step on, whatever is as large as the states of a sequence is used again."""
    cls, options = CELLS[name]
    layer = cls(64, return_sequence=True, **options).connect((None, None, 32))
    x = np.ones((16, 50, 32), "float32")
    g = np.ones((16, 50, 64), "float32")
    for _ in range(2):
        layer.forward(x)
        layer.backward(g)
    tracemalloc.start()
    layer.forward(x)
    layer.backward(g)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.75 * g.nbytes


def test_training_memory():
    """Element-Research's SeqLSTM: NTD + 6NTH + 8NH + 8H² + 8DH + 9H numbers, weights and gradients included.

    Ours keeps inputs and their gradient, gates and their gradient, h, c, tanh c and dh: 2NTD + 12NTH; it
    trades memory for products over all steps at once.
    """
    n, t, d, h = 8, 40, 32, 48
    layer = LSTM(h, return_sequence=True).connect((None, None, d))
    x, g = np.ones((n, t, d), "float32"), np.ones((n, t, h), "float32")
    tracemalloc.start()
    layer.forward(x)
    layer.backward(g)
    peak = tracemalloc.get_traced_memory()[1] / 4
    tracemalloc.stop()
    assert peak < 1.15 * (2 * n * t * d + 12 * n * t * h + 10 * n * h + 8 * h * h)
