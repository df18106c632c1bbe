"""Ctrl-C at any instruction of ``fit``: model, optimizer and History are those of the last finished update."""

import signal
import sys
import threading

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.callbacks import LambdaCallback
from npdl_core.layers import BatchNormal, Dense, Softmax

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3)).astype("float32")
Y = rng.integers(0, 2, 20)
BATCHES = 3  # an epoch


def made():
    layers = [Dense(3, n_in=3), BatchNormal(), "dropout", Softmax(2)]
    model = Model(layers, seed=1).compile(
        "scce", {"name": "sgd", "config": {"momentum": 0.9}}, metrics=["accuracy"]
    )
    return model.connect((None, 3))


def fit(model, callbacks=()):
    return model.fit(X, Y, epochs=3, batch_size=7, callbacks=callbacks, validation_data=(X, Y))


def state(model):
    """Return all that an update changes; ``epoch`` is set when an epoch begins."""
    optimizer = {key: value for key, value in model.optimizer.state().items() if key != "epoch"}
    return [array.tobytes() for array in model.weights().values()], str(optimizer)


@pytest.fixture(scope="module")
def states():
    """Return the state after each number of updates, and the whole History."""
    model = made()
    found = [state(model)]
    history = fit(model, [LambdaCallback(on_train_batch_end=lambda batch, logs: found.append(state(model)))])
    return found, history.history


class Press:
    """Traces the main thread and presses Ctrl-C at the n-th instruction of npdl_core."""

    def __init__(self, n):
        self.left = self.n = n
        self.where = None

    def __call__(self, frame, event, argument):
        if not frame.f_globals.get("__name__", "").startswith("npdl_core"):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "opcode":
            self.left -= 1
            if not self.left:
                self.where = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self


def instructions():
    """Return how many instructions of npdl_core a fit has."""
    count = Press(-1)
    traced(made(), count)
    return -1 - count.left


def traced(model, press):
    before = sys.gettrace()
    sys.settrace(press)
    try:
        fit(model)
    finally:
        sys.settrace(before)


def interrupt(times, states, record_property):
    expected, history = states
    total, places = instructions(), set()
    generator = np.random.default_rng(times)
    for n in generator.integers(1, total, times).tolist():
        model, press = made(), Press(n)
        with pytest.raises(KeyboardInterrupt):
            traced(model, press)
        done, epochs = model.optimizer.iterations, model.history.epoch
        assert state(model) == expected[done], press.where
        assert epochs == list(range(len(epochs)))
        # An epoch whose updates are done but which was not measured to its end is not in the History.
        assert len(epochs) in (done // BATCHES, (done - 1) // BATCHES), press.where
        assert all(values == history[key][: len(epochs)] for key, values in model.history.history.items())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, press.where
        assert np.isfinite(model.train_on_batch(X, Y)["loss"]), press.where
        places.add(press.where)
    counts = {"interrupts": times, "at different lines": len(places), "consistent": times}
    record_property("fault", (f"Ctrl-C at one of {total:,} instructions of fit", counts))
    return places


needs = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread only"
)


@needs
def test_some_instructions(states, record_property):
    assert len(interrupt(25, states, record_property)) > 15


@needs
@pytest.mark.proof
def test_many_instructions(states, record_property, size):
    interrupt(size("interrupts", 1000), states, record_property)
