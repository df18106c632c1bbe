"""Epochs, batches, splits, weights, masks and streams."""

import numpy as np
import pytest

from npdl_core import Graph, Model
from npdl_core.callbacks import Callback, LambdaCallback
from npdl_core.errors import ConfigError, DataError, NpdlError, ShapeError, StateError
from npdl_core.layers import BatchNormal, Dense, Embedding, Layer, Softmax

SGD = {"name": "sgd", "config": {"lr": 0.1}}


class Recorder(Layer):
    """Notes what comes through."""

    def __init__(self):
        self.trained, self.inferred = [], []

    def forward(self, input, train=True):
        (self.trained if train else self.inferred).append(np.array(input))
        return input

    def backward(self, pre_grad):
        return pre_grad


@pytest.fixture
def recorded():
    """Return a model of one input, and what its layers saw."""
    recorder = Recorder()
    model = Model([recorder, Dense(1, activation="linear")], seed=0)
    return model.compile("mse", {"name": "sgd", "config": {"lr": 0.001}}), recorder


def samples(arrays):
    """Return the first feature of everything in recorded batches."""
    return [float(value) for array in arrays for value in array[:, 0]]


X = np.arange(10.0)[:, None]


class TestBatches:
    def test_every_sample_once_an_epoch(self, recorded):
        model, recorder = recorded
        model.fit(X, X, epochs=3, batch_size=4)
        assert [len(batch) for batch in recorder.trained] == [4, 4, 2] * 3
        epochs = [samples(recorder.trained[k : k + 3]) for k in (0, 3, 6)]
        assert all(sorted(epoch) == X[:, 0].tolist() for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) == 3

    def test_in_order_without_shuffling(self, recorded):
        model, recorder = recorded
        model.fit(X, X, epochs=2, batch_size=4, shuffle=False)
        assert samples(recorder.trained) == X[:, 0].tolist() * 2

    def test_fewer_samples_than_a_batch(self, recorded):
        model, recorder = recorded
        history = model.fit(X[:3], X[:3], epochs=1, batch_size=64, validation_data=(X[:1], X[:1]))
        assert [len(batch) for batch in recorder.trained] == [3]
        assert history.epoch == [0]

    def test_steps_per_epoch(self, recorded):
        model, recorder = recorded
        model.fit(X, X, epochs=2, batch_size=4, steps_per_epoch=2)
        assert [len(batch) for batch in recorder.trained] == [4, 4, 4, 4]
        model.fit(X, X, epochs=1, batch_size=4, steps_per_epoch=100)
        assert len(recorder.trained) == 4 + 3

    def test_targets_and_weights_follow_their_samples(self):
        seen = []

        class Watching(Callback):
            def on_train_batch_end(self, batch, logs):
                seen.append(logs["loss"])

        model = Model([Dense(1, n_in=1, activation="linear", use_bias=False)], seed=0)
        model.compile("mse", {"name": "sgd", "config": {"lr": 0.0}})
        model.layers[0].W[...] = 1
        model.fit(X, X, epochs=2, batch_size=3, callbacks=[Watching()], sample_weight=X[:, 0] + 1)
        assert seen == [0.0] * 8


