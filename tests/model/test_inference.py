"""Predicting and evaluating: nothing changes, threads may share, and the caller's arrays stay his."""

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from npdl_core import Graph, Model
from npdl_core.errors import ConfigError, DataError, NotConnectedError, ShapeError, StateError
from npdl_core.layers import (
    BatchNormal,
    Concat,
    Dense,
    Dropout,
    Embedding,
    Layer,
    Regularization,
    Residual,
    Softmax,
    TiedDense,
)
from npdl_core.testing.snapshot import snapshot

SGD = {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}}


def chain():
    shared = Dense(6)
    layers = [
        Dense(6, n_in=5), BatchNormal(), Dropout(0.4), shared, Residual(Dense(6)), shared,
        Regularization(Dense(7), l2=0.1), Softmax(3),
    ]  # fmt: skip
    model = Model(layers, seed=0).compile("scce", SGD, metrics=["accuracy"])
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(64, 5)).astype("float32"), rng.integers(0, 3, 64)
    model.fit(X, Y, epochs=2)
    return model, X, Y, None


def words():
    table = Embedding(input_size=9, n_out=4, mask_zero=True)
    model = Model([table, Dense(4), "dropout", TiedDense(table, activation="softmax")], seed=0)
    model.compile("scce", SGD, metrics=["accuracy"])
    ids = np.random.default_rng(0).integers(0, 9, (32, 6))
    mask = np.random.default_rng(1).random((32, 6)) > 0.3
    model.fit(ids, ids, epochs=2, mask=mask)
    return model, ids, ids, mask


def graph():
    encoder = Dense(4)
    network = Graph(
        {"a": (3,), "b": (3,)},
        {"p": (encoder, "a"), "q": (encoder, "b"), "r": (Concat(), ["p", "q"]), "y": (Softmax(2), "r")},
        "y",
        seed=0,
    ).compile("scce", SGD, metrics=["accuracy"])
    rng = np.random.default_rng(0)
    X = {name: rng.normal(size=(32, 3)).astype("float32") for name in "ab"}
    Y = rng.integers(0, 2, 32)
    network.fit(X, Y, epochs=2)
    return network, X, Y, None


@pytest.fixture(params=[chain, words, graph], ids=lambda make: make.__name__)
def trained(request):
    return request.param()


def everything(network):
    """Return a picture of all attributes of all layers, with the contents of arrays."""
    return [snapshot(part) for layer in network.distinct_layers() for part in layer.descendants()] + [
        network.layer_rng.bit_generator.state,
        network.shuffle_rng.bit_generator.state,
    ]


def test_eight_threads_predict_what_one_does(trained):
    network, X, Y, mask = trained
    sizes = [7, 32, None, 5, 7, 64, 32, 1]
    alone = [network.predict(X, batch_size=size, mask=mask) for size in sizes]
    measured = network.evaluate(X, Y, mask=mask)
    before, barrier = everything(network), Barrier(8)

    def work(size):
        barrier.wait()
        outputs = [network.predict(X, batch_size=size, mask=mask) for _ in range(12)]
        return outputs, [network.evaluate(X, Y, mask=mask) for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, sizes))
    for expected, (outputs, results) in zip(alone, found, strict=True):
        assert all(output.tobytes() == expected.tobytes() for output in outputs)
        assert all(result == measured for result in results)
    assert everything(network) == before


def test_a_batch_at_once_is_what_predict_returns(trained):
    network, X, _, mask = trained
    before = everything(network)
    batches = [network.predict_on_batch(X, mask=mask), network.predict(X, mask=mask)]
    parts = [
        network.predict_on_batch(
            {name: array[n : n + 1] for name, array in X.items()} if isinstance(X, dict) else X[n : n + 1],
            mask=None if mask is None else mask[n : n + 1],
        )
        for n in range(3)
    ]
    np.testing.assert_array_equal(*batches)
    np.testing.assert_allclose(np.concatenate(parts), batches[0][:3], rtol=1e-5, atol=1e-6)
    assert everything(network) == before


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((1, 4)), ShapeError, r"shape \(None, 5\), got \(1, 4\)"),
        (np.zeros(5), ShapeError, r"got \(5,\)"),
        (["one"], DataError, "expected numbers"),
        (3.0, DataError, "a single number"),
        (np.ma.zeros((1, 5)), DataError, "masked arrays"),
        ({"x": np.zeros((1, 5))}, DataError, "as an array"),
    ],
)
def test_a_batch_at_once_is_checked_as_any_other(x, error, words):
    model, *_ = chain()
    with pytest.raises(error, match=words):
        model.predict_on_batch(x)


