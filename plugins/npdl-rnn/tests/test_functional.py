"""cs231n's functions: golden values, central differences, purity; C01–C04 and the golden cells."""

import numpy as np
import pytest

from npdl_rnn import GRU, LSTM, converters, functional


def fill(low, high, *shape):
    return np.linspace(low, high, int(np.prod(shape))).reshape(shape)


def near(came, due):
    np.testing.assert_allclose(came, np.reshape(due, np.shape(came)), rtol=0, atol=6e-9)


STEP = [
    [-0.58172089, -0.50182032, -0.41232771, -0.31410098],
    [0.66854692, 0.79562378, 0.87755553, 0.92795967],
    [0.97934501, 0.99144213, 0.99646691, 0.99854353],
]
FORWARD = [
    [-0.42070749, -0.27279261, -0.11074945, 0.05740409, 0.22236251],
    [-0.39525808, -0.22554661, -0.0409454, 0.14649412, 0.32397316],
    [-0.42305111, -0.24223728, -0.04287027, 0.15997045, 0.35014525],
    [-0.55857474, -0.39065825, -0.19198182, 0.02378408, 0.23735671],
    [-0.27150199, -0.07088804, 0.13562939, 0.33099728, 0.50158768],
    [-0.51014825, -0.30524429, -0.06755202, 0.17806392, 0.40333043],
]
LSTM_STEP_H = [
    [0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904],
    [0.49223563, 0.55611431, 0.61507696, 0.66844003, 0.7159181],
    [0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299],
]
LSTM_STEP_C = [
    [0.32986176, 0.39145139, 0.451556, 0.51014116, 0.56717407],
    [0.66382255, 0.76674007, 0.87195994, 0.97902709, 1.08751345],
    [0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676],
]
LSTM_FORWARD = [
    [0.01764008, 0.01823233, 0.01882671, 0.0194232],
    [0.11287491, 0.12146228, 0.13018446, 0.13902939],
    [0.31358768, 0.33338627, 0.35304453, 0.37250975],
    [0.45767879, 0.4761092, 0.4936887, 0.51041945],
    [0.6704845, 0.69350089, 0.71486014, 0.7346449],
    [0.81733511, 0.83677871, 0.85403753, 0.86935314],
]


def test_golden_rnn_step():
    h, _ = functional.rnn_step_forward(
        fill(-0.4, 0.7, 3, 10), fill(-0.2, 0.5, 3, 4), fill(-0.1, 0.9, 10, 4), fill(-0.3, 0.7, 4, 4),
        fill(-0.2, 0.4, 4),
    )  # fmt: skip
    near(h, STEP)


def test_golden_rnn():
    h, _ = functional.rnn_forward(
        fill(-0.1, 0.3, 2, 3, 4), fill(-0.3, 0.1, 2, 5), fill(-0.2, 0.4, 4, 5), fill(-0.4, 0.1, 5, 5),
        fill(-0.7, 0.1, 5),
    )  # fmt: skip
    near(h, FORWARD)


def test_golden_lstm_step():
    h, c, _ = functional.lstm_step_forward(
        fill(-0.4, 1.2, 3, 4), fill(-0.3, 0.7, 3, 5), fill(-0.4, 0.9, 3, 5), fill(-2.1, 1.3, 4, 20),
        fill(-0.7, 2.2, 5, 20), fill(0.3, 0.7, 20),
    )  # fmt: skip
    near(h, LSTM_STEP_H)
    near(c, LSTM_STEP_C)


def lstm_arguments():
    return (
        fill(-0.4, 0.6, 2, 3, 5), fill(-0.4, 0.8, 2, 4), fill(-0.2, 0.9, 5, 16), fill(-0.3, 0.6, 4, 16),
        fill(0.2, 0.7, 16),
    )  # fmt: skip


def test_golden_lstm():
    near(functional.lstm_forward(*lstm_arguments())[0], LSTM_FORWARD)


def test_golden_embedding():
    ids = np.array([[0, 3, 1, 2], [2, 1, 0, 3]])
    rows, _ = functional.word_embedding_forward(ids, fill(0, 1, 5, 3))
    near(rows[0, 0], [0, 0.07142857, 0.14285714])
    near(rows[1, 3], [0.64285714, 0.71428571, 0.78571429])


