"""Wrappers against compositions by hand."""

import numpy as np
import pytest

from npdl_core import Graph, Model
from npdl_core.errors import ConfigError, DataError, ShapeError
from npdl_core.layers import BatchNormal, Dense
from npdl_rnn import GRU, LSTM, Bidirectional, EncoderDecoder, ReverseSequence, SimpleRNN, TimeDistributed

D, H = 3, 4
MERGES = {
    "concat": lambda a, b: np.concatenate([a, b], -1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


def ready(layer, shape=(None, None, D)):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(0)
    return layer.connect(shape)


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


# -- bidirectional -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("merge", MERGES)
def test_both_halves_of_a_step_belong_to_it(merge, train):
    layer = ready(Bidirectional(GRU(H, return_sequence=True), merge=merge))
    x = draw(2, 5, D)
    forward, backward = layer.both
    due = MERGES[merge](forward.forward(x, False), backward.forward(x, False)[:, ::-1])
    np.testing.assert_allclose(layer.forward(x, train), due)
    assert layer.out_shape[-1] == due.shape[-1]


def test_last_outputs_are_those_of_either_end():
    layer = ready(Bidirectional(LSTM(H)))
    x = draw(2, 5, D)
    due = [one.forward(x, False) for one in layer.both]
    np.testing.assert_allclose(layer.forward(x), np.concatenate(due, -1))


def test_right_padding_does_not_reach_the_backward_layer():
    layer, x = ready(Bidirectional(LSTM(H, return_sequence=True))), draw(2, 6, D)
    mask = np.array([[1, 1, 1, 1, 0, 0]] * 2, bool)
    np.testing.assert_allclose(layer.forward(x, False, mask=mask)[:, :4], layer.forward(x[:, :4], False))


def test_states_of_both_directions():
    layer, x = ready(Bidirectional(LSTM(H, return_state=True))), draw(2, 5, D)
    h0, c0 = draw(2, 2, H), draw(2, 2, H, seed=4)
    out, *final = layer.forward(x, h0=h0, c0=c0)
    assert [a.shape for a in final] == [(2, H)] * 4
    np.testing.assert_array_equal(out, np.concatenate([final[0], final[2]], -1))
    grads = [draw(*a.shape, seed=index) for index, a in enumerate((out, *final))]
    layer.backward(grads)
    eps = 1e-6
    for name, array, found in (("h0", h0, layer.d_h0), ("c0", c0, layer.d_c0)):
        for entry in ((0, 0, 1), (1, 1, 2)):
            slopes = []
            for sign in (1, -1):
                moved = array.copy()
                moved[entry] += sign * eps
                outs = layer.forward(x, False, **({"h0": h0, "c0": c0} | {name: moved}))
                slopes.append(sign * sum((a * g).sum() for a, g in zip(outs, grads, strict=True)))
            np.testing.assert_allclose(found[entry[0]][entry[1:]], sum(slopes) / (2 * eps), rtol=1e-6)


def test_carried_state_of_both_directions():
    layer = ready(Bidirectional(GRU(H, return_sequence=True)))
    assert not layer.stateful
    layer.remember_mode("both")
    assert layer.stateful
    first = layer.forward(draw(2, 3, D), False)
    assert not np.allclose(layer.forward(draw(2, 3, D), False), first)
    layer.forget()
    np.testing.assert_array_equal(layer.forward(draw(2, 3, D), False), first)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"layer": Dense(3)}, "recurrent"),
        ({"layer": GRU(3, go_backwards=True)}, "go_backwards"),
        ({"layer": GRU(3), "backward_layer": GRU(3)}, "go_backwards"),
        ({"layer": GRU(3), "backward_layer": GRU(3, go_backwards=True, return_sequence=True)}, "sequence"),
        ({"layer": GRU(3), "merge": "max"}, "merge"),
    ],
)
def test_pairs_that_do_not_fit(arguments, match):
    with pytest.raises(ConfigError, match=match):
        Bidirectional(**arguments)


def test_outputs_of_two_sizes_can_only_be_concatenated():
    two = {"layer": GRU(3), "backward_layer": LSTM(2, go_backwards=True)}
    assert ready(Bidirectional(**two)).out_shape == (None, 5)
    with pytest.raises(ShapeError, match="one size"):
        ready(Bidirectional(GRU(3), LSTM(2, go_backwards=True), "sum"))


