"""What training must leave alone."""

import copy

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.errors import ConfigError, StateError
from npdl_core.layers import BatchNormal, Dense, Embedding, Residual, Softmax, TiedDense

PLAIN = {"name": "sgd", "config": {"lr": 0.1}}
MOMENTUM = {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}}


def changed(model, X, Y):
    """Train once and return the names of the weights that changed."""
    before = {name: array.copy() for name, array in model.weights().items()}
    model.train_on_batch(X, Y)
    return [name for name, array in model.weights().items() if (before[name] != array).any()]


@pytest.fixture
def data(rng):
    return rng.normal(size=(6, 3)), rng.integers(0, 2, 6)


def test_a_layer(data):
    layer = Dense(4, n_in=3)
    layer.trainable = False
    model = Model([layer, Softmax(2)], seed=0).compile("scce", MOMENTUM)
    assert changed(model, *data) == ["1.softmax.W", "1.softmax.b"]
    assert [array.shape for array in model.params] == [(4, 2), (2,)]
    assert len(model.params) == len(model.grads)
    assert [array.shape for array in layer.buffers] == [(3, 4), (4,)]
    assert layer.params == layer.grads == layer.param_grads == []


def test_a_parameter(data):
    model = Model([Dense(4, n_in=3).freeze("b"), Softmax(2).freeze("W")], seed=0).compile("scce", MOMENTUM)
    assert changed(model, *data) == ["0.dense.W", "1.softmax.b"]


def test_children(data):
    wrapper = Residual(Dense(3)).freeze()
    model = Model([wrapper, Softmax(2)], seed=0).compile("scce", MOMENTUM)
    model.connect((None, 3))
    assert changed(model, *data) == ["1.softmax.W", "1.softmax.b"]
    inner = Residual(Dense(3))
    inner.layer.freeze("W")
    model = Model([inner, Softmax(2)], seed=0).compile("scce", MOMENTUM).connect((None, 3))
    assert "0.residual.layer.W" not in changed(model, *data)


def test_running_statistics_are_no_matter_of_optimizers(data):
    model = Model([Dense(4, n_in=3), BatchNormal(), Softmax(2)], seed=0).compile("scce", PLAIN)
    assert "1.batch_normal.running_mean" in changed(model, *data)
    assert all(array.shape != () for array in model.params)
    assert len(model.layers[1].buffers) == 2


def test_after_compile_it_takes_effect_at_once(data):
    model = Model([Dense(4, n_in=3), Softmax(2)], seed=0).compile("scce", PLAIN)
    assert len(changed(model, *data)) == 4
    model.layers[0].freeze()
    assert changed(model, *data) == ["1.softmax.W", "1.softmax.b"]
    model.layers[0].unfreeze()
    assert len(changed(model, *data)) == 4
    model.layers[0].freeze("b")
    assert "0.dense.b" not in changed(model, *data)
    model.layers[0].unfreeze("b")
    assert len(changed(model, *data)) == 4


def test_with_state_for_other_arrays_it_is_an_error(data):
    model = Model([Dense(4, n_in=3), Softmax(2)], seed=0).compile("scce", MOMENTUM)
    model.layers[0].trainable = False  # no state yet: fine
    model.train_on_batch(*data)
    before = {name: array.copy() for name, array in model.weights().items()}
    model.layers[0].trainable = True
    for _ in range(2):
        with pytest.raises(StateError, match=r"compile the model again.*model.optimizer.reset"):
            model.train_on_batch(*data)
    assert all((before[name] == array).all() for name, array in model.weights().items())
    model.layers[0].trainable = False
    model.train_on_batch(*data)  # as it was
    model.layers[0].trainable = True
    model.optimizer.reset()
    assert len(changed(model, *data)) == 4
    model.layers[1].trainable = False
    model.compile("scce", MOMENTUM)
    assert changed(model, *data) == ["0.dense.W", "0.dense.b"]


def test_within_fit(data):
    X, Y = data
    seen = []

    def thaw(epoch, logs):
        seen.append(model.layers[0].W.copy())
        if epoch == 1:
            model.layers[0].unfreeze()

    model = Model([Dense(4, n_in=3).freeze(), Softmax(2)], seed=0).compile("scce", PLAIN)
    model.fit(X, Y, epochs=3, callbacks=[{"name": "lambda", "config": {"on_epoch_end": thaw}}])
    assert (seen[0] == seen[1]).all()
    assert (seen[1] != seen[2]).any()


def test_names_are_checked():
    layer = Dense(2).freeze("W", "typo")
    with pytest.raises(ConfigError, match=r"layer 0\.dense.*cannot freeze 'typo'; its parameters are: W, b"):
        Model([layer]).connect((None, 2))
    layer = Dense(2, n_in=2)
    layer.connect_to()
    with pytest.raises(ConfigError, match="cannot freeze 'typo'"):
        layer.freeze("typo")
    assert layer.frozen_names == []
    with pytest.raises(ConfigError, match="trainable must be True or False"):
        layer.trainable = "no"
    bare = Residual("identity").freeze("x")
    with pytest.raises(ConfigError, match="its parameters are: none"):
        Model([bare]).connect((None, 2))


def test_a_shared_parameter_is_frozen_where_it_belongs():
    table = Embedding(input_size=5, n_out=3)
    model = Model([table, TiedDense(table, activation="softmax")], seed=0).connect((None, 2))
    with pytest.raises(ConfigError, match="W is shared; freeze it where it belongs: Embedding"):
        model.layers[1].freeze("W")
    table.freeze("W")
    model.compile("scce", PLAIN)
    ids = np.array([[1, 2]])
    assert changed(model, ids, ids) == ["1.tied_dense.b"]


def test_copies_clones_and_files_keep_it(tmp_path, data):
    wrapper = Residual(Dense(3))
    wrapper.freeze()
    wrapper.layer.trainable = True
    wrapper.layer.freeze("b")
    model = Model([Dense(3, n_in=3).freeze("b"), wrapper, Dense(3).freeze(), Softmax(2)], seed=0)
    model.compile("scce", PLAIN)
    expected = changed(model, *data)
    assert expected == ["0.dense.W", "1.residual.layer.W", "3.softmax.W", "3.softmax.b"]
    model.save(tmp_path / "m")
    for again in (
        copy.deepcopy(model),
        model.clone().compile("scce", PLAIN),
        Model.from_json(model.to_json()),
        Model.load(tmp_path / "m"),
    ):
        assert changed(again, *data) == expected
    assert Model.load(tmp_path / "m").to_json() == model.to_json()


def test_groups_merge_neighbours():
    layers = [Dense(2, n_in=2), Dense(2), Dense(2).freeze("b"), Dense(2)]
    model = Model(layers, seed=0).compile("mse", PLAIN)
    values, grads, decay = model.compiled.views()
    # W b W b W | b | W b: one slice to the frozen bias and one after it.
    assert [array.size for array in values] == [6 + 6 + 4, 6]
    assert [array.size for array in grads] == [16, 6]
    assert decay == [True, True]
    model.compile("mse", {"name": "sgd", "config": {"weight_decay": 0.1}})
    values, _, decay = model.compiled.views()
    assert [array.size for array in values] == [4, 2, 4, 2, 4, 4, 2]
    assert decay == [True, False, True, False, True, True, False]
