"""Graphs: several inputs and outputs, several losses, masks, and descriptions that make no graph."""

import numpy as np
import pytest

from npdl_core import Graph, Model, load
from npdl_core.errors import ConfigError, DataError, NotConnectedError, ShapeError
from npdl_core.layers import Concat, Dense, Embedding, Input, Layer, Softmax

SGD = {"name": "sgd", "config": {"lr": 0.1}}


@pytest.fixture
def two_headed():
    """Return a graph of two inputs with a class and a number as outputs."""

    def two_headed(**arguments):
        hidden = Dense(4, activation="tanh")
        graph = Graph(
            {"a": (3,), "b": (2,)},
            {
                "both": (Concat(), ["a", "b"]),
                "h": (hidden, "both"),
                "kind": (Softmax(3), "h"),
                "size": (Dense(1, activation="linear"), "h"),
                "detail": (Dense(2, activation="sigmoid"), "kind"),
            },
            ["kind", "size", "detail"],
            seed=1,
            dtype="float64",
        )
        losses = {"kind": "scce", "size": "mse", "detail": "bce"}
        return graph.compile(losses, SGD, **arguments)

    return two_headed


@pytest.fixture
def data(rng):
    X = {"a": rng.normal(size=(6, 3)), "b": rng.normal(size=(6, 2))}
    Y = {
        "kind": rng.integers(0, 3, 6),
        "size": rng.normal(size=(6, 1)),
        "detail": rng.integers(0, 2, (6, 2)).astype(float),
    }
    return X, Y


def test_gradients_of_weighted_losses(two_headed, data, check_model):
    X, Y = data
    check_model(two_headed(loss_weights={"size": 0.3, "detail": 2.0}), X, Y)


def test_the_loss_is_the_weighted_sum(two_headed, data):
    X, Y = data
    graph = two_headed(loss_weights={"size": 0.3})
    logs = graph.evaluate(X, Y)
    assert list(logs) == ["loss", "kind_loss", "size_loss", "detail_loss"]
    assert logs["loss"] == pytest.approx(logs["kind_loss"] + 0.3 * logs["size_loss"] + logs["detail_loss"])


def test_an_output_that_is_read_is_not_fused(two_headed):
    # "kind" is an output, and "detail" reads it: its gradient must come through the softmax.
    assert two_headed().compiled.fused == {"detail"}
    single = Graph({"x": (2,)}, {"y": (Softmax(2), "x")}, "y").compile("scce", SGD)
    assert single.compiled.fused == {None}
    several = Graph({"x": (2,)}, {"y": (Softmax(2), "x"), "z": (Softmax(2), "x")}, ["y", "z"])
    assert several.compile({"y": "scce", "z": "scce"}, SGD).compiled.fused == {"y", "z"}


def test_fused_outputs_learn_where_probabilities_underflow():
    # A confident mistake: the probability of the right class is below the loss's epsilon.
    graph = Graph({"x": (1,)}, {"y": (Softmax(2), "x"), "z": (Softmax(2), "x")}, ["y", "z"], seed=0)
    graph.compile({"y": "scce", "z": "scce"}, SGD)
    for layer in graph.layers:
        layer.W[...] = [[0.0, 200.0]]
    X, Y = np.ones((1, 1), "float32"), {"y": np.array([0]), "z": np.array([0])}
    graph.train_on_batch({"x": X}, Y)
    assert graph.layers[0].dW.tolist() == [[-1.0, 1.0]]


def test_keys_of_history_and_predictions(two_headed, data):
    X, Y = data
    graph = two_headed(metrics={"kind": ["accuracy"], "size": "mae"})
    history = graph.fit(X, Y, epochs=2, validation_split=0.34)
    assert set(history.history) == {
        f"{part}{key}"
        for part in ("", "val_")
        for key in ("loss", "kind_loss", "size_loss", "detail_loss", "kind_accuracy", "size_mae")
    }
    outputs = graph.predict(X, batch_size=4)
    assert {name: array.shape for name, array in outputs.items()} == {
        "kind": (6, 3), "size": (6, 1), "detail": (6, 2),
    }  # fmt: skip
    assert all((outputs[name] == array).all() for name, array in graph.predict(X, batch_size=4).items())
    assert graph.predict({"a": X["a"][:0], "b": X["b"][:0]})["kind"].shape == (0, 3)