class TestEpochs:
    @pytest.mark.parametrize("name", ["epochs", "max_iter"])
    def test_total(self, recorded, name):
        history = recorded[0].fit(X, X, **{name: 3})
        assert history.epoch == [0, 1, 2]
        assert len(history.history["loss"]) == 3

    def test_both_names_are_one_too_many(self, recorded):
        with pytest.raises(ConfigError, match="two names of one thing"):
            recorded[0].fit(X, X, epochs=2, max_iter=2)

    def test_a_hundred_by_default(self, recorded):
        assert recorded[0].fit(X, X, batch_size=10).epoch == list(range(100))

    def test_initial_epoch(self, recorded):
        assert recorded[0].fit(X, X, epochs=5, initial_epoch=3).epoch == [3, 4]
        assert recorded[0].fit(X, X, epochs=3, initial_epoch=3).epoch == []

    def test_the_optimizer_knows_the_epoch(self, recorded):
        model, _ = recorded
        epochs = []
        model.fit(X, X, epochs=5, initial_epoch=3, callbacks=LambdaCallback(
            on_epoch_begin=lambda epoch, logs: epochs.append((epoch, model.optimizer.epoch))
        ))  # fmt: skip
        assert epochs == [(3, 3), (4, 4)]

    def test_none_at_all(self, recorded):
        history = recorded[0].fit(X, X, epochs=0)
        assert history.history == {}
        assert recorded[0].connected

    def test_training_goes_on_from_where_it_was(self, classes):
        X, Y = classes
        a = Model([Dense(4), Softmax(2)], seed=0).compile("scce", SGD)
        b = Model([Dense(4), Softmax(2)], seed=0).compile("scce", SGD)
        one = a.fit(X, Y, epochs=4).history["loss"]
        two = b.fit(X, Y, epochs=2).history["loss"] + b.fit(X, Y, epochs=4, initial_epoch=2).history["loss"]
        assert one == two
        assert a.optimizer.iterations == b.optimizer.iterations

    def test_history_is_of_the_last_fit(self, recorded):
        model, _ = recorded
        first = model.fit(X, X, epochs=2)
        second = model.fit(X, X, epochs=1)
        assert model.history is second
        assert len(first.epoch) == 2

    @pytest.mark.parametrize(
        "arguments",
        [
            {"epochs": -1}, {"epochs": 1.5}, {"epochs": "3"}, {"batch_size": 0}, {"batch_size": None},
            {"shuffle": 1}, {"validation_split": 1.0}, {"validation_split": -0.1}, {"initial_epoch": -1},
            {"steps_per_epoch": 0}, {"resume": "yes"}, {"callbacks": ["nonsense"]}, {"callbacks": [3]},
        ],
    )  # fmt: skip
    def test_wrong_arguments(self, recorded, arguments):
        model, recorder = recorded
        with pytest.raises(NpdlError):
            model.fit(X, X, **{"epochs": 1, **arguments})
        assert recorder.trained == []
        assert model.history.epoch == []


class TestValidation:
    def test_split_is_the_last_part_before_shuffling(self, recorded):
        model, recorder = recorded
        model.fit(X, X, epochs=2, batch_size=3, validation_split=0.3)
        assert sorted(set(samples(recorder.trained))) == list(range(7))
        assert samples(recorder.inferred) == [7, 8, 9] * 2

    @pytest.mark.parametrize(("n", "fraction"), [(1, 0.5), (3, 0.1), (2, 0.4)])
    def test_no_part_may_be_empty(self, recorded, n, fraction):
        with pytest.raises(DataError, match="leaves one of the two parts empty"):
            recorded[0].fit(X[:n], X[:n], epochs=1, validation_split=fraction)

    def test_data_wins_over_split(self, recorded):
        model, recorder = recorded
        model.fit(X, X, epochs=1, validation_split=0.5, validation_data=(X + 100, X))
        assert sorted(samples(recorder.trained)) == X[:, 0].tolist()
        assert min(samples(recorder.inferred)) == 100

    @pytest.mark.parametrize(
        "given",
        [
            (X, X),
            [X, X],
            (X, X, np.ones(10)),
            {"x": X, "y": X},
            {"x": X, "y": X, "sample_weight": np.ones(10)},
            [(X[:5], X[:5]), (X[5:], X[5:])],
            ([[v] for v in X[:, 0]], [[v] for v in X[:, 0]]),
        ],
        ids=["pair", "list", "weighted", "dict", "weighted dict", "batches", "lists"],
    )
    def test_forms(self, recorded, given):
        model, _ = recorded
        history = model.fit(X, X, epochs=2, validation_data=given)
        assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(X, X)["loss"])

    def test_keys(self, classes):
        X, Y = classes
        model = Model([Softmax(2)], seed=0).compile("scce", SGD, metrics=["accuracy"])
        history = model.fit(X, Y, epochs=2, validation_split=0.25).history
        assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]

    def test_weights_count(self, recorded):
        model, _ = recorded
        weight = np.array([1.0] + [0.0] * 9)
        history = model.fit(X, X, epochs=1, validation_data=(X, X, weight))
        assert history.history["val_loss"] == [pytest.approx(model.evaluate(X[:1], X[:1])["loss"])]

    def test_no_update(self, classes):
        X, Y = classes
        layers = [BatchNormal(), "dropout", Softmax(2)]
        a = Model(layers, seed=0).compile("scce", SGD)
        b = Model([BatchNormal(), "dropout", Softmax(2)], seed=0).compile("scce", SGD)
        a.fit(X[:20], Y[:20], epochs=3, validation_data=(X[20:] + 5, Y[20:]))
        b.fit(X[:20], Y[:20], epochs=3)
        assert all((a.weights()[name] == array).all() for name, array in b.weights().items())

    def test_what_does_not_fit_is_said_before_training(self, recorded):
        model, recorder = recorded
        for given, kind in [
            ((np.ones((4, 2)), np.ones((4, 1))), ShapeError),
            ((X, X[:3]), DataError),
            (X, DataError),
            ({"x": X}, DataError),
            ({"x": X, "y": X, "z": X}, DataError),
            (iter([(X, X)]), DataError),
            (5, DataError),
        ]:
            with pytest.raises(kind):
                model.fit(X, X, epochs=2, validation_data=given)
        assert recorder.trained == []


