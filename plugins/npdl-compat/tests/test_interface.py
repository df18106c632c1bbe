"""What a NumpyDL program can see: modules, names, defaults, and how they behave."""

import importlib
import io
import re

import numpy as np
import pytest

import npdl
import npdl_core

NAMES = {
    "activations": "Sigmoid Tanh ReLU Linear Softmax Elliot SymmetricElliot SoftPlus SoftSign",
    "initializations": "Zero One Uniform Normal LecunUniform GlorotUniform GlorotNormal HeNormal HeUniform Orthogonal",
    "objectives": "MeanSquaredError MSE HellingerDistance HeD BinaryCrossEntropy BCE SoftmaxCategoricalCrossEntropy SCCE",
    "optimizers": "SGD Momentum NesterovMomentum Adagrad RMSprop Adadelta Adam Adamax",
    "layers": "Linear Dense Softmax Dropout Embedding SimpleRNN GRU LSTM BatchLSTM Convolution Flatten DimShuffle MaxPooling MeanPooling BatchNormal",
}
BASES = {
    "activations": "Activation",
    "initializations": "Initializer",
    "objectives": "Objective",
    "optimizers": "Optimizer",
    "layers": "Layer",
}
WIDE = ("Linear", "Dense", "Softmax", "SimpleRNN", "GRU", "LSTM", "BatchLSTM")
STRINGS = {
    "activations": "sigmoid Sigmoid tan tanh Tanh relu ReLU RELU linear Linear softmax Softmax elliot Elliot symmetric_elliot SymmetricElliot SoftPlus soft_plus softplus SoftSign softsign soft_sign",
    "initializations": "zero Zero one One uniform Uniform normal Normal lecun_uniform LecunUniform glorot_uniform GlorotUniform glorot_normal GlorotNormal HeNormal he_normal HeUniform he_uniform Orthogonal orthogonal",
    "objectives": "mse MSE mean_squared_error MeanSquaredError hellinger_distance HellingerDistance hed HeD binary_cross_entropy BinaryCrossEntropy bce BCE softmax_categorical_cross_entropy SoftmaxCategoricalCrossEntropy scce SCCE",
    "optimizers": "sgd SGD momentum Momentum nesterov_momentum NesterovMomentum adagrad Adagrad rmsprop RMSprop adadelta Adadelta adam Adam adamax Adamax",
}


@pytest.fixture(autouse=True)
def defaults():
    npdl.utils.random.set_seed(1)
    yield
    npdl.utils.random.set_dtype("float32")


def module(name):
    return importlib.import_module(f"npdl.{name}")


@pytest.mark.parametrize("name", NAMES)
def test_a_module_has_numpydls_classes_and_they_derive_from_its_base(name):
    base = getattr(module(name), BASES[name])
    arguments = {"Convolution": (1, (3, 3)), "MaxPooling": ((2, 2),), "MeanPooling": ((2, 2),)}
    for each in NAMES[name].split():
        cls = getattr(module(name), each)
        if each == "Embedding":
            made = cls(input_size=4, n_out=2)
        else:
            wide = name == "layers" and each in WIDE
            made = cls(*arguments.get(each, (3,) if wide else ()))
        assert isinstance(made, base), each
        assert issubclass(cls, base), each
        assert str(made) == cls.__name__, each


@pytest.mark.parametrize("name", STRINGS)
def test_get_takes_every_string_and_gives_an_instance_of_that_class(name):
    get = module(name).get
    classes = {each.lower(): getattr(module(name), each) for each in NAMES[name].split()}
    classes["tan"] = npdl.activations.Tanh
    for string in STRINGS[name].split():
        made = get(string)
        assert isinstance(made, classes[string.lower().replace("_", "")]), string
        assert get(string) is not made


@pytest.mark.parametrize("name", STRINGS)
def test_get_copies_instances_and_refuses_the_rest(name):
    get = module(name).get
    made = get(STRINGS[name].split()[0])
    copied = get(made)
    assert copied is not made
    assert type(copied) is type(made)
    with pytest.raises(ValueError, match=r"Unknown \w+ name: .*'nothing_of_this_name'"):
        get("nothing_of_this_name")
    for other in (None, 3, type(made), ["sgd"]):
        with pytest.raises(ValueError, match="Unknown type"):
            get(other)


def test_a_copied_optimizer_does_not_share_state():
    optimizer = npdl.optimizers.Momentum(0.9, 0.1)
    copied = npdl.optimizers.get(optimizer)
    copied.update([np.ones(2)], [np.ones(2)])
    assert (optimizer.iterations, copied.iterations) == (0, 1)


