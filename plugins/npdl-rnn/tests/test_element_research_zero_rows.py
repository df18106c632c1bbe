"""Rows of zeros taken for padding: masked or left out, the result is the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npdl_core import Model
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers import BatchNormal, Chain, Dense, Embedding
from npdl_rnn import GRU, LSTM, BatchNormLSTM, BayesianGRU, MaskZero, SimpleRNN, TrimZero

N, T, D, H = 4, 6, 3, 5


def made(layer, shape=(None, None, D), seed=0):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(seed)
    return layer.connect(shape)


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


def padded(seed=1):
    """Return sequences that begin with zeros, one with a gap, one of zeros only."""
    x = draw(N, T, D, seed=seed)
    for n, zeros in enumerate(([], [0, 1], [0, 3], range(T))):
        x[n, list(zeros)] = 0
    return x


def same_parameters(target, source):
    for a, b in zip(target.params, source.params, strict=True):
        a[...] = b


LAYERS = {
    "dense": lambda: Dense(H),
    "batch_normal": BatchNormal,
    "lstm": lambda: LSTM(H, return_sequence=True, mask_mode="reset"),
    "gru that keeps": lambda: GRU(H, return_sequence=True),
    "last": lambda: GRU(H),
    "stack": lambda: LSTM(H, return_sequence=True, num_layers=2),
    "bn_lstm": lambda: BatchNormLSTM(H, return_sequence=True, mask_mode="reset"),
}


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_left_out_or_masked_is_the_same(name, train):
    masked, trimmed = made(MaskZero(LAYERS[name]())), made(TrimZero(LAYERS[name]()))
    same_parameters(trimmed, masked)
    x = padded()
    a, b = masked.forward(x, train), trimmed.forward(x, train)
    np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-14)
    if not train:
        return
    g = draw(*a.shape, seed=2)
    np.testing.assert_allclose(trimmed.backward(g), masked.backward(g), rtol=1e-9, atol=1e-13)
    for one, other in zip(trimmed.grads, masked.grads, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)


@settings(max_examples=40)
@given(
    name=st.sampled_from(sorted(LAYERS)),
    size=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    seed=st.integers(0, 99),
    masked=st.booleans(),
)
def test_whatever_rows_are_zero(name, size, seed, masked):
    """Also where a mask comes along, and where whole steps or batches are padding."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (*size, D)) * (rng.random((*size, 1)) < 0.6)
    mask = rng.random(size) < 0.7 if masked else None
    masking, trimmed = made(MaskZero(LAYERS[name]())), made(TrimZero(LAYERS[name]()))
    same_parameters(trimmed, masking)
    g = rng.normal(0, 1, masking.forward(x, mask=mask).shape)
    np.testing.assert_allclose(
        trimmed.forward(x, mask=mask), masking.forward(x, mask=mask), rtol=1e-9, atol=1e-13
    )
    np.testing.assert_allclose(trimmed.backward(g), masking.backward(g), rtol=1e-8, atol=1e-11)
    for one, other in zip(trimmed.grads, masking.grads, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-11)


def test_rows_by_hand():
    """Outputs of zero rows are zero, whatever the bias, and no gradient comes in there."""
    layer, plain = made(MaskZero(Dense(H)), (None, D)), made(Dense(H), (None, D))
    plain.b += 1
    same_parameters(layer, plain)
    x, g = draw(N, D), draw(N, H, seed=2)
    x[1] = 0
    real = np.array([0, 2, 3])
    out = layer.forward(x)
    dx = layer.backward(g)
    np.testing.assert_allclose(out[real], plain.forward(x[real]), rtol=1e-12)
    np.testing.assert_allclose(dx[real], plain.backward(g[real]), rtol=1e-12)
    np.testing.assert_allclose(layer.grads[0], plain.dW, rtol=1e-12)
    assert not out[1].any()
    assert not dx[1].any()


def test_a_step_of_zeros_is_forget():
    layer, plain = (
        made(MaskZero(LSTM(H, return_sequence=True, mask_mode="reset"))),
        made(LSTM(H, return_sequence=True)),
    )
    same_parameters(plain, layer)
    x = draw(N, 7, D)
    x[:, 3] = 0
    out = layer.forward(x)
    np.testing.assert_allclose(out[:, :3], plain.forward(x[:, :3]), rtol=1e-12)
    np.testing.assert_allclose(out[:, 4:], plain.forward(x[:, 4:]), rtol=1e-12)
    g = draw(N, 7, H, seed=2)
    dx = layer.backward(g)
    np.testing.assert_allclose(dx[:, 4:], plain.backward(g[:, 4:]), rtol=1e-10)


def test_without_zeros_nothing_changes():
    for cls in (MaskZero, TrimZero):
        layer, plain = made(cls(GRU(H, return_sequence=True))), made(GRU(H, return_sequence=True))
        same_parameters(plain, layer)
        x, g = draw(N, T, D), draw(N, T, H, seed=2)
        np.testing.assert_allclose(layer.forward(x), plain.forward(x), rtol=1e-12)
        np.testing.assert_allclose(layer.backward(g), plain.backward(g), rtol=1e-10)


