"""Whatever ends training leaves model, optimizer and History as the last finished update left them."""

import copy
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import npdl_core
from npdl_core import Graph, Model
from npdl_core.callbacks import Callback, EarlyStopping, LambdaCallback
from npdl_core.errors import DataError, PluginError
from npdl_core.hooks import hookimpl, register, unregister
from npdl_core.layers import BatchNormal, Dense, Layer, Softmax
from npdl_core.model.interrupts import Interrupts

MOMENTUM = {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}}


class Exploding(Layer):
    """Raises in the chosen call of a method; ``count`` counts training forwards."""

    def __init__(self, method="forward", at=None):
        self.method, self.at, self.count = method, at, 0

    def _maybe(self, method):
        if method == self.method and self.count == self.at:
            raise ZeroDivisionError(f"{method} {self.count}")

    def forward(self, input, train=True):
        self.count += train
        self._maybe("forward" if train else "inference")
        return input

    def backward(self, pre_grad):
        self._maybe("backward")
        return pre_grad


def assert_same(model, expected):
    """Compare everything that updates change: weights, running statistics, the optimizer's state."""
    assert model.weights().keys() == expected.weights().keys()
    for name, array in expected.weights().items():
        assert (model.weights()[name] == array).all(), name
    mine, theirs = model.optimizer.state(), expected.optimizer.state()
    assert mine.keys() == theirs.keys()
    for key in mine.keys() - {"epoch"}:  # which the loop sets when an epoch begins
        assert np.array_equal(mine[key], theirs[key]), key


def training(layer=None):
    """Return a model with running statistics, noise and momentum; six batches are an epoch."""
    layers = [Dense(4, n_in=3), BatchNormal(), "dropout", layer or Exploding(), Softmax(2)]
    return Model(layers, seed=1).compile("scce", MOMENTUM, metrics=["accuracy"])


DATA = {"epochs": 3, "batch_size": 7}


class Stop(Exception):
    """What callbacks raise here."""


class At(Callback):
    """Raises at a moment, the n-th time that it comes."""

    def __init__(self, moment, n=1):
        self.moment, self.left = moment, n

    def _maybe(self, moment):
        if moment == self.moment:
            self.left -= 1
            if not self.left:
                raise Stop(moment)

    def on_train_begin(self, logs):
        self._maybe("on_train_begin")

    def on_epoch_begin(self, epoch, logs):
        self._maybe("on_epoch_begin")

    def on_train_batch_begin(self, batch, logs):
        self._maybe("on_train_batch_begin")

    def on_train_batch_end(self, batch, logs):
        self._maybe("on_train_batch_end")

    def on_epoch_end(self, epoch, logs):
        self._maybe("on_epoch_end")

    def on_epoch_recorded(self, epoch, logs, callbacks):
        self._maybe("on_epoch_recorded")

    def on_train_end(self, logs):
        self._maybe("on_train_end")


def after(classes, updates):
    """Return a model that was trained for so many updates and not further."""
    X, Y = classes
    model = training()
    done = LambdaCallback(
        on_train_batch_end=lambda batch, logs: setattr(
            model, "stop_training", model.optimizer.iterations >= updates
        )
    )
    if updates:
        model.fit(X, Y, callbacks=[done], **DATA)
    return model