def test_bidirectional_declares_its_input():
    layer = Bidirectional(GRU(3, n_in=2))
    layer.connect_to()
    assert layer.out_shape == (None, 6)


# -- time_distributed ----------------------------------------------------------------------------------------


def test_all_steps_in_one_call(monkeypatch):
    layer = ready(TimeDistributed(Dense(2)))
    calls = []
    original = Dense.forward
    monkeypatch.setattr(
        Dense, "forward", lambda self, x, train=True: calls.append(x.shape) or original(self, x, train)
    )
    x = draw(4, 5, D)
    y = layer.forward(x)
    assert calls == [(20, D)]
    np.testing.assert_allclose(y[:, 2], original(layer.layer, x[:, 2], False))


def test_masked_steps_do_not_count_for_batch_statistics():
    layer, x = ready(TimeDistributed(BatchNormal())), draw(4, 5, D)
    mask = draw(4, 5, seed=3) > 0
    y = layer.forward(x, mask=mask)
    np.testing.assert_allclose(y[mask].mean(0), 0, atol=1e-12)
    assert not y[~mask].any()


def test_images_over_time():
    layer = ready(TimeDistributed("flatten"), (None, None, 2, 3))
    assert layer.forward(draw(2, 5, 2, 3)).shape == (2, 5, 6)


def test_time_distributed_needs_time_and_one_output():
    with pytest.raises(ShapeError, match="sequences"):
        TimeDistributed(Dense(2)).connect((None, 3))
    with pytest.raises(ShapeError, match="several outputs"):
        TimeDistributed(LSTM(2, return_state=True)).connect((None, None, 4, 3))