@pytest.mark.parametrize(
    ("shape", "keep", "low", "high"),
    [((100, 1), 1.0, 2.29, 2.31), ((100, 10), 1.0, 22.9, 23.1), ((5000, 10), 0.1, 2.2, 2.4)],
)
def test_golden_temporal_softmax(shape, keep, low, high):
    rng = np.random.default_rng(0)
    x = 0.001 * rng.normal(size=(*shape, 10))
    loss, _ = functional.temporal_softmax_loss(x, rng.integers(0, 10, shape), rng.random(shape) <= keep)
    assert low < loss < high


# The golden cells of the layers: N 2, D 3, H 2.
X, H0, C0 = fill(-0.5, 0.5, 2, 3), fill(-0.4, 0.4, 2, 2), fill(-0.2, 0.6, 2, 2)


def cell(layer, blocks, width=2):
    layer.dtype = "float64"
    layer.connect((None, None, 3))
    k = blocks * 2
    converters.set_fused(layer, fill(-0.6, 0.6, 3, k), fill(-0.3, 0.5, width, k), fill(-0.1, 0.2, k))
    return layer


def test_golden_gru_cell():
    h = cell(GRU(2), 3).forward(X[:, None], h0=H0)
    near(h, [-0.14468823, -0.00313242, 0.27499084, 0.46479805])


def test_golden_lstm_cell():
    _, h, c = cell(LSTM(2, return_state=True), 4).forward(X[:, None], h0=H0, c0=C0)
    near(h, [-0.01806376, 0.05319843, 0.2480983, 0.36055831])
    near(c, [-0.0328023, 0.09831959, 0.44368747, 0.6598322])


def test_golden_peephole_cell():
    layer = cell(LSTM(2, return_state=True, peephole=True), 4)
    layer.P = np.array([[0.1, 0.2], [-0.1, 0.3], [0.4, -0.2]])
    _, h, c = layer.forward(X[:, None], h0=H0, c0=C0)
    near(h, [-0.01885645, 0.05307556, 0.26661022, 0.35832266])
    near(c, [-0.03445646, 0.09899363, 0.44552536, 0.70481785])


def test_golden_projected_cell():
    layer = cell(LSTM(2, projection=1), 4, width=1)
    layer.Wo = np.array([[0.5], [-1.0]])
    r = layer.forward(X[:, None], h0=np.array([[-0.2], [0.3]]), c0=C0)
    near(r, [-0.06126489, -0.22217339])


# -- gradients -----------------------------------------------------------------------------------------------


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.7, shape) for shape in shapes]


CASES = {
    "rnn": ("rnn", [(3, 4, 5), (3, 2), (5, 2), (2, 2), (2,)], 1),
    "rnn_step": ("rnn_step", [(3, 5), (3, 2), (5, 2), (2, 2), (2,)], 1),
    "lstm": ("lstm", [(3, 4, 5), (3, 2), (5, 8), (2, 8), (8,)], 1),
    "lstm_step": ("lstm_step", [(3, 5), (3, 2), (3, 2), (5, 8), (2, 8), (8,)], 2),
    "temporal_affine": ("temporal_affine", [(3, 4, 5), (5, 2), (2,)], 1),
}


