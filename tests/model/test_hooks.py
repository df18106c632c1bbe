"""Hooks in training: their order, and what they can change."""

import numpy as np
import pytest

from npdl_core import Model, hooks, registry
from npdl_core.callbacks import LambdaCallback
from npdl_core.hooks import hookimpl, register, unregister
from npdl_core.layers import Dense, Softmax


@pytest.fixture
def plugged():
    """Register plugins for one test."""
    names = []

    def plug(plugin):
        names.append(register(plugin, f"plugin{len(names)}"))

    yield plug
    for name in names:
        unregister(name)


def trained(X, Y, epochs=2, **arguments):
    model = Model([Dense(4, n_in=3), Softmax(2)], seed=0)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.1, **arguments}})
    model.fit(X, Y, epochs=epochs, batch_size=20)
    return model


def test_order(classes, plugged):
    events = []

    class Watching:
        @hookimpl
        def npdl_model_compiled(self, model):
            events.append("compiled")

        @hookimpl
        def npdl_fit_start(self, model):
            events.append("start")

        @hookimpl
        def npdl_gradients_ready(self, model, grads):
            assert model.optimizer.iterations == sum(event.startswith("batch") for event in events)
            assert [grad.size for grad in grads] == [12 + 4 + 8 + 2]
            events.append("gradients")

        @hookimpl
        def npdl_batch_end(self, model, step, logs):
            assert logs["loss"] == pytest.approx(logs["loss"])
            events.append(f"batch {step}")

        @hookimpl
        def npdl_epoch_end(self, model, epoch, logs):
            events.append(f"epoch {epoch} {sorted(logs)}")

        @hookimpl
        def npdl_fit_end(self, model, error):
            events.append(f"end {error}")

    plugged(Watching())
    trained(*classes)
    epoch = ["gradients", "batch {}", "gradients", "batch {}", "epoch {} ['loss']"]
    expected = ["compiled", "start"]
    for number in range(2):
        expected += [
            e.format({1: 2 * number + 1, 3: 2 * number + 2}.get(i, number)) for i, e in enumerate(epoch)
        ]
    assert events == [*expected, "end None"]


def test_gradients_may_be_changed_in_place(classes, plugged):
    class Doubling:
        @hookimpl
        def npdl_gradients_ready(self, grads):
            for grad in grads:
                grad *= 2

    twice = trained(*classes, lr=0.2)
    plugged(Doubling())
    hooked = trained(*classes, lr=0.1)
    for name, array in twice.weights().items():
        assert np.allclose(hooked.weights()[name], array, atol=1e-6)


def test_they_come_before_the_optimizers_clipping(classes, plugged):
    class Growing:
        @hookimpl
        def npdl_gradients_ready(self, grads):
            for grad in grads:
                grad *= 1e6

    plugged(Growing())
    model = trained(*classes, epochs=1, clip_norm=0.5, lr=1.0)
    before = model.layers[0].W.copy()
    model.train_on_batch(*classes)
    assert np.linalg.norm(model.layers[0].W - before) < 0.51


def test_an_epoch_may_be_stopped_and_its_logs_extended(classes, plugged):
    class Stopping:
        @hookimpl
        def npdl_epoch_end(self, model, epoch, logs):
            logs["extra"] = epoch
            model.stop_training = True

    plugged(Stopping())
    model = trained(*classes, epochs=5)
    assert model.history.epoch == [0]
    assert model.history.history["extra"] == [0]


@pytest.fixture
def alone(monkeypatch):
    """Let no installed plugin be in use."""
    monkeypatch.setenv("NPDL_PLUGINS", "npdl-core")
    registry.refresh()
    yield
    monkeypatch.undo()
    registry.refresh()


@pytest.mark.usefixtures("alone")
def test_nothing_is_called_without_plugins(classes, monkeypatch):
    calls = []
    monkeypatch.setattr(hooks, "call", lambda name, **arguments: calls.append(name))
    trained(*classes)
    assert calls == []


def test_a_plugin_that_comes_during_training_is_seen(classes, plugged):
    X, Y = classes
    steps = []

    class Late:
        @hookimpl
        def npdl_gradients_ready(self, grads):
            steps.append(1)

    def plug(epoch, logs):
        if epoch == 0:
            plugged(Late())

    model = Model([Softmax(2)], seed=0).compile("scce", "sgd")
    model.fit(X, Y, epochs=3, batch_size=40, callbacks=[LambdaCallback(on_epoch_end=plug)])
    assert len(steps) == 2
