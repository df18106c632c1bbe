"""When shapes and parameters come to be, and what happens when they cannot."""

import copy

import numpy as np
import pytest

from npdl_core import Graph, Model
from npdl_core.errors import (
    BudgetError,
    ConfigError,
    DataError,
    MissingShapeError,
    NotConnectedError,
    OwnershipError,
    ShapeError,
    StateError,
)
from npdl_core.layers import Concat, Dense, Embedding, Flatten, Input, Layer, Softmax
from npdl_core.parameters import Allocator

SGD = {"name": "sgd", "config": {"lr": 0.1}}


def weights(model):
    return {name: array.copy() for name, array in model.weights().items()}


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


class TestWhen:
    def test_compile_connects_what_declares_its_shape(self):
        assert Model([Dense(2, n_in=3)]).compile("mse").input_shape == (None, 3)
        assert Model([Input((None, 3)), Dense(2)]).compile("mse").input_shape == (None, None, 3)
        assert Model([Dense(2)]).compile("mse").input_shape is None

    def test_fit_connects_to_the_first_data(self):
        model = Model([Dense(2)], seed=0).compile("mse", SGD)
        model.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=1)
        assert model.input_shape == (None, 3)

    def test_predict_never_does(self):
        model = Model([Dense(2)])
        with pytest.raises(NotConnectedError, match=r"model.connect\(shape\)"):
            model.predict(np.ones((4, 3)))
        assert not model.connected
        with pytest.raises(NotConnectedError):
            model.forward(np.ones((4, 3)))

    def test_before_and_after_compile_is_the_same(self):
        a = Model([Dense(2), Softmax(2)], seed=0).connect((None, 3)).compile("scce", SGD)
        b = Model([Dense(2), Softmax(2)], seed=0).compile("scce", SGD).connect((None, 3))
        X, Y = np.ones((4, 3)), np.zeros(4, int)
        assert a.train_on_batch(X, Y) == b.train_on_batch(X, Y)
        assert same(weights(a), weights(b))

    def test_the_batch_axis_is_open(self):
        model = Model([Dense(2)]).connect((32, 3))
        assert model.input_shape == (None, 3)
        assert model.predict(np.ones((5, 3))).shape == (5, 2)

    @pytest.mark.parametrize(
        "shape", [(), "abc", 3, {}, {1: (None, 2)}, (None, "3"), (None, 0), (None, True)]
    )
    def test_what_is_no_shape(self, shape):
        with pytest.raises(ConfigError):
            Model([Dense(2)]).connect(shape)

    def test_several_inputs_of_a_model_keep_their_order(self):
        model = Model([Concat(), Dense(2)], seed=0).connect({"b": (None, 1), "a": (None, 2)})
        X = {"a": np.ones((3, 2)), "b": np.zeros((3, 1))}
        W = model.layers[1].W
        assert np.allclose(model.predict(X), np.tanh(W[1] + W[2]))
        assert (model.predict(X) == model.predict(dict(reversed(X.items())))).all()
        with pytest.raises(DataError, match="give a dict"):
            model.predict(np.ones((3, 3)))
        with pytest.raises(DataError, match=r"not as a dict of \['x'\]"):
            Model([Dense(2, n_in=3)]).connect((None, 3)).predict({"x": np.ones((3, 3))})

    def test_ids_of_several_inputs(self):
        class Lookup(Layer):
            integer_input = True

            def connect_to(self, prev_layer=None):
                self.out_shape = self.incoming_shape(prev_layer)[0]

            def forward(self, input, train=True):
                assert [part.dtype.kind for part in input] == ["i", "i"]
                return input[0] + input[1]

            def backward(self, pre_grad):
                return None

        model = Model([Lookup()]).connect({"a": (None, 2), "b": (None, 2)})
        assert model.predict({"a": np.ones((3, 2), int), "b": np.ones((3, 2), int)}).dtype.kind == "i"