@pytest.mark.parametrize("method", ["forward", "backward"])
@pytest.mark.parametrize("at", [1, 4, 8])
def test_a_layer_raises(classes, method, at):
    X, Y = classes
    model = training(Exploding(method, at))
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, **DATA)
    if at == 1:
        assert model.optimizer.iterations == 0
        assert not model.layers[1].running_mean.any()
    else:
        assert_same(model, after(classes, at - 1))
    assert model.history.epoch == list(range((at - 1) // 6))


def test_a_failed_batch_can_be_followed_by_another(classes):
    X, Y = classes
    model = training(Exploding("backward", 2))
    model.train_on_batch(X, Y)
    before = copy.deepcopy(model)
    with pytest.raises(ZeroDivisionError):
        model.train_on_batch(X, Y)
    assert_same(model, before)
    logs = model.train_on_batch(X, Y)
    assert np.isfinite(logs["loss"])


@pytest.mark.parametrize(
    ("moment", "n", "updates", "epochs"),
    [
        ("on_train_begin", 1, 0, 0),
        ("on_epoch_begin", 2, 6, 1),
        ("on_train_batch_begin", 9, 8, 1),
        ("on_train_batch_end", 9, 9, 1),
        ("on_epoch_end", 2, 12, 2),
        ("on_epoch_recorded", 2, 12, 2),
        ("on_train_end", 1, 18, 3),
    ],
)
def test_a_callback_raises(classes, moment, n, updates, epochs):
    X, Y = classes
    model, told = training(), []
    ending = LambdaCallback(on_train_end=lambda logs: told.append("end"))
    with pytest.raises(Stop, match=moment):
        model.fit(X, Y, callbacks=[At(moment, n), ending], **DATA)
    assert told == ["end"]
    assert model.history.epoch == list(range(epochs))
    assert model.optimizer.iterations == updates
    if updates:
        assert_same(model, after(classes, updates))


@pytest.mark.parametrize(
    ("moment", "updates", "epochs"),
    [
        ("npdl_fit_start", 0, 0),
        ("npdl_gradients_ready", 7, 1),
        ("npdl_batch_end", 8, 1),
        ("npdl_epoch_end", 6, 1),
        ("npdl_fit_end", 18, 3),
    ],
)
def test_a_hook_raises(classes, moment, updates, epochs):
    X, Y = classes
    model, calls = training(), []

    class Raising:
        @hookimpl
        def npdl_fit_start(self):
            self.maybe("npdl_fit_start", 1)

        @hookimpl
        def npdl_gradients_ready(self, grads):
            grads[0][...] *= 1  # it may have touched them
            self.maybe("npdl_gradients_ready", 8)

        @hookimpl
        def npdl_batch_end(self):
            self.maybe("npdl_batch_end", 8)

        @hookimpl
        def npdl_epoch_end(self):
            self.maybe("npdl_epoch_end", 1)

        @hookimpl
        def npdl_fit_end(self):
            self.maybe("npdl_fit_end", 1)

        def maybe(self, name, n):
            calls.append(name)
            if name == moment and calls.count(name) == n:
                raise Stop(name)

    plugin = Raising()
    register(plugin, "raising")
    try:
        with pytest.raises(PluginError, match=f"hook plugin 'raising' raised in {moment}: Stop"):
            model.fit(X, Y, **DATA)
    finally:
        unregister("raising")
    assert calls[-1] == "npdl_fit_end"
    assert model.history.epoch == list(range(epochs))
    if updates:
        assert_same(model, after(classes, updates))


def test_hooks_get_the_error(classes):
    X, Y = classes
    errors = []

    class Watching:
        @hookimpl
        def npdl_fit_end(self, error):
            errors.append(error)

    register(Watching(), "watching")
    try:
        training().fit(X, Y, epochs=1)
        with pytest.raises(ZeroDivisionError):
            training(Exploding("forward", 2)).fit(X, Y, **DATA)
    finally:
        unregister("watching")
    assert errors[0] is None
    assert isinstance(errors[1], ZeroDivisionError)


def test_what_is_raised_at_the_end_does_not_hide_the_error(classes):
    X, Y = classes
    with pytest.raises(ZeroDivisionError) as caught:
        training(Exploding("forward", 2)).fit(X, Y, callbacks=[At("on_train_end")], **DATA)
    assert caught.value.__notes__ == ["when training ended, this was raised as well: Stop('on_train_end')"]


def test_callbacks_hear_of_the_error(classes):
    X, Y = classes
    heard = []

    class Hearing(Callback):
        def on_train_error(self, error, logs):
            heard.append(type(error))

        def on_train_end(self, logs):
            heard.append("end")

    with pytest.raises(ZeroDivisionError):
        training(Exploding("forward", 2)).fit(X, Y, callbacks=[Hearing()], **DATA)
    training().fit(X, Y, epochs=1, callbacks=[Hearing()])
    assert heard == [ZeroDivisionError, "end"]


def test_best_weights_are_not_restored_after_an_error(classes):
    X, Y = classes
    stopping = EarlyStopping("loss", restore_best_weights=True, patience=9)
    model = training()
    with pytest.raises(Stop):
        model.fit(X, Y, callbacks=[stopping, At("on_train_batch_end", 9)], **DATA)
    assert_same(model, after(classes, 9))


def test_errors_in_validation(classes):
    X, Y = classes
    model = training(Exploding("inference", 6))
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, validation_data=(X, Y), **DATA)
    assert model.history.epoch == []
    assert model.optimizer.iterations == 6


class TestInterrupts:
    """Ctrl-C is a flag that is read between updates."""

    @pytest.mark.parametrize(
        ("moment", "n", "updates", "epochs"),
        [
            ("on_train_begin", 1, 1, 0),
            ("on_epoch_begin", 2, 7, 1),
            ("on_train_batch_begin", 9, 9, 1),
            ("on_train_batch_end", 9, 9, 1),
            ("on_epoch_end", 2, 12, 2),
            ("on_epoch_recorded", 2, 12, 2),
            ("on_train_end", 1, 18, 3),
        ],
    )
    def test_at_any_moment(self, classes, moment, n, updates, epochs):
        X, Y = classes
        model = training()

        class Pressing(At):
            def _maybe(self, moment):
                try:
                    super()._maybe(moment)
                except Stop:
                    signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, callbacks=[Pressing(moment, n)], **DATA)
        assert model.history.epoch == list(range(epochs))
        assert_same(model, after(classes, updates))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    @pytest.mark.parametrize("method", ["forward", "backward"])
    def test_inside_an_update(self, classes, method):
        class Pressed(Exploding):
            def _maybe(self, method):
                try:
                    super()._maybe(method)
                except ZeroDivisionError:
                    signal.raise_signal(signal.SIGINT)

        X, Y = classes
        model = training(Pressed(method, 4))
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, **DATA)
        assert_same(model, after(classes, 4))

    def test_in_validation_it_is_not_finished(self, classes):
        class Pressed(Exploding):
            inferred = 0

            def forward(self, input, train=True):
                if not train:
                    self.inferred += 1
                    signal.raise_signal(signal.SIGINT)
                return input

        X, Y = classes
        layer = Pressed()
        model = training(layer)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, validation_data=(X, Y), **DATA)
        assert layer.inferred == 1
        assert model.history.epoch == []

    def test_twice_is_at_once(self, classes):
        def press(batch, logs):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the second one did not raise")

        X, Y = classes
        with pytest.raises(KeyboardInterrupt):
            training().fit(X, Y, callbacks=[LambdaCallback(on_train_batch_begin=press)], **DATA)

    def test_in_another_thread_nothing_is_installed(self, classes):
        X, Y = classes
        seen = []

        def train():
            callback = LambdaCallback(
                on_epoch_end=lambda epoch, logs: seen.append(signal.getsignal(signal.SIGINT))
            )
            training().fit(X, Y, epochs=1, callbacks=[callback])

        thread = threading.Thread(target=train)
        thread.start()
        thread.join()
        assert seen == [signal.default_int_handler]

    def test_another_handler_stays(self, classes):
        X, Y = classes
        pressed = []
        previous = signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
        try:
            callback = LambdaCallback(on_epoch_end=lambda epoch, logs: signal.raise_signal(signal.SIGINT))
            training().fit(X, Y, epochs=2, callbacks=[callback])
        finally:
            signal.signal(signal.SIGINT, previous)
        assert pressed == [1, 1]

    def test_an_unread_request_is_raised_on_leaving(self):
        with pytest.raises(KeyboardInterrupt), Interrupts():
            signal.raise_signal(signal.SIGINT)

    def test_from_outside(self, tmp_path):
        code = f"""
            import numpy as np
            from npdl_core import Graph, Model
            from npdl_core.callbacks import LambdaCallback
            from npdl_core.layers import Dense, Softmax
            model = Model([Dense(64, n_in=32), Softmax(4)], seed=0).compile("scce", "sgd")
            X = np.random.default_rng(0).normal(size=(640, 32)).astype("float32")
            Y = np.arange(640) % 4
            done = []
            def note(batch, logs):
                done.append(1)
                if len(done) == 3:
                    print("ready", flush=True)
            try:
                model.fit(X, Y, epochs=100_000, callbacks=[LambdaCallback(on_train_batch_end=note)])
            except KeyboardInterrupt:
                assert model.optimizer.iterations == len(done)
                assert len(model.history.epoch) in (len(done) // 10, (len(done) - 1) // 10)  # the last may be unmeasured
                model.save(r"{tmp_path / "m.safetensors"}")
                print("interrupted", flush=True)
        """
        process = subprocess.Popen(
            [sys.executable, "-c", dedent(code)],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(npdl_core.__file__).parents[1]),
                "OMP_NUM_THREADS": "1",
            },
        )
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert out == "interrupted\n"
        assert process.returncode == 0
        assert npdl_core.load(tmp_path / "m.safetensors").connected