def test_metrics_without_outputs_are_for_all():
    graph = Graph({"x": (2,)}, {"y": (Softmax(2), "x"), "z": (Softmax(2), "x")}, ["y", "z"], seed=0)
    graph.compile({"y": "scce", "z": "scce"}, SGD, metrics=["accuracy", "accuracy"])
    targets = {"y": np.array([0, 1]), "z": np.array([0, 1])}
    logs = graph.evaluate({"x": np.eye(2)}, targets)
    assert [key for key in logs if "accuracy" in key] == [
        "y_accuracy_1", "y_accuracy_2", "z_accuracy_1", "z_accuracy_2",
    ]  # fmt: skip


def test_sample_weights_by_output(two_headed, data):
    X, Y = data
    graph = two_headed()
    weights = {"size": np.array([1.0, 0, 2, 0, 1, 1])}
    logs = graph.evaluate(X, Y, sample_weight=weights)
    plain = graph.evaluate(X, Y)
    assert logs["kind_loss"] == plain["kind_loss"]
    assert logs["size_loss"] != plain["size_loss"]


def test_round_trips(two_headed, data, tmp_path):
    X, Y = data
    graph = two_headed(loss_weights={"size": 0.3}, metrics={"kind": ["accuracy"]})
    graph.fit(X, Y, epochs=2)
    again = Graph.from_json(graph.to_json())
    assert again.to_json() == graph.to_json()
    graph.save(tmp_path / "g")
    loaded = load(tmp_path / "g")
    assert isinstance(loaded, Graph)
    assert loaded.evaluate(X, Y) == graph.evaluate(X, Y)
    with pytest.raises(ValueError, match="document of a Graph, not of a Model"):
        Model.load(tmp_path / "g")


def test_one_input_may_come_alone():
    graph = Graph("x", {"y": (Dense(2), "x")}, "y", seed=0)
    X = np.ones((4, 3))
    graph.connect((None, 3))
    assert (graph.predict(X) == graph.predict({"x": X})).all()
    assert graph.input_shape == {"x": (None, 3)}


def test_ids_stay_integers():
    graph = Graph(
        {"words": {"shape": (None,), "integer": True}, "side": (2,)},
        {
            "table": (Embedding(input_size=5, n_out=3), "words"),
            "flat": ("identity", "side"),
            "wide": ({"name": "repeat_vector", "config": {"n": 4}}, "flat"),
            "y": (Concat(), ["table", "wide"]),
        },
        "y",
        seed=0,
    )
    ids = np.array([[0, 1, 2, 4]])
    graph.connect({"words": (None, 4), "side": (None, 2)})
    assert graph.prepare({"words": ids, "side": ids[:, :2]})["words"].dtype == ids.dtype
    assert graph.prepare({"words": ids, "side": ids[:, :2]})["side"].dtype == np.float32
    assert graph.predict({"words": ids, "side": ids[:, :2]}).shape == (1, 4, 5)


class Both(Layer):
    """Adds what is real in the first input to the second, and tells their masks apart."""

    accepts_mask = masks_apart = True

    def connect_to(self, prev_layer=None):
        self.out_shape = self.incoming_shape(prev_layer)[1]

    def forward(self, input, train=True, *, mask=None):
        self.got = mask
        first = 0 if mask is None else (input[0] * mask[0][..., None]).sum(axis=1, keepdims=True)
        return input[1] + first

    def compute_mask(self, input, mask):
        return None if mask is None else mask[1]

    def backward(self, pre_grad):
        return [pre_grad, pre_grad]


