"""Components that follow the protocols without deriving from the bases."""

import copy
import pickle

import numpy as np
import pytest

from npdl_core import Graph, Model, load, registry
from npdl_core.errors import ConfigError, SerializationError, ShapeError, StateError
from npdl_core.layers import Dense, Softmax


class Scaled:
    """A layer with one parameter, written without npdl."""

    def __init__(self, start=2.0):
        self.start = start

    def connect_to(self, prev_layer=None):
        self.out_shape = prev_layer.out_shape
        self.s = np.array([self.start], "float32")
        self.connections = getattr(self, "connections", 0) + 1

    def forward(self, input, train=True):
        if train:
            self.input = input
        return input * self.s

    def backward(self, pre_grad):
        self.ds = np.array([(pre_grad * self.input).sum()], "float32")
        return pre_grad * self.s

    @property
    def params(self):
        return [self.s]

    @property
    def grads(self):
        return [self.ds]


class Shift:
    """A layer without parameters, and without a training flag."""

    def connect_to(self, prev_layer=None):
        self.out_shape = prev_layer.out_shape

    def forward(self, input):
        return input + 1

    def backward(self, pre_grad):
        return pre_grad


class Halving:
    """An optimizer that has nothing but ``update``."""

    def update(self, params, grads, decay=None):
        for p, g in zip(params, grads, strict=True):
            p -= 0.1 * g


class Squared:
    """An objective of two arguments."""

    def forward(self, outputs, targets):
        return float(((outputs - targets) ** 2).sum() / len(outputs))

    def backward(self, outputs, targets):
        return 2 * (outputs - targets) / len(outputs)


class Largest:
    """A metric."""

    def reset(self):
        self.value = -np.inf

    def update(self, outputs, targets):
        self.value = max(self.value, float(np.abs(outputs - targets).max()))

    def result(self):
        return self.value


class Squash:
    """An activation."""

    def __call__(self, x):
        return x / (1 + np.abs(x))

    def vjp(self, pre_grad, x, y):
        return pre_grad / (1 + np.abs(x)) ** 2