@pytest.mark.parametrize("name", CASES)
def test_backward_is_the_derivative(name):
    """C02 among them: weight gradients of an LSTM are 4H wide."""
    name, shapes, n_outputs = CASES[name]
    forward, backward = (getattr(functional, f"{name}_{way}") for way in ("forward", "backward"))
    inputs = draw(*shapes)
    *outputs, cache = forward(*inputs)
    grads = draw(*[out.shape for out in outputs])
    assert len(outputs) == n_outputs
    found = backward(*grads, cache)

    def loss(*arrays):
        return sum(float((out * g).sum()) for out, g in zip(forward(*arrays)[:-1], grads, strict=True))

    for index, grad in enumerate(found):
        assert grad.shape == inputs[index].shape
        for entry in np.ndindex(grad.shape):
            moved = [a.copy() for a in inputs], [a.copy() for a in inputs]
            moved[0][index][entry] += 1e-6
            moved[1][index][entry] -= 1e-6
            numeric = (loss(*moved[0]) - loss(*moved[1])) / 2e-6
            np.testing.assert_allclose(grad[entry], numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_c01_callers_arrays_are_not_modified(name):
    """C01: the listing's step backward adds into the caller's ``dnext_c``."""
    name, shapes, _ = CASES[name]
    forward, backward = (getattr(functional, f"{name}_{way}") for way in ("forward", "backward"))
    inputs = draw(*shapes)
    *outputs, cache = forward(*inputs)
    grads = [np.ones(out.shape) for out in outputs]
    kept = [a.copy() for a in (*inputs, *outputs)]
    for array in (*inputs, *outputs, *grads):
        array.flags.writeable = False
    first = backward(*grads, cache)
    again = backward(*grads, cache)
    for came, due in zip((*inputs, *outputs), kept, strict=True):
        np.testing.assert_array_equal(came, due)
    for came, due in zip(again, first, strict=True):
        np.testing.assert_array_equal(came, due)


def test_c03_with_a_large_recurrent_matrix_gradients_grow():
    """C03: tanh' ≤ 1 does not by itself make gradients vanish; the recurrent matrix decides too."""
    for scale, grows in ((0.5, False), (3.0, True)):
        x, h0 = np.zeros((1, 30, 1)), np.zeros((1, 2))
        _, cache = functional.rnn_forward(x, h0, np.zeros((1, 2)), scale * np.eye(2), np.zeros(2))
        dh = np.zeros((1, 30, 2))
        dh[:, -1] = 1
        dh0 = functional.rnn_backward(dh, cache)[1]
        assert bool(np.abs(dh0).max() > 1) is grows


def test_c04_h0_is_given_and_the_cell_starts_at_zero():
    x, h0, Wx, Wh, b = lstm_arguments()
    due, c = h0, np.zeros_like(h0)
    for t in range(x.shape[1]):
        due, c, _ = functional.lstm_step_forward(x[:, t], due, c, Wx, Wh, b)
    np.testing.assert_allclose(functional.lstm_forward(x, h0, Wx, Wh, b)[0][:, -1], due, atol=1e-15)


def test_embedding_adds_up_repeated_ids():
    ids = np.array([[1, 1, 0], [1, 2, 2]])
    _, cache = functional.word_embedding_forward(ids, np.zeros((4, 1)))
    dW = functional.word_embedding_backward(np.arange(1.0, 7.0).reshape(2, 3, 1), cache)
    assert dW.ravel().tolist() == [3, 1 + 2 + 4, 5 + 6, 0]


def test_temporal_softmax_gradient(capsys):
    rng = np.random.default_rng(0)
    x, y, mask = rng.normal(size=(3, 4, 5)), rng.integers(0, 5, (3, 4)), rng.random((3, 4)) < 0.6
    _, dx = functional.temporal_softmax_loss(x, y, mask, verbose=True)
    assert "(3, 4, 5)" in capsys.readouterr().out
    assert not dx[~mask].any()
    for entry in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[entry] += 1e-6
        low[entry] -= 1e-6
        above, below = (functional.temporal_softmax_loss(a, y, mask)[0] for a in (high, low))
        slope = (above - below) / 2e-6
        np.testing.assert_allclose(dx[entry], slope, rtol=1e-6, atol=1e-9)


def test_sigmoid_does_not_overflow():
    x = np.array([-1000.0, -1.0, 0.0, 1.0, 1000.0])
    with np.errstate(all="raise", under="ignore"):
        y = functional.sigmoid(x)
    np.testing.assert_allclose(y, [0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1], rtol=1e-12)


def test_float32_stays_float32():
    arguments = [a.astype(np.float32) for a in lstm_arguments()]
    h, cache = functional.lstm_forward(*arguments)
    assert {a.dtype for a in (h, *functional.lstm_backward(h, cache))} == {np.dtype("float32")}