@pytest.mark.parametrize("mask_zero", [True, False])
def test_masks_of_different_lengths_are_told_apart(mask_zero):
    inputs = {name: {"shape": (None,), "integer": True} for name in ("long", "short")}
    table = {"name": "embedding", "config": {"input_size": 5, "n_out": 2, "mask_zero": mask_zero}}
    both = Both()
    graph = Graph(inputs, {"a": (table, "long"), "b": (table, "short"), "y": (both, ["a", "b"])}, "y")
    graph.connect({"long": (None, None), "short": (None, None)})
    _, mask = graph.run({"long": np.array([[0, 1, 2]]), "short": np.array([[3, 0]])}, False)
    if mask_zero:
        assert [m.tolist() for m in both.got] == [[[False, True, True]], [[True, False]]]
        assert mask.tolist() == [[True, False]]
    else:
        assert both.got is mask is None


def test_masks_join_and_reach_the_loss():
    graph = Graph(
        {"words": {"shape": (4,), "integer": True}},
        {
            "table": (Embedding(input_size=5, n_out=3, mask_zero=True), "words"),
            "other": (Embedding(input_size=5, n_out=3), "words"),
            "both": (Concat(), ["table", "other"]),
            "y": (Softmax(2), "both"),
        },
        "y",
        seed=0,
    ).compile("scce", SGD, metrics=["accuracy"])
    ids = np.array([[1, 2, 0, 0], [3, 4, 1, 0]])
    targets = np.array([[0, 1, 0, 0], [1, 0, 1, 1]])
    outputs, mask = graph.run({"words": ids}, False)
    assert (mask == (ids != 0)).all()
    # What is masked by the input's zeros or by the caller has no influence.
    given = np.array([[True, False, True, True], [True, True, True, True]])
    logs = graph.evaluate({"words": ids}, targets, mask=given)
    counted = given & (ids != 0)
    picked = np.take_along_axis(outputs, targets[..., None], -1)[..., 0]
    assert logs["loss"] == pytest.approx(-np.log(picked[counted]).mean())
    assert logs["accuracy"] == pytest.approx((outputs.argmax(-1) == targets)[counted].mean())
    by_name = graph.evaluate({"words": ids}, targets, mask={"words": given})
    assert by_name == logs


def test_order_of_declaration_does_not_matter():
    nodes = {"z": (Dense(2), "m"), "m": (Dense(3), "x"), "w": ("add", ["z", "k"]), "k": (Dense(2), "m")}
    graph = Graph({"x": (4,)}, nodes, "w", seed=0).connect((None, 4))
    order = [name for name, _ in graph.applications]
    assert order.index("m") < order.index("z") < order.index("w")
    assert order.index("k") < order.index("w")
    assert graph.sources("w") == ["z", "k"]
    again = Graph.from_json(graph.to_json())
    assert [name for name, _ in again.applications] == order


def test_long_chains_are_ordered_quickly():
    nodes = {f"n{k}": ("identity", f"n{k + 1}") for k in range(3000)} | {"n3000": ("identity", "x")}
    graph = Graph("x", nodes, "n0").connect((None, 1))
    assert graph.predict(np.ones((1, 1))).tolist() == [[1.0]]


def test_input_layers_in_graphs_and_repr():
    graph = Graph(["x"], {"i": (Input((3,)), "x"), "y": (Dense(2), "i")}, ["y"], seed=0)
    assert repr(graph) == "Graph(['x'] -> ['i', 'y'] -> ['y'])"
    assert graph.declared_input_shape() is None
    with pytest.raises(NotConnectedError):
        graph.predict(np.ones((2, 3)))
    graph.connect((None, 3))
    assert graph.predict(np.ones((2, 3)))["y"].shape == (2, 2)
    with pytest.raises(ShapeError, match="layer i"):
        Graph(["x"], {"i": (Input((3,)), "x")}, "i").connect((None, 4))


DENSE = {"name": "dense", "config": {"n_out": 2}}


