"""Element-Research's cells: golden values, equal forms, masks of dropout, batch statistics, their defects."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError
from npdl_core.testing import gradcheck
from npdl_rnn import (
    GRU,
    LSTM,
    BatchNormLSTM,
    BayesianGRU,
    BayesianLSTM,
    FastLSTM,
    MuFuRU,
    PeepholeLSTM,
    ProjectedLSTM,
    converters,
)

N, D, H = 2, 3, 2
OPERATIONS = ("keep", "replace", "mul", "diff", "forget", "sqrt_diff", "max", "min")


def made(layer, n_in=D, seed=0):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(seed)
    return layer.connect((None, None, n_in))


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


def ramp(low, high, *shape):
    return np.linspace(low, high, int(np.prod(shape))).reshape(shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def same_parameters(target, source):
    for name, parameter in target.named_parameters():
        parameter.value[...] = dict(source.named_parameters())[name].value


def require_same_training(a, b, x, g, rtol=1e-10):
    """Require equal outputs, input gradients and parameter gradients."""
    np.testing.assert_allclose(a.forward(x), b.forward(x), rtol=rtol, atol=1e-13)
    np.testing.assert_allclose(a.backward(g), b.backward(g), rtol=rtol, atol=1e-13)
    for one, other in zip(a.grads, b.grads, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-13)


# -- golden values -------------------------------------------------------------------------------------------

X, H0, C0 = ramp(-0.5, 0.5, N, 1, D), ramp(-0.4, 0.4, N, H), ramp(-0.2, 0.6, N, H)


def test_golden_gru():
    layer = made(GRU(H))
    layer.W, layer.U, layer.b = ramp(-0.6, 0.6, D, 6), ramp(-0.3, 0.5, H, 6), ramp(-0.1, 0.2, 6)
    due = [[-0.14468823, -0.00313242], [0.27499084, 0.46479805]]
    np.testing.assert_allclose(layer.forward(X, h0=H0), due, atol=5e-9)


@pytest.mark.parametrize("cls", [LSTM, FastLSTM, PeepholeLSTM])
def test_golden_lstm(cls):
    layer = made(cls(H, return_state=True))
    layer.W, layer.U, layer.b = ramp(-0.6, 0.6, D, 8), ramp(-0.3, 0.5, H, 8), ramp(-0.1, 0.2, 8)
    due_h = [[-0.01806376, 0.05319843], [0.2480983, 0.36055831]]
    due_c = [[-0.0328023, 0.09831959], [0.44368747, 0.6598322]]
    if cls is PeepholeLSTM:
        layer.P = [[0.1, 0.2], [-0.1, 0.3], [0.4, -0.2]]
        due_h = [[-0.01885645, 0.05307556], [0.26661022, 0.35832266]]
        due_c = [[-0.03445646, 0.09899363], [0.44552536, 0.70481785]]
    _, h, c = layer.forward(X, h0=H0, c0=C0)
    np.testing.assert_allclose(h, due_h, atol=5e-9)
    np.testing.assert_allclose(c, due_c, atol=5e-9)


def test_golden_lstmp():
    layer = made(ProjectedLSTM(H, projection=1))
    layer.W, layer.U, layer.b = ramp(-0.6, 0.6, D, 8), ramp(-0.3, 0.5, 1, 8), ramp(-0.1, 0.2, 8)
    layer.Wo = [[0.5], [-1.0]]
    r = layer.forward(X, h0=np.array([[-0.2], [0.3]]), c0=C0)
    np.testing.assert_allclose(r, [[-0.06126489], [-0.22217339]], atol=5e-9)


MUFURU = {
    "tanh": [[-0.10870265, -0.01754826], [0.06141779, 0.18478253]],
    "sigmoid": [[-0.08214604, 0.03094085], [0.14160931, 0.25343611]],
}


@pytest.mark.parametrize("feature_activation", MUFURU)
def test_golden_mufuru(feature_activation):
    layer = made(MuFuRU(H, feature_activation=feature_activation))
    v, p = ramp(-0.4, 0.4, 5, 2), ramp(-0.5, 0.5, 5, 16)
    layer.W = np.hstack([ramp(-0.3, 0.3, D, H), v[:D], p[:D]])
    layer.U = np.hstack([ramp(-0.2, 0.2, H, H), v[D:], p[D:]])
    layer.b = np.concatenate([np.full(H, 0.1), np.full(H, 0.05), np.zeros(16)])
    np.testing.assert_allclose(layer.forward(X, h0=H0), MUFURU[feature_activation], atol=5e-9)


# -- forms that are equal ------------------------------------------------------------------------------------


def test_fast_lstm_is_the_peephole_lstm_without_its_peepholes():
    fast, slow = made(FastLSTM(4, return_sequence=True)), made(PeepholeLSTM(4, return_sequence=True))
    plain = made(PeepholeLSTM(4, return_sequence=True, peephole=False))
    slow.P = 0 * slow.P
    for layer in (fast, plain):
        for name in "WUb":
            setattr(layer, name, getattr(slow, name))
    x, g = draw(3, 6, D), draw(3, 6, 4, seed=2)
    assert fast.uses_kernel()
    assert not slow.uses_kernel()
    require_same_training(fast, plain, x, g)
    np.testing.assert_allclose(fast.forward(x), slow.forward(x), rtol=1e-12)
    np.testing.assert_allclose(fast.backward(g), slow.backward(g), rtol=1e-10)
    np.testing.assert_allclose(fast.dU, slow.dU, rtol=1e-10)


def test_lstmp_with_the_identity_for_a_projection_is_the_lstm():
    projected = made(ProjectedLSTM(4, projection=4, return_sequence=True))
    plain = made(LSTM(4, return_sequence=True))
    for name in "WUb":
        setattr(plain, name, getattr(projected, name))
    projected.Wo = np.eye(4)
    x, g = draw(3, 6, D), draw(3, 6, 4, seed=2)
    np.testing.assert_allclose(projected.forward(x), plain.forward(x), rtol=1e-12)
    np.testing.assert_allclose(projected.backward(g), plain.backward(g), rtol=1e-10)
    for name in ("dW", "dU", "db"):
        np.testing.assert_allclose(getattr(projected, name), getattr(plain, name), rtol=1e-10)


def test_r04_the_forget_bias_is_the_forget_gates_whatever_the_projection():
    for projection in (2, 7):
        b = made(ProjectedLSTM(4, projection=projection)).b
        assert b.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


def test_r05_the_cell_has_a_width_of_its_own():
    layer = made(ProjectedLSTM(4, projection=2))
    assert layer.forward(draw(N, 3, D), h0=draw(N, 2), c0=draw(N, 4)).shape == (N, 2)
    layer.backward(draw(N, 2))
    assert (layer.d_h0.shape, layer.d_c0.shape) == ((N, 2), (N, 4))


def test_initial_values_are_element_researchs():
    layer = made(FastLSTM(50), n_in=400)
    assert np.abs(layer.W).max() <= 1 / 20
    assert np.abs(layer.W).max() > 0.9 / 20
    assert not layer.b.any()
    assert abs(made(ProjectedLSTM(50, projection=3), n_in=400).W.std() - 1 / 20) < 2e-3


def test_presets_are_no_copies():
    for cls in (FastLSTM, PeepholeLSTM, ProjectedLSTM):
        assert cls.step is LSTM.step
        with pytest.raises(ConfigError):
            cls(3, units=4)
    with pytest.raises(ConfigError, match="projection"):
        ProjectedLSTM(3)
    assert FastLSTM(3).config["forget_bias_num"] == 0.0


# -- variational dropout -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cls", "plain"), [(BayesianGRU, GRU), (BayesianLSTM, LSTM)])
def test_without_dropout_they_are_the_plain_cells(cls, plain):
    bayesian, plain = made(cls(4, p=0.4, return_sequence=True)), made(plain(4, return_sequence=True))
    none = made(cls(4, p=0.0, return_sequence=True))
    same_parameters(bayesian, plain)
    same_parameters(none, plain)
    x, g = draw(3, 6, D), draw(3, 6, 4, seed=2)
    np.testing.assert_allclose(bayesian.forward(x, False), plain.forward(x, False), rtol=1e-12)
    require_same_training(none, plain, x, g)
    monkey = type("Looped", (cls,), {"uses_kernel": lambda self: False, "__init__": cls.__init__})
    looped = made(monkey(4, p=0.0, return_sequence=True))
    same_parameters(looped, plain)
    require_same_training(looped, plain, x, g)


@pytest.mark.parametrize("mono", [False, True])
@pytest.mark.parametrize(("cls", "n_blocks"), [(BayesianGRU, 3), (BayesianLSTM, 4)])
def test_r06_one_mask_a_sequence_the_same_at_every_step(cls, n_blocks, mono, monkeypatch):
    """Also in the second and third sequence, after a backward; another one in each sequence."""
    layer = made(cls(16, p=0.5, mono=mono, return_sequence=True))
    seen = []
    original = cls.product

    def spied(self, name, input, scales, blocks):
        seen[-1].setdefault(name, []).append(scales[name])
        return original(self, name, input, scales, blocks)

    monkeypatch.setattr(cls, "product", spied)
    rows = 1 if mono else 5
    for _ in range(3):
        seen.append({})
        layer.forward(draw(5, 6, D))
        layer.backward(draw(5, 6, 16))
        for name, width in (("W", D), ("U", 16)):
            masks = seen[-1][name]
            assert len(masks) >= 6
            assert masks[0].shape == (n_blocks, rows, width)
            assert set(np.unique(masks[0])) <= {0.0, 2.0}
            for mask in masks:
                np.testing.assert_array_equal(mask, masks[0])
        assert not np.array_equal(*seen[-1]["U"][0][:2])
    first, second = (run["U"][0] for run in seen[:2])
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("cls", [BayesianGRU, BayesianLSTM])
def test_dropout_by_hand(cls):
    """Units whose recurrent input is dropped for all gates have no influence on others at any step."""
    layer = made(cls(4, p=0.5, return_sequence=True))
    x = draw(1, 5, D)
    due = layer.forward(x).copy()
    scales = {name: scale.copy() for name, scale in layer._scales.items()}
    state = layer.zero_state(1)
    n = 4
    for t in range(5):
        fed = [x[:, t] * scales["W"][k] @ layer.W[:, k * n : k * n + n] for k in range(layer.n_blocks)]
        add = [layer.b[k * n : k * n + n] for k in range(layer.n_blocks)]
        back = lambda k, h: h * scales["U"][k] @ layer.U[:, k * n : k * n + n]  # noqa: E731
        h = state[0]
        if cls is BayesianGRU:
            r, z = (sigmoid(fed[k] + add[k] + back(k, h)) for k in range(2))
            new = np.tanh(fed[2] + add[2] + back(2, r * h))
            state = ((1 - z) * new + z * h,)
        else:
            i, f, o = (sigmoid(fed[k] + add[k] + back(k, h)) for k in range(3))
            c = f * state[1] + i * np.tanh(fed[3] + add[3] + back(3, h))
            state = (o * np.tanh(c), c)
        np.testing.assert_allclose(due[:, t], state[0], rtol=1e-12)


# -- recurrent batch normalisation ---------------------------------------------------------------------------


def standardised(a, gamma, eps=1e-5):
    return gamma * (a - a.mean(0)) / np.sqrt(a.var(0) + eps)


def bn_by_hand(layer, x):
    h, c = np.zeros((len(x), layer.n_out)), np.zeros((len(x), layer.n_out))
    outputs = []
    for t in range(x.shape[1]):
        a = standardised(x[:, t] @ layer.W, layer.gamma_x) + standardised(h @ layer.U, layer.gamma_h)
        i, f, o, g = np.split(a + layer.b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(standardised(c, layer.gamma_c) + layer.beta_c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def test_three_normalisations_with_small_gains():
    layer = made(BatchNormLSTM(4, return_sequence=True))
    gains = {name: p.value for name, p in layer.named_parameters() if name.startswith("gamma")}
    assert {name: (array.shape, array.max()) for name, array in gains.items()} == {
        "gamma_x": ((16,), 0.1),
        "gamma_h": ((16,), 0.1),
        "gamma_c": ((4,), 0.1),
    }
    x = draw(5, 6, D)
    np.testing.assert_allclose(layer.forward(x), bn_by_hand(layer, x), rtol=1e-10)


def test_statistics_are_shared_by_all_steps():
    layer = made(BatchNormLSTM(4, return_sequence=True, momentum=0.8))
    x = draw(5, 3, D)
    mean, var = np.zeros(16), np.ones(16)
    for t in range(3):
        a = x[:, t] @ layer.W
        mean, var = 0.8 * mean + 0.2 * a.mean(0), 0.8 * var + 0.2 * a.var(0)
    layer.forward(x)
    np.testing.assert_allclose(layer.mean_x, mean[None], rtol=1e-12)
    np.testing.assert_allclose(layer.var_x, var[None], rtol=1e-12)


def test_statistics_of_each_step():
    """The first steps have their own, also where a state is carried on; later ones share the last."""
    layer = made(BatchNormLSTM(4, return_sequence=True, momentum=0.0, stat_steps=3, remember="train"))
    x = draw(5, 5, D)
    for part in (x[:, :2], x[:, 2:]):
        layer.forward(part)
    a = x @ layer.W
    np.testing.assert_allclose(layer.mean_x, [a[:, t].mean(0) for t in (0, 1, 4)], rtol=1e-10)
    np.testing.assert_allclose(layer.var_x, [a[:, t].var(0) for t in (0, 1, 4)], rtol=1e-10)
    layer.forget()
    due = layer.forward(x[:, :3]).copy()  # without momentum the statistics are those of this batch
    layer.forget()
    np.testing.assert_allclose(layer.forward(x[:, :3], False), due, rtol=1e-8, atol=1e-10)


def test_long_inference_reads_the_right_statistics():
    """Inference goes in pieces; the step's number must not begin anew in each."""
    layer = made(BatchNormLSTM(4, return_sequence=True, stat_steps=4))
    layer.mean_x += draw(4, 16)
    x = draw(600, 5, D)
    parts = np.concatenate([layer.forward(x[k : k + 100], False) for k in range(0, 600, 100)])
    np.testing.assert_allclose(layer.forward(x, False), parts, rtol=1e-12)