def test_a_batch_at_once_needs_a_connected_model_and_a_mask_that_fits():
    with pytest.raises(NotConnectedError, match="no parameters yet"):
        Model([Dense(2)]).predict_on_batch(np.zeros((1, 3)))
    model, ids, _, mask = words()
    with pytest.raises(DataError, match="mask has 32"):
        model.predict_on_batch(ids[:1], mask=mask)


class Passing(Layer):
    """Returns what it was given, a view of it, or what it is a view of."""

    def __init__(self, how):
        self.how = how

    def forward(self, input, train=True):
        return {"same": input, "view": input[:], "base": input.base}[self.how]

    def backward(self, pre_grad):
        return pre_grad


@pytest.mark.parametrize("how", ["same", "view", "base"])
def test_outputs_are_never_the_callers_memory(how):
    whole = np.ones((4, 3), "float32")
    x = whole[:4]
    model = Model([Passing(how)])
    model.connect((None, 3))
    for outputs in (model.predict(x), model.predict_on_batch(x)):
        outputs[...] = 7
    assert whole.max() == 1


def test_inference_between_forward_and_backward_of_a_training_step(trained):
    network, X, Y, mask = trained
    network.compile("scce", SGD)
    quiet, disturbed = copy.deepcopy(network), copy.deepcopy(network)
    for model in (quiet, disturbed):
        compiled = model.compiled
        outputs = model.forward(X, True, mask=mask)
        if model is disturbed:
            model.predict(X, batch_size=5, mask=mask)
        weights = {} if mask is None else {"mask": mask}
        grad = compiled.meter().learn(outputs, Y, weights.get("mask"), None, 0.0, compiled.fused)
        model.backward(grad, compiled.fused)
    assert all((a == b).all() for a, b in zip(quiet.grads, disturbed.grads, strict=True))


class Carrying(Layer):
    """Adds up what it sees, also in inference."""

    stateful = True

    def __init__(self):
        self.total = 0.0
        self.meanwhile = None

    def forward(self, input, train=True):
        if self.meanwhile is not None:
            self.meanwhile()
        self.total += float(input.sum())
        return input + self.total

    def backward(self, pre_grad):
        return pre_grad


def test_carried_state_refuses_company():
    layer = Carrying()
    model = Model([Residual(layer)]).connect((None, 1))
    assert model.predict(np.ones((1, 1))).tolist() == [[3.0]]
    with ThreadPoolExecutor(1) as pool:
        layer.meanwhile = lambda: pool.submit(model.predict, np.ones((1, 1))).result()
        with pytest.raises(StateError, match=r"two threads cannot use it at once.*copy.deepcopy\(model\)"):
            model.predict(np.ones((1, 1)))
    layer.meanwhile = None
    model.predict(np.ones((1, 1)))  # the lock was given back


def test_a_layer_may_come_to_carry_state():
    class Switched(Carrying):
        on = False

        @property
        def stateful(self):
            return self.on

    layer = Switched()
    model = Model([layer]).connect((None, 1))
    with ThreadPoolExecutor(1) as pool:
        layer.meanwhile = lambda: (
            setattr(layer, "meanwhile", None) or pool.submit(model.predict, np.ones((1, 1))).result()
        )
        model.predict(np.ones((1, 1)))
        layer.on = True
        layer.meanwhile = lambda: pool.submit(model.predict, np.ones((1, 1))).result()
        with pytest.raises(StateError):
            model.predict(np.ones((1, 1)))


