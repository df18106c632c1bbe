"""What was wrong in NumpyDL 0.4 and a program could see: each is right here. N05, N06 … are the inventory's."""

import io

import numpy as np
import pytest

import npdl

A, L, objectives = npdl.activations, npdl.layers, npdl.objectives


@pytest.fixture(autouse=True)
def double():
    npdl.utils.random.set_seed(1)
    npdl.utils.random.set_dtype("float64")
    yield
    npdl.utils.random.set_dtype("float32")


def data(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def numpys_state():
    return np.random.get_bit_generator().state["state"]["key"]


def numeric(function, array, step=1e-6):
    """Return the derivative of a number by an array, by central differences."""
    found = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        below = function()
        array[index] = kept
        found[index] = (above - below) / (2 * step)
    return found


def proven(layer, x):
    """Compare all gradients of a layer with differences."""
    layer.connect((None, *x.shape[1:]))
    g = data(*layer.forward(x).shape)
    layer.forward(x)
    dx = layer.backward(g).copy()
    grads = [grad.copy() for grad in layer.grads]
    assert len(grads) == len(layer.params)

    def loss():
        return float((layer.forward(x) * g).sum())

    np.testing.assert_allclose(dx, numeric(loss, x), rtol=1e-5, atol=1e-7)
    for param, grad in zip(layer.params, grads, strict=True):
        np.testing.assert_allclose(grad, numeric(loss, param), rtol=1e-5, atol=1e-7)


def trained(layers, X, Y, **options):
    model, file = npdl.Model(layers), io.StringIO()
    model.compile(options.pop("loss", "scce"), options.pop("optimizer", "sgd"))
    model.fit(X, Y, file=file, **{"max_iter": 1, **options})
    return model, file.getvalue()


NAMES = ["sigmoid", "tanh", "relu", "linear", "elliot", "symmetric_elliot", "softplus", "softsign"]


@pytest.mark.parametrize("name", NAMES)
def test_n01_derivative_takes_an_array_and_remembers_nothing(name):
    activation = A.get(name)
    x, other = data(3, 4), data(2, 2)
    activation.forward(x)
    before = activation.derivative()
    slope = (activation.forward(other + 1e-6) - activation.forward(other - 1e-6)) / 2e-6
    activation.forward(x)
    np.testing.assert_allclose(activation.derivative(other), slope, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(activation.derivative(), before)


@pytest.mark.parametrize("loss", [objectives.MSE(), objectives.BCE(), objectives.HeD()])
def test_n02_n07_softmax_below_any_loss_has_the_true_gradient(loss):
    model = npdl.Model([L.Dense(4, n_in=3, activation="softmax"), L.Softmax(3)])
    model.compile(loss)
    X, Y = data(5, 3), npdl.utils.one_hot(np.array([0, 1, 2, 1, 0]), 3) * 0.9 + 0.03
    model.backward(loss.backward(model.forward(X), Y))
    for layer in model.layers:
        for param, grad in layer.param_grads:
            reference = numeric(lambda: 5 * loss.forward(model.predict(X), Y), param)
            np.testing.assert_allclose(grad, reference, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["sigmoid", "softplus"])
def test_n03_no_overflow(name):
    activation = A.get(name)
    y = activation.forward(np.array([-1000.0, 1000.0], "float32"))
    assert y.tolist() == ([0.0, 1.0] if name == "sigmoid" else [0.0, 1000.0])
    assert np.isfinite(activation.derivative()).all()


def test_n03_gates_do_not_overflow():
    layer = L.BatchLSTM(2).connect((None, None, 1))
    assert np.isfinite(layer.forward(np.full((1, 3, 1), 1e6))).all()


def test_n04_softmax_takes_any_rank():
    y = A.Softmax().forward(data(2, 3, 4))
    np.testing.assert_allclose(y.sum(axis=-1), 1)


LAYERS = {
    "n05 linear": (lambda: L.Linear(3), (5, 4)),
    "n05 dense": (lambda: L.Dense(3), (5, 4)),
    "n06 convolution": (lambda: L.Convolution(2, (3, 2), activation="tanh"), (3, 2, 5, 4)),
    "n08 mean": (lambda: L.MeanPooling((2, 2)), (3, 2, 4, 6)),
    "n09 max": (lambda: L.MaxPooling((2, 2)), (5, 2, 4, 4)),
    "n10 batch normal": (lambda: L.BatchNormal(), (6, 3)),
    "n14 n16 last": (lambda: L.SimpleRNN(3), (2, 4, 5)),
    "n14 n16 sequence": (lambda: L.SimpleRNN(3, return_sequence=True), (2, 4, 5)),
    "n15 linear": (lambda: L.SimpleRNN(3, activation="linear"), (2, 3, 2)),
    "n18 one step": (lambda: L.SimpleRNN(3), (2, 1, 2)),
    "n19 gru": (lambda: L.GRU(3), (2, 3, 2)),
    "n20 lstm": (lambda: L.LSTM(3), (2, 3, 2)),
    "n21 last of batch lstm": (lambda: L.BatchLSTM(3), (2, 3, 2)),
    "n22 gates": (lambda: L.BatchLSTM(3, activation="softsign", gate_activation="elliot"), (2, 3, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_add_up_and_are_true(name):
    make, shape = LAYERS[name]
    proven(make(), data(*shape))


def test_n08_windows_do_not_overlap():
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    assert L.MaxPooling((2, 2)).connect((None, 1, 4, 4)).forward(x)[0, 0].tolist() == [[5, 7], [13, 15]]
    assert L.MeanPooling((2, 2)).connect((None, 1, 4, 4)).forward(x)[0, 0].tolist() == [
        [2.5, 4.5],
        [10.5, 12.5],
    ]


def test_n10_n11_batch_normal_trains_between_layers_and_infers_by_running_statistics():
    X = 5 + 3 * data(64, 3)
    layers = [L.Dense(4, n_in=3), L.BatchNormal(), L.Softmax(2)]
    model, _ = trained(
        layers, X, npdl.utils.one_hot((X[:, 0] > 5).astype(int)), max_iter=40, optimizer="adam"
    )
    assert all(p.shape == g.shape for layer in model.layers for p, g in layer.param_grads)
    np.testing.assert_allclose(model.predict(X[:1]), model.predict(X)[:1], rtol=1e-9)
    normal = L.BatchNormal().connect((None, 3))
    np.testing.assert_allclose(normal.forward(X).std(axis=0), 1, rtol=1e-5)


def test_n12_n13_dropout_is_the_identity_in_predict():
    model = npdl.Model([L.Dense(50, n_in=3, activation="linear"), L.Dropout(0.3)])
    model.compile("mse")
    X = data(4, 3)
    np.testing.assert_allclose(model.predict(X), X @ model.layers[0].W)
    y = L.Dropout(0.3).connect((None, 10000)).forward(np.ones((1, 10000)))
    assert abs((y == 0).mean() - 0.3) < 0.03
    assert abs(y.mean() - 1) < 0.03


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM", "BatchLSTM"])
def test_n17_sequences_may_get_longer(name):
    layer = getattr(L, name)(3, return_sequence=True).connect((None, None, 2))
    for steps in (2, 5, 3):
        assert layer.backward(np.ones_like(layer.forward(data(2, steps, 2)))).shape == (2, steps, 2)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM", "BatchLSTM"])
def test_n19_n20_recurrent_layers_train_in_a_model(name):
    X = data(40, 4, 2)
    Y = npdl.utils.one_hot((X[:, -1, 0] > 0).astype(int))
    model, _ = trained(
        [getattr(L, name)(8, n_in=2), L.Softmax(2)],
        X,
        Y,
        max_iter=60,
        optimizer=npdl.optimizers.Adam(lr=0.02),
    )
    assert model.accuracy(model.predict(X), Y) > 0.95


def test_n24_an_embedding_is_trained_unless_static_and_repeated_ids_add_up():
    ids = np.array([[1, 1], [2, 1]])
    layer = L.Embedding(input_size=4, n_out=2).connect((None, 2))
    layer.forward(ids)
    layer.backward(np.ones((2, 2, 2)))
    assert layer.grads[0].tolist() == [[0, 0], [3, 3], [1, 1], [0, 0]]
    assert L.Embedding(embed_words=np.eye(4), static=True).connect((None, 2)).params == []


def test_n26_decay_makes_the_rate_smaller():
    optimizer = npdl.optimizers.SGD(lr=0.1, decay=0.01)
    for _ in range(5):
        optimizer.update([np.ones(1)], [np.ones(1)])
    assert optimizer.current_lr() == pytest.approx(0.1 / 1.05)


OPTIMIZERS = ["SGD", "Momentum", "NesterovMomentum", "Adagrad", "RMSprop", "Adadelta", "Adam", "Adamax"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_n27_n28_every_optimizer_counts_decays_bounds_and_clips(name):
    cls = getattr(npdl.optimizers, name)
    clipped, plain = (cls(lr=0.1, decay=1.0, lr_max=0.02, clip=clip) for clip in (0.5, -1))
    p, q = np.zeros(2), np.zeros(2)
    for _ in range(2):
        clipped.update([p], [np.array([9.0, -7.0])])
        plain.update([q], [np.array([0.5, -0.5])])
    np.testing.assert_allclose(p, q)
    assert (clipped.iterations, clipped.current_lr()) == (2, 0.02)


def test_n29_the_column_is_the_label():
    assert npdl.utils.data.one_hot([0, 2], 3).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert npdl.utils.data.unhot([[0, 0, 1]]).tolist() == [2]


def test_n30_n31_saturated_outputs_have_finite_losses():
    p, t = np.array([[0.0, 1.0]], "float32"), np.array([[1.0, 0.0]], "float32")
    for loss in (objectives.BCE(), objectives.HeD(), objectives.SCCE()):
        assert np.isfinite(loss.forward(p, t))
        assert np.isfinite(loss.backward(p, t)).all()


def test_n32_class_ids_are_class_ids():
    p = np.full((3, 3), 1 / 3)
    assert objectives.SCCE().forward(p, np.array([0, 1, 2])) == pytest.approx(np.log(3))


@pytest.mark.parametrize("n_samples", [3, 10, 13])
def test_n33_every_sample_counts(n_samples):
    seen = []

    class Watch(L.Layer):
        def connect_to(self, prev_layer=None):
            self.out_shape = prev_layer.out_shape

        def forward(self, input, train=True):
            seen.extend(input[:, 0].tolist() if train else [])
            return input

        def backward(self, pre_grad):
            return pre_grad

    X = np.arange(n_samples, dtype=float)[:, None]
    model = npdl.Model([L.InputLayer(n_in=1), Watch(), L.Linear(1)])
    model.compile("mse")
    model.fit(X, X, max_iter=1, batch_size=10, validation_data=(X[:2], X[:2]), file=io.StringIO())
    assert sorted(seen) == X[:, 0].tolist()


def test_n34_the_callers_arrays_and_numpys_generator_are_left_alone():
    X, Y = data(20, 3).astype("float32"), npdl.utils.one_hot(np.arange(20) % 2)
    kept = X.copy(), Y.copy()
    before = numpys_state().copy()
    trained([L.Softmax(2, n_in=3)], X, Y, max_iter=2)
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(Y, kept[1])
    np.testing.assert_array_equal(numpys_state(), before)


def test_n35_one_output_is_right_or_wrong_and_metrics_have_names():
    X = data(40, 1)
    model = npdl.Model([L.Dense(1, n_in=1, activation="sigmoid")])
    model.compile("bce", "sgd", metrics=["r2"])
    model.layers[0].W[...] = 5
    wrong = model.evaluate(X, (X <= 0).astype(float))
    assert wrong["numpydl_accuracy"] == 0
    assert wrong["r2"] < 0


def test_n36_evaluate_and_json():
    Y = npdl.utils.one_hot(np.arange(20) % 2)
    model, _ = trained([L.GRU(3, n_in=3), L.Softmax(2)], data(20, 4, 3), Y)
    found = model.evaluate(data(20, 4, 3), Y)
    assert set(found) == {"loss", "numpydl_accuracy"}
    again = npdl.Model.from_json(model.to_json())
    assert [str(layer) for layer in again.layers] == ["GRU", "Softmax"]
    assert L.Dense.from_json(L.Dense(3).to_json()).n_out == 3


def test_n37_scales_and_sizes():
    draw = npdl.initializations.Uniform((0.2, 0.3)).init(200)
    assert 0.2 <= draw.min() < draw.max() <= 0.3
    assert npdl.initializations.GlorotUniform().init(9).shape == (9,)
    assert npdl.initializations.decompose_size((5, 2, 3, 3)) == (18, 45)


@pytest.mark.parametrize("first", [L.Dropout(0.1), L.Flatten(), L.MeanPooling((2, 2))])
def test_n38_any_layer_may_be_first(first):
    trained([first, L.Flatten(), L.Softmax(2)], data(8, 1, 4, 4), npdl.utils.one_hot(np.arange(8) % 2))


def test_n39_the_message_is_whole():
    with pytest.raises(ValueError, match=r"outdim.*0"):
        L.Flatten(outdim=0)
    with pytest.raises(ValueError, match="axis"):
        L.DimShuffle(axis=-1)
