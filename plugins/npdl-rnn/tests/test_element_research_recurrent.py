"""``recurrent``, ``recurrence`` and ``recursor`` against cells and loops by hand."""

import copy

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.errors import ConfigError, NotConnectedError, ShapeError, StateError, UnknownNameError
from npdl_core.layers import Chain, Dense, Embedding, Linear, Parallel
from npdl_core.testing import gradcheck
from npdl_rnn import (
    GRU,
    LSTM,
    Bidirectional,
    FastLSTM,
    Recurrence,
    Recurrent,
    Recursor,
    Sequencer,
    SimpleRNN,
)
from npdl_rnn.layers import ReinforceNormal

N, T, D, H = 2, 5, 3, 4


def made(layer, shape=(None, None, D), seed=0):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(seed)
    return layer.connect(shape)


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def elman(start=H, **options):
    """Return Elman's network of linear layers."""
    return Recurrent(start, Linear(H), Linear(H, use_bias=False), **{"return_sequence": True, **options})


# -- recurrent -----------------------------------------------------------------------------------------------


def test_recurrent_by_hand():
    layer = made(elman())
    x, y, outputs = draw(N, T, D), None, []
    w, b, u = layer.input_layer.W, layer.input_layer.b, layer.feedback_layer.W
    for t in range(T):
        y = sigmoid(x[:, t] @ w + b + (layer.start_bias if y is None else y @ u))
        outputs.append(y)
    np.testing.assert_allclose(layer.forward(x), np.stack(outputs, 1), rtol=1e-12)
    gradcheck(layer, x)


def test_without_a_start_it_is_the_simple_rnn():
    layer, plain = made(elman(transfer="tanh")), made(SimpleRNN(H, return_sequence=True))
    layer.start_bias = 0 * layer.start_bias
    plain.W, plain.b, plain.U = layer.input_layer.W, layer.input_layer.b, layer.feedback_layer.W
    x, g = draw(N, T, D), draw(N, T, H, seed=2)
    np.testing.assert_allclose(layer.forward(x), plain.forward(x), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(g), plain.backward(g), rtol=1e-10)
    for came, due in (
        (layer.input_layer.dW, plain.dW),
        (layer.input_layer.db, plain.db),
        (layer.feedback_layer.dW, plain.dU),
    ):
        np.testing.assert_allclose(came, due, rtol=1e-10)