class TestOpenAxes:
    """Sequences of any length, where the layers can do without it."""

    def test_time_stays_open(self):
        model = Model([Dense(2), Softmax(2)], seed=0).compile("scce", SGD)
        model.fit(np.ones((4, 5, 3)), np.zeros((4, 5), int), epochs=1)
        assert model.input_shape == (None, None, 3)
        assert model.predict(np.ones((2, 9, 3))).shape == (2, 9, 2)

    def test_ids_of_any_length(self):
        model = Model([Embedding(input_size=5, n_out=2), Softmax(2)], seed=0).compile("scce", SGD)
        model.fit(np.ones((4, 6), int), np.zeros((4, 6), int), epochs=1)
        assert model.input_shape == (None, None)
        assert model.predict(np.ones((2, 3), int)).shape == (2, 3, 2)

    def test_a_layer_that_needs_the_length_fixes_it(self):
        model = Model([Dense(2), Flatten(), Softmax(2)], seed=0).compile("scce", SGD)
        model.fit(np.ones((4, 5, 3)), np.zeros(4, int), epochs=1)
        assert model.input_shape == (None, 5, 3)
        with pytest.raises(ShapeError, match=r"connected to inputs of shape \(None, 5, 3\), got \(2, 9, 3\)"):
            model.predict(np.ones((2, 9, 3)))
        # Both attempts drew the same numbers that a single one draws.
        single = Model([Dense(2), Flatten(), Softmax(2)], seed=0).connect((None, 5, 3))
        model.compile("scce", SGD)
        fresh = Model([Dense(2), Flatten(), Softmax(2)], seed=0).compile("scce", SGD)
        fresh.connect_to_data(np.ones((4, 5, 3)))
        assert same(weights(fresh), weights(single))

    def test_a_layer_that_computes_with_the_length_unasked(self):
        class Doubled(Layer):
            def connect_to(self, prev_layer=None):
                shape = self.incoming_shape(prev_layer)
                self.out_shape = (shape[0], 2 * shape[1], shape[2])

            def forward(self, input, train=True):
                return np.concatenate([input, input], axis=1)

            def backward(self, pre_grad):
                half = pre_grad.shape[1] // 2
                return pre_grad[:, :half] + pre_grad[:, half:]

        model = Model([Doubled(), Softmax(2)], seed=0).compile("scce", SGD)
        model.fit(np.ones((4, 5, 3)), np.zeros((4, 10), int), epochs=1)
        assert model.input_shape == (None, 5, 3)

    def test_batches_of_other_lengths_open_it_later(self):
        model = Model([Dense(2), Softmax(2)], seed=0).connect((None, 5, 3)).compile("scce", SGD)
        model.train_on_batch(np.ones((4, 5, 3)), np.zeros((4, 5), int))
        before = weights(model)
        model.connect_to_data(np.ones((4, 7, 3)))
        assert model.input_shape == (None, None, 3)
        assert same(before, weights(model))
        model.train_on_batch(np.ones((4, 7, 3)), np.zeros((4, 7), int))
        assert model.optimizer.iterations == 2

    def test_another_rank_connects_again(self):
        model = Model([Dense(2, n_in=3), Softmax(2)], seed=0).compile("scce", SGD)
        before = weights(model)
        model.train_on_batch(np.ones((4, 5, 3)), np.zeros((4, 5), int))
        assert model.input_shape == (None, None, 3)
        assert not same(before, weights(model))
        model.train_on_batch(np.ones((4, 3)), np.zeros(4, int))
        assert model.input_shape == (None, 3)

    def test_graphs_too(self):
        graph = Graph("x", {"y": (Softmax(2), "x")}, "y", seed=0).compile("scce", SGD)
        graph.train_on_batch(np.ones((4, 5, 3)), np.zeros((4, 5), int))
        assert graph.input_shape == {"x": (None, None, 3)}
        graph.train_on_batch({"x": np.ones((4, 3))}, np.zeros(4, int))
        assert graph.input_shape == {"x": (None, 3)}


