"""One flat buffer: layout, views, groups, ownership."""

import copy
import pickle

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.errors import BudgetError, OwnershipError
from npdl_core.initializers import Normal
from npdl_core.layers import BatchNormal, Dense, Embedding, Softmax, TiedDense
from npdl_core.parameters import Allocator, ParameterStore, mismatches


def connected(*layers, width=3):
    for layer in layers:
        layer.connect((None, width))
        width = layer.out_shape[-1]
    return layers


def named(*layers):
    return [pair for index, layer in enumerate(layers) for pair in layer.named_parameters(f"{index}.")]


def test_views_in_order_of_declaration():
    layers = connected(Dense(2), BatchNormal(), Dense(4))
    before = [layer.state_arrays() for layer in layers]
    layers[0].dW[...] = 5
    store = ParameterStore(named(*layers))
    flat = store.values[np.dtype("float32")]
    assert store.size == flat.size == 3 * 2 + 2 + 2 + 2 + 2 * 4 + 4
    assert [layer.W.base is flat for layer in (layers[0], layers[2])] == [True, True]
    assert layers[0].dW.base is store.grads[np.dtype("float32")]
    assert (layers[0].dW == 5).all()
    assert not np.shares_memory(layers[1].running_mean, flat)
    for layer, arrays in zip(layers, before, strict=True):
        assert all((layer.state_arrays()[name] == array).all() for name, array in arrays.items())
    order = np.concatenate([p.value.ravel() for p in store.trainable()])
    assert (order == flat).all()


def test_views_survive_whatever_layers_do_with_them():
    (layer,) = connected(Dense(2))
    store = ParameterStore(named(layer))
    layer.W = np.ones((3, 2))
    layer.dW = np.full((3, 2), 2.0)
    layer.b = [7, 8]
    assert store.values[layer.dtype].tolist() == [1] * 6 + [7, 8]
    assert store.grads[layer.dtype].tolist() == [2] * 6 + [0, 0]
    assert layer.W.base is store.values[layer.dtype]
    store.values[layer.dtype][:] = 0
    assert not layer.W.any()
    layer.connect((None, 3))
    assert layer.W.base is store.values[layer.dtype]


def test_training_keeps_them():
    model = Model([Dense(4, n_in=3), Softmax(2)], seed=0).compile("scce", "sgd")
    flat = model.compiled.store.values[model.dtype]
    model.fit(np.ones((8, 3)), np.zeros(8, int), epochs=2)
    model.set_weights({name: array + 1 for name, array in model.weights().items()})
    assert all(array.base is flat for array in model.params)


def test_buffers_and_free_parameters_begin_at_a_cache_line():
    layers = [Dense(width).connect((None, 3)) for width in range(1, 9)]
    assert all(array.ctypes.data % 64 == 0 for layer in layers for array in (layer.W, layer.b))
    stores = [ParameterStore(layer.named_parameters()) for layer in layers]
    assert all(store.values[np.dtype("float32")].ctypes.data % 64 == 0 for store in stores)


def test_a_parameter_that_comes_twice_is_laid_out_once():
    (table,) = connected(Embedding(input_size=5, n_out=3), width=4)
    tied = TiedDense(table).connect((None, 4, 3))
    store = ParameterStore(named(table, tied))
    assert list(store.named) == ["0.W", "1.b"]
    assert store.size == 15 + 5
    assert tied.W is table.W
    assert tied.dW is table.dW


def test_dtypes_have_buffers_of_their_own():
    one, two = Dense(2), Dense(2)
    two.dtype = "float64"
    connected(one, two)
    store = ParameterStore(named(one, two))
    assert {dtype.name: flat.size for dtype, flat in store.values.items()} == {"float32": 8, "float64": 6}
    values, grads, _ = store.groups(by_decay=False)
    assert [array.dtype.name for array in values] == ["float32", "float64"]
    assert [array.dtype.name for array in grads] == ["float32", "float64"]


