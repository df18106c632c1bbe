"""Layers and parameters that one network uses more than once."""

import copy
import pickle

import numpy as np
import pytest

from npdl_core import Graph, Model, load
from npdl_core.layers import Add, Dense, Embedding, Regularization, Residual, Softmax, TiedDense

SGD = {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}}


def twice():
    """A layer used twice."""
    middle = Dense(3, activation="tanh")
    model = Model([Dense(3, n_in=3), middle, "dropout", middle, Softmax(2)], seed=1, dtype="float64")
    return model.compile("scce", SGD), (5, 3), 2


def inside_a_wrapper():
    """A layer used on its own and inside a wrapper."""
    middle = Dense(3, activation="tanh")
    layers = [Dense(3, n_in=3), middle, Residual(middle), Softmax(2)]
    return Model(layers, seed=1, dtype="float64").compile("scce", SGD), (5, 3), 2


def twice_in_a_row_and_first():
    """The first layer is used again, so its input gradient is needed after all."""
    first = Dense(3, n_in=3)
    return Model([first, first, Softmax(2)], seed=1, dtype="float64").compile("scce", SGD), (5, 3), 2


def wrapped_costs():
    """A wrapper that adds costs."""
    layers = [Regularization(Dense(3, n_in=3), l1=0.05, l2=0.1), Residual(Dense(3)), Softmax(2)]
    return Model(layers, seed=1, dtype="float64").compile("scce", SGD), (5, 3), 2


def tied():
    """An embedding whose weights are the read-out's, too."""
    table = Embedding(input_size=6, n_out=4)
    layers = [table, Dense(4), TiedDense(table, activation="softmax")]
    return Model(layers, seed=1, dtype="float64").compile("scce", SGD), (3, 5), None


def siamese():
    """A graph of two inputs that go through one layer."""
    encoder = Dense(3, activation="tanh")
    graph = Graph(
        {"left": (4,), "right": (4,)},
        {
            "a": (encoder, "left"),
            "b": (encoder, "right"),
            "both": ("concat", ["a", "b"]),
            "product": ("multiply", ["a", "b"]),
            "all": ("concat", ["both", "product", "a"]),
            "y": (Softmax(2), "all"),
        },
        "y",
        seed=1,
        dtype="float64",
    )
    return graph.compile("scce", SGD), (5, 4), 2


CASES = [twice, inside_a_wrapper, twice_in_a_row_and_first, wrapped_costs, tied, siamese]


def data(network, shape, n_classes):
    """Return inputs and targets of a case."""
    rng = np.random.default_rng(3)
    if n_classes is None:  # ids in, ids out
        ids = rng.integers(0, 6, shape)
        return ids, np.roll(ids, -1, axis=1)
    Y = rng.integers(0, n_classes, shape[0])
    names = network.input_shape if isinstance(network.input_shape, dict) else None
    if names is None:
        return rng.normal(size=shape), Y
    return {name: rng.normal(size=shape) for name in names}, Y


@pytest.fixture(params=CASES, ids=lambda case: case.__name__)
def case(request):
    network, shape, n_classes = request.param()
    return network, *data(network, shape, n_classes)


def test_gradients(case, check_model):
    network, X, Y = case
    network.connect_to_data(X)
    check_model(network, X, Y)
    network.train_on_batch(X, Y)
    check_model(network, X, Y)


def test_a_second_backward_gives_the_same(case):
    network, X, Y = case
    network.connect_to_data(X)
    compiled = network.compiled
    outputs = network.forward(X)
    grad = compiled.meter().learn(outputs, Y, None, None, 0.0, compiled.fused)
    first, second = [], []
    for found in (first, second):
        network.backward(grad, compiled.fused)
        found += [array.copy() for array in network.grads]
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_parameters_come_once(case):
    network, X, _ = case
    network.connect_to_data(X)
    pointers = [array.__array_interface__["data"][0] for array in network.params]
    assert len(set(pointers)) == len(pointers)
    assert sum(array.size for array in network.params) == network.compiled.store.size
    assert len(network.params) == len(network.grads)