@pytest.mark.parametrize("mode", ["carry", "reset"])
def test_the_start_is_at_the_first_real_step_of_each_sample(mode):
    """Element-Research's maskZero refuses this layer; here each sample starts on its own."""
    layer = made(elman(mask_mode=mode))
    x = draw(N, T, D)
    mask = np.array([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
    out = layer.forward(x, mask=mask)
    np.testing.assert_allclose(out[0, 2:], layer.forward(x[:1, 2:], False)[0], rtol=1e-12)
    np.testing.assert_allclose(out[1], layer.forward(x[1:], False)[0], rtol=1e-12)
    gradcheck(layer, x, mask=mask)


def test_after_a_reset_a_sample_starts_anew():
    layer = made(elman(mask_mode="reset"))
    x = draw(N, T, D)
    mask = np.array([[1, 1, 0, 1, 1], [1, 1, 1, 1, 1]], bool)
    out = layer.forward(x, False, mask=mask)
    np.testing.assert_allclose(out[0, 3:], layer.forward(x[:1, 3:], False)[0], rtol=1e-12)
    assert not out[0, 2].any()


def test_a_carried_state_is_no_start():
    layer, plain = made(elman(remember="both")), made(elman())
    x = draw(N, 9, D)
    due = plain.forward(x, False)
    parts = [layer.forward(x[:, a:b], False) for a, b in ((0, 4), (4, 5), (5, 9))]
    np.testing.assert_allclose(np.concatenate(parts, 1), due, rtol=1e-12)
    layer.forget([1])  # one sample starts anew, the other goes on
    after = layer.forward(x[:, :2], False)
    np.testing.assert_allclose(after[1], due[1, :2], rtol=1e-12)
    assert not np.allclose(after[0], due[0, :2])


@pytest.mark.parametrize("merge", ["add", "multiply", "concat"])
def test_any_merge_and_any_start(merge):
    size = 2 * H if merge == "concat" else H
    transfer = Chain(["layer_norm", Linear(H)])
    layer = made(Recurrent(Linear(size), Linear(H), Dense(H), transfer, merge, return_sequence=True))
    assert layer.out_shape == (None, None, H)
    gradcheck(layer, draw(N, 3, D))


def test_ids_as_input():
    layer = made(
        Recurrent(H, Embedding(input_size=9, n_out=H), Linear(H), return_sequence=True), (None, None)
    )
    assert layer.integer_input
    ids = np.array([[3, 1, 4], [1, 5, 0]])
    out = layer.forward(ids)
    np.testing.assert_allclose(
        out[:, 0], sigmoid(layer.input_layer.W[ids[:, 0]] + layer.start_bias), rtol=1e-12
    )
    layer.backward(np.ones_like(out))
    assert set(np.flatnonzero(layer.input_layer.dW.any(1))) == {0, 1, 3, 4, 5}


def test_recurrent_layers_within():
    layer = made(Recurrent(GRU(H), LSTM(H), Chain([SimpleRNN(H), Linear(H)]), return_sequence=True))
    assert layer.state_sizes() == (H, 1, H, H, H, H)
    x = draw(N, 6, D)
    gradcheck(layer, x)
    state = None
    parts = []
    for t in range(6):
        if state is not None:
            layer.set_state(state)
        layer.remember_mode("eval")
        parts.append(layer.forward(x[:, t : t + 1], False))
        state = layer.get_state()
    layer.forget()
    np.testing.assert_allclose(np.concatenate(parts, 1), layer.forward(x, False), rtol=1e-12)


def test_both_directions():
    pair = made(Bidirectional(elman()))
    x = draw(N, T, D)
    assert pair.forward(x).shape == (N, T, 2 * H)
    assert pair.both[0].input_layer is not pair.both[1].input_layer
    gradcheck(pair, x)


def test_r19_what_is_set_reaches_every_layer_within():
    layer = made(elman())
    layer.trainable = False
    assert not layer.params
    layer.trainable = True
    assert len(layer.params) == 4
    twin = copy.deepcopy(layer)
    assert all(part.dtype == np.float64 for part in twin.descendants())
    np.testing.assert_array_equal(twin.forward(draw(N, T, D)), layer.forward(draw(N, T, D)))


def test_parts_that_do_not_fit():
    with pytest.raises(ShapeError, match="start=5"):
        made(elman(5))
    with pytest.raises(ShapeError, match="must agree"):
        made(elman(merge="concat"))
    with pytest.raises(UnknownNameError, match="activation"):
        elman(transfer="nonsense")


def test_the_next_symbol_is_learned():
    """Element-Research's first example: 1 to 10 over and over."""
    model = Model(seed=0)
    embedding = {"name": "embedding", "config": {"input_size": 11, "n_out": 12}}
    model.add("recurrent", start=12, input_layer=embedding, feedback_layer=Linear(12), return_sequence=True)
    model.add("softmax", n_out=11)
    model.compile("scce", {"name": "sgd", "config": {"lr": 2.0, "momentum": 0.9}})
    symbols = 1 + np.arange(408) % 10
    x, y = (symbols[k : k + 400].reshape(80, 5) for k in (0, 1))
    history = model.fit(x, y, epochs=30, batch_size=8).history["loss"]
    assert history[-1] < 0.1
    assert Model.from_json(model.to_json()).to_json() == model.to_json()


# -- recurrence ----------------------------------------------------------------------------------------------


def concat_dense(**config):
    return Chain(["concat", Dense(H, **config)])


def test_a_recurrence_of_concat_and_dense_is_the_simple_rnn():
    layer = made(Recurrence(concat_dense(), H, return_sequence=True))
    plain = made(SimpleRNN(H, return_sequence=True))
    dense = layer.layer.members[1]
    plain.W, plain.U, plain.b = dense.W[:D], dense.W[D:], dense.b
    x, g = draw(N, T, D), draw(N, T, H, seed=2)
    mask = np.array([[1, 0, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
    for options in ({}, {"mask": mask}):
        np.testing.assert_allclose(layer.forward(x, **options), plain.forward(x, **options), rtol=1e-12)
        np.testing.assert_allclose(layer.backward(g), plain.backward(g), rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(dense.dW, np.vstack([plain.dW, plain.dU]), rtol=1e-10)


def test_a_recurrence_around_an_lstm_by_hand():
    """Element-Research's nested example: what comes back is the output; the cell keeps a state of its own."""
    layer = made(Recurrence(Chain(["concat", FastLSTM(H)]), H, return_sequence=True))
    lstm = layer.layer.members[1]
    x = draw(N, T, D)
    came = layer.forward(x)
    y, state = np.zeros((N, H)), lstm.zero_state(N)
    for t in range(T):
        state, _ = lstm.step(np.concatenate([x[:, t], y], 1), state, False)
        y = state[0]
        np.testing.assert_allclose(came[:, t], y, rtol=1e-12)
    gradcheck(layer, x)


def test_states_of_several_arrays():
    both = Chain(["concat", Parallel([Dense(3), Dense(2)])])
    layer = made(Recurrence(both, [[3], [2]], return_sequence=True, return_state=True))
    one, other = both.members[1].members
    x = draw(N, T, D)
    out, a, b = layer.forward(x)
    p, q = np.zeros((N, 3)), np.zeros((N, 2))
    for t in range(T):
        z = np.concatenate([x[:, t], p, q], 1)
        p, q = np.tanh(z @ one.W + one.b), np.tanh(z @ other.W + other.b)
        np.testing.assert_allclose(out[:, t], p, rtol=1e-12)
    np.testing.assert_allclose(a, p)
    np.testing.assert_allclose(b, q)
    gradcheck(layer, x)


def test_states_of_which_one_has_a_layer_with_a_state():
    both = Chain(["concat", Parallel([GRU(3), Dense(2)])])
    layer = made(Recurrence(both, [[3], [2]], return_sequence=True, return_state=True))
    assert layer.state_sizes() == (3, 2, 3)
    x = draw(N, T, D)
    gradcheck(layer, x)
    out, *states = layer.forward(x)
    d_last = layer.backward([None, *(np.ones_like(state) for state in states)])
    layer.forward(x)
    np.testing.assert_array_equal(
        layer.backward([np.zeros_like(out), *(np.ones_like(state) for state in states)]), d_last
    )


def test_a_state_with_axes():
    layer = made(Recurrence("add", [2, 3], return_sequence=True), (None, None, 2, 3))
    x = draw(N, T, 2, 3)
    np.testing.assert_allclose(layer.forward(x), np.cumsum(x, axis=1), rtol=1e-12)
    g = draw(N, T, 2, 3, seed=2)
    np.testing.assert_allclose(layer.backward(g), np.cumsum(g[:, ::-1], axis=1)[:, ::-1], rtol=1e-12)


def test_states_that_do_not_fit():
    with pytest.raises(ShapeError, match="state_shape"):
        made(Recurrence(Chain(["concat", Dense(5)]), H))
    for wrong in ("4", [], {}, [0], [[3], 2]):
        with pytest.raises(ConfigError, match="state_shape"):
            Recurrence("add", wrong)


# -- recursor ------------------------------------------------------------------------------------------------


def pair_of(layer_of):
    stepped, whole = made(Recursor(layer_of()), (None, D)), made(Sequencer(layer_of()))
    for a, b in zip(stepped.params, whole.params, strict=True):
        a[...] = b
    return stepped, whole


LAYERS = {
    "lstm": lambda: LSTM(H),
    "composite": lambda: Chain([Dense(5), GRU(H), "layer_norm"]),
    "no state": lambda: Dense(H),
}


@pytest.mark.parametrize("name", LAYERS)
def test_steps_by_hand_are_the_sequence(name):
    stepped, whole = pair_of(LAYERS[name])
    x, g = draw(N, T, D), draw(N, T, H, seed=2)
    for _ in range(2):
        outputs = [stepped.forward(x[:, t]) for t in range(T)]
        grads = [stepped.backward(g[:, t]) for t in reversed(range(T))]
        np.testing.assert_allclose(np.stack(outputs, 1), whole.forward(x), rtol=1e-12)
        np.testing.assert_allclose(np.stack(grads[::-1], 1), whole.backward(g), rtol=1e-10)
        for came, due in zip(stepped.grads, whole.grads, strict=True):
            np.testing.assert_allclose(came, due, rtol=1e-10)
        stepped.forget()


def test_fewer_backwards_truncate():
    stepped, whole = pair_of(LAYERS["lstm"])
    whole.bptt_steps = 2
    x, g = draw(N, T, D), draw(N, T, H, seed=2)
    for t in range(T):
        stepped.forward(x[:, t])
    for t in (T - 1, T - 2):
        stepped.backward(g[:, t])
    whole.forward(x)
    whole.backward(g)
    for came, due in zip(stepped.grads, whole.grads, strict=True):
        np.testing.assert_allclose(came, due, rtol=1e-10)
    stepped.forward(x[:, 0])  # a new forward: the next backward is of this step, and overwrites
    stepped.backward(0 * g[:, 0])
    assert not any(grad.any() for grad in stepped.grads)


def test_only_so_many_steps_are_kept():
    layer = made(Recursor(GRU(H), bptt_steps=3), (None, D))
    x = draw(N, T, D)
    for t in range(T):
        layer.forward(x[:, t])
    assert len(layer.retained()[0]) == 3


def test_evaluation_by_hand_keeps_the_state_only():
    stepped, whole = pair_of(LAYERS["lstm"])
    x = draw(N, T, D)
    outputs = [stepped.forward(x[:, t], train=False) for t in range(T)]
    np.testing.assert_allclose(np.stack(outputs, 1), whole.forward(x, False), rtol=1e-12)
    with pytest.raises(StateError):
        stepped.backward(draw(N, H))
    with pytest.raises(StateError, match="forget"):
        stepped.forward(draw(N + 1, D), train=False)
    stepped.forget()
    np.testing.assert_array_equal(stepped.forward(x[:, 0], train=False), outputs[0])


def test_a_recursor_takes_steps():
    layer = made(Recursor(GRU(H)), (None, D))
    with pytest.raises(ShapeError, match="steps of shape"):
        layer.forward(draw(N, T, D))
    with pytest.raises(ShapeError, match="sequencer"):
        layer.run_state(draw(N, T, D), False, None, ())


def test_rewards_of_single_steps():
    layer = made(Recursor(Chain([SimpleRNN(H), Linear(2), ReinforceNormal(0.5)])), (None, D))
    linear = layer.layer.members[1]
    x, reward = draw(N, 2, D), draw(2, N, seed=5)
    actions = [layer.forward(x[:, t]).copy() for t in range(2)]
    for t in (1, 0):
        layer.reinforce(reward[t])
        layer.backward(np.zeros((N, 2)))
    rnn = made(SimpleRNN(H, return_sequence=True))
    for a, b in zip(rnn.params, layer.layer.members[0].params, strict=True):
        a[...] = b
    h = rnn.forward(x, False)
    due = sum(
        h[:, t].T @ (-reward[t][:, None] * (actions[t] - h[:, t] @ linear.W - linear.b) / 0.25)
        for t in range(2)
    )
    np.testing.assert_allclose(linear.dW, due, rtol=1e-9)


def test_a_recursor_that_is_not_connected():
    with pytest.raises(NotConnectedError):
        Recursor(GRU(H)).forward(draw(N, D))


def test_branches_of_a_recurrence_without_inputs_enough():
    with pytest.raises(ShapeError, match="3 inputs"):
        made(Recurrence(Parallel([GRU(H), Dense(H)]), [[H], [H]]))
