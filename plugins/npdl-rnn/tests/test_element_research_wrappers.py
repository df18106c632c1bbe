"""Both directions without a leak, repeated input, attention: against constructions by hand."""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.errors import ConfigError, NotConnectedError, ShapeError
from npdl_core.layers import Chain, Dense, Linear, Parallel
from npdl_core.testing import gradcheck
from npdl_rnn import (
    GRU,
    LSTM,
    Bidirectional,
    BidirectionalLM,
    Recurrent,
    RecurrentAttention,
    Repeater,
    SeqBRNN,
    Sequencer,
)
from npdl_rnn.layers import ReinforceNormal

N, T, D, H = 2, 5, 3, 4


def made(layer, shape=(None, None, D), seed=0):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(seed)
    return layer.connect(shape)


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


def same_parameters(target, source):
    for a, b in zip(target.params, source.params, strict=True):
        a[...] = b


# -- both directions -----------------------------------------------------------------------------------------


def test_seq_brnn_is_two_lstms_summed():
    layer = made(SeqBRNN(H))
    there, back = (made(LSTM(H, return_sequence=True)) for _ in range(2))
    for one, other in zip((there, back), layer.both, strict=True):
        same_parameters(one, other)
    x, g = draw(N, T, D), draw(N, T, H, seed=2)
    due = there.forward(x) + back.forward(x[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(layer.forward(x), due, rtol=1e-12)
    due = there.backward(g) + back.backward(g[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(layer.backward(g), due, rtol=1e-10)
    for came, wanted in zip(layer.grads, (*there.grads, *back.grads), strict=True):
        np.testing.assert_allclose(came, wanted, rtol=1e-10)
    assert layer.both[0].b[H] == 1.0


def lm_by_hand(layer, x):
    """Return what each step sees: a state after the step before, and one after the step behind it."""
    there, back = (part.clone() for part in layer.both)
    back.go_backwards = False
    for one, other in zip((there, back), layer.both, strict=True):
        same_parameters(made(one), other)
    outputs = np.zeros((N, T, 2 * H))
    for t in range(T):
        if t:
            outputs[:, t, :H] = there.forward(x[:, :t], False)[:, -1]
        if t < T - 1:
            outputs[:, t, H:] = back.forward(x[:, :t:-1], False)[:, -1]
    return outputs


@pytest.mark.parametrize("merge", ["concat", "sum", "mul", "ave"])
def test_the_language_model_by_hand(merge):
    layer = made(BidirectionalLM(GRU(H, return_sequence=True), merge=merge))
    x = draw(N, T, D)
    both = lm_by_hand(layer, x)
    a, b = both[..., :H], both[..., H:]
    due = {"concat": both, "sum": a + b, "mul": a * b, "ave": (a + b) / 2}[merge]
    np.testing.assert_allclose(layer.forward(x), due, rtol=1e-11, atol=1e-14)
    gradcheck(layer, x)


def test_r16_no_step_sees_itself():
    """The target may be the step itself; of a plain bidirectional layer it would be known."""
    x, g = draw(N, T, D), np.zeros((N, T, 2 * H))
    g[:, 2] = 1
    for cls, sees in ((BidirectionalLM, False), (Bidirectional, True)):
        layer = made(cls(LSTM(H, return_sequence=True)))
        layer.forward(x)
        dx = layer.backward(g)
        assert bool(dx[:, 2].any()) == sees
        assert dx[:, 1].all()
        assert dx[:, 3].all()


def test_r17_halves_of_sequences_of_any_length_belong_together():
    for cls in (Bidirectional, BidirectionalLM):
        layer = made(cls(LSTM(H, return_sequence=True)))
        x = draw(N, T, D)
        mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
        out = layer.forward(x, False, mask=mask)
        np.testing.assert_allclose(out[0, :3], layer.forward(x[:1, :3], False)[0], rtol=1e-12)
        left = np.concatenate([np.zeros((1, 2, D)), x[:1, :3]], axis=1)
        moved = layer.forward(left, False, mask=np.array([[0, 0, 1, 1, 1]], bool))
        np.testing.assert_allclose(moved[0, 2:], out[0, :3], rtol=1e-12)


def test_a_stack_goes_inside():
    step = Chain([GRU(H), "layer_norm", GRU(2)])
    layer = made(BidirectionalLM(Sequencer(step)))
    assert layer.out_shape == (None, None, 4)
    gradcheck(layer, draw(N, 4, D))


def test_pairs_that_would_leak_or_forget():
    for options in (
        {},
        {"return_sequence": True, "remember": "both"},
        {"return_sequence": True, "return_state": True},
    ):
        with pytest.raises(ConfigError, match="return_sequence"):
            BidirectionalLM(GRU(H, **options))
    layer = made(BidirectionalLM(GRU(H, return_sequence=True)))
    layer.remember_mode("neither")
    with pytest.raises(ConfigError, match="carries no state"):
        layer.remember_mode("both")
    with pytest.raises(ShapeError, match="two steps"):
        layer.forward(draw(N, 1, D))


def test_the_middle_of_a_sentence_is_predicted_from_both_ends():
    """x_t follows from x_{t-1} and x_{t+1} only: their difference."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 4, (300, 5))
    for t in (1, 3):
        ids[:, t] = (ids[:, t - 1] + ids[:, t + 1]) % 4
    y, mask = np.where(np.arange(5) % 2, ids, 0), np.broadcast_to(np.arange(5) % 2 > 0, ids.shape)
    model = Model(seed=0)
    model.add("embedding", input_size=4, n_out=8)
    model.add("bidirectional_lm", layer={"name": "gru", "config": {"n_out": 24, "return_sequence": True}})
    model.add("dense", n_out=32)
    model.add("softmax", n_out=4)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.5, "momentum": 0.9, "clip_norm": 1.0}})
    model.fit(ids, y, epochs=40, batch_size=50)
    wrong = (model.predict(ids).argmax(-1) != ids)[mask].mean()
    assert wrong < 0.1


# -- repeater ------------------------------------------------------------------------------------------------


def test_a_repeater_is_the_layer_over_copies():
    layer, plain = made(Repeater(LSTM(H), 4), (None, D)), made(LSTM(H, return_sequence=True))
    same_parameters(plain, layer)
    x, g = draw(N, D), draw(N, 4, H, seed=2)
    np.testing.assert_allclose(layer.forward(x), plain.forward(np.stack([x] * 4, 1)), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(g), plain.backward(g).sum(axis=1), rtol=1e-10)
    for came, due in zip(layer.grads, plain.grads, strict=True):
        np.testing.assert_allclose(came, due, rtol=1e-10)
    np.testing.assert_array_equal(layer.forward(x), layer.forward(x))  # from a fresh state each time


def test_a_repeaters_input_and_number():
    with pytest.raises(ConfigError, match="n_steps"):
        Repeater(GRU(H), 0)
    layer = made(Repeater(GRU(H), 2), (None, D))
    with pytest.raises(ShapeError, match="connected to"):
        layer.forward(draw(N, 2, D))
    with pytest.raises(NotConnectedError):
        Repeater(GRU(H), 2).forward(draw(N, D))
    layer.remember_mode("neither")
    with pytest.raises(ConfigError, match="carries no state"):
        layer.remember_mode("eval")


# -- attention -----------------------------------------------------------------------------------------------


def looking(action, forward_actions=False, hidden_shape=H):
    rnn = Recurrent(H, Chain(["concat", Linear(H)]), Linear(H))
    return made(RecurrentAttention(rnn, action, 3, hidden_shape, forward_actions), (None, D))


@pytest.mark.parametrize("hidden_shape", [H, [H], (H,)])
def test_r15_attention_by_hand(hidden_shape):
    layer = looking(Dense(2), True, hidden_shape)
    see, back = layer.rnn.input_layer.members[1], layer.rnn.feedback_layer
    x, h = draw(N, D), np.zeros((N, H))
    came_h, came_a = layer.forward(x)
    for t in range(3):
        a = np.tanh(h @ layer.action.W + layer.action.b)
        z = np.concatenate([x, a], 1) @ see.W + see.b
        h = 1 / (1 + np.exp(-(z + (h @ back.W + back.b if t else layer.rnn.start_bias))))
        np.testing.assert_allclose(came_h[:, t], h, rtol=1e-12)
        np.testing.assert_allclose(came_a[:, t], a, rtol=1e-12)
    gradcheck(layer, x)


@pytest.mark.parametrize("per_step", [False, True])
def test_rewards_teach_the_action_and_gradients_the_rest(per_step):
    layer = looking(Chain([Linear(2), ReinforceNormal(0.3)]), True)
    linear = layer.action.members[0]
    x, reward = draw(N, D), draw(N, 3, seed=3) if per_step else draw(N, seed=3)
    h, a = (part.copy() for part in layer.forward(x))
    layer.reinforce(reward)
    layer.backward([np.zeros_like(h), np.full_like(a, 1e9)])
    before = np.concatenate([np.zeros((N, 1, H)), h[:, :-1]], axis=1)
    score = (a - (before @ linear.W + linear.b)) / 0.09
    each = reward if per_step else np.repeat(reward[:, None], 3, axis=1)
    np.testing.assert_allclose(
        linear.dW, np.einsum("nth,nta->ha", before, -each[..., None] * score), rtol=1e-9
    )
    assert layer.rnn.feedback_layer.dW.any()  # the reward's gradient goes on into the state before
    layer.forward(x)
    layer.backward([np.zeros_like(h), np.zeros_like(a)])
    assert not linear.dW.any()  # no reward, no gradient
    at_inference = layer.forward(x, False)
    np.testing.assert_array_equal(layer.forward(x, False)[1], at_inference[1])


def test_glimpses_of_an_image():
    """The network of recurrent visual attention at a small size, in a model, from its JSON form."""
    glance = {
        "name": "chain",
        "config": {
            "layers": [
                {
                    "name": "parallel",
                    "config": {
                        "layers": ["identity", "identity"],
                        "merge": {"name": "glimpse", "config": {"size": 3, "depth": 2}},
                    },
                },
                "flatten",
                {"name": "dense", "config": {"n_out": 6, "activation": "relu"}},
            ]
        },
    }
    linear = {"name": "linear", "config": {"n_out": 6}}
    action = {
        "name": "chain",
        "config": {
            "layers": [
                {"name": "linear", "config": {"n_out": 2}},
                {"name": "activation", "config": {"activation": "tanh"}},
                {"name": "reinforce_normal", "config": {"std": 0.2}},
            ]
        },
    }
    rnn = {"name": "recurrent", "config": {
        "start": 6, "input_layer": glance, "feedback_layer": linear, "transfer": "relu"}}  # fmt: skip
    model = Model(seed=0, dtype="float64")
    model.add("recurrent_attention", rnn=rnn, action=action, n_steps=4, hidden_shape=6, return_sequence=False)
    model.add("softmax", n_out=2)
    model.connect((None, 1, 9, 9))
    again = Model.from_json(model.to_json()).connect((None, 1, 9, 9))
    for mine, theirs in zip(again.params, model.params, strict=True):
        mine[...] = theirs
    x = draw(3, 1, 9, 9)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    layer = model.layers[0]
    drawn = [layer.forward(x).copy() for _ in range(2)]
    assert not np.array_equal(*drawn)
    layer.reinforce(np.array([1.0, -1.0, 0.5]))
    layer.backward(draw(3, 6))
    assert layer.action.members[0].dW.any()
    assert layer.rnn.input_layer.members[2].dW.any()


def test_attention_that_does_not_fit():
    with pytest.raises(ShapeError, match="hidden_shape"):
        looking(Dense(2), hidden_shape=5)
    with pytest.raises(ConfigError, match="n_steps"):
        RecurrentAttention(GRU(3), Dense(2), 0, 3)
    two = Parallel([Dense(1), Dense(1)])
    with pytest.raises(ShapeError, match="one array"):
        looking(two)
