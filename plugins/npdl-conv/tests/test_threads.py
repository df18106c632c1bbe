"""Parts of a batch on Python threads: the same results, and BLAS as it was whatever happens."""

import os
import sys
import threading

import numpy as np
import pytest

from npdl_conv import Convolution, threaded, threads
from npdl_conv.hooks import mostly_convolves, npdl_fit_end, npdl_fit_start
from npdl_core import Model, registry


class Library:
    """Stands for a BLAS with three threads."""

    def __init__(self):
        self.count = 3

    def get_num_threads(self):
        return self.count

    def set_num_threads(self, count):
        self.count = count


@pytest.fixture
def blas(monkeypatch):
    library = Library()
    monkeypatch.setattr(threads, "_blas", lambda: [library])
    monkeypatch.setattr(threads, "_LEAST_WORK", 1)
    return library


def small_network():
    model = Model(seed=0, dtype="float64")
    model.add("convolution", nb_filter=5, filter_size=3, padding=1, activation="tanh", input_shape=(13, 8, 8))
    model.add("max_pooling", pool_size=2)
    model.add("convolution", nb_filter=4, filter_size=3, stride=2)
    model.add("flatten")
    model.add("softmax", n_out=3)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.1}})
    return model


def data(n=7):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 13, 8, 8)), rng.integers(0, 3, n)


def test_parts_make_up_the_batch_in_order_on_threads_of_their_own(blas):
    with threaded():
        found = threads.over_batch(7, 100, lambda part: (part.start, part.stop, threading.get_ident()))
    assert [bounds[:2] for bounds in found] == [(0, 2), (2, 4), (4, 7)]
    assert found[0][2] == threading.get_ident() != found[1][2]


def test_little_work_and_no_scope_mean_one_part(blas):
    with threaded():
        assert len(threads.over_batch(7, 1, lambda part: part)) == 1
        assert len(threads.over_batch(2, 100, lambda part: part)) == 2
        assert threads.over_batch(0, 0, lambda part: part) == [slice(0, 0)]
    assert len(threads.over_batch(7, 100, lambda part: part)) == 1


def test_training_in_parts_is_training(blas):
    x, y = data()
    one, parts = small_network(), small_network()
    for _ in range(3):
        expected = one.train_on_batch(x, y)["loss"]
        with threaded():
            np.testing.assert_allclose(parts.train_on_batch(x, y)["loss"], expected, rtol=1e-12)
    for a, b in zip(one.layers, parts.layers, strict=True):
        for ours, theirs in zip(a.params, b.params, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("name", ["convolution", "transposed_convolution", "depthwise", "max_pooling"])
def test_every_gradient_in_parts(blas, name):
    config = {
        "max_pooling": {"pool_size": 2, "stride": 1},
        "depthwise": {"filter_size": 2, "activation": "tanh"},
    }.get(name, {"nb_filter": 4, "filter_size": 2, "groups": 2, "activation": "softplus"})
    x = np.random.default_rng(0).normal(size=(5, 4, 6, 5))

    def run():
        layer = registry.get("layers", name, **config)
        layer.dtype, layer.rng = "float64", np.random.default_rng(0)
        layer.connect((None, 4, 6, 5))
        y = layer.forward(x)
        dx = layer.backward(np.cos(y))
        return [y.copy(), dx.copy(), *(g.copy() for g in layer.grads)]

    expected = run()
    with threaded():
        found = run()
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_errors_and_error_states_cross_threads(blas):
    def divide(part):
        return np.ones(part.stop - part.start) / 0

    with threaded(), np.errstate(divide="ignore"):
        assert np.isinf(np.concatenate(threads.over_batch(7, 100, divide))).all()
    with threaded(), np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        threads.over_batch(7, 100, lambda part: divide(part) if part.start else None)


def test_blas_gets_its_threads_back_from_the_last_scope(blas):
    with threaded():
        with threaded():
            assert blas.count == 1
        assert blas.count == 1
    assert blas.count == 3
    with pytest.raises(ZeroDivisionError), threaded():
        _ = blas.count / 0
    assert blas.count == 3
    threads.end(object())
    assert blas.count == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_makes_threads_of_its_own(blas):
    with threaded():
        threads.over_batch(7, 100, lambda part: part)
        child = os.fork()
        if child == 0:
            os._exit(len(threads.over_batch(7, 100, lambda part: part)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_fit_opens_the_scope_where_a_model_mostly_convolves(blas):
    model, dense = small_network(), Model([registry.get("layers", "dense", n_out=3)])
    model.connect((None, 13, 8, 8))
    dense.connect((None, 4))
    assert mostly_convolves(model)
    assert not mostly_convolves(dense)
    npdl_fit_start(dense)
    assert blas.count == 3
    npdl_fit_start(model)
    assert blas.count == 1
    npdl_fit_end(dense)
    assert blas.count == 1
    npdl_fit_end(model)
    assert blas.count == 3


def test_fit_and_predict(blas):
    seen = []
    model = small_network()
    x, y = data()
    layer = model.layers[0]
    forward = layer.forward

    def watched(input, train=True):
        seen.append((train, blas.count))
        return forward(input, train)

    layer.forward = watched
    model.predict(x[:1])
    model.fit(x, y, epochs=1, batch_size=7)
    model.predict(x[:1])
    assert [count for train, count in seen if train] == [1]
    assert [count for train, count in seen if not train] == [3, 3]


def test_without_threadpoolctl_nothing_changes(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setattr(threads, "_LEAST_WORK", 1)
    with threaded():
        assert threads.over_batch(7, 100, lambda part: part) == [slice(0, 7)]


def test_after_a_fork_the_threads_are_made_anew(blas):
    with threaded():
        threads.over_batch(7, 100, lambda part: part)
        first = threads._THREADS.executor()
        threads._THREADS.after_fork()
        assert len(threads.over_batch(7, 100, lambda part: part)) == 3
        assert threads._THREADS.executor() is not first
    first.shutdown()


def test_the_real_blas_keeps_its_threads():
    pytest.importorskip("threadpoolctl")
    before = [library.get_num_threads() for library in threads._blas()]
    assert before
    with threaded():
        assert {library.get_num_threads() for library in threads._blas()} == {1}
        Convolution(2, 3).connect((None, 1, 5, 5)).forward(np.zeros((2, 1, 5, 5), "float32"))
    assert [library.get_num_threads() for library in threads._blas()] == before
