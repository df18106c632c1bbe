"""Defects of NumpyDL's model, by their number in the inventory: each has its test here."""

import numpy as np
import pytest

from npdl_core import Graph, Model, load
from npdl_core.errors import DataError
from npdl_core.layers import Dense, Dropout, Embedding, Flatten, Regularization, Softmax
from npdl_core.objectives import SoftmaxCategoricalCrossEntropy

SGD = {"name": "sgd", "config": {"lr": 0.1}}


def test_n13_dropout_is_for_training_only(rng):
    X = rng.normal(size=(20, 6))
    model = Model([Dropout(0.5)]).connect((None, 6))
    assert np.allclose(model.predict(X), X)
    assert np.mean(model.forward(X) == 0) > 0.2
    # Validation must not see it either: with a linear model its loss is that of evaluate.
    model = Model([Dropout(0.5), Dense(1, activation="linear")], seed=0).compile("mse", SGD)
    Y = X[:, :1]
    history = model.fit(X, Y, epochs=2, validation_data=(X, Y))
    assert history.history["val_loss"][-1] == model.evaluate(X, Y)["loss"]


def test_n32_integer_targets_do_not_broadcast():
    loss = SoftmaxCategoricalCrossEntropy()
    outputs = np.full((3, 3), 1 / 3)
    ids = np.array([0, 1, 2])  # as many samples as classes
    assert loss.forward(outputs, ids) == pytest.approx(np.log(3))
    assert loss.forward(outputs, np.eye(3)) == pytest.approx(np.log(3))
    with pytest.raises(DataError):
        loss.forward(outputs, ids.astype(float))


def test_n32_the_loss_is_valid_behind_any_layer(check_model, rng):
    X, Y = rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    for layers in (
        [Softmax(2)],
        [Dense(2, activation="sigmoid")],
        [Softmax(2), "identity"],
        [Regularization(Softmax(2), l2=0.1)],
        [Dense(4), Dense(2, activation="softmax")],
    ):
        model = Model(layers, seed=0, dtype="float64").compile("scce", SGD).connect((None, 3))
        check_model(model, X, Y)
    logits = {"name": "scce", "config": {"from_logits": True}}
    model = (
        Model([Dense(2, activation="linear")], seed=0, dtype="float64")
        .compile(logits, SGD)
        .connect((None, 3))
    )
    check_model(model, X, Y)


@pytest.mark.parametrize("n", [1, 5, 31, 33])
def test_n33_every_sample_counts(n, rng):
    X, Y = rng.normal(size=(n, 2)), rng.integers(0, 2, n)
    model = Model([Softmax(2)], seed=0).compile(
        "scce", {"name": "sgd", "config": {"lr": 0.0}}, metrics=["accuracy"]
    )
    history = model.fit(X, Y, epochs=1, batch_size=32, validation_data=(X[:1], Y[:1])).history
    assert history["accuracy"] == [np.mean(model.predict(X).argmax(-1) == Y)]
    assert history["val_loss"] == [model.evaluate(X[:1], Y[:1])["loss"]]


def test_n34_the_callers_arrays_keep_their_order(rng):
    X, Y = rng.normal(size=(50, 2)).astype("float32"), rng.integers(0, 2, 50).astype("int32")
    kept = X.copy(), Y.copy()
    Model([Softmax(2)], seed=0).compile("scce", SGD).fit(X, Y, epochs=3)
    assert (kept[0] == X).all()
    assert (kept[1] == Y).all()


def test_n35_accuracy_of_binary_outputs(rng):
    X = rng.normal(size=(40, 2))
    for Y in ((X[:, 0] > 0).astype(int), (X[:, :1] > 0).astype(float)):
        model = Model([Dense(1, activation="sigmoid")], seed=0).compile("bce", SGD, metrics=["accuracy"])
        model.fit(X, Y, epochs=1)
        expected = np.mean((model.predict(X)[:, 0] >= 0.5) == Y.reshape(-1))
        assert 0 < expected < 1
        assert model.evaluate(X, Y)["accuracy"] == pytest.approx(expected)


def test_n35_accuracy_of_sequences(rng):
    ids = rng.integers(1, 5, (6, 4))
    mask = np.arange(4) < np.array([4, 3, 2, 1, 4, 4])[:, None]
    model = Model([Embedding(input_size=5, n_out=3), Softmax(5)], seed=0)
    model.compile("scce", SGD, metrics=["accuracy"]).connect((None, None))
    right = model.predict(ids).argmax(-1) == ids
    assert model.evaluate(ids, ids)["accuracy"] == pytest.approx(right.mean())
    assert model.evaluate(ids, ids, mask=mask)["accuracy"] == pytest.approx(right[mask].mean())
    assert model.evaluate(ids, np.eye(5)[ids])["accuracy"] == pytest.approx(right.mean())


def test_n35_regression_has_metrics_by_name(rng):
    X = rng.normal(size=(20, 2))
    model = Model([Dense(1, activation="linear")], seed=0).compile("mse", SGD, metrics=["mae", "r2"])
    model.connect((None, 2))
    logs = model.evaluate(X, X[:, 0])
    assert logs["mae"] == pytest.approx(np.abs(model.predict(X)[:, 0] - X[:, 0]).mean())
    assert set(logs) == {"loss", "mae", "r2"}


def test_n36_evaluate_and_persistence(tmp_path, rng):
    X, Y = rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    model = Model([Dense(4), Softmax(2)], seed=0).compile("scce", SGD, metrics=["accuracy"])
    model.fit(X, Y, epochs=2)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.evaluate(X, Y) == model.evaluate(X, Y)
    assert (again.predict(X) == model.predict(X)).all()
    assert Model.from_json(model.to_json()).to_json() == model.to_json()


@pytest.mark.parametrize(
    "layers", [[Dropout(0.5), Softmax(2)], [Flatten(), Softmax(2)], ["batch_normal", Softmax(2)]]
)
def test_n38_any_layer_may_be_first(layers, rng):
    model = Model(layers, seed=0).compile("scce", SGD)
    model.fit(rng.normal(size=(6, 3)), np.zeros(6, int), epochs=1)
    assert model.predict(np.ones((2, 3))).shape == (2, 2)


def test_n40_costs_of_weights(check_model, rng):
    X, Y = rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    inner = Regularization(Dense(4), l1=0.02, l2=0.05)
    graph = Graph(
        "x", {"h": (inner, "x"), "y": (Regularization(Softmax(2), l2=0.1), "h")}, "y", seed=0, dtype="float64"
    )
    graph.compile("scce", SGD).connect((None, 3))
    check_model(graph, X, Y)
    logs = graph.compiled.cost(), graph.train_on_batch(X, Y)["loss"]
    assert logs[0] > 0.05
    assert logs[1] > logs[0]
    # Biases cost nothing: only W is pulled towards zero.
    heavy = Model([Regularization(Dense(2, activation="linear"), l2=10.0)], seed=0)
    heavy.compile("mse", {"name": "sgd", "config": {"lr": 0.01}}).connect((None, 3))
    heavy.layers[0].layer.b[...] = 1
    heavy.fit(np.zeros((4, 3)), np.ones((4, 2)), epochs=20)
    assert np.abs(heavy.layers[0].layer.W).max() < 0.05
    assert (heavy.layers[0].layer.b == 1).all()