def test_json_round_trip(case):
    network, X, Y = case
    network.fit(X, Y, epochs=2)
    text = network.to_json()
    again = type(network).from_json(text)
    assert again.to_json() == text
    assert len({id(layer) for layer in again.layers}) == len({id(layer) for layer in network.layers})
    again.set_weights(network.weights())
    assert_equal(again.predict(X), network.predict(X))


def test_file_round_trip(case, tmp_path):
    network, X, Y = case
    network.fit(X, Y, epochs=2)
    network.save(tmp_path / "a.safetensors")
    again = load(tmp_path / "a.safetensors")
    again.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert_equal(again.predict(X), network.predict(X))
    assert again.evaluate(X, Y) == network.evaluate(X, Y)
    # It trains on as the original would with a fresh optimizer.
    network.compile("scce", SGD)
    assert again.train_on_batch(X, Y) == network.train_on_batch(X, Y)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_copies_are_whole_and_apart(case, duplicate):
    network, X, Y = case
    network.fit(X, Y, epochs=2)
    again = duplicate(network)
    assert_equal(again.predict(X), network.predict(X))
    before = {name: array.copy() for name, array in network.weights().items()}
    # Random numbers, momentum and counters were copied as well: both go on alike.
    mine, theirs = network.train_on_batch(X, Y), again.train_on_batch(X, Y)
    assert mine == theirs
    assert all((again.weights()[name] == array).all() for name, array in network.weights().items())
    assert any((before[name] != array).any() for name, array in network.weights().items())
    again.train_on_batch(X, Y)
    assert any((again.weights()[name] != array).any() for name, array in network.weights().items())


def test_clone_starts_as_the_original_did(case):
    network, X, _ = case
    twin = network.clone()
    assert not twin.connected
    network.connect_to_data(X)
    twin.connect_to_data(X)
    for name, array in network.weights().items():
        assert (twin.weights()[name] == array).all()
        assert not np.shares_memory(twin.weights()[name], array)
    assert len({id(x) for x in twin.layers}) == len({id(x) for x in network.layers})


def test_a_backward_that_was_broken_off_leaves_nothing_behind(case):
    network, X, Y = case
    network.connect_to_data(X)
    compiled = network.compiled
    outputs = network.forward(X)
    grad = compiled.meter().learn(outputs, Y, None, None, 0.0, compiled.fused)
    network.backward(grad, compiled.fused)
    expected = [array.copy() for array in network.grads]
    first = network.distinct_layers()[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(first), "backward", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            network.backward(grad, compiled.fused)
    network.backward(grad, compiled.fused)
    assert all((a == b).all() for a, b in zip(network.grads, expected, strict=True))


def test_tied_weights_are_one_array():
    network, _, _ = tied()
    network.connect((None, 5))
    table, _, read_out = network.layers
    assert read_out.W is table.W
    assert read_out.dW is table.dW
    assert [name for name in network.weights() if name.endswith("W")] == ["0.embedding.W", "1.dense.W"]


def test_a_shared_layer_twice_in_one_wrapper_cannot_be_written(tmp_path):
    from npdl_core.errors import SerializationError
    from npdl_core.layers import Layer

    class Both(Layer):
        def __init__(self):
            inner = self.add_layer("one", Dense(2))
            self.add_layer("two", inner)

        def connect_to(self, prev_layer=None):
            self.one.connect(self.incoming_shape(prev_layer))
            self.out_shape = self.one.out_shape

        def forward(self, input, train=True):
            return self.one.forward(input, train)

        def backward(self, pre_grad):
            return self.one.backward(pre_grad)

    with pytest.raises(SerializationError, match="holds one layer twice"):
        Model([Both()]).to_json()


def test_gradients_of_addition_are_not_aliased(check_model):
    # Add hands one array to both inputs; what is summed into one must not appear in the other.
    graph = Graph(
        "x",
        {
            "a": (Dense(3), "x"),
            "b": (Dense(3), "x"),
            "s": (Add(), ["a", "b"]),
            "t": (Add(), ["a", "s"]),
            "y": (Softmax(2), "t"),
        },
        "y",
        seed=0,
        dtype="float64",
    ).compile("scce", SGD)
    X, Y = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 1, 1, 0])
    graph.connect_to_data(X)
    check_model(graph, X, Y)


def assert_equal(a, b):
    assert (a == b).all()