def test_a_batch_without_samples(classes):
    X, Y = classes
    model = training()
    model.train_on_batch(X, Y)
    before = copy.deepcopy(model)
    with pytest.raises(DataError, match="without samples"):
        model.train_on_batch(X[:0], Y[:0])
    with pytest.raises(DataError, match="without samples"):
        model.fit([(X[:0], Y[:0])], epochs=1)
    assert_same(model, before)
    graph = Graph({"x": (3,)}, {"y": (Softmax(2), "x")}, "y", seed=0).compile("scce", MOMENTUM)
    with pytest.raises(DataError, match="without samples"):
        graph.train_on_batch({"x": X[:0]}, Y[:0])


@pytest.mark.parametrize("train", [Model.train_on_batch, Model.fit])
def test_a_shape_that_no_update_was_made_with_is_forgotten(classes, train):
    X, Y = classes
    model = Model([Dense(4, n_in=3), Softmax(2)], seed=1).compile("scce", MOMENTUM)
    model.train_on_batch(X, Y)
    before, outputs = copy.deepcopy(model), model.predict(X)
    with pytest.raises(DataError):
        train(model, X[:, None], Y)  # outputs of a rank more than the loss takes
    assert model.input_shape == (None, 3)
    assert (model.predict(X) == outputs).all()
    assert_same(model, before)
    train(model, X[:, None], Y[:, None])
    assert model.input_shape == (None, None, 3)


def test_a_shape_that_an_update_was_made_with_stays(classes):
    X, Y = classes
    model = Model([Dense(4, n_in=3), Softmax(2)], seed=1).compile("scce", MOMENTUM)
    model.train_on_batch(X, Y)
    with pytest.raises(Stop):
        model.fit(X[:, None], Y[:, None], epochs=1, callbacks=[At("on_train_batch_end")])
    assert model.input_shape == (None, None, 3)