class TestWeightsAndMasks:
    def test_zero_weight_is_absence(self, classes):
        X, Y = classes
        weight = (np.arange(40) < 25).astype(float)
        a = Model([Dense(4), Softmax(2)], seed=0).compile("scce", SGD, metrics=["accuracy"])
        b = Model([Dense(4), Softmax(2)], seed=0).compile("scce", SGD, metrics=["accuracy"])
        one = a.fit(X, Y, epochs=1, batch_size=40, shuffle=False, sample_weight=weight)
        two = b.fit(X[:25], Y[:25], epochs=1, batch_size=40, shuffle=False)
        assert one.history["loss"] == pytest.approx(two.history["loss"])
        assert one.history["accuracy"] == pytest.approx(two.history["accuracy"])
        for name, array in a.weights().items():
            assert np.allclose(array, b.weights()[name], atol=1e-6)

    def test_padding_has_no_influence(self, rng):
        ids = rng.integers(1, 6, (8, 5))
        targets = rng.integers(0, 3, (8, 5))
        mask = np.arange(5) < rng.integers(2, 6, 8)[:, None]

        def trained(ids, targets):
            model = Model([Embedding(input_size=6, n_out=3), Dense(4), Softmax(3)], seed=0)
            model.compile("scce", SGD, metrics=["accuracy"])
            history = model.fit(ids, targets, epochs=3, batch_size=3, mask=mask)
            return history.history, model.weights()

        one, weights = trained(ids, targets)
        two, others = trained(np.where(mask, ids, 5), np.where(mask, targets, 2))
        assert one == two
        assert all((weights[name] == array).all() for name, array in others.items())

    def test_epoch_loss_does_not_depend_on_the_cut(self, rng):
        X, Y = rng.normal(size=(7, 4, 2)), rng.integers(0, 3, (7, 4))
        mask = np.arange(4) < rng.integers(1, 5, 7)[:, None]
        model = Model([Softmax(3)], seed=0).compile("scce", SGD, metrics=["accuracy"]).connect((None, 4, 2))
        cuts = [model.evaluate(X, Y, batch_size=size, mask=mask) for size in (1, 2, 3, 7)]
        for cut in cuts[1:]:
            assert cut == {key: pytest.approx(value) for key, value in cuts[0].items()}


class Batches:
    """A re-iterable of batches."""

    def __init__(self, *batches):
        self.batches, self.started = batches, 0

    def __iter__(self):
        self.started += 1
        return iter(self.batches)