@pytest.mark.parametrize(
    ("inputs", "nodes", "outputs", "message"),
    [
        ([], {"y": (DENSE, "x")}, "y", "at least one input"),
        (7, {"y": (DENSE, "x")}, "y", "inputs must be names"),
        (["x", "x"], {"y": (DENSE, "x")}, "y", "comes twice"),
        ([3], {"y": (DENSE, "x")}, "y", "a name is made of at most 100"),
        (["a b"], {"y": (DENSE, "x")}, "y", "a name is made of at most 100"),
        ({"x": "wide"}, {"y": (DENSE, "x")}, "y", "a sequence of sizes"),
        ({"x": {"size": 3}}, {"y": (DENSE, "x")}, "y", "only shape and integer"),
        ({"x": {"integer": 1}}, {"y": (DENSE, "x")}, "y", "integer must be True or False"),
        ("x", 5, "y", "nodes must be a dict"),
        ("x", {"y": DENSE}, "y", "must be .layer, source."),
        ("x", {"y": (DENSE, "x", 3)}, "y", "must be .layer, source."),
        ("x", {"y": (DENSE, 3)}, "y", "reads names of inputs and nodes"),
        ("x", {"y": (DENSE, [["x"]])}, "y", "reads names of inputs and nodes"),
        ("x", {"y": (DENSE, [])}, "y", "reads nothing"),
        ("x", {"y": (DENSE, "z")}, "y", "which is no input or node"),
        ("x", {"x": (DENSE, "x")}, "x", "names an input and a node"),
        ("x", {"loss": (DENSE, "x")}, "loss", "reserved"),
        ("x", {"training": (DENSE, "x")}, "training", "reserved"),
        ("x", {"a.b": (DENSE, "x")}, "a.b", "a name is made of at most 100"),
        ("x", {"y": (DENSE, "x")}, "z", "is no node"),
        ("x", {"y": (DENSE, "x")}, [], "at least one"),
        ("x", {"y": (DENSE, "x")}, ["y", "y"], "different nodes"),
        ("x", {"y": (DENSE, "x")}, 3, "outputs must be"),
        ("x", {"y": (DENSE, "x"), "z": (DENSE, "x")}, "y", "leads to no output"),
        ("x", {"y": (DENSE, "z"), "z": (DENSE, "y")}, "y", "form a cycle"),
        ("x", {"y": (object(), "x")}, "y", "a layer is a name"),
    ],
)
def test_what_makes_no_graph(inputs, nodes, outputs, message):
    with pytest.raises(ConfigError, match=message):
        Graph(inputs, nodes, outputs)


def test_wrong_inputs(two_headed, data):
    X, _ = data
    graph = two_headed()
    with pytest.raises(DataError, match=r"inputs are \['a', 'b'\], got \['a', 'c'\]"):
        graph.predict({"a": X["a"], "c": X["b"]})
    with pytest.raises(DataError, match="give a dict with the keys"):
        graph.predict(X["a"])
    with pytest.raises(ShapeError, match=r"X\['b'\].*shape \(None, 2\), got \(6, 3\)"):
        graph.predict({"a": X["a"], "b": X["a"]})
    with pytest.raises(ConfigError, match="give a dict of shapes"):
        graph.connect((None, 3))
    with pytest.raises(ConfigError, match="but the inputs are"):
        graph.connect({"a": (None, 3)})
    with pytest.raises(DataError, match="same number of samples"):
        graph.predict({"a": X["a"], "b": X["b"][:3]})


def test_losses_and_outputs_must_match(two_headed):
    graph = two_headed()
    before = graph.compiled
    with pytest.raises(ConfigError, match="got one loss"):
        graph.compile("scce", SGD)
    with pytest.raises(ConfigError, match="one loss for each output"):
        graph.compile({"kind": "scce"}, SGD)
    with pytest.raises(ConfigError, match="no output with a loss"):
        graph.compile({"kind": "scce", "size": "mse", "detail": "bce"}, SGD, loss_weights={"other": 1.0})
    with pytest.raises(ConfigError, match="no output with a loss"):
        graph.compile({"kind": "scce", "size": "mse", "detail": "bce"}, SGD, metrics={"other": ["accuracy"]})
    assert graph.compiled is before