def test_r11_without_gains():
    layer = made(BatchNormLSTM(4, affine=False))
    assert [name for name, p in layer.named_parameters() if p.trainable] == ["W", "U", "b"]
    gradcheck(layer, draw(4, 3, D))


def test_one_step_by_itself():
    layer = made(BatchNormLSTM(4, return_sequence=True))
    x = draw(5, 2, D)
    state, _ = layer.step(x[:, 0], layer.zero_state(5), True)
    np.testing.assert_allclose(state[0], layer.forward(x)[:, 0], rtol=1e-12)


def test_other_libraries_have_no_place_for_its_gains():
    with pytest.raises(ConfigError, match="converters"):
        converters.to_torch(made(BatchNormLSTM(4)))
    assert converters.to_torch(made(FastLSTM(4)))["weight_hh_l0"].shape == (16, 4)


def test_masked_samples_are_in_no_statistic():
    layer, whole = made(BatchNormLSTM(4, return_sequence=True)), made(BatchNormLSTM(4, return_sequence=True))
    x = draw(6, 4, D)
    mask = np.ones((6, 4), bool)
    mask[4:] = False
    np.testing.assert_allclose(layer.forward(x, mask=mask)[:4], whole.forward(x[:4]), rtol=1e-12)
    for name in ("mean_x", "var_x", "mean_h", "var_h", "mean_c", "var_c"):
        np.testing.assert_allclose(getattr(layer, name), getattr(whole, name), rtol=1e-12)