class TestFailure:
    """A failed attempt leaves no trace."""

    def test_the_message_says_where(self):
        with pytest.raises(ShapeError, match=r"layer 1\.dense \(Dense\): .*n_in=4"):
            Model([Dense(3), Dense(2, n_in=4)]).connect((None, 5))

    def test_the_next_attempt_starts_afresh(self):
        layers = [Dense(3), Flatten(3), Dense(2)]
        model = Model(layers, seed=0)
        with pytest.raises(ShapeError, match="flatten"):
            model.connect((None, 7))
        assert not model.connected
        assert [layer.params for layer in layers] == [[], [], []]
        assert not hasattr(layers[0], "W")
        assert not hasattr(layers[0], "dW")
        model.connect((None, 4, 5))
        clean = Model([Dense(3), Flatten(3), Dense(2)], seed=0).connect((None, 4, 5))
        assert same(weights(model), weights(clean))

    def test_a_connected_model_stays_as_it_was(self):
        model = Model([Dense(3), Flatten(3), Softmax(2)], seed=0).connect((None, 4, 5)).compile("scce", SGD)
        before, store = weights(model), model.compiled.store
        with pytest.raises(ShapeError):
            model.connect((None, 5))
        with pytest.raises(ShapeError, match="W was made with shape"):
            model.connect((None, 4, 6))
        assert model.input_shape == (None, 4, 5)
        assert model.layers[0].in_shape == (None, 4, 5)
        assert model.layers[1].out_shape == (None, 4, 3)
        assert same(before, weights(model))
        assert model.compiled.store is store
        model.train_on_batch(np.ones((2, 4, 5)), np.zeros((2, 4), int))

    def test_data_of_another_width(self, classes):
        X, Y = classes
        model = Model([Dense(3, n_in=3), Softmax(2)], seed=0).compile("scce", SGD)
        with pytest.raises(
            ShapeError, match=r"connected to inputs of shape \(None, 3\) and cannot take \(None, 5\)"
        ):
            model.fit(np.ones((40, 5)), Y, epochs=1)
        assert model.input_shape == (None, 3)
        model.fit(X, Y, epochs=1)

    def test_no_layers(self):
        with pytest.raises(StateError, match="no layers"):
            Model().connect((None, 3))
        model = Model().compile("mse")
        assert not model.connected
        model.add("dense", n_out=1)
        model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=1)

    def test_unknown_sizes(self):
        with pytest.raises(MissingShapeError, match=r"layer 0\.dense"):
            Model([Dense(3)]).connect((None, None))

    def test_an_error_of_any_class_keeps_its_class_and_cause(self):
        class Odd(ShapeError):
            def __init__(self, a, b):
                super().__init__(f"{a} and {b}")

        class Picky(Layer):
            def connect_to(self, prev_layer=None):
                raise Odd(1, 2)

            def forward(self, input, train=True):
                return input

            def backward(self, pre_grad):
                return pre_grad

        with pytest.raises(Odd, match=r"layer 0\.picky \(Picky\): 1 and 2"):
            Model([Picky()]).connect((None, 1))

    def test_the_loss_cannot_be_connected(self):
        from npdl_core.objectives import MeanSquaredError

        class Needy(MeanSquaredError):
            def connect_to(self, last_layer):
                if last_layer.out_shape[-1] != 2:
                    raise ConfigError("needs two outputs")

        model = Model([Dense(3)], seed=0).compile(Needy(), SGD)
        with pytest.raises(ConfigError, match="two outputs"):
            model.connect((None, 4))
        assert not model.connected
        assert model.layers[0].params == []


class TestBudget:
    def test_parameters(self):
        model = Model([Dense(10), Dense(10)])
        with pytest.raises(
            BudgetError, match=r"layer 1\.dense.*needs 100 numbers, and 60 of the allowed 100"
        ):
            model.connect((None, 3), Allocator(100))
        assert not model.connected
        model.connect((None, 3), Allocator(150))

    def test_outputs(self):
        from npdl_core.layers import RepeatVector

        with pytest.raises(BudgetError, match=r"1,000,000,000 numbers a sample, more than the allowed 100"):
            Model([RepeatVector(10**9)]).connect((None, 1), Allocator(100))
        Model([RepeatVector(30)]).connect((None, 3), Allocator(100))

    def test_zeros_instead_of_draws(self):
        model = Model([Dense(3)], seed=0).connect((None, 2), Allocator(initialize=False))
        assert not model.layers[0].W.any()