def test_r08_trimmed_layers_see_real_rows_only_in_both_passes(monkeypatch):
    """In each step of a recurrent layer, and in the rows of any other; gradients are trimmed likewise."""
    seen = []
    for cls, forward, backward in ((Dense, "forward", "backward"), (SimpleRNN, "step", "step_backward")):
        for name in (forward, backward):
            original = getattr(cls, name)

            def spied(self, first, *rest, _name=name, _original=original, **options):
                array = first[0] if isinstance(first, tuple) else first
                seen.append((_name, len(array)))
                return _original(self, first, *rest, **options)

            monkeypatch.setattr(cls, name, spied)
    x = padded()
    real = x.any(axis=2)
    layer = made(TrimZero(Dense(H)))
    layer.backward(layer.forward(x))
    assert seen == [("forward", real.sum()), ("backward", real.sum())]
    seen.clear()
    layer = made(TrimZero(SimpleRNN(H, return_sequence=True)))
    layer.backward(layer.forward(x))
    steps = real.sum(axis=0).tolist()
    assert seen == [("step", n) for n in steps] + [("step_backward", n) for n in reversed(steps)]


def test_a_batch_of_zeros_only():
    for layer in (MaskZero(Dense(H)), TrimZero(Dense(H)), TrimZero(LSTM(H, return_sequence=True))):
        out = made(layer).forward(np.zeros((N, T, D)))
        assert out.shape == (N, T, H)
        assert not out.any()
        assert not layer.backward(np.ones_like(out)).any()
        assert not any(grad.any() for grad in layer.grads)


def test_r13_an_explicit_mask_keeps_rows_that_happen_to_be_zero():
    layer = made(Dense(H, init="zero"))
    layer.b += 1
    x = draw(1, 2, D)
    x[0, 1] = 0
    masked = made(MaskZero(Dense(H)))
    same_parameters(masked, layer)
    assert not masked.forward(x, False)[0, 1].any()
    assert layer.forward(x, False)[0, 1].all()
    np.testing.assert_array_equal(masked.compute_mask(x, None), [[True, False]])
    np.testing.assert_array_equal(masked.compute_mask(x, np.array([[False, True]])), [[False, False]])


def test_the_mask_goes_on_to_loss_and_layers_above():
    losses = []
    x, y = padded(), np.random.default_rng(0).integers(0, 2, (N, T))
    for wrapper, mask in (("mask_zero", None), ("trim_zero", None), (None, padded().any(axis=2))):
        model = Model(seed=0, dtype="float64")
        lstm = {"name": "lstm", "config": {"n_out": H, "return_sequence": True, "mask_mode": "reset"}}
        if wrapper:
            model.add(wrapper, layer=lstm)
        else:
            model.add(lstm)
        model.add("softmax", n_out=2)
        model.compile("scce", "sgd")
        losses.append([model.train_on_batch(x, y, mask=mask)["loss"] for _ in range(3)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-9)


def test_ids_of_zero():
    """feature_dims=0 makes a lookup with an id for padding, as ``embedding(mask_zero=True)`` does."""
    table = Embedding(input_size=8, n_out=D)
    layer = made(MaskZero(table, feature_dims=0), (None, None))
    due = Embedding(input_size=8, n_out=D, mask_zero=True)
    made(due, (None, None)).W[1:] = table.W[1:]
    ids = np.array([[3, 0, 4, 5], [0, 0, 1, 7]])
    np.testing.assert_array_equal(layer.forward(ids), due.forward(ids))
    np.testing.assert_array_equal(layer.compute_mask(ids, None), due.compute_mask(ids, None))
    g = draw(2, 4, D)
    layer.backward(g)
    due.backward(g)
    np.testing.assert_array_equal(table.dW, due.dW)


def test_dropout_of_a_changing_batch_is_for_all_samples_alike():
    with pytest.raises(ConfigError, match="mono"):
        TrimZero(LSTM(H, recurrent_dropout=0.2))
    with pytest.raises(ConfigError, match="mono"):
        TrimZero(BayesianGRU(H, p=0.2))
    layer = made(TrimZero(BayesianGRU(H, p=0.5, mono=True, return_sequence=True)))
    masked = made(MaskZero(BayesianGRU(H, p=0.5, mono=True, return_sequence=True)))
    same_parameters(masked, layer)
    layer.rng, masked.rng = np.random.default_rng(3), np.random.default_rng(3)
    np.testing.assert_allclose(layer.forward(padded()), masked.forward(padded()), rtol=1e-10)


def test_state_is_carried_by_the_layer_inside():
    layer, plain = (
        made(MaskZero(GRU(H, return_sequence=True, remember="both"))),
        made(MaskZero(GRU(H, return_sequence=True))),
    )
    same_parameters(plain, layer)
    x = padded()
    assert layer.stateful
    assert not plain.stateful
    parts = [layer.forward(x[:, a:b], False) for a, b in ((0, 2), (2, T))]
    np.testing.assert_allclose(np.concatenate(parts, 1), plain.forward(x, False), rtol=1e-12)
    layer.forget()
    np.testing.assert_array_equal(layer.forward(x[:, :2], False), parts[0])


def test_layers_that_do_not_fit():
    with pytest.raises(ShapeError, match="keep the axes"):
        MaskZero("flatten").connect((None, 4, 3))
    with pytest.raises(ShapeError, match="at least 3 axes"):
        MaskZero(Dense(2), feature_dims=2).connect((None, 3))
    with pytest.raises(ShapeError, match="sequences"):
        TrimZero(GRU(3)).connect((None, 3))
    with pytest.raises(ShapeError, match="several outputs"):
        TrimZero({"name": "parallel", "config": {"layers": ["identity"]}}).connect((None, 3))
    with pytest.raises(ConfigError, match="mask_mode"):
        TrimZero(Chain([GRU(3), GRU(3, mask_mode="reset")]))
    with pytest.raises(ShapeError, match="does not fit"):
        made(MaskZero(Dense(2))).forward(padded(), mask=np.ones((N, T + 1), bool))