# -- mufuru --------------------------------------------------------------------------------------------------


def operation(op, s, v):
    return {
        "keep": s,
        "replace": v,
        "mul": s * v,
        "diff": s - v,
        "forget": 0 * s,
        "sqrt_diff": np.sqrt(np.abs(s - v)) / 4,
        "max": np.maximum(s, v),
        "min": np.minimum(s, v),
    }[op]


@pytest.mark.parametrize("ops", [[op] for op in OPERATIONS] + [list(OPERATIONS), ["min", "keep", "diff"]])
def test_any_operations_by_hand(ops):
    layer = made(MuFuRU(4, ops=ops, return_sequence=True))
    x, h = draw(3, 5, D), np.zeros((3, 4))
    w = [layer.W[:, k * 4 : k * 4 + 4] for k in range(2 + len(ops))]
    u = [layer.U[:, k * 4 : k * 4 + 4] for k in range(2 + len(ops))]
    layer.b = draw(len(layer.b)) / 5
    b = np.split(layer.b, 2 + len(ops))
    came = layer.forward(x)
    for t in range(5):
        r = sigmoid(x[:, t] @ w[0] + h @ u[0] + b[0])
        v = np.tanh(x[:, t] @ w[1] + (r * h) @ u[1] + b[1])
        e = np.exp([x[:, t] @ w[k] + h @ u[k] + b[k] for k in range(2, 2 + len(ops))])
        h = sum(p * operation(op, h, v) for p, op in zip(e / e.sum(0), ops, strict=True))
        np.testing.assert_allclose(came[:, t], h, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("feature_activation", ["tanh", "sigmoid"])
def test_r03_mufurus_gradient_and_its_single_reset_bias(feature_activation):
    layer = made(MuFuRU(4, feature_activation=feature_activation, return_sequence=True))
    assert layer.b.shape == (10 * 4,)
    gradcheck(layer, draw(2, 4, D))


def test_the_root_of_no_difference_has_slope_zero():
    layer = made(MuFuRU(4, ops=["sqrt_diff"]))
    layer.W, layer.U = 0 * layer.W, 0 * layer.U  # s = v = 0
    layer.forward(draw(2, 3, D))
    dx = layer.backward(np.ones((2, 4)))
    assert np.isfinite(dx).all()
    assert not dx.any()
    assert np.isfinite(layer.dU).all()


@pytest.mark.parametrize("ops", [[], ["keep", "keep"], ["add"], "keep replace", [3]])
def test_operations_that_do_not_exist(ops):
    with pytest.raises(ConfigError, match="sqrt_diff"):
        MuFuRU(3, ops=ops)