def test_modules_of_numpydl_0_1():
    assert npdl.activation.ReLU is npdl.activations.ReLU
    assert npdl.initialization.get("he_normal").__class__ is npdl.initializations.HeNormal
    assert npdl.activation.Activation is npdl.activations.Activation
    for declared in (npdl.layers.InputLayer(n_in=3), npdl.layers.InputLayer(shape=(None, 3))):
        model = npdl.Model([declared, npdl.layers.Softmax(2)])
        model.compile()
        assert model.layers[1].W.shape == (3, 2)
    with pytest.raises(ValueError, match="n_in or shape"):
        npdl.layers.InputLayer()
    assert npdl.Model is npdl.model.Model
    assert npdl.__version__ == "0.4.0"


def test_names_that_numpydl_never_had_are_npdls():
    assert npdl.layers.LayerNorm.__name__ == "LayerNorm"
    assert npdl.activation.LeakyReLU.__name__ == "LeakyReLU"
    assert npdl.optimizers.AdamW.__name__ == "AdamW"
    with pytest.raises(AttributeError):
        npdl.layers.NothingOfThisName  # noqa: B018


def test_optimizers_take_their_own_arguments_first():
    optimizer = npdl.optimizers.Adam(0.8, 0.99, 1e-6, 0.02, 5.0, 0.1, 0.0, np.inf)
    assert (optimizer.beta1, optimizer.beta2, optimizer.epsilon) == (0.8, 0.99, 1e-6)
    assert (optimizer.lr, optimizer.clip, optimizer.decay, optimizer.lr_max) == (0.02, 5.0, 0.1, np.inf)
    assert npdl.optimizers.SGD().lr == 0.001
    assert npdl.optimizers.npdl_clip(np.array([-3.0, 0.5]), 1.0).tolist() == [-1.0, 0.5]
    assert npdl.optimizers.npdl_clip(np.array([-3.0]), -1).tolist() == [-3.0]


def test_forward_and_derivative_of_activations():
    sigmoid = npdl.activations.Sigmoid()
    y = sigmoid.forward(np.array([[0.0, 2.0]]))
    np.testing.assert_allclose(sigmoid.derivative(), y * (1 - y))
    elliot = npdl.activations.Elliot(steepness=2)
    np.testing.assert_allclose(elliot.forward(np.array([1.0])), [0.5 * 2 / 3 + 0.5])
    np.testing.assert_allclose(elliot.derivative(), [0.5 * 2 / 9])


def test_initializers_use_the_default_generator_and_dtype():
    npdl.utils.random.set_seed(5)
    first = npdl.initializations.Normal(std=0.1, mean=2.0).call((3, 4))
    npdl.utils.random.set_seed(5)
    again = npdl.initializations.Normal(std=0.1, mean=2.0).init((3, 4))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    npdl.utils.random.set_dtype("float64")
    assert npdl.initializations.Uniform().init(5).dtype == np.float64


def test_the_default_generator_is_numpys_old_one():
    npdl.utils.set_seed(1234)
    expected = np.random.RandomState(1234)
    rng = npdl.utils.get_rng()
    assert rng.randint(1000) == expected.randint(1000)
    np.testing.assert_array_equal(npdl.utils.get_rng().permutation(9), expected.permutation(9))


@pytest.mark.parametrize(
    "make", [lambda: np.random.RandomState(3), lambda: np.random.default_rng(3)], ids=["old", "new"]
)
def test_set_rng_takes_both_kinds_of_generator(make):
    def drawn():
        npdl.utils.set_rng(make())
        return npdl.initializations.Normal().init((4,))

    np.testing.assert_array_equal(drawn(), drawn())


def test_set_rng_takes_numpys_module_and_nothing_else():
    npdl.utils.set_rng(np.random)
    assert np.isfinite(npdl.initializations.Normal().init((4,))).all()
    with pytest.raises(ValueError, match="rng must be"):
        npdl.utils.set_rng(7)


def test_a_given_generator_is_not_moved_on():
    given = np.random.RandomState(3)
    npdl.utils.set_rng(given)
    npdl.utils.get_rng().rand(10)
    assert given.rand() == np.random.RandomState(3).rand()


def test_layers_outside_a_model_follow_seed_and_dtype():
    def weights():
        npdl.utils.set_seed(4)
        layer = npdl.layers.Dense(3, n_in=2)
        layer.connect_to()
        return layer.W

    np.testing.assert_array_equal(weights(), weights())
    npdl.utils.set_dtype("float64")
    assert weights().dtype == np.float64