def test_softmax_of_every_step_fuses_with_its_loss():
    losses = []
    for last in (TimeDistributed({"name": "softmax", "config": {"n_out": 5}}), "softmax"):
        model = Model([GRU(H, n_in=D, return_sequence=True)], seed=0, dtype="float64")
        model.add(last, **({"n_out": 5} if last == "softmax" else {}))
        model.compile("scce", "sgd")
        y = np.random.default_rng(0).integers(0, 5, (2, 4))
        losses.append([model.train_on_batch(draw(2, 4, D), y)["loss"] for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)


# -- reverse_sequence ----------------------------------------------------------------------------------------


def test_real_steps_trade_places():
    layer = ready(ReverseSequence())
    x = np.arange(1.0, 13.0).reshape(3, 4, 1).repeat(D, -1)
    mask = np.array([[1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
    y = layer.forward(x, mask=mask)
    assert y[..., 0].tolist() == [[3, 2, 1, 0], [0, 8, 0, 6], [0, 0, 0, 0]]
    np.testing.assert_array_equal(layer.forward(y, mask=mask), np.where(mask[..., None], x, 0))
    np.testing.assert_array_equal(layer.forward(x), x[:, ::-1])
    np.testing.assert_array_equal(ready(ReverseSequence(-1)).forward(x, mask=mask), x[..., ::-1])


def test_reversed_twice_around_a_layer_is_going_backwards():
    x, mask = draw(2, 6, D), np.array([[1, 1, 1, 1, 0, 0], [1] * 6], bool)
    rnn = ready(SimpleRNN(H, return_sequence=True))
    flip = ready(ReverseSequence())
    inner = rnn.forward(flip.forward(x, mask=mask), False, mask=mask)
    layer = ready(Bidirectional(SimpleRNN(H, return_sequence=True)))
    layer.both[1].W, layer.both[1].U = rnn.W, rnn.U
    due = layer.forward(x, False, mask=mask)[..., H:]
    np.testing.assert_allclose(flip.forward(inner, mask=mask), np.where(mask[..., None], due, 0))


def test_axes_that_cannot_be_reversed():
    with pytest.raises(ConfigError, match="batch axis"):
        ReverseSequence(0)
    for axis in (3, -3):
        with pytest.raises(ShapeError, match="no axis"):
            ReverseSequence(axis).connect((None, 4, 3))


# -- encoder_decoder -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [SimpleRNN, GRU, LSTM])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_decoder_begins_where_the_encoder_ends(cls, num_layers):
    """Coupled, one sequence cut in two is one sequence, with one gradient."""
    coupled = ready(
        EncoderDecoder(cls(H, num_layers=num_layers), cls(H, return_sequence=True, num_layers=num_layers)),
        [(None, None, D), (None, None, D)],
    )
    whole = ready(cls(H, return_sequence=True, num_layers=num_layers))
    for part in (coupled.encoder, coupled.decoder):
        for value, given in zip(part.params, whole.params, strict=True):
            value[...] = given
    x, g = draw(2, 9, D), draw(2, 4, H, seed=3)
    np.testing.assert_allclose(coupled.forward([x[:, :5], x[:, 5:]]), whole.forward(x)[:, 5:])
    d_source, d_target = coupled.backward(g)
    dx = whole.backward(np.concatenate([np.zeros((2, 5, H)), g], axis=1))
    np.testing.assert_allclose(np.concatenate([d_source, d_target], axis=1), dx, rtol=1e-10)
    for a, b, due in zip(coupled.encoder.grads, coupled.decoder.grads, whole.grads, strict=True):
        np.testing.assert_allclose(a + b, due, rtol=1e-10, atol=1e-13)


def test_masks_of_source_and_target():
    layer = ready(EncoderDecoder(GRU(H), GRU(H, return_sequence=True)), [(None, None, D), (None, None, 2)])
    source, target = draw(2, 5, D), draw(2, 4, 2)
    real = np.array([[1, 1, 1, 0, 0]] * 2, bool)
    np.testing.assert_allclose(
        layer.forward([source, target], False, mask=real), layer.forward([source[:, :3], target], False)
    )
    both = [real, np.array([[1, 1, 0, 0]] * 2, bool)]
    np.testing.assert_allclose(
        layer.forward([source, target], False, mask=both)[:, :2],
        layer.forward([source[:, :3], target[:, :2]], False),
    )
    assert layer.compute_mask([source, target], both) is both[1]
    assert layer.compute_mask([source, target], real) is None


def test_pairs_that_cannot_be_coupled():
    with pytest.raises(ConfigError, match="recurrent"):
        EncoderDecoder(Dense(3), GRU(3))
    with pytest.raises(ConfigError, match="same cell"):
        EncoderDecoder(GRU(3), LSTM(3))
    with pytest.raises(ConfigError, match="same cell"):
        EncoderDecoder(GRU(3), GRU(3, num_layers=2))
    with pytest.raises(ShapeError, match="two inputs"):
        EncoderDecoder(GRU(3), GRU(3)).connect((None, None, 3))
    layer = ready(EncoderDecoder(GRU(3), GRU(3)), [(None, None, 2), (None, None, 2)])
    with pytest.raises(DataError, match="do not match"):
        layer.forward([draw(2, 3, 2), draw(3, 3, 2)])


def test_state_of_the_pair():
    layer = ready(EncoderDecoder(GRU(3, remember="both"), GRU(3)), [(None, None, 2), (None, None, 2)])
    assert layer.stateful
    x = [draw(2, 3, 2), draw(2, 3, 2)]
    first = layer.forward(x, False)
    assert not np.allclose(layer.forward(x, False), first)
    layer.forget()
    np.testing.assert_array_equal(layer.forward(x, False), first)


def test_sequence_to_sequence_in_a_graph_learns():
    """Repeat three numbers backwards: the encoder must hand all of them over."""
    graph = Graph(
        {"source": (3, 1), "target": (3, 1)},
        {
            "both": (EncoderDecoder(LSTM(16), LSTM(16, return_sequence=True)), ["source", "target"]),
            "out": ({"name": "linear", "config": {"n_out": 1}}, "both"),
        },
        "out",
        seed=0,
    )
    graph.compile("mse", {"name": "sgd", "config": {"lr": 0.3, "momentum": 0.9, "clip_norm": 1.0}})
    source = np.random.default_rng(0).uniform(-1, 1, (256, 3, 1)).astype("float32")
    x = {"source": source, "target": np.zeros_like(source)}
    history = graph.fit(x, source[:, ::-1], epochs=60, batch_size=32)
    assert history.history["loss"][-1] < 0.05 * history.history["loss"][0]