class TestStreams:
    def test_iterated_anew_every_epoch(self, recorded):
        model, recorder = recorded
        stream = Batches((X[:4], X[:4]), (X[4:], X[4:], np.ones(6)))
        model.fit(stream, epochs=3)
        assert stream.started == 3
        assert samples(recorder.trained) == X[:, 0].tolist() * 3
        assert model.evaluate(stream)["loss"] == pytest.approx(model.evaluate(X, X)["loss"])

    def test_equal_to_arrays(self, classes):
        X, Y = classes
        a = Model([Dense(4), Softmax(2)], seed=0).compile("scce", SGD)
        b = Model([Dense(4), Softmax(2)], seed=0).compile("scce", SGD)
        one = a.fit(X, Y, epochs=3, batch_size=16, shuffle=False)
        two = b.fit([(X[k : k + 16], Y[k : k + 16]) for k in (0, 16, 32)], epochs=3)
        assert one.history == two.history
        assert all((a.weights()[name] == array).all() for name, array in b.weights().items())

    def test_generators_last_one_epoch(self, recorded):
        model, recorder = recorded
        with pytest.raises(DataError, match="X is a one-shot iterator, and every epoch"):
            model.fit(((X, X) for _ in range(3)), epochs=2)
        assert recorder.trained == []
        model.fit(((X, X) for _ in range(3)), epochs=1)
        assert len(recorder.trained) == 3
        model.fit(((X, X) for _ in range(3)), epochs=5, initial_epoch=4)
        with pytest.raises(DataError, match="validation_data is a one-shot iterator"):
            model.fit(X, X, epochs=2, validation_data=iter([(X, X)]))
        model.fit(X, X, epochs=1, validation_data=iter([(X, X)]))

    def test_endless_with_steps(self, recorded):
        class Endless:
            def __iter__(self):
                while True:
                    yield X, X

        model, recorder = recorded
        model.fit(Endless(), epochs=2, steps_per_epoch=3)
        assert len(recorder.trained) == 6

    def test_no_batch(self, recorded):
        with pytest.raises(DataError, match="no batch to train on"):
            recorded[0].fit([], epochs=1)

    def test_bad_batches_come_too_late_but_change_nothing(self, recorded):
        model, _ = recorded
        model.fit([(X, X)], epochs=1)
        before = model.layers[1].W.copy()
        with pytest.raises(DataError, match="a batch must be"):
            model.fit([X], epochs=1)
        with pytest.raises(DataError, match="no targets"):
            model.fit([{"x": X}], epochs=1)
        with pytest.raises(ShapeError, match="cannot take"):
            model.fit([(np.ones((3, 4)), np.ones((3, 1)))], epochs=1)
        assert (before == model.layers[1].W).all()

    def test_a_split_needs_arrays(self, recorded):
        with pytest.raises(DataError, match="validation_split needs arrays"):
            recorded[0].fit([(X, X)], epochs=1, validation_split=0.5)

    def test_sequences_of_different_lengths(self, rng):
        model = Model([Dense(3), Softmax(2)], seed=0).compile("scce", SGD)
        batches = [
            {"x": rng.normal(size=(4, t, 2)), "y": rng.integers(0, 2, (4, t)), "mask": np.ones((4, t))}
            for t in (5, 3, 8)
        ]
        history = model.fit(batches, epochs=2, validation_data=batches)
        assert len(history.history["val_loss"]) == 2

    def test_dicts_of_inputs(self, rng):
        graph = Graph(["a", "b"], {"s": ("add", ["a", "b"]), "y": (Softmax(2), "s")}, "y", seed=0)
        graph.compile("scce", SGD)
        x = {"a": rng.normal(size=(6, 3)), "b": rng.normal(size=(6, 3))}
        y = rng.integers(0, 2, 6)
        one = graph.fit(x, y, epochs=2, batch_size=4, validation_split=0.34)
        assert one.epoch == [0, 1]
        graph.fit([(x, y), {"x": x, "y": y}], epochs=2)


def test_empty_data(recorded):
    with pytest.raises(DataError, match="no sample"):
        recorded[0].fit(X[:0], X[:0], epochs=1)


