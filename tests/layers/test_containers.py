"""Layers one after the other and side by side, against the same layers in a model and in a graph."""

import copy

import numpy as np
import pytest

from npdl_core import Graph, Model
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers import Chain, Dense, Layer, Parallel

SPECS = [
    {"name": "dense", "config": {"n_out": 4, "activation": "relu"}},
    "layer_norm",
    {"name": "softmax", "config": {"n_out": 3}},
]


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


def test_a_model_around_a_chain_is_the_model_of_its_layers():
    losses = []
    for layers in (SPECS, [{"name": "chain", "config": {"layers": SPECS}}]):
        model = Model(seed=3, dtype="float64")
        for layer in layers:
            model.add(layer)
        model.compile("scce", {"name": "sgd", "config": {"lr": 0.3}})
        y = np.random.default_rng(0).integers(0, 3, 8)
        losses.append([model.train_on_batch(draw(8, 5), y)["loss"] for _ in range(5)])
        again = Model.from_json(model.to_json())
        assert again.predict(draw(8, 5)).shape == (8, 3)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)
    assert losses[0][-1] < losses[0][0]


def test_a_mask_goes_through_a_chain_as_through_a_model():
    layers = ["masking", "layer_norm", "mean_over_time"]
    chain = Chain(layers).connect((None, None, 3))
    model = Model(layers, dtype="float64")
    x = draw(2, 5, 3)
    x[0, 3:] = 0
    np.testing.assert_allclose(chain.forward(x, False), model.connect((None, None, 3)).predict(x), rtol=1e-6)
    assert chain.compute_mask(x, None) is None
    shorter = Chain(layers[:2]).connect((None, None, 3))
    assert shorter.compute_mask(x, None).tolist() == [[True] * 3 + [False] * 2, [True] * 5]


def test_parallel_layers_are_the_nodes_of_a_graph():
    branches = [Dense(3), Dense(3, activation="relu")]
    layer = Parallel(branches, merge="add")
    layer.dtype = "float64"
    layer.connect((None, 5))
    one, other = (Dense(3), Dense(3, activation="relu"))
    graph = Graph("x", {"a": (one, "x"), "b": (other, "x"), "y": ("add", ["a", "b"])}, "y", dtype="float64")
    graph.connect((None, 5))
    for source, target in zip(branches, (one, other), strict=True):
        target.W, target.b = source.W, source.b
    x, g = draw(4, 5), draw(4, 3, seed=2)
    np.testing.assert_allclose(layer.forward(x), graph.forward({"x": x}), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(g), graph.backward(g)["x"], rtol=1e-12)
    np.testing.assert_allclose(branches[1].dW, other.dW, rtol=1e-12)


def test_each_its_own_input():
    layer = Parallel([Dense(3), "identity"]).connect([(None, 5), (None, 2)])
    out = layer.forward([draw(4, 5), draw(4, 2)])
    assert [part.shape for part in out] == [(4, 3), (4, 2)]
    assert [part.shape for part in layer.backward(out)] == [(4, 5), (4, 2)]


class Counting(Layer):
    """Carries how often it was called."""

    stateful = True

    def __init__(self):
        self.calls = 0

    def forward(self, input, train=True):
        self.calls += 1
        return input

    def backward(self, pre_grad):
        return pre_grad

    def forget(self, samples=None):
        self.calls = 0


@pytest.mark.parametrize("cls", [Chain, Parallel])
def test_what_is_carried_within_is_forgotten(cls):
    layer = cls([Counting(), "identity"]).connect((None, 2))
    assert layer.stateful
    assert not cls(["identity"]).stateful
    layer.forward(draw(1, 2), False)
    assert layer.members[0].calls == 1
    layer.forget()
    assert layer.members[0].calls == 0


def test_what_makes_no_container():
    for cls in (Chain, Parallel):
        with pytest.raises(ConfigError, match="at least one"):
            cls([])
        with pytest.raises(ConfigError, match="at least one"):
            cls("dense")
        shared = Dense(3)
        with pytest.raises(ConfigError, match="twice"):
            cls([shared, shared])
    with pytest.raises(ConfigError, match="masking first"):
        Chain(["layer_norm", "masking"])
    with pytest.raises(ShapeError, match="3 inputs"):
        Parallel(["identity", "identity"]).connect([(None, 2)] * 3)
    with pytest.raises(ShapeError, match="several outputs"):
        Parallel([Parallel(["identity"])]).connect((None, 2))


@pytest.mark.parametrize("outer", [lambda layer: Chain([layer]), lambda layer: Parallel([layer])])
def test_layers_within_layers_are_copied_in_their_dtype(outer):
    layer = outer(Chain([Dense(3)]))
    layer.dtype = "float64"
    x = draw(2, 5)
    due = np.asarray(layer.connect((None, 5)).forward(x))
    twin = copy.deepcopy(layer)
    assert twin.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(twin.forward(x)), due)


def test_masks_of_branches_are_joined():
    layer = Parallel(["masking", "layer_norm"]).connect((None, None, 3))
    x = draw(1, 3, 3)
    x[0, 2] = 0
    assert layer.compute_mask(x, np.array([[False, True, True]])).tolist() == [[False, True, False]]
    ended = Parallel(["masking", "last_step"]).connect((None, None, 3))
    assert ended.compute_mask(x, np.ones((1, 3), bool)) is None
    both = Chain([Parallel(["masking", "identity"]), "add"]).connect((None, None, 3))
    assert both.compute_mask(x, np.array([[False, True, True]])).tolist() == [[False, True, False]]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("dense", {"n_out": 3}),
        ("activation", {"activation": "relu"}),
        ("dropout", {}),
        ("flatten", {}),
        ("layer_norm", {}),
        ("batch_normal", {}),
        ("embedding", {"input_size": 4, "n_out": 2}),
    ],
)
def test_a_layer_of_one_input_refuses_several(name, config):
    branches = [{"name": "dense", "config": {"n_out": n}} for n in (4, 4)]
    model = Model([{"name": "parallel", "config": {"layers": branches}}, {"name": name, "config": config}])
    with pytest.raises(ShapeError, match=rf"layer 1\.{name} .*one input, got 2 .*'concat'"):
        model.connect((None, 3))