class TestGroups:
    def test_merged(self):
        layers = connected(Dense(2), Dense(2), Dense(2))
        store = ParameterStore(named(*layers))
        assert [array.size for array in store.groups(by_decay=False)[0]] == [8 + 6 + 6]
        values, grads, decay = store.groups(by_decay=True)
        assert [array.size for array in values] == [6, 2, 4, 2, 4, 2]
        assert decay == [True, False] * 3
        assert all(value.base is store.values[value.dtype] for value in values)
        assert all(grad.base is store.grads[grad.dtype] for grad in grads)

    def test_frozen_ones_are_skipped(self):
        layers = connected(Dense(2), Dense(2).freeze("W"), Dense(2))
        store = ParameterStore(named(*layers))
        assert [array.size for array in store.groups(by_decay=False)[0]] == [8, 2 + 6]
        assert [array.shape for array in store.tensors()[0]] == [(3, 2), (2,), (2,), (2, 2), (2,)]
        layers[0].trainable = False
        assert store.stale
        assert [array.size for array in store.groups(by_decay=False)[0]] == [2 + 6]
        assert not store.stale

    def test_tensors(self):
        (layer,) = connected(Dense(2))
        values, grads, decay = ParameterStore(named(layer)).tensors()
        assert values[0] is layer.W
        assert grads[1] is layer.db
        assert decay == [True, False]

    def test_what_an_optimizer_gets_depends_on_what_it_says(self):
        class Plain:
            pass

        class Flat:
            elementwise = True

        class Light(Flat):
            weight_decay = 0.0

        class Heavy(Flat):
            weight_decay = 0.1

        (layer,) = connected(Dense(2))
        store = ParameterStore(named(layer))
        sizes = [[a.size for a in store.views_for(kind())[0]] for kind in (Plain, Flat, Light, Heavy)]
        assert sizes == [[6, 2], [6, 2], [8], [6, 2]]

    def test_no_parameters_at_all(self):
        store = ParameterStore([])
        assert store.size == 0
        assert store.groups(by_decay=True) == ([], [], [])
        assert store.tensors() == ([], [], [])


class TestOwnership:
    def test_one_store(self):
        (layer,) = connected(Dense(2))
        store = ParameterStore(named(layer))
        W = layer.W
        with pytest.raises(OwnershipError, match=r"0\.W: this layer already belongs to another model"):
            ParameterStore(named(layer))
        assert layer.W is W
        assert W.base is store.values[layer.dtype]

    def test_replacing_the_own_one(self):
        one, two = connected(Dense(2), Dense(2))
        first = ParameterStore(named(one, two))
        kept = two.W.copy()
        second = ParameterStore(named(one), replacing=first)
        assert one.W.base is second.values[one.dtype]
        # What the new store does not hold is free again.
        assert two.W.base is None
        assert (kept == two.W).all()
        assert two.dW.base is None
        ParameterStore(named(two))

    def test_statistics_are_owned_too(self):
        (layer,) = connected(BatchNormal())
        ParameterStore([pair for pair in named(layer) if "running" in pair[0]])
        with pytest.raises(OwnershipError):
            ParameterStore(named(layer))

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))])
    def test_copies_of_layers_are_free_and_apart(self, duplicate):
        (layer,) = connected(Dense(2))
        ParameterStore(named(layer))
        twin = duplicate(layer)
        assert (twin.W == layer.W).all()
        twin.W = np.zeros((3, 2))
        assert layer.W.any()
        assert twin.dW is not layer.dW
        ParameterStore(named(twin))
        twin.dW = np.ones((3, 2))
        assert not layer.dW.any()


class TestAllocator:
    def test_budget(self):
        allocator = Allocator(10)
        allocator.allocate((2, 3), Normal(), np.random.default_rng(0), np.dtype("float32"))
        with pytest.raises(
            BudgetError, match=r"shape \(5,\) needs 5 numbers, and 4 of the allowed 10 are left"
        ):
            allocator.allocate((5,), Normal(), np.random.default_rng(0), np.dtype("float32"))
        assert allocator.remaining == 4
        assert (
            Allocator().allocate((3,), Normal(), np.random.default_rng(0), np.dtype("float64")).dtype
            == "float64"
        )

    def test_sizes_beyond_any_machine_are_counted_not_made(self):
        with pytest.raises(BudgetError, match="needs 1,000,000,000,000,000,000,000,000 numbers"):
            Allocator(10).allocate((10**12, 10**12), Normal(), np.random.default_rng(0), np.dtype("float32"))

    def test_outputs(self):
        Allocator().check_output((None, 10**30))
        Allocator(5, largest_output=100).check_output([(None, 100), (7, None, 10)])
        with pytest.raises(BudgetError, match="101 numbers a sample"):
            Allocator(5, largest_output=100).check_output([(None, 1), (None, 101)])


def test_mismatches():
    expected = {"a": np.zeros(2, "float32"), "b": np.zeros(3, "float32"), "c": np.zeros(1, "float32")}
    assert mismatches(expected, expected) == []
    came = {"a": np.zeros(2), "b": np.zeros(4), "x\x1b": np.zeros(1)}
    assert mismatches(expected, came) == [
        "c is missing", "x\\x1b is unexpected", "b has shape (4,) instead of (3,)",
    ]  # fmt: skip
    assert mismatches({"a": expected["a"]}, {"a": came["a"]}, dtypes=True) == [
        "a is float64 (2,) instead of float32 (2,)"
    ]
