"""The life of a recurrent layer's state: modes, chunks, truncation, initial states, streaming."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core import Model
from npdl_core.errors import ConfigError, DataError, NotConnectedError, ShapeError, StateError
from npdl_rnn import GRU, LSTM, Bidirectional, SimpleRNN

CELLS = (SimpleRNN, GRU, LSTM)
D, H = 3, 4


def made(cls, seed=0, **config):
    layer = cls(H, **{"return_sequence": True, **config})
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(seed)
    return layer.connect((None, None, D))


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("cls", CELLS)
def test_chunks_are_one_long_sequence(cls, train, num_layers):
    layer, plain = (made(cls, remember=mode, num_layers=num_layers) for mode in ("both", "neither"))
    x = draw(2, 33, D)
    due, start, parts = plain.forward(x, train), 0, []
    for length in (5, 4, 5, 3, 7, 3, 3, 3):
        parts.append(layer.forward(x[:, start : start + length], train).copy())
        start += length
    np.testing.assert_allclose(np.concatenate(parts, axis=1), due, rtol=1e-12)
    layer.forget()
    np.testing.assert_allclose(layer.forward(x[:, :5], train), due[:, :5], rtol=1e-12)


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=6), seed=st.integers(0, 9), n=st.integers(1, 3)
)
def test_any_chunks_with_masks_are_one_long_sequence(lengths, seed, n):
    total = sum(lengths)
    x = draw(n, total, D, seed=seed)
    mask = np.random.default_rng(seed).random((n, total)) < 0.6
    layer, plain = made(LSTM, remember="eval"), made(LSTM)
    due, start = plain.forward(x, False, mask=mask), 0
    for length in lengths:
        part = slice(start, start + length)
        np.testing.assert_allclose(
            layer.forward(x[:, part], False, mask=mask[:, part]), due[:, part], rtol=1e-11, atol=1e-13
        )
        start += length


@pytest.mark.parametrize("cls", CELLS)
def test_the_gradient_stops_at_the_border_of_chunks(cls):
    layer, fresh = made(cls, remember="train"), made(cls, return_state=True)
    x, g = draw(2, 8, D), draw(2, 4, H, seed=2)
    layer.forward(x[:, :4])
    state = layer.get_state()
    layer.forward(x[:, 4:])
    dx = layer.backward(g)
    fresh.forward(x[:, 4:], **dict(zip(("h0", "c0"), state, strict=False)))
    np.testing.assert_allclose(dx, fresh.backward([g, *[None] * len(state)]), rtol=1e-12)
    for came, due in zip(layer.grads, fresh.grads, strict=True):
        np.testing.assert_allclose(came, due, rtol=1e-12)


MODES = {"neither": (False, False), "train": (True, False), "eval": (False, True), "both": (True, True)}


@pytest.mark.parametrize("mode", MODES)
def test_modes(mode):
    layer, x = made(GRU), draw(2, 3, D)
    layer.remember_mode(mode)
    for train, keeps in zip((True, False), MODES[mode], strict=True):
        layer.forget()
        first = layer.forward(x, train).copy()
        second = layer.forward(x, train)
        assert np.allclose(first, second) is not keeps
        assert (layer.get_state() is not None) is keeps
    assert layer.stateful is MODES[mode][1]


def test_switching_between_training_and_evaluation_starts_afresh():
    layer, x = made(GRU, remember="both"), draw(2, 3, D)
    due = made(GRU).forward(x, False)
    layer.forward(x, True)
    np.testing.assert_allclose(layer.forward(x, False), due)
    np.testing.assert_allclose(layer.forward(x, True), due)
    only = made(GRU, remember="eval")
    only.forward(x, False)
    only.forward(x, True)
    assert only.get_state() is None


def test_another_mode_does_not_use_what_an_earlier_one_kept():
    layer, x = made(GRU, remember="both"), draw(2, 3, D)
    due = layer.forward(x, False)
    layer.remember_mode("neither")
    np.testing.assert_array_equal(layer.forward(x, False), due)


def test_inference_leaves_the_state_of_training_alone():
    layer, x = made(GRU, remember="train"), draw(2, 3, D)
    layer.forward(x, True)
    state = layer.get_state()
    np.testing.assert_allclose(layer.forward(draw(5, 3, D), False), made(GRU).forward(draw(5, 3, D), False))
    np.testing.assert_array_equal(layer.get_state()[0], state[0])


@pytest.mark.parametrize("num_layers", [1, 2])
def test_forgetting_some_samples(num_layers):
    layer, x = made(LSTM, remember="both", num_layers=num_layers), draw(3, 4, D)
    plain = made(LSTM, num_layers=num_layers)
    layer.forward(x, False)
    layer.forget([0, 2])
    came, again = layer.forward(x, False), plain.forward(x, False)
    np.testing.assert_allclose(came[[0, 2]], again[[0, 2]], rtol=1e-12)
    np.testing.assert_allclose(came[1], plain.forward(np.tile(x, (1, 2, 1)), False)[1, 4:], rtol=1e-12)
    with pytest.raises(StateError, match="3 samples"):
        layer.forget(7)
    layer.forget()
    layer.forget(0)
    assert layer.get_state() is None


def test_another_batch_size_is_an_error():
    layer = made(LSTM, remember="both")
    layer.forward(draw(3, 4, D), False)
    with pytest.raises(StateError, match="forget"):
        layer.forward(draw(2, 4, D), False)


def test_set_state_starts_the_next_call_whatever_the_mode():
    layer, x = made(LSTM), draw(2, 3, D)
    h, c = draw(2, H), draw(2, H, seed=5)
    due = layer.forward(x, False, h0=h, c0=c)
    layer.set_state((h, c))
    np.testing.assert_allclose(layer.forward(x, False), due)
    np.testing.assert_allclose(layer.forward(x, True), due)
    assert layer.get_state() is None
    np.testing.assert_allclose(layer.forward(x, False, h0=h), layer.forward(x, True, h0=h, c0=0 * c))


def test_a_state_moves_to_a_copy():
    layer, x = made(GRU, remember="eval"), draw(2, 6, D)
    due = layer.forward(x, False)
    other = copy.deepcopy(layer)
    layer.forget()
    layer.forward(x[:, :4], False)
    other.set_state(layer.get_state())
    np.testing.assert_allclose(other.forward(x[:, 4:], False), due[:, 4:])
    layer.get_state()[0][...] = 9
    assert not np.any(layer.get_state()[0] == 9)


@pytest.mark.parametrize(
    ("state", "message"),
    [((np.zeros((2, H)),), "2 arrays"), ((np.zeros((2, H)), np.zeros((2, 9))), r"\(2, 4\)"),
     ((np.zeros((2, H)), np.zeros((3, H))), r"\(2, 4\)"), ((np.zeros(H), np.zeros(H)), r"\(N, 4\)")],
)  # fmt: skip
def test_wrong_states(state, message):
    with pytest.raises(ShapeError, match=message):
        made(LSTM).set_state(state)


def test_a_stack_has_states_of_all_layers():
    layer, x = made(LSTM, num_layers=3, return_state=True), draw(2, 5, D)
    out, h, c = layer.forward(x)
    assert h.shape == c.shape == (3, 2, H)
    np.testing.assert_array_equal(h[-1], out[:, -1])
    np.testing.assert_allclose(
        layer.forward(x[:, 3:], h0=layer.forward(x[:, :3])[1], c0=layer.forward(x[:, :3])[2])[0],
        layer.forward(x)[0][:, 3:],
    )
    with pytest.raises(ShapeError, match="3, 2, 4"):
        layer.forward(x, h0=h[0])


@pytest.mark.parametrize("cls", CELLS)
def test_truncation_reaches_so_many_steps_back(cls):
    short, whole = made(cls, bptt_steps=3), made(cls)
    x, g = draw(2, 8, D), np.zeros((2, 8, H))
    g[:, 5:] = draw(2, 3, H, seed=2)
    short.forward(x)
    dx = short.backward(g)
    assert not dx[:, :5].any()
    assert not short.d_h0.any()
    # The same as the last three steps alone, begun with the state before them.
    state = made(cls, return_state=True).forward(x[:, :5])[1:]
    whole.forward(x[:, 5:], **dict(zip(("h0", "c0"), state, strict=False)))
    np.testing.assert_allclose(dx[:, 5:], whole.backward(g[:, 5:]), rtol=1e-12)
    for came, due in zip(short.grads, whole.grads, strict=True):
        np.testing.assert_allclose(came, due, rtol=1e-12)


@pytest.mark.parametrize("options", [{"activation": "softsign"}, {"mask_mode": "reset"}, {"num_layers": 2}])
def test_truncation_in_the_plain_loop_with_masks_and_stacks(options):
    """A truncation as long as the sequence changes nothing; a shorter one cuts the initial state off."""
    x, g, mask = draw(2, 6, D), draw(2, 6, H, seed=2), draw(2, 6) > -0.5
    due = None
    for steps in (None, 6, 2):
        layer = made(LSTM, bptt_steps=steps, **options)
        layer.forward(x, mask=mask)
        dx = layer.backward(g)
        if steps == 6:
            np.testing.assert_array_equal(dx, due)
        due = dx
    assert not dx[:, :2].any()
    assert not layer.d_h0.any()


@pytest.mark.parametrize("remember", ["neither", "eval"])
def test_streaming_one_step_at_a_time(remember):
    x, due = draw(1, 12, D), made(LSTM).forward(draw(1, 12, D), False)
    layer = made(LSTM, remember=remember, return_state=True)
    state = {}
    for t in range(12):
        y, h, c = layer.forward(x[:, t : t + 1], False, **state)
        state = {"h0": h, "c0": c} if remember == "neither" else {}
        np.testing.assert_allclose(y[:, 0], due[:, t], rtol=1e-12)


def test_inference_needs_no_memory_for_the_past(monkeypatch):
    """Chunks in time are what inference allocates for; the result is that of one go."""
    from npdl_rnn.layers import sequence

    layer, x, mask = made(LSTM, return_sequence=False, num_layers=2), draw(3, 50, D), draw(3, 50) > 0
    due = layer.forward(x, True, mask=mask).copy()
    monkeypatch.setattr(sequence, "CHUNK_ROWS", 20)
    lengths = []
    original = LSTM.forward_sequence
    monkeypatch.setattr(
        LSTM, "forward_sequence", lambda self, s, train: lengths.append(len(s.x)) or original(self, s, train)
    )
    np.testing.assert_allclose(layer.forward(x, False, mask=mask), due, rtol=1e-12)
    assert max(lengths) == 6
    backwards = made(LSTM, go_backwards=True)
    np.testing.assert_allclose(backwards.forward(x, False, mask=mask), backwards.forward(x, True, mask=mask))


def test_a_stateful_model_refuses_two_threads_and_carries_state(monkeypatch):
    model = Model([LSTM(H, n_in=D, remember="both")], seed=0, dtype="float64")
    model.connect((None, None, D))
    x = draw(2, 6, D)
    due = model.predict(x)
    model.layers[0].forget()
    model.predict(x[:, :4])
    np.testing.assert_allclose(model.predict(x[:, 4:]), due)

    layer, inner = model.layers[0], LSTM.forward
    with ThreadPoolExecutor(1) as pool:

        def forward(*args, **kwargs):
            pool.submit(model.predict, x).result()
            return inner(layer, *args, **kwargs)

        monkeypatch.setattr(layer, "forward", forward)
        with pytest.raises(StateError, match="two threads"):
            model.predict(x)


# -- arguments -----------------------------------------------------------------------------------------------


def test_bad_arguments_are_clear():
    for config, match in (
        ({"remember": "always"}, "remember"),
        ({"mask_mode": "skip"}, "mask_mode"),
        ({"bptt_steps": 0}, "bptt_steps"),
        ({"num_layers": 0}, "num_layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"recurrent_dropout": -0.1}, "recurrent_dropout"),
    ):
        with pytest.raises(ConfigError, match=match):
            LSTM(H, **config)
    with pytest.raises(ConfigError, match="init is an array"):
        GRU(H, init=np.zeros((D, 3 * H)), num_layers=2)
    with pytest.raises(ConfigError, match="init is an array"):
        Bidirectional(GRU(H, init=np.zeros((D, 3 * H))))


def test_bad_inputs_are_clear():
    layer = made(LSTM)
    with pytest.raises(ShapeError, match=r"\(N, T, 3\)"):
        layer.forward(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"\(N, T, 3\)"):
        layer.forward(np.zeros((2, 3, 5)))
    with pytest.raises(DataError, match="mask"):
        layer.forward(np.zeros((2, 3, D)), mask=np.ones((2, 4), bool))
    with pytest.raises(ShapeError, match="sequences"):
        LSTM(H).connect((None, 3))
    with pytest.raises(NotConnectedError):
        LSTM(H).forward(np.zeros((2, 3, D)))
    with pytest.raises(DataError, match="without a step"):
        made(LSTM, return_sequence=False).forward(np.zeros((2, 0, D)))
    with pytest.raises(StateError, match="forward"):
        made(LSTM).backward(np.zeros((2, 3, H)))
    assert made(LSTM).forward(np.zeros((2, 0, D))).shape == (2, 0, H)
    assert made(LSTM).forward(np.zeros((2, 0, D)), False).shape == (2, 0, H)


def test_given_arrays_are_the_weights():
    layer = SimpleRNN(2, init=np.full((3, 2), 0.5), inner_init=np.eye(2)).connect((None, None, 3))
    assert layer.W.tolist() == [[0.5, 0.5]] * 3
    assert layer.config["init"] == "zero"


def test_n_in_lets_a_first_layer_connect():
    layer = GRU(H, n_in=D, nb_batch=2, nb_seq=5, return_sequence=True)
    layer.connect_to()
    assert layer.out_shape == (2, 5, H)


@pytest.mark.parametrize("cls", CELLS)
def test_need_grad_false_is_a_fixed_feature_extractor(cls):
    layer = made(cls, need_grad=False, dropout=0.5)
    x = draw(2, 5, D)
    out = layer.forward(x, True)
    np.testing.assert_array_equal(out, layer.forward(x, False))
    assert layer.params == []
    assert not layer.residuals[0].arrays
    layer.first_layer = True
    assert layer.backward(out) is None
    layer.first_layer = False
    with pytest.raises(StateError, match="need_grad"):
        layer.backward(out)


def test_need_grad_false_trains_what_is_on_top():
    model = Model([LSTM(H, n_in=D, need_grad=False), "linear"][:1], seed=0)
    model.add("linear", n_out=1)
    model.compile("mse", "sgd")
    x, y = draw(4, 5, D), draw(4, 1)
    before = [p.copy() for p in model.layers[0].state_arrays().values()], model.layers[1].W.copy()
    model.train_on_batch(x, y)
    for came, due in zip(model.layers[0].state_arrays().values(), before[0], strict=True):
        np.testing.assert_array_equal(came, due)
    assert not np.array_equal(model.layers[1].W, before[1])


# -- AllW ----------------------------------------------------------------------------------------------------


def test_allw_shows_and_sets_all_weights():
    layer = made(LSTM)
    array = layer.AllW
    assert array.shape == (1 + D + H, 4 * H)
    np.testing.assert_array_equal(array[0], layer.b)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    layer.AllW = np.arange(array.size).reshape(array.shape)
    np.testing.assert_array_equal(layer.W[0], np.arange(4 * H) + 4 * H)
    np.testing.assert_array_equal(layer.U[-1, -1], array.size - 1)
    with pytest.raises(ShapeError, match="AllW"):
        layer.AllW = np.zeros((2, 2))
