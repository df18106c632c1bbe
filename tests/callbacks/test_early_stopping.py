import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core.callbacks import EarlyStopping, LambdaCallback
from npdl_core.errors import ConfigError, DataError, FileFormatError


class Fake:
    """Stands for a model whose weights are the epoch."""

    def __init__(self):
        self.stop_training = False
        self.epoch = np.zeros(1)

    def weights(self):
        return {"epoch": self.epoch}

    def set_weights(self, values):
        self.epoch[...] = values["epoch"]


def run(values, **arguments):
    """Return the callback and the model after epochs with these values."""
    callback = EarlyStopping("value", **arguments)
    model = Fake()
    callback.set_model(model)
    callback.restart()
    callback.on_train_begin({})
    for epoch, value in enumerate(values):
        model.epoch[...] = epoch
        callback.on_epoch_end(epoch, {"value": value})
        if model.stop_training:
            break
    callback.on_train_end({})
    return callback, model


def keras(values, *, min_delta, patience, mode, baseline, start_from_epoch):
    """Return where Keras stops (None: nowhere) and its best epoch, by its documented rule."""
    sign = 1 if mode == "min" else -1
    best, best_epoch, wait = None, None, 0

    def improves(value, reference):
        return sign * value + min_delta < sign * reference

    for epoch, value in enumerate(values):
        if epoch < start_from_epoch:
            continue
        wait += 1
        if best is None or improves(value, best):
            best, best_epoch = value, epoch
            if baseline is None or improves(value, baseline):
                wait = 0
            continue
        if wait >= patience and epoch > 0:
            return epoch, best_epoch
    return None, best_epoch


@given(
    values=st.lists(st.integers(-8, 8).map(lambda n: n / 4), min_size=1, max_size=12),
    min_delta=st.sampled_from([0.0, 0.25, 1.0]),
    patience=st.integers(0, 4),
    mode=st.sampled_from(["min", "max"]),
    baseline=st.sampled_from([None, 0.0, -1.0]),
    start_from_epoch=st.integers(0, 3),
)
def test_keras_rule(values, **arguments):
    stopped, best_epoch = keras(values, **arguments)
    callback, model = run(values, restore_best_weights=True, **arguments)
    assert callback.stopped_epoch == stopped
    assert callback.best_epoch == best_epoch
    assert model.stop_training == (stopped is not None)
    assert model.epoch == (len(values) - 1 if best_epoch is None else best_epoch)


@pytest.mark.parametrize(("patience", "stopped"), [(0, 2), (1, 2), (2, 3), (3, None)])
def test_patience(patience, stopped):
    assert run([3, 2, 2, 2], patience=patience)[0].stopped_epoch == stopped


def test_best_weights_stay_unless_asked_for():
    callback, model = run([1, 2, 3], patience=2)
    assert model.epoch == 2
    assert (callback.best, callback.best_epoch, callback.stopped_epoch) == (1, 0, 2)
    assert run([1, 2, 3], patience=2, restore_best_weights=True)[1].epoch == 0


def test_nan_never_improves():
    callback, _ = run([math.nan, math.nan], patience=1)
    assert callback.best is None
    assert callback.stopped_epoch == 1
    assert run([2.0, math.nan, 1.0], patience=2)[0].best == 1.0
    callback, model = run([math.nan, math.nan], patience=5, restore_best_weights=True)
    assert model.epoch == 1


@pytest.mark.parametrize(
    ("monitor", "more_is_better"),
    [
        ("val_loss", False),
        ("loss", False),
        ("mae", False),
        ("perplexity", False),
        ("val_accuracy", True),
        ("acc", True),
        ("f1", True),
        ("val_auc", True),
        ("r2", True),
        ("kind_top_k", True),
    ],
)
def test_mode_follows_from_the_name(monitor, more_is_better):
    callback = EarlyStopping(monitor)
    assert callback.watch.improved({monitor: 1.0})
    assert callback.watch.improved({monitor: 2.0}) is more_is_better


def test_a_value_that_is_not_measured(make, data):
    model = make()
    with pytest.raises(
        DataError, match=r"'val_loss' is not among .*'loss', 'accuracy'.*; give fit validation data"
    ):
        model.fit(*data, epochs=2, callbacks=["early_stopping"])
    assert model.history.epoch == [0]
    with pytest.raises(DataError, match=r"'typo' is not among the measured values \['loss', 'accuracy'\]$"):
        model.fit(*data, epochs=2, callbacks=[EarlyStopping("typo")])
    logs = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(matrix=[[1]]))
    with pytest.raises(DataError, match="monitor 'matrix' is no number"):
        model.fit(*data, epochs=2, callbacks=[logs, EarlyStopping("matrix")])


@pytest.mark.parametrize(
    "arguments",
    [
        {"monitor": 3},
        {"patience": -1},
        {"patience": 1.5},
        {"patience": True},
        {"min_delta": -1},
        {"min_delta": math.nan},
        {"mode": "up"},
        {"restore_best_weights": 1},
        {"baseline": "low"},
        {"start_from_epoch": -1},
    ],
)
def test_wrong_arguments(arguments):
    with pytest.raises(ConfigError):
        EarlyStopping(**arguments)


def test_in_training(make, data):
    X, Y = data
    model = make()
    stopping = EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    history = model.fit(X, Y, epochs=200, validation_split=0.3, callbacks=[stopping])
    assert len(history.epoch) < 200
    assert stopping.stopped_epoch == history.epoch[-1] == stopping.best_epoch + 2
    losses = history.history["val_loss"]
    assert stopping.best == min(losses) == losses[stopping.best_epoch]
    held_out = X[28:], Y[28:]
    assert model.evaluate(*held_out, batch_size=64)["loss"] == pytest.approx(stopping.best)
    # Another fit starts afresh.
    again = model.fit(X, Y, epochs=3, validation_split=0.3, callbacks=[stopping])
    assert again.epoch[0] == 0
    assert stopping.best in again.history["val_loss"]


class TestState:
    def test_goes_on(self):
        values = [5, 4, 4.5, 3, 3.5, 3.6, 2]
        whole, _ = run(values, patience=3, restore_best_weights=True)
        first, model = run(values[:4], patience=3, restore_best_weights=True)
        second = EarlyStopping("value", patience=3, restore_best_weights=True)
        second.set_model(model)
        second.load_state(first.state())
        for epoch in range(4, len(values)):
            second.on_epoch_end(epoch, {"value": values[epoch]})
        assert (second.best, second.best_epoch, second.wait) == (whole.best, whole.best_epoch, whole.wait)

    @pytest.mark.parametrize(
        "change",
        [
            {"best": "x"},
            {"best": True},
            {"best": math.nan},
            {"wait": -1},
            {"wait": 0.5},
            {"best_epoch": "0"},
            {"stopped_epoch": -2},
            {"wait": None},
            {"best.other": np.zeros(1)},
            {"best.epoch": np.zeros(3)},
        ],
    )
    def test_what_is_refused_changes_nothing(self, change):
        callback, _ = run([3, 2, 4], patience=5, restore_best_weights=True)
        before = callback.state()
        with pytest.raises(FileFormatError):
            callback.load_state({**before, **change})
        assert callback.state() == before
        for key in before:
            if not key.startswith("best."):
                with pytest.raises(FileFormatError):
                    callback.load_state({k: v for k, v in before.items() if k != key})