class TestPredict:
    @pytest.fixture
    def model(self):
        return Model([Dense(4, activation="tanh"), Dense(2)], seed=0).connect((None, 3))

    def test_pieces(self, model, rng):
        X = rng.normal(size=(11, 3))
        whole = model.predict(X, batch_size=None)
        assert whole.dtype == np.float32
        for size in (1, 4, 11, 100):
            assert np.allclose(model.predict(X, batch_size=size), whole, atol=1e-6)
        assert model.predict(X[:0]).shape == (0, 2)
        assert model.predict(X.tolist()).shape == (11, 2)
        with pytest.raises(ConfigError, match="batch_size"):
            model.predict(X, batch_size=0)

    def test_large_data_goes_in_pieces_by_default(self):
        sizes = []

        class Noting(Layer):
            def forward(self, input, train=True):
                sizes.append(len(input))
                return input * 1

            def backward(self, pre_grad):
                return pre_grad

        Model([Noting()]).connect((None, 1)).predict(np.zeros((600, 1)))
        assert sizes == [256, 256, 88]

    def test_outputs_are_new(self, rng):
        X = rng.normal(size=(4, 3)).astype("float32")
        for layers in (
            ["identity"],
            ["flatten"],
            [Dropout(0.5)],
            [{"name": "reshape", "config": {"shape": (3, 1)}}],
        ):
            out = Model(layers).connect((None, 3)).predict(X)
            assert not np.shares_memory(out, X)
        graph = Graph("x", {"a": ("identity", "x"), "b": ("identity", "a")}, ["a", "b"]).connect((None, 3))
        assert not any(np.shares_memory(out, X) for out in graph.predict(X).values())

    def test_wrong_shapes(self, model):
        for shape in [(4, 5), (4,), (4, 2, 3), (3,)]:
            with pytest.raises(
                ShapeError, match=r"X: this model is connected to inputs of shape \(None, 3\)"
            ):
                model.predict(np.ones(shape))
        with pytest.raises(DataError):
            model.predict(np.array(["a"]))

    def test_noise_and_batch_statistics_are_for_training(self, rng):
        X = rng.normal(size=(8, 3)) + 5
        model = Model([Dropout(0.5), BatchNormal(), Dense(2)], seed=0).connect((None, 3))
        assert (model.predict(X) == model.predict(X)).all()
        assert np.allclose(
            model.predict(X), np.concatenate([model.predict(X[k : k + 1]) for k in range(8)]), atol=1e-6
        )
        first = model.forward(X).copy()
        assert (model.forward(X) != first).any()


class TestEvaluate:
    def test_metrics_are_exact_over_the_data(self, rng):
        X, Y = rng.normal(size=(23, 3)), rng.integers(0, 2, 23)
        model = (
            Model([Softmax(2)], seed=0).compile("scce", SGD, metrics=["accuracy", "f1"]).connect((None, 3))
        )
        whole = model.evaluate(X, Y, batch_size=23)
        for size in (1, 5, 22):
            assert model.evaluate(X, Y, batch_size=size) == {k: pytest.approx(v) for k, v in whole.items()}
        assert whole["accuracy"] == np.mean(model.predict(X).argmax(-1) == Y)

    def test_costs_of_layers_are_for_training(self, rng):
        X, Y = rng.normal(size=(4, 3)), np.zeros(4, int)
        layer = Regularization(Softmax(2), l2=1.0)
        model = Model([layer], seed=0).compile("scce", SGD).connect((None, 3))
        plain, cost = model.evaluate(X, Y)["loss"], layer.cost()
        assert cost > 0.1
        assert model.train_on_batch(X, Y)["loss"] == pytest.approx(plain + cost)

    def test_no_data_is_nan(self):
        model = Model([Softmax(2)], seed=0).compile("scce", SGD, metrics=["accuracy"]).connect((None, 3))
        result = model.evaluate(np.ones((0, 3)), np.ones(0, int))
        assert np.isnan(list(result.values())).all()

    def test_running_evaluations_do_not_mix(self, rng):
        X, Y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
        model = Model([Softmax(2)], seed=0).compile("scce", SGD, metrics=["accuracy"]).connect((None, 3))
        expected = model.evaluate(X, Y)
        meter = model.compiled.meter()
        meter.measure(model.predict(X), 1 - Y, None, None)
        assert model.evaluate(X, Y) == expected
        assert meter.results()["accuracy"] == pytest.approx(1 - expected["accuracy"])