class TestOwnership:
    def test_a_layer_of_two_models(self):
        layer = Dense(2, n_in=3)
        first = Model([layer], seed=0).compile("mse", SGD)
        before = weights(first)
        second = Model([layer, Dense(1)], seed=5)
        with pytest.raises(OwnershipError, match=r"0\.dense\.W: this layer already belongs to another model"):
            second.compile("mse", SGD)
        assert same(before, weights(first))
        first.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
        assert not same(before, weights(first))

    def test_copies_are_free(self):
        layer = Dense(2, n_in=3)
        first = Model([layer], seed=0).compile("mse", SGD)
        twin, fresh = copy.deepcopy(layer), layer.clone()
        second = Model([twin], seed=1).compile("mse", SGD)
        assert same(weights(first), weights(second))
        third = Model([fresh], seed=1).compile("mse", SGD)
        assert not same(weights(first), weights(third))

    def test_part_of_a_model_as_a_model(self, classes):
        # Reading hidden units without copying: it follows the owner's training, and does not disturb it.
        X, Y = classes
        model = Model([Dense(4, n_in=3), Dense(5), Softmax(2)], seed=0).compile("scce", SGD)
        hidden = Model(model.layers[:2], seed=9).connect((None, 3))
        tail = Model(model.layers[1:], seed=9).connect((None, 4))
        before = hidden.predict(X)
        model.fit(X, Y, epochs=2)
        assert (hidden.predict(X) != before).any()
        assert (tail.predict(model.layers[0].forward(X, train=False)) == model.predict(X)).all()
        with pytest.raises(OwnershipError, match=r"its input has shape \(None, 4\), not \(None, 7\)"):
            Model(model.layers[1:]).connect((None, 7))
        with pytest.raises(OwnershipError):
            tail.compile("scce", SGD)

    def test_recompiling_keeps_weights_and_views(self):
        model = Model([Dense(2, n_in=3)], seed=0).compile("mse", SGD)
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
        before = weights(model)
        model.compile("mse", {"name": "sgd", "config": {"lr": 0.5, "momentum": 0.5}})
        assert same(before, weights(model))
        assert model.layers[0].W.base is model.compiled.store.values[model.dtype]
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
        assert not same(before, weights(model))

    def test_recompiling_with_the_same_optimizer_keeps_its_state(self):
        from npdl_core.optimizers import SGD as Sgd

        optimizer = Sgd(lr=0.1, momentum=0.9)
        model = Model([Dense(2, n_in=3)], seed=0).compile("mse", optimizer)
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
        model.compile("mse", optimizer)
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
        assert optimizer.iterations == 2

    def test_a_refused_compile_changes_nothing(self):
        model = Model([Dense(2, n_in=3)], seed=0).compile("mse", SGD)
        compiled = model.compiled
        for arguments in (
            {"loss": "nonsense"},
            {"loss": {}},
            {"optimizer": "nonsense"},
            {"metrics": ["nonsense"]},
        ):
            with pytest.raises(ValueError, match=r"nonsense|empty dict"):
                model.compile(**{"loss": "mse", "optimizer": "sgd", **arguments})
        with pytest.raises(ConfigError, match="must be a dict"):
            model.compile("mse", "sgd", loss_weights=[1.0])
        with pytest.raises(ConfigError, match="one output; give one loss"):
            model.compile({"a": "mse"})
        assert model.compiled is compiled
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))


class TestAdding:
    def test_after_connecting_it_is_too_late(self):
        model = Model([Dense(2, n_in=3)]).compile("mse")
        with pytest.raises(StateError, match=r"copy.deepcopy\(model.layers\)"):
            model.add("dense", n_out=2)
        wider = Model([*copy.deepcopy(model.layers), Dense(1)], seed=0).compile("mse", SGD)
        assert (wider.layers[0].W == model.layers[0].W).all()

    def test_ways_to_say_it(self):
        model = Model(["flatten", {"name": "dense", "config": {"n_out": 2}}, Dense(2)])
        model.add("dense", n_out=3, activation="relu")
        model.add({"name": "softmax", "config": {"n_out": 3}})
        model.add(Dense, n_out=2)
        assert repr(model) == ("Model([0.flatten, 1.dense, 2.dense, 3.dense, 4.softmax, 5.dense])")

    @pytest.mark.parametrize("layers", ["dense", {"name": "flatten"}])
    def test_a_list_is_expected(self, layers):
        with pytest.raises(ConfigError, match="must be a list of layers"):
            Model(layers)

    def test_an_instance_takes_no_configuration(self):
        with pytest.raises(ConfigError, match="is an instance already"):
            Model().add(Dense(2), n_out=3)


class TestSettings:
    def test_dtype(self):
        model = Model([Dense(2), Dense(2)], dtype="float64").connect((None, 3))
        assert {array.dtype for array in model.params} == {np.dtype("float64")}
        assert model.predict(np.ones((2, 3), "float32")).dtype == np.float64
        with pytest.raises(ConfigError):
            Model(dtype="float16")

    def test_a_connected_layer_keeps_its_dtype(self):
        layer = Dense(2, n_in=3)
        layer.dtype = "float64"
        layer.connect_to()
        model = Model([layer, Dense(2)], seed=0).compile("mse", SGD)
        assert [array.dtype.name for array in model.params] == ["float64"] * 2 + ["float32"] * 2
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
        assert sorted(dtype.name for dtype in model.compiled.store.values) == ["float32", "float64"]

    @pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
    def test_seeds(self, seed):
        with pytest.raises(ConfigError, match="seed"):
            Model(seed=seed)

    def test_seeds_decide(self):
        def drawn(seed):
            return weights(Model([Dense(2), Dense(2)], seed=seed).connect((None, 3)))

        assert same(drawn(3), drawn(3))
        assert not same(drawn(3), drawn(4))
        assert not same(drawn(None), drawn(None))