def test_a_layer_by_hand():
    layer = npdl.layers.Dense(n_out=3, n_in=2, activation="linear")
    layer.connect_to()
    x, g = np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 3))
    np.testing.assert_allclose(layer.forward(x), x @ layer.W + layer.b, rtol=1e-6)
    np.testing.assert_allclose(layer.backward(g), g @ layer.W.T, rtol=1e-6)
    np.testing.assert_allclose(layer.dW, x.T @ g)
    assert [array.shape for array in layer.params] == [(2, 3), (3,)]
    assert [(p.shape, g.shape) for p, g in layer.param_grads] == [((2, 3), (2, 3)), ((3,), (3,))]


LOSSES = {
    "MSE": lambda p, t: p - t,
    "HeD": lambda p, t: (np.sqrt(p) - np.sqrt(t)) / (np.sqrt(2) * np.sqrt(p)),
    "BCE": lambda p, t: (p - t) / (p * (1 - p)),
    "SCCE": lambda p, t: -t / p,
}


@pytest.mark.parametrize("name", LOSSES)
def test_an_objective_reports_the_mean_and_its_gradient_is_n_times_the_derivative(name):
    p = np.array([[0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2], [0.1, 0.1, 0.8]])
    t = np.array([[0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.9, 0.05, 0.05], [0.3, 0.3, 0.4]])
    loss = getattr(npdl.objectives, name)()
    numeric = np.empty_like(p)
    for index in np.ndindex(p.shape):
        step = np.zeros_like(p)
        step[index] = 1e-6
        numeric[index] = (loss.forward(p + step, t) - loss.forward(p - step, t)) / 2e-6
    grad = loss.backward(p, t)
    np.testing.assert_allclose(grad, 4 * numeric, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(grad, LOSSES[name](p, t), rtol=1e-9)


def test_other_objectives_of_npdl_add_up_too():
    p, t = np.array([[3.0], [1.0]]), np.array([[0.0], [0.5]])
    np.testing.assert_allclose(npdl.objectives.get("mean_absolute_error").backward(p, t), [[1.0], [1.0]])


def test_an_objective_that_is_no_mean_is_refused(request):
    class Odd(npdl_core.objectives.Objective):
        def __init__(self):
            pass

        def losses(self, outputs, targets):
            return outputs.sum(axis=-1)

        def gradients(self, outputs, targets):
            return np.ones_like(outputs)

    npdl_core.registry.register("objectives", "odd", Odd)
    request.addfinalizer(lambda: npdl_core.registry.unregister("objectives", "odd"))
    with pytest.raises(ValueError, match="no mean over samples"):
        npdl.objectives.get("odd")


def momentum(p, g, s, t):
    s["v"] = 0.9 * s["v"] - 0.1 * g
    return p + s["v"]


def nesterov(p, g, s, t):
    s["v"] = 0.9 * s["v"] - 0.1 * g
    return p + 0.9 * s["v"] - 0.1 * g


def adagrad(p, g, s, t):
    s["c"] = s["c"] + g**2
    return p - 0.1 * g / (np.sqrt(s["c"]) + 1e-6)


def rmsprop(p, g, s, t):
    s["c"] = 0.9 * s["c"] + 0.1 * g**2
    return p - 0.1 * g / np.sqrt(s["c"] + 1e-6)


def adadelta(p, g, s, t):
    s["c"] = 0.9 * s["c"] + 0.1 * g**2
    u = g * np.sqrt(s["v"] + 1e-6) / np.sqrt(s["c"] + 1e-6)
    s["v"] = 0.9 * s["v"] + 0.1 * u**2
    return p - 0.1 * u


def adam(p, g, s, t):
    s["v"], s["c"] = 0.9 * s["v"] + 0.1 * g, 0.999 * s["c"] + 0.001 * g**2
    return p - 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * s["v"] / (np.sqrt(s["c"]) + 1e-8)


def adamax(p, g, s, t):
    s["v"], s["c"] = 0.9 * s["v"] + 0.1 * g, np.maximum(0.999 * s["c"], np.abs(g))
    return p - 0.1 / (1 - 0.9**t) * s["v"] / (s["c"] + 1e-8)


RULES = {
    "sgd": lambda p, g, s, t: p - 0.1 * g,
    "momentum": momentum,
    "nesterov_momentum": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adadelta": adadelta,
    "adam": adam,
    "adamax": adamax,
}


@pytest.mark.parametrize("name", RULES)
def test_training_follows_the_published_rule_with_gradients_that_add_up(name):
    npdl.utils.set_dtype("float64")
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    layer = npdl.layers.Linear(2, n_in=3, use_bias=False)
    optimizer = npdl.optimizers.get(name)
    optimizer.lr = 0.1
    model = npdl.Model([layer])
    model.compile(npdl.objectives.MSE(), optimizer)
    W, state = layer.W.copy(), {"v": 0.0, "c": 0.0}
    model.fit(X, Y, max_iter=3, batch_size=5, file=io.StringIO())
    for t in range(1, 4):
        W = RULES[name](W, X.T @ (X @ W - Y), state, t)  # not divided by N
    np.testing.assert_allclose(layer.W, W, rtol=1e-9)


def small():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    return X, npdl.utils.data.one_hot((X[:, 0] > 0).astype(int), 2)


def network():
    model = npdl.Model()
    model.add(npdl.layers.Dense(n_out=8, n_in=3, activation=npdl.activations.Tanh()))
    model.add(npdl.layers.Softmax(n_out=2))
    return model


LINE = re.compile(
    r"iter (\d+), train-\[loss \d+\.\d{4}, acc [01]\.\d{4}\]; (valid-\[loss \d+\.\d{4}, acc [01]\.\d{4}\]; )?"
)


@pytest.mark.parametrize("split", [0.0, 0.2])
def test_fit_writes_numpydls_line(split):
    X, Y = small()
    model, file = network(), io.StringIO()
    model.compile()
    model.fit(X, Y, 3, 16, True, split, None, file)
    lines = file.getvalue().split("\n")
    assert lines.pop() == ""
    found = [LINE.fullmatch(line) for line in lines]
    assert [int(match[1]) for match in found] == [1, 2, 3]
    assert all((match[2] is None) == (split == 0) for match in found)


def test_fit_prints_by_default(capsys):
    model = network()
    model.compile("scce", "sgd")
    model.fit(*small(), max_iter=1, validation_data=small())
    assert LINE.fullmatch(capsys.readouterr().out.rstrip("\n"))[2]


def test_a_fraction_wins_over_validation_data_and_is_ignored_outside_0_to_1():
    X, Y = small()
    wrong = (X[:, :1], Y)
    for options in ({"validation_split": 0.2, "validation_data": wrong}, {"validation_split": 1.0}):
        model, file = network(), io.StringIO()
        model.compile()
        model.fit(X, Y, max_iter=1, file=file, **options)
        assert file.getvalue().startswith("iter 1, train-")


def test_defaults_are_scce_and_sgd():
    model = network()
    model.compile()
    assert isinstance(model.loss, npdl.objectives.SCCE)
    assert isinstance(model.optimizer, npdl.optimizers.SGD)
    assert model.optimizer.lr == 0.001


def test_compile_copies_instances_and_refuses_unknown_names():
    optimizer = npdl.optimizers.Momentum()
    model = network()
    model.compile(npdl.objectives.SCCE(), optimizer)
    model.fit(*small(), max_iter=1, file=io.StringIO())
    assert (optimizer.iterations, model.optimizer.iterations) == (0, 1)
    with pytest.raises(ValueError, match="Unknown optimizer name"):
        network().compile(optimizer="sdg")
    with pytest.raises(ValueError, match="Unknown type"):
        network().compile(loss=3)


def test_one_seed_before_compile_one_result():
    def weights(seed):
        model = network()  # the seed may come between the layers and compile
        npdl.utils.set_seed(seed)
        model.compile()
        model.fit(*small(), max_iter=2, batch_size=7, file=io.StringIO())
        return model.layers[0].W.copy()

    np.testing.assert_array_equal(weights(9), weights(9))
    assert not np.array_equal(weights(9), weights(10))


def test_accuracy_takes_rows_of_any_numbers():
    model = network()
    assert model.accuracy(np.array([[0.2, 0.9], [0.8, 0.1]]), np.array([[0.01, 0.99], [0.3, 0.4]])) == 0.5
    assert model.accuracy(np.array([0.2, 0.9]), np.array([0, 1])) == 1.0


def test_four_sizes_of_an_input_shape_with_the_batch():
    layer = npdl.layers.Convolution(2, (3, 3), input_shape=(None, 1, 8, 8))
    layer.connect_to()
    assert layer.out_shape == (None, 2, 6, 6)


def test_what_is_saved_goes_on_with_the_same_updates(tmp_path):
    X, Y = small()
    X = X.astype("float32")
    model = network()
    model.compile(optimizer=npdl.optimizers.SGD(lr=0.01))
    model.save(tmp_path / "model.safetensors")
    loaded = npdl.Model.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    model.train_on_batch(X, Y)
    loaded.train_on_batch(X, Y)
    np.testing.assert_allclose(loaded.layers[0].W, model.layers[0].W, rtol=1e-6)


def test_a_programs_own_components():
    class Double(npdl.layers.Layer):
        def connect_to(self, prev_layer=None):
            self.out_shape = prev_layer.out_shape
            self.W, self.dW = np.full(1, 2.0, "float32"), np.zeros(1, "float32")

        def forward(self, input, *args, **kwargs):
            self.input = input
            return self.W * input

        def backward(self, pre_grad, *args, **kwargs):
            self.dW[...] = (pre_grad * self.input).sum()
            return self.W * pre_grad

        params = property(lambda self: [self.W])
        grads = property(lambda self: [self.dW])

    class Square(npdl.activations.Activation):
        def forward(self, x):
            return x * x

        def derivative(self, input=None):
            return 2 * input

    class Sum(npdl.objectives.Objective):
        def forward(self, outputs, targets):
            return np.sum((outputs - targets) ** 2)

        def backward(self, outputs, targets):
            return 2 * (outputs - targets)

    class Fixed(npdl.optimizers.Optimizer):
        def update(self, params, grads):
            super().update(params, grads)
            for p, g in zip(params, grads, strict=True):
                p -= self.current_lr() * np.sign(g)

    class Ones(npdl.initializations.Initializer):
        def call(self, size):
            return np.ones(size)

    dense = npdl.layers.Dense(1, n_in=2, init=Ones(), activation=Square())
    model = npdl.Model([dense, Double()])
    model.compile(Sum(), Fixed(lr=0.25))
    np.testing.assert_allclose(model.predict([[1.0, 1.0]]), [[8.0]])
    model.fit(np.ones((1, 2)), np.zeros((1, 1)), max_iter=1, file=io.StringIO())
    np.testing.assert_allclose(dense.W, [[0.75], [0.75]])
    np.testing.assert_allclose(model.layers[1].W, [1.75])


@pytest.mark.parametrize("method", ["connect_to", "forward", "backward", "to_json"])
def test_the_base_layer_defines_nothing(method):
    layer = npdl.layers.Layer()
    with pytest.raises(NotImplementedError):
        getattr(layer, method)(*((None,) if method in ("forward", "backward") else ()))
    assert (layer.params, layer.grads, layer.param_grads, str(layer)) == ([], [], [], "Layer")


def test_lstm_takes_masks_and_states_by_position():
    layer = npdl.layers.LSTM(n_out=3, n_in=2, return_sequence=True)
    layer.connect_to()
    x = np.random.default_rng(0).normal(size=(2, 4, 2)).astype("float32")
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    c0, h0 = np.full((2, 3), 0.5, "float32"), np.full((2, 3), -0.5, "float32")
    out = layer.forward(x, mask, c0, h0)
    np.testing.assert_array_equal(out[0, 1], out[0, 3])
    np.testing.assert_array_equal(out[:, -1], layer.h0)
    assert layer.c0.shape == (2, 3)
    np.testing.assert_array_equal(layer.forward(x, True, mask=mask == 1, c0=c0, h0=h0), out)
    batch = npdl.layers.BatchLSTM(n_out=3, n_in=2, return_sequence=True)
    batch.connect_to()
    batch.AllW = layer.AllW
    np.testing.assert_array_equal(batch.forward(x, c0, h0)[1], out[1])
    batch.backward(np.ones((2, 4, 3), "float32"), np.ones((2, 3)), np.ones((2, 3)))
    assert (batch.d_c0.shape, batch.d_h0.shape) == ((2, 3), (2, 3))
    with pytest.raises(ValueError, match="each once"):
        batch.forward(x, c0, h0, mask)
    with pytest.raises(ValueError, match="each once"):
        batch.forward(x, c0, c0=c0)


def test_weights_of_single_gates():
    layer = npdl.layers.GRU(n_out=2, n_in=3)
    layer.connect_to()
    layer.b_z = [1.0, 2.0]
    assert layer.b.tolist() == [0, 0, 1, 2, 0, 0]
    np.testing.assert_array_equal(layer.U_h, layer.W[:, 4:])
    np.testing.assert_array_equal(layer.W_r, layer.U[:, :2])
    lstm = npdl.layers.LSTM(n_out=2, n_in=3)
    lstm.connect_to()
    assert (lstm.b_f.tolist(), lstm.b_i.tolist()) == ([1, 1], [0, 0])
    assert issubclass(npdl.layers.GRU, npdl.layers.Recurrent)