class TestCallersArrays:
    """Whatever their form, they are read and never written."""

    @staticmethod
    def forms(X, tmp_path):
        strided = np.zeros((2 * len(X), 2 * X.shape[1]), X.dtype)[::-2, ::2]
        strided[...] = X
        read_only = X.copy()
        read_only.flags.writeable = False
        mapped = np.memmap(tmp_path / "x", dtype=X.dtype, mode="w+", shape=X.shape)
        mapped[...] = X
        integers = np.round(X * 3).astype(int)
        return {
            "plain": X.copy(), "strided": strided, "read only": read_only, "fortran": np.asfortranarray(X),
            "float64": X.astype("float64"), "float16": X.astype("float16"), "integers": integers,
            "bytes": (X > 0).astype("uint8"), "booleans": X > 0, "mapped": mapped,
            "big endian": X.astype(">f4"), "list": X.tolist(),
        }  # fmt: skip

    @pytest.mark.parametrize(
        "form",
        [
            "plain", "strided", "read only", "fortran", "float64", "float16", "integers", "bytes",
            "booleans", "mapped", "big endian", "list",
        ],
    )  # fmt: skip
    def test_forms(self, form, tmp_path, rng):
        X = rng.normal(size=(30, 4)).astype("float32")
        given = self.forms(X, tmp_path)[form]
        Y = np.arange(30) % 3
        weight = np.linspace(0, 1, 30)
        Y.flags.writeable = weight.flags.writeable = False
        kept = copy.deepcopy(given)
        layers = [Dropout(0.3), BatchNormal(), "identity", Dense(4), Residual(Dense(4)), Softmax(3)]
        model = Model(layers, seed=0).compile("scce", SGD, metrics=["accuracy"])
        model.fit(given, Y, epochs=2, batch_size=8, validation_split=0.2, sample_weight=weight)
        model.train_on_batch(given, Y, sample_weight=weight)
        model.evaluate(given, Y)
        outputs = model.predict(given)
        assert np.array_equal(given, kept)
        same = Model.from_json(model.to_json())
        same.set_weights(model.weights())
        assert np.allclose(same.predict(np.array(kept, dtype="float32")), outputs, atol=1e-6)

    def test_shuffling_does_not_touch_them(self, rng):
        X, Y = rng.normal(size=(20, 2)).astype("float32"), rng.integers(0, 2, 20)
        kept = X.copy(), Y.copy()
        global_state = np.random.get_state()[1].copy()  # noqa: NPY002
        Model([Softmax(2)], seed=0).compile("scce", SGD).fit(X, Y, epochs=3)
        assert (kept[0] == X).all()
        assert (kept[1] == Y).all()
        assert (np.random.get_state()[1] == global_state).all()  # noqa: NPY002


class TestRepeatability:
    @pytest.mark.parametrize("make", [chain, words, graph])
    def test_one_seed_one_run(self, make):
        (a, X, _, mask), (b, *_) = make(), make()
        assert a.history.history == b.history.history
        assert all((b.weights()[name] == array).all() for name, array in a.weights().items())
        assert (a.predict(X, mask=mask) == b.predict(X, mask=mask)).all()

    def test_other_seeds_differ_in_weights_noise_and_order(self, classes):
        X, Y = classes

        def run(seed):
            model = Model([Dropout(0.5), Dense(3), Softmax(2)], seed=seed).compile("scce", SGD)
            return model.fit(X, Y, epochs=2).history["loss"]

        assert run(1) == run(1)
        assert run(1) != run(2)
        assert run(None) != run(None)

    def test_default_seeds_follow_the_default_generator(self, classes):
        from npdl_core.utils import set_seed

        X, Y = classes

        def run():
            set_seed(5)
            return Model([Dense(3), Softmax(2)]).compile("scce", SGD).fit(X, Y, epochs=2).history

        assert run() == run()


def test_a_last_layer_of_several_outputs():
    branches = ["identity", {"name": "dense", "config": {"n_out": 2}}]
    model = Model([{"name": "parallel", "config": {"layers": branches}}], seed=0).connect((None, 3))
    x = np.arange(15, dtype="float32").reshape(5, 3)
    for batch_size in (None, 2):
        same, dense = model.predict(x, batch_size=batch_size)
        assert (same == x).all()
        assert not np.may_share_memory(same, x)
        assert dense.shape == (5, 2)