class Epochs:
    """A callback."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, epoch, logs):
        self.seen.append(epoch)

    def on_train_end(self, logs):
        self.seen.append("end")


@pytest.fixture
def foreign():
    def foreign(**arguments):
        layers = [Dense(3, n_in=2, activation=Squash()), Scaled(), Shift(), Dense(1, activation="linear")]
        return Model(layers, seed=0, **arguments).compile(Squared(), Halving(), metrics=[Largest()])

    return foreign


@pytest.fixture
def data(rng):
    return rng.normal(size=(8, 2)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")


def test_training(foreign, data):
    X, Y = data
    model, callback = foreign(), Epochs()
    history = model.fit(X, Y, epochs=30, batch_size=3, callbacks=[callback], validation_data=(X, Y))
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert model.layers[1].s != 2
    assert callback.seen == [*range(30), "end"]
    assert set(history.history) == {"loss", "largest", "val_loss", "val_largest"}
    outputs = model.predict(X)
    assert model.evaluate(X, Y) == {
        "loss": pytest.approx(float(((outputs - Y) ** 2).mean()), rel=1e-5),
        "largest": pytest.approx(float(np.abs(outputs - Y).max()), rel=1e-5),
    }


def test_gradients(data, check_model):
    model = Model([Dense(3, n_in=2, activation=Squash()), Shift(), Dense(1)], seed=0, dtype="float64")
    model.compile(Squared(), Halving())
    check_model(model, *(array.astype("float64") for array in data))


def test_parameters_are_optimised_one_by_one(foreign, data):
    model = foreign()
    before = model.layers[1].s.copy()
    model.train_on_batch(*data)
    assert model.layers[1].s == pytest.approx(before - 0.1 * model.layers[1].ds)
    assert [array.shape for array in model.params] == [(2, 3), (3,), (3, 1), (1,), (1,)]
    assert [array.shape for array in model.grads] == [(2, 3), (3,), (3, 1), (1,), (1,)]


def test_elementwise_optimizers_get_them_as_well(foreign, data):
    model = foreign()
    model.compile("mse", {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}})
    before = model.layers[1].s.copy()
    for _ in range(2):
        model.train_on_batch(*data)
    assert model.layers[1].s != before
    assert model.optimizer.iterations == 2


def test_weights_and_copies(foreign, data):
    X, Y = data
    model = foreign()
    model.train_on_batch(X, Y)
    assert model.weights()["1.scaled.0"] is model.layers[1].s
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert (again.predict(X) == model.predict(X)).all()
        assert again.layers[1] is not model.layers[1]
        assert again.layers[1].connections == 1
        again.train_on_batch(X, Y)
        assert (again.predict(X) != model.predict(X)).any()
    twin = model.clone()
    assert twin.layers[1] is not model.layers[1]
    assert "(N, 3)" in model.summary()
    assert "Scaled" in model.summary()


def test_reconnecting_keeps_its_parameters(foreign, data):
    X, Y = data
    model = foreign()
    model.train_on_batch(X, Y)
    scale = model.layers[1].s.copy()
    model.connect((None, 2))
    assert model.layers[1].s == scale


def test_saving_is_refused_clearly(foreign, data, tmp_path):
    with pytest.raises(SerializationError, match="Scaled has no to_json that returns an envelope"):
        Model([Scaled()]).to_json()
    model = foreign()
    with pytest.raises(SerializationError):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    plain = Model([Dense(1, n_in=2)], seed=0)
    with pytest.raises(SerializationError, match="Halving"):
        plain.compile("mse", Halving()).to_json()
    with pytest.raises(SerializationError, match="Squared"):
        plain.compile(Squared(), "sgd").to_json()
    with pytest.raises(SerializationError, match=r"Squash"):
        Model([Dense(1, activation=Squash())]).to_json()


def test_a_foreign_layer_with_a_name_can_be_saved(data, tmp_path):
    class Named(Scaled):
        def to_json(self):
            return {"name": "local:named_scale", "config": {"start": self.start}}

    registry.register("layers", "named_scale", Named)
    try:
        model = Model(["flatten", Named(3.0), {"name": "named_scale", "config": {"start": 0.5}}], seed=0)
        model.compile("mse", {"name": "sgd", "config": {"lr": 0.01}})
        X = data[0]
        model.train_on_batch(X, X)
        model.save(tmp_path / "m")
        again = load(tmp_path / "m")
        assert (again.predict(X) == model.predict(X)).all()
        assert again.to_json() == model.to_json()
        assert list(again.weights()) == ["1.named_scale.0", "2.named_scale.0"]
    finally:
        registry.unregister("layers", "named_scale")


def test_once_in_a_model():
    layer = Scaled()
    with pytest.raises(
        ConfigError, match="Scaled does not derive from Layer, so a model can use it only once"
    ):
        Model([layer, layer])
    with pytest.raises(ConfigError, match="only once"):
        Graph("x", {"a": (layer, "x"), "b": (layer, "a")}, "b")


@pytest.mark.parametrize("thing", [3, object(), None])
def test_what_is_no_layer(thing):
    with pytest.raises(ConfigError, match="a layer is a name, an envelope or an object with"):
        Graph("x", {"a": (thing, "x")}, "a")
    with pytest.raises(ConfigError, match="a layer is a name, an envelope or an object with"):
        Model([thing])


def test_out_shape_is_needed():
    class Shapeless(Shift):
        def connect_to(self, prev_layer=None):
            pass

    with pytest.raises(
        ConfigError, match=r"layer 0\.shapeless \(Shapeless\): Shapeless.connect_to must set out_shape"
    ):
        Model([Shapeless()]).connect((None, 2))


def test_what_it_says_of_itself_is_respected():
    class Masked(Shift):
        accepts_mask = True
        integer_input = True
        stateful = True
        kinds = ()

        def forward(self, input, mask=None):
            self.kinds += (input.dtype.kind, None if mask is None else mask.tolist())
            return np.zeros((*input.shape, 2), "float32")

        def connect_to(self, prev_layer=None):
            self.out_shape = (*prev_layer.out_shape, 2)

    layer = Masked()
    model = Model([layer, Softmax(2)], seed=0).connect((None, 3))
    model.predict(np.ones((1, 3), int), mask=[[1, 1, 0]])
    assert layer.kinds == ("i", [[True, True, False]])
    assert model._carriers == [model.applications[0][1]]


def test_frozen_or_not_is_asked_of_optimizers_without_state(data):
    model = Model([Dense(2, n_in=2), Dense(1)], seed=0).compile("mse", Halving())
    model.train_on_batch(*data)
    model.layers[0].trainable = False
    with pytest.raises(StateError, match="compile the model again"):
        model.train_on_batch(*data)
    model.compile("mse", Halving()).train_on_batch(*data)


def test_shapes_of_foreign_layers_are_checked_by_those_after():
    class Wide(Shift):
        def connect_to(self, prev_layer=None):
            self.out_shape = (None, 7)

    with pytest.raises(ShapeError, match=r"layer 1\.dense"):
        Model([Wide(), Dense(2, n_in=3)]).connect((None, 3))
