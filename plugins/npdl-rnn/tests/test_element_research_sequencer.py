"""The sequencer against sequence layers and loops by hand, and the life of its state."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npdl_core import Graph, Model
from npdl_core.errors import ConfigError, DataError, NotConnectedError, NpdlError, ShapeError, StateError
from npdl_core.layers import Chain, Dense, Embedding, Parallel
from npdl_rnn import GRU, LSTM, Bidirectional, MuFuRU, PeepholeLSTM, Sequencer, SimpleRNN
from npdl_rnn.generation import generate
from npdl_rnn.layers import ReinforceNormal

N, D, H = 2, 3, 4
CELLS = (SimpleRNN, GRU, LSTM, PeepholeLSTM, MuFuRU)
LENGTHS = (5, 4, 5, 3, 7, 3, 3, 3)


def made(layer, shape=(None, None, D), seed=0):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(seed)
    return layer.connect(shape)


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


def same_parameters(target, source):
    for a, b in zip(target.params, source.params, strict=True):
        a[...] = b


def require_same_training(a, b, x, g, **options):
    np.testing.assert_allclose(a.forward(x, **options), b.forward(x, **options), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(a.backward(g), b.backward(g), rtol=1e-9, atol=1e-13)
    for one, other in zip(a.grads, b.grads, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


# -- equal forms ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("mode", [None, "carry", "reset"])
@pytest.mark.parametrize("cls", CELLS)
def test_a_sequenced_cell_is_the_sequence_layer(cls, mode, num_layers):
    config = {"num_layers": num_layers, "mask_mode": mode or "carry"}
    fast = made(cls(H, return_sequence=True, **config))
    stepped = made(Sequencer(cls(H, **config), mask_mode=mode or "carry"))
    same_parameters(stepped, fast)
    mask = None if mode is None else np.array([[1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 0, 0]], bool)
    require_same_training(stepped, fast, draw(N, 6, D), draw(N, 6, H, seed=2), mask=mask)
    np.testing.assert_allclose(
        stepped.forward(draw(N, 6, D), False, mask=mask), fast.forward(draw(N, 6, D), False, mask=mask)
    )


@settings(max_examples=60)
@given(
    cls=st.sampled_from(CELLS),
    size=st.tuples(st.integers(1, 3), st.integers(1, 6)),
    seed=st.integers(0, 99),
    masked=st.booleans(),
    num_layers=st.sampled_from([1, 2]),
    config=st.fixed_dictionaries(
        {
            "mask_mode": st.sampled_from(["carry", "reset"]),
            "go_backwards": st.booleans(),
            "return_sequence": st.booleans(),
            "bptt_steps": st.sampled_from([None, 1, 3]),
        }
    ),
)
def test_however_a_sequence_is_read(cls, size, seed, masked, num_layers, config):
    fast = made(cls(H, num_layers=num_layers, **config))
    stepped = made(Sequencer(cls(H, num_layers=num_layers, mask_mode=config["mask_mode"]), **config))
    same_parameters(stepped, fast)
    rng = np.random.default_rng(seed)
    x, mask = rng.normal(0, 1, (*size, D)), rng.random(size) < 0.6 if masked else None
    g = rng.normal(0, 1, (*size, H) if config["return_sequence"] else (size[0], H))
    require_same_training(stepped, fast, x, g, mask=mask)


def test_one_sequencer_over_a_stack_is_a_stack_of_sequencers():
    one = made(Sequencer(Chain([Dense(5), GRU(H), Dense(3), LSTM(2)])))
    several = made(Chain([Sequencer(layer) for layer in (Dense(5), GRU(H), Dense(3), LSTM(2))]))
    same_parameters(several, one)
    require_same_training(one, several, draw(N, 6, D), draw(N, 6, 2, seed=2))


def test_by_hand():
    """A loop over steps with a layer of its own for each, which share their weights."""
    layer = made(Sequencer(Chain([SimpleRNN(H), Dense(2)])))
    rnn, dense = layer.layer.members
    x, g = draw(N, 3, D), draw(N, 3, 2, seed=2)
    came = layer.forward(x)
    dx = layer.backward(g)
    h, states, outputs = np.zeros((N, H)), [], []
    for t in range(3):
        states.append(h)
        h = np.tanh(x[:, t] @ rnn.W + rnn.b + h @ rnn.U)
        outputs.append(np.tanh(h @ dense.W + dense.b))
    states.append(h)
    np.testing.assert_allclose(came, np.stack(outputs, 1), rtol=1e-12)
    due = {name: np.zeros_like(p.value) for name, p in layer.named_parameters()}
    dh, due_dx = np.zeros((N, H)), np.zeros_like(x)
    for t in (2, 1, 0):
        da = g[:, t] * (1 - outputs[t] ** 2)
        due["layer.layer1.W"] += states[t + 1].T @ da
        due["layer.layer1.b"] += da.sum(0)
        dz = (dh + da @ dense.W.T) * (1 - states[t + 1] ** 2)
        due["layer.layer0.W"] += x[:, t].T @ dz
        due["layer.layer0.U"] += states[t].T @ dz
        due["layer.layer0.b"] += dz.sum(0)
        dh, due_dx[:, t] = dz @ rnn.U.T, dz @ rnn.W.T
    np.testing.assert_allclose(dx, due_dx, rtol=1e-10)
    for name, parameter in layer.named_parameters():
        np.testing.assert_allclose(parameter.grad, due[name], rtol=1e-10, err_msg=name)


def test_branches_of_a_step():
    step = Parallel([Chain([GRU(H), Dense(2)]), "identity"], merge="concat")
    layer = made(Sequencer(step))
    gru = made(GRU(H, return_sequence=True))
    x = draw(N, 5, D)
    same_parameters(gru, layer.layer.members[0].members[0])
    dense = layer.layer.members[0].members[1]
    due = np.concatenate([dense.forward(gru.forward(x, False), False), x], axis=2)
    np.testing.assert_allclose(layer.forward(x), due, rtol=1e-12)


def test_a_layer_shared_by_two_places_adds_both_gradients_up():
    shared = Dense(D)
    layer = made(Sequencer(Chain([Chain([shared, GRU(D)]), Chain([shared, SimpleRNN(D)])])))
    x, g = draw(N, 3, D), draw(N, 3, D, seed=2)
    layer.forward(x)
    layer.backward(g)
    found, eps = shared.dW[1, 2], 1e-6
    values = []
    for sign in (1, -1):
        shared.W[1, 2] += sign * eps
        values.append((layer.forward(x, False) * g).sum())
        shared.W[1, 2] -= sign * eps
    np.testing.assert_allclose(found, (values[0] - values[1]) / (2 * eps), rtol=1e-6)


def test_evaluation_is_training_without_dropout():
    layer = made(Sequencer(Chain([GRU(H, recurrent_dropout=0.0), Dense(2)])))
    x = draw(N, 40, D)
    np.testing.assert_allclose(layer.forward(x), layer.forward(x, False), rtol=1e-12)
    for n_steps in (1, 3, 7):
        assert layer.forward(x[:, :n_steps]).shape == (N, n_steps, 2)


def test_dropout_of_the_state_is_one_mask_a_sequence():
    stepped = made(Sequencer(LSTM(H, recurrent_dropout=0.5)))
    fast = made(LSTM(H, recurrent_dropout=0.5, return_sequence=True))
    same_parameters(stepped, fast)
    stepped.rng, fast.rng = np.random.default_rng(4), np.random.default_rng(4)
    require_same_training(stepped, fast, draw(N, 6, D), draw(N, 6, H, seed=2))


# -- masks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [GRU, LSTM])
def test_a_masked_step_in_the_middle_is_forget_between_the_halves(cls):
    whole, halves = (made(Sequencer(cls(H, mask_mode="reset"), mask_mode="reset")) for _ in range(2))
    x, g = draw(N, 7, D), draw(N, 7, H, seed=2)
    mask = np.ones((N, 7), bool)
    mask[:, 3] = False
    out = whole.forward(x, mask=mask)
    dx = whole.backward(g)
    total = [np.zeros_like(grad) for grad in halves.grads]
    for part in (slice(0, 3), slice(4, 7)):
        np.testing.assert_allclose(halves.forward(x[:, part]), out[:, part], rtol=1e-12)
        np.testing.assert_allclose(halves.backward(g[:, part]), dx[:, part], rtol=1e-10)
        total = [a + b for a, b in zip(total, halves.grads, strict=True)]
    assert not out[:, 3].any()
    assert not dx[:, 3].any()
    for came, due in zip(whole.grads, total, strict=True):
        np.testing.assert_allclose(came, due, rtol=1e-10)


@pytest.mark.parametrize("mode", ["carry", "reset"])
def test_a_masked_step_first_or_last_only_moves_the_outputs(mode):
    layer = made(Sequencer(LSTM(H, mask_mode=mode), mask_mode=mode))
    x = draw(N, 4, D)
    blank = np.zeros((N, 1, D))
    first = layer.forward(np.concatenate([blank, x], 1), False, mask=np.arange(5)[None].repeat(N, 0) > 0)
    last = layer.forward(np.concatenate([x, blank], 1), False, mask=np.arange(5)[None].repeat(N, 0) < 4)
    np.testing.assert_allclose(first[:, 1:], last[:, :4], rtol=1e-12)


def test_the_last_output_is_that_of_the_last_real_step():
    layer = made(Sequencer(Chain([GRU(H), Dense(2)]), return_sequence=False))
    x = draw(N, 6, D)
    mask = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]], bool)
    out = layer.forward(x, False, mask=mask)
    for n, length in enumerate((3, 5)):
        np.testing.assert_allclose(out[n], layer.forward(x[n : n + 1, :length], False)[0], rtol=1e-12)


def test_ids_inside_a_sequencer_make_a_mask():
    """An embedding for which 0 is no word, inside and in front, is the same."""
    table = Embedding(input_size=8, n_out=D, mask_zero=True)
    inside = made(Sequencer(Chain([table, LSTM(H)])), (None, None))
    front, lstm = (
        made(Embedding(input_size=8, n_out=D, mask_zero=True), (None, None)),
        made(Sequencer(LSTM(H))),
    )
    same_parameters(front, table)
    same_parameters(lstm, inside.layer.members[1])
    ids = np.array([[3, 1, 0, 5], [0, 0, 2, 7]])
    mask = front.compute_mask(ids, None)
    np.testing.assert_array_equal(inside.compute_mask(ids, None), mask)
    g = draw(N, 4, H)
    np.testing.assert_allclose(inside.forward(ids), lstm.forward(front.forward(ids), mask=mask), rtol=1e-12)
    inside.backward(g)
    front.backward(lstm.backward(g))
    np.testing.assert_allclose(table.dW, front.dW, rtol=1e-10)
    assert not table.dW[0].any()


def test_zero_ids_do_not_matter_where_there_are_none():
    plain, zero = (
        made(Embedding(input_size=8, n_out=D, mask_zero=flag), (None, None)) for flag in (False, True)
    )
    zero.W[1:] = plain.W[1:]
    ids = np.array([[3, 1, 4, 5]])
    np.testing.assert_array_equal(plain.forward(ids), zero.forward(ids))


# -- state ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("train", [True, False])
def test_chunks_are_one_long_sequence(train):
    step = {"name": "chain", "config": {"layers": [{"name": "lstm", "config": {"n_out": H}}, "layer_norm"]}}
    layer, plain = made(Sequencer(step, remember="both")), made(Sequencer(step))
    x = draw(N, sum(LENGTHS), D)
    due, start, parts = plain.forward(x, train), 0, []
    for length in LENGTHS:
        parts.append(layer.forward(x[:, start : start + length], train).copy())
        start += length
    np.testing.assert_allclose(np.concatenate(parts, 1), due, rtol=1e-11, atol=1e-13)
    layer.forget()
    layer.forget()
    np.testing.assert_allclose(layer.forward(x[:, :5], train), due[:, :5], rtol=1e-12)


def test_the_gradient_stops_where_a_call_begins():
    layer, plain = (made(Sequencer(GRU(H), remember=mode)) for mode in ("train", "neither"))
    x, g = draw(N, 8, D), draw(N, 4, H, seed=2)
    layer.forward(x[:, :4])
    state = layer.get_state()
    layer.forward(x[:, 4:])
    plain.set_state(state)
    plain.forward(x[:, 4:])
    np.testing.assert_allclose(layer.backward(g), plain.backward(g), rtol=1e-12)


@pytest.mark.parametrize(
    ("mode", "kept"), [("neither", ""), ("train", "train"), ("eval", "eval"), ("both", "train eval")]
)
def test_remember_modes(mode, kept):
    layer = made(Sequencer(SimpleRNN(H), remember=mode))
    x = draw(N, 3, D)
    assert layer.stateful == (mode in ("eval", "both"))
    for train in (True, False):
        layer.forget()
        first = layer.forward(x, train).copy()
        same = np.array_equal(layer.forward(x, train), first)
        assert same == (("train" if train else "eval") not in kept.split())
        np.testing.assert_array_equal(layer.forward(x, not train), first)  # switching forgets
    with pytest.raises(ConfigError, match="remember"):
        layer.remember_mode("always")


def test_a_state_moves_from_one_layer_to_its_copy():
    layer = made(Sequencer(Chain([LSTM(H), Dense(2)]), remember="both"))
    twin = copy.deepcopy(layer)
    x = draw(N, 6, D)
    due = layer.forward(x, False)[:, 3:]
    layer.forget()
    layer.forward(x[:, :3], False)
    twin.set_state(layer.get_state())
    np.testing.assert_allclose(twin.forward(x[:, 3:], False), due, rtol=1e-12)
    with pytest.raises(ShapeError, match="3 arrays"):
        twin.set_state(draw(N, H))


def test_r10_the_state_has_no_index_to_get_wrong():
    """get_state is the state after the last step; of the initial one, backward gives the gradient."""
    layer = made(Sequencer(LSTM(H), remember="train"))
    x = draw(N, 3, D)
    out = layer.forward(x)
    np.testing.assert_array_equal(layer.get_state()[0], out[:, -1])
    layer.backward(out)
    assert [part.shape for part in layer.d_state] == [(N, H)] * 3


def test_r12_r20_both_layers_of_a_pair_remember_and_other_batches_are_refused():
    pair = made(Bidirectional(Sequencer(GRU(H))))
    pair.remember_mode("eval")
    assert all(layer.carried.mode == "eval" for layer in pair.both)
    assert pair.stateful
    first = pair.forward(draw(N, 3, D), False)
    assert not np.allclose(pair.forward(draw(N, 3, D), False), first)
    with pytest.raises(StateError, match="forget"):
        pair.forward(draw(N + 1, 3, D), False)
    pair.forget()
    assert pair.forward(draw(N + 1, 3, D), False).shape == (N + 1, 3, 2 * H)


def test_both_directions_have_weights_of_their_own():
    pair = made(Bidirectional(Sequencer(Chain([GRU(H), Dense(2)]))))
    assert pair.both[0].layer is not pair.both[1].layer
    x = draw(N, 5, D)
    flipped = pair.both[1].layer
    due = made(Sequencer(Chain([GRU(H), Dense(2)])))
    same_parameters(due.layer, flipped)
    np.testing.assert_allclose(pair.forward(x)[..., 2:], due.forward(x[:, ::-1])[:, ::-1], rtol=1e-12)


# -- rewards and costs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [None, 4, 2])
def test_each_step_gets_its_own_reward(columns):
    layer = made(Sequencer(Chain([SimpleRNN(H), Dense(2, activation="linear"), ReinforceNormal(0.5)])))
    dense = layer.layer.members[1]
    x = draw(N, 4, D)
    actions = layer.forward(x).copy()
    reward = draw(N, seed=3) if columns is None else draw(N, columns, seed=3)
    layer.reinforce(reward)
    layer.backward(np.full_like(actions, 1e6))  # the gradient from above does not count
    each = np.zeros((N, 4))
    each[:, 4 - (columns or 4) :] = reward[:, None] if columns is None else reward
    rnn = made(SimpleRNN(H, return_sequence=True))
    same_parameters(rnn, layer.layer.members[0])
    h = rnn.forward(x, False)
    mean = h @ dense.W + dense.b
    due = np.einsum("nth,nta->ha", h, -each[..., None] * (actions - mean) / 0.25)
    np.testing.assert_allclose(dense.dW, due, rtol=1e-9)


def test_rewards_that_do_not_fit():
    layer = made(Sequencer(Chain([SimpleRNN(H), ReinforceNormal(0.5)])))
    for shape in ((N, 5), (N + 1,), (N, 2, 2)):
        layer.forward(draw(N, 4, D))
        layer.reinforce(draw(*shape))
        with pytest.raises(DataError, match="reward"):
            layer.backward(draw(N, 4, H))


def test_costs_of_layers_count_at_every_step():
    inner = {
        "name": "regularization",
        "config": {"layer": {"name": "dense", "config": {"n_out": 2}}, "l2": 0.1},
    }
    layer = made(
        Sequencer({"name": "chain", "config": {"layers": [{"name": "gru", "config": {"n_out": H}}, inner]}})
    )
    layer.forward(draw(N, 3, D))
    dense = layer.layer.members[1].layer
    np.testing.assert_allclose(layer.cost(), 3 * 0.1 * np.square(dense.W).sum(), rtol=1e-12)
    layer.backward(np.zeros((N, 3, 2)))
    np.testing.assert_allclose(dense.dW, 3 * 0.2 * dense.W, rtol=1e-12)


# -- in models -----------------------------------------------------------------------------------------------


def test_several_recurrent_inputs_and_outputs_in_a_graph():
    """Two sequences read by recurrent layers of their own; a tag for each step, and one answer for all."""
    graph = Graph(
        {"words": {"shape": (6,), "integer": True}, "sound": (6, 2)},
        {
            "vectors": (
                {"name": "embedding", "config": {"input_size": 9, "n_out": 4, "mask_zero": True}},
                "words",
            ),
            "read": ({"name": "gru", "config": {"n_out": 8, "return_sequence": True}}, "vectors"),
            "heard": (
                {"name": "sequencer", "config": {"layer": {"name": "lstm", "config": {"n_out": 8}}}},
                "sound",
            ),
            "both": ("concat", ["read", "heard"]),
            "tag": ({"name": "softmax", "config": {"n_out": 2}}, "both"),
            "last": ({"name": "simple_rnn", "config": {"n_out": 8}}, "both"),
            "answer": ({"name": "linear", "config": {"n_out": 1}}, "last"),
        },
        ["tag", "answer"],
        seed=0,
    )
    graph.compile(
        {"tag": "scce", "answer": "mse"},
        {"name": "sgd", "config": {"lr": 0.2, "momentum": 0.9, "clip_norm": 2.0}},
    )
    rng = np.random.default_rng(0)
    words, sound = rng.integers(1, 9, (128, 6)), rng.normal(0, 1, (128, 6, 2))
    x = {"words": words, "sound": sound}
    y = {"tag": (words > 4).astype(int), "answer": sound[:, -1, :1]}
    history = graph.fit(x, y, epochs=25, batch_size=16).history["loss"]
    assert history[-1] < 0.25 * history[0]
    again = Graph.from_json(graph.to_json())
    assert {name: part.shape for name, part in again.predict(x).items()} == {
        "tag": (128, 6, 2),
        "answer": (128, 1),
    }


def test_a_model_with_a_sequencer_learns_and_is_saved(tmp_path):
    import npdl_core

    step = [{"name": "gru", "config": {"n_out": 12}}, {"name": "softmax", "config": {"n_out": 10}}]
    model = Model(seed=0)
    model.add("embedding", input_size=10, n_out=6)
    model.add("sequencer", layer={"name": "chain", "config": {"layers": step}})
    model.compile("scce", {"name": "sgd", "config": {"lr": 1.0, "momentum": 0.9}})
    symbols = np.arange(400) % 10
    x, y = symbols[:-1][:392].reshape(49, 8), symbols[1:][:392].reshape(49, 8)
    history = model.fit(x, y, epochs=20, batch_size=8).history["loss"]
    assert history[-1] < 0.3 * history[0]
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(npdl_core.load(tmp_path / "model.safetensors").predict(x), model.predict(x))


@pytest.mark.parametrize(
    "option", [{"remember": "both"}, {"bptt_steps": 3}, {"go_backwards": True}, {"return_state": True}]
)
def test_what_belongs_to_the_sequencer(option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        Sequencer(Chain([Dense(2), GRU(3, **option)]))


def test_inputs_that_do_not_fit():
    with pytest.raises(ShapeError, match="sequences"):
        Sequencer(GRU(3)).connect((None,))
    with pytest.raises(ShapeError, match="vectors"):
        Sequencer(GRU(3)).connect((None, None, 3, 2))
    with pytest.raises(ShapeError, match="sizes are known"):
        Sequencer("identity").connect((None, None, None))
    with pytest.raises(NotConnectedError):
        Sequencer(GRU(3)).forward(draw(2, 3, 4))
    with pytest.raises(ShapeError, match="N, T, 3"):
        made(Sequencer(GRU(3))).forward(draw(2, 3, 4))


@pytest.mark.parametrize("name", ["lstm", "sequencer"])
def test_a_run_that_is_resumed_goes_on_with_the_carried_state(name, tmp_path):
    """Bit for bit: the first batch after the break starts from the state of the last one before it."""
    x, y = draw(12, 5, D).astype("float32"), draw(12, 5, H, seed=2).astype("float32")
    runs = []
    for breaks in ((4,), (2, 4)):
        for epochs in breaks:
            model = Model(seed=0)
            if name == "lstm":
                model.add("lstm", n_out=H, return_sequence=True, remember="train", num_layers=2)
            else:
                step = [{"name": "gru", "config": {"n_out": H}}, {"name": "dense", "config": {"n_out": H}}]
                model.add("sequencer", layer={"name": "chain", "config": {"layers": step}}, remember="train")
            model.compile("mse", "sgd")
            saver = {"name": "model_checkpoint", "config": {"path": str(tmp_path / f"run{len(breaks)}")}}
            model.fit(x, y, epochs=epochs, batch_size=4, shuffle=False, callbacks=[saver], resume=True)
        runs.append(model.params)
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"train": 3},
        {"more": np.zeros(2)},
        {"0": np.zeros((N, H + 1))},
        {"train": np.zeros((2, 2))},
        {"1": np.zeros((N + 1, H))},
    ],
)
def test_states_of_another_layer_are_refused(spoiled):
    layer = made(LSTM(H, remember="both"))
    layer.forward(draw(N, 3, D))
    saved = layer.state()
    with pytest.raises(NpdlError):
        layer.load_state(saved | spoiled)
    for name, due in saved.items():
        np.testing.assert_array_equal(layer.state()[name], due)
    layer.forget()
    assert layer.state() == {}
    layer.load_state(saved)
    np.testing.assert_array_equal(layer.get_state()[1], saved["1"])
    layer.load_state({})
    assert layer.get_state() is None


def test_one_step_of_a_composite():
    """``step`` and ``step_backward`` are a cell's, so that a composite can be used as one."""
    layer = made(Sequencer(Chain([GRU(H), Dense(2)])))
    x = draw(N, D)
    state, cache = layer.step(x, layer.zero_state(N), True)
    np.testing.assert_allclose(state[0], layer.forward(x[:, None], False)[:, 0], rtol=1e-12)
    layer.clear_gradients()
    dx, before = layer.step_backward(tuple(np.ones_like(part) for part in state), cache)
    assert dx.shape == (N, D)
    assert [part.shape for part in before] == [part.shape for part in state]


def test_branches_need_an_input_each():
    layer = Sequencer(Parallel([GRU(H), Dense(2)]))
    with pytest.raises(ShapeError, match="one array"):
        layer.connect((None, None, D))


def test_a_sequencer_writes_on_where_its_text_ends():
    """Generation feeds one symbol at a time: the composite carries its state, and is as before afterwards."""
    step = [{"name": "gru", "config": {"n_out": 16}}, {"name": "softmax", "config": {"n_out": 6}}]
    model = Model(seed=0)
    model.add("embedding", input_size=6, n_out=6)
    model.add("sequencer", layer={"name": "chain", "config": {"layers": step}})
    model.compile("scce", {"name": "sgd", "config": {"lr": 1.0, "momentum": 0.9}})
    swing = np.array([0, 1, 2, 3, 4, 5, 4, 3, 2, 1] * 40)  # what follows 3 depends on what came before it
    x, y = swing[:-1][:390].reshape(39, 10), swing[1:][:390].reshape(39, 10)
    model.fit(x, y, epochs=60, batch_size=13)
    due = model.predict(x)
    made_up = list(generate(model, [0, 1], 12, 0.0))
    assert made_up == [2, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2, 3]
    np.testing.assert_array_equal(model.predict(x), due)