def test_without_compile():
    with pytest.raises(StateError, match="compile the model first"):
        Model([Dense(1)]).fit(X, X, epochs=1)
    with pytest.raises(StateError, match="compile the model first"):
        Model([Dense(1, n_in=1)]).connect((None, 1)).evaluate(X, X)


def test_wrong_targets_change_nothing(classes):
    X, _ = classes
    model = Model([BatchNormal(), Softmax(2)], seed=0).compile("scce", SGD).connect((None, 3))
    before = {name: array.copy() for name, array in model.weights().items()}
    for Y in (np.full(40, 2), np.full(40, -1), np.full(40, 0.5), np.zeros((40, 3)), np.zeros((20, 2))):
        with pytest.raises(DataError):
            model.fit(X, Y, epochs=1)
        with pytest.raises(DataError):
            model.train_on_batch(X, Y)
    assert all((before[name] == array).all() for name, array in model.weights().items())
    assert model.optimizer.iterations == 0


def test_train_on_batch_measures_before_the_update(classes):
    X, Y = classes
    model = (
        Model([Dense(4), Softmax(2)], seed=0).compile("scce", SGD, metrics=["accuracy"]).connect((None, 3))
    )
    expected = model.evaluate(X, Y)
    assert model.train_on_batch(X, Y) == {key: pytest.approx(value) for key, value in expected.items()}
    again = model.train_on_batch(X, Y)
    assert again["loss"] < expected["loss"]
    assert list(again) == ["loss", "accuracy"]
    weighted = model.train_on_batch(X, Y, sample_weight=np.ones(40) * 2)
    assert weighted["loss"] < again["loss"]


def test_a_hand_written_loop(classes):
    """The open pieces: forward, loss, backward, update."""
    X, Y = classes
    a = Model([Dense(4, n_in=3), Softmax(2)], seed=0).compile("scce", SGD)
    b = Model([Dense(4, n_in=3), Softmax(2)], seed=0).compile("scce", SGD)
    for _ in range(3):
        a.train_on_batch(X, Y)
        outputs = b.forward(X)
        b.backward(b.loss.backward(outputs, Y))
        b.optimizer.update(b.params, b.grads)
    for name, array in a.weights().items():
        assert np.allclose(array, b.weights()[name], atol=1e-6)


class Averaging:
    """An optimizer that evaluates with other parameters than it trains."""

    def __init__(self):
        self.kept = None

    def update(self, params, grads, decay=None):
        if self.kept is None:
            self.kept = [p.copy() for p in params]
        for p, g in zip(params, grads, strict=True):
            p -= 0.1 * g

    def swap(self, params):
        for p, kept in zip(params, self.kept, strict=True):
            p[...], kept[...] = kept.copy(), p.copy()


def test_validation_uses_the_weights_to_evaluate_with(classes):
    X, Y = classes
    model = Model([Softmax(2)], seed=0).compile("scce", Averaging()).connect((None, 3))
    first = model.evaluate(X, Y)["loss"]
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y)).history
    assert history["val_loss"] == [first] * 3
    trained = model.evaluate(X, Y)["loss"]
    assert trained < first
    with model.evaluation_weights():
        assert model.evaluate(X, Y)["loss"] == first
    assert model.evaluate(X, Y)["loss"] == trained
    with pytest.raises(ZeroDivisionError), model.evaluation_weights():
        raise ZeroDivisionError
    assert model.evaluate(X, Y)["loss"] == trained


def test_several_metrics_of_one_kind_and_none(classes):
    X, Y = classes
    model = Model([Softmax(2)], seed=0).compile("scce", SGD, metrics="accuracy").connect((None, 3))
    assert list(model.evaluate(X, Y)) == ["loss", "accuracy"]
    model.compile("scce", SGD, metrics=None)
    assert list(model.evaluate(X, Y)) == ["loss"]
    model.compile("scce", SGD, metrics={"name": "accuracy", "config": {}})
    assert list(model.evaluate(X, Y)) == ["loss", "accuracy"]
