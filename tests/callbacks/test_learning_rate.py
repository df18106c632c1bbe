"""lr_scheduler and reduce_lr_on_plateau."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npdl_core as npdl
from npdl_core.callbacks import LRScheduler, ReduceLROnPlateau
from npdl_core.errors import ConfigError, DataError, FileFormatError, StateError
from npdl_core.optimizers import SGD
from npdl_core.schedules import Constant


def watching(callback, **optimizer):
    callback.set_model(SimpleNamespace(optimizer=SGD(**optimizer)))
    callback.on_train_begin({})
    return callback


def rates(callback, epochs=4, **optimizer):
    """Return the optimizer's rate during each epoch, and what was logged."""
    watching(callback, **optimizer)
    seen, logged = [], []
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch, {})
        seen.append(callback.model.optimizer.lr)
        logs = {"val_loss": 1.0}
        callback.on_epoch_end(epoch, logs)
        logged.append(logs["lr"])
    return seen, logged


class Halving:
    def __call__(self, epoch):
        return 0.5**epoch


def decayed(base, epoch):
    return base**epoch


def by_default(epoch, lr=None):
    return 1.0 if lr is None else lr / 2


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (lambda epoch: 1 / (1 + epoch), [1, 1 / 2, 1 / 3, 1 / 4]),
        (lambda epoch, lr: lr if epoch < 2 else lr / 10, [0.1, 0.1, 0.01, 0.001]),
        (lambda *arguments: len(arguments), [2, 2, 2, 2]),
        (Halving(), [1, 0.5, 0.25, 0.125]),
        (by_default, [0.05, 0.025, 0.0125, 0.00625]),
        (partial(decayed, 0.5), [1, 0.5, 0.25, 0.125]),
        (math.sqrt, [0, 1, math.sqrt(2), math.sqrt(3)]),
        (Constant(0.3), [0.3] * 4),
        ("constant", [0.001] * 4),
        ({"name": "constant", "config": {"lr": 0.2}}, [0.2] * 4),
        (Constant, [0.001] * 4),
    ],
)
def test_schedules(schedule, due):
    seen, logged = rates(LRScheduler(schedule), lr=0.1)
    np.testing.assert_allclose(seen, due, rtol=1e-14)
    np.testing.assert_allclose(logged, due, rtol=1e-14)


def test_the_rate_handed_to_a_function_is_without_decay():
    # Handing the decayed rate over would apply the decay again in every epoch.
    callback = LRScheduler(lambda epoch, lr: lr)
    watching(callback, lr=0.1, decay=1.0)
    parameter, grad = np.zeros(1), np.ones(1)
    for epoch in range(3):
        callback.on_epoch_begin(epoch, {})
        callback.model.optimizer.update([parameter], [grad])
    assert callback.model.optimizer.lr == 0.1
    logs = {}
    callback.on_epoch_end(2, logs)
    assert logs["lr"] == pytest.approx(0.1 / (1 + 3))


def test_it_takes_the_place_of_the_optimizers_schedule():
    seen, _ = rates(LRScheduler(lambda epoch, lr: lr * 2), 2, lr={"name": "constant", "config": {"lr": 0.1}})
    assert seen == [0.2, 0.4]


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "fast", None])
def test_a_schedule_must_return_a_rate(value):
    callback = watching(LRScheduler(lambda epoch: value), lr=0.1)
    with pytest.raises(ConfigError, match="the schedule's rate"):
        callback.on_epoch_begin(0, {})
    assert callback.model.optimizer.lr == 0.1


def test_a_function_that_takes_nothing_is_refused_when_it_is_called():
    with pytest.raises(TypeError):
        watching(LRScheduler(lambda: 0.1)).on_epoch_begin(0, {})


@pytest.mark.parametrize("callback", [LRScheduler("constant"), ReduceLROnPlateau()], ids=str)
def test_an_optimizer_without_a_rate(callback):
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace()))
    with pytest.raises(StateError, match=r"changes the optimizer's lr, and SimpleNamespace has none"):
        callback.on_train_begin({})


def test_an_optimizer_of_somebody_else():
    callback = LRScheduler(lambda epoch: 0.5)
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(lr=1)))
    callback.on_train_begin({})
    callback.on_epoch_begin(0, {})
    logs = {}
    callback.on_epoch_end(0, logs)
    assert logs == {"lr": 0.5}


def keras_rule(values, lr, *, factor, patience, cooldown, min_delta, min_lr, mode):
    """Return the rate after each epoch, by the rule that Keras documents, written out."""
    best = math.inf if mode == "min" else -math.inf
    wait = rest = 0
    after = []
    for value in values:
        better = value < best - min_delta if mode == "min" else value > best + min_delta
        if rest > 0:
            rest -= 1
            wait = 0
        if better:
            best = value
            wait = 0
        elif rest == 0:
            wait += 1
            if wait >= patience and lr > min_lr:
                lr = max(lr * factor, min_lr)
                rest = cooldown
                wait = 0
        after.append(lr)
    return after


def reduced(values, lr=1.0, **config):
    callback = watching(ReduceLROnPlateau("val_loss", **config), lr=lr)
    after = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"val_loss": value})
        after.append(callback.model.optimizer.lr)
    return after


DEFAULTS = {"factor": 0.5, "patience": 2, "cooldown": 0, "min_delta": 0.0, "min_lr": 0.0, "mode": "min"}


@pytest.mark.parametrize(
    ("values", "config", "due"),
    [
        ([3, 2, 1, 0], {}, [1, 1, 1, 1]),
        ([1, 1, 1, 1, 1], {}, [1, 1, 0.5, 0.5, 0.25]),
        ([1, 2, 0.5, 1, 1], {}, [1, 1, 1, 1, 0.5]),
        ([1, 1, 1], {"patience": 0}, [1, 0.5, 0.25]),
        ([1, 1, 1], {"patience": 1}, [1, 0.5, 0.25]),
        ([1, 1, 1, 1, 1, 1], {"patience": 1, "cooldown": 2}, [1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ([1, 1, 0.5, 1, 1], {"patience": 1, "cooldown": 1}, [1, 0.5, 0.5, 0.25, 0.125]),
        ([1, 0.75, 0.5, 0.25], {"patience": 1, "min_delta": 0.5}, [1, 0.5, 0.25, 0.25]),
        ([1, 0.5], {"patience": 1, "min_delta": 0.5}, [1, 0.5]),
        ([1, 1, 1, 1], {"patience": 1, "min_lr": 0.3}, [1, 0.5, 0.3, 0.3]),
        ([1, 1, 1], {"patience": 1, "min_lr": 2.0}, [1, 1, 1]),
        ([1, 2, 3], {"patience": 1, "mode": "max"}, [1, 1, 1]),
        ([3, 2, 2], {"patience": 1, "mode": "max"}, [1, 0.5, 0.25]),
        ([1, math.nan, math.nan], {}, [1, 1, 0.5]),
        ([math.nan, 1, 1, 1], {}, [1, 1, 1, 0.5]),
    ],
)
def test_when_the_rate_is_lowered(values, config, due):
    assert reduced(values, **DEFAULTS | config) == due
    assert keras_rule(values, 1.0, **DEFAULTS | config) == due


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, math.nan]), max_size=25),
    st.fixed_dictionaries(
        {
            "factor": st.sampled_from([0.5, 0.25]),
            "patience": st.integers(0, 3),
            "cooldown": st.integers(0, 3),
            "min_delta": st.sampled_from([0.0, 0.25, 0.5]),
            "min_lr": st.sampled_from([0.0, 0.1]),
            "mode": st.sampled_from(["min", "max"]),
        }
    ),
)
def test_the_rule_is_keras_rule(values, config):
    assert reduced(values, **config) == keras_rule(values, 1.0, **config)


def test_mode_follows_from_the_name():
    callback = watching(ReduceLROnPlateau("val_accuracy", patience=1), lr=1.0)
    for epoch, value in enumerate([0.1, 0.2, 0.3]):
        callback.on_epoch_end(epoch, {"val_accuracy": value})
    assert callback.model.optimizer.lr == 1.0


def test_the_logged_rate_is_that_of_the_epoch():
    assert rates(ReduceLROnPlateau(patience=1, factor=0.5), 3, lr=1.0)[1] == [1.0, 1.0, 0.5]


def test_a_second_training_starts_afresh():
    callback = watching(ReduceLROnPlateau(patience=2), lr=1.0)
    callback.on_epoch_end(0, {"val_loss": 0.0})
    callback.on_epoch_end(1, {"val_loss": 0.0})
    callback.restart()
    assert callback.state() == {"best": None, "wait": 0, "resting": 0}


def test_it_refuses_to_fight_a_schedule():
    with pytest.raises(StateError, match="a number, not a schedule"):
        watching(ReduceLROnPlateau(), lr="constant")


def test_a_value_that_is_not_measured():
    callback = watching(ReduceLROnPlateau("val_los"), lr=1.0)
    with pytest.raises(DataError, match="'val_los' is not among"):
        callback.on_epoch_end(0, {"loss": 1.0})


@pytest.mark.parametrize(
    "config",
    [
        {"factor": 0.0},
        {"factor": 1.0},
        {"patience": -1},
        {"cooldown": 0.5},
        {"min_delta": -1e-4},
        {"min_lr": -1},
        {"mode": "up"},
        {"monitor": 3},
    ],
)
def test_arguments_out_of_range(config):
    with pytest.raises(ConfigError):
        ReduceLROnPlateau(**config)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"best": 1.0, "wait": 0},
        {"best": "1", "wait": 0, "resting": 0},
        {"best": math.nan, "wait": 0, "resting": 0},
        {"best": 1.0, "wait": -1, "resting": 0},
        {"best": 1.0, "wait": 0, "resting": 0.5},
    ],
)
def test_a_malformed_state_is_refused_and_changes_nothing(state):
    callback = ReduceLROnPlateau()
    callback.load_state({"best": 2.0, "wait": 1, "resting": 3})
    with pytest.raises(FileFormatError, match="malformed state"):
        callback.load_state(state)
    assert callback.state() == {"best": 2.0, "wait": 1, "resting": 3}


# -- within training -----------------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(0, 1, (24, 3)).astype("float32")
Y = np.random.default_rng(1).integers(0, 2, 24)


def trained(callbacks, epochs, *, path=None, **options):
    model = npdl.Model([npdl.layers.Dense(4, n_in=3), npdl.layers.Softmax(2)], seed=3)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.2, "momentum": 0.9}})
    callbacks = callbacks if path is None else [*callbacks, npdl.callbacks.ModelCheckpoint(path)]
    model.fit(X, Y, epochs=epochs, batch_size=8, validation_split=0.25, callbacks=callbacks, **options)
    return model


MAKERS = {
    "epoch": lambda: LRScheduler(lambda epoch: 0.1 * 0.7**epoch),
    "epoch and rate": lambda: LRScheduler(lambda epoch, lr: lr * 0.7),
    "schedule": lambda: LRScheduler({"name": "constant", "config": {"lr": 0.05}}),
    "plateau": lambda: ReduceLROnPlateau(patience=1, cooldown=1, min_delta=10.0),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_resumed_run_is_bit_identical(make, tmp_path):
    whole = trained([make()], 6, path=tmp_path / "whole.safetensors")
    path = tmp_path / "parts.safetensors"
    trained([make()], 3, path=path)
    resumed = trained([make()], 6, path=path, resume=True)
    assert resumed.history.history == whole.history.history
    assert len(whole.history.history["lr"]) == 6
    for name, array in whole.weights().items():
        np.testing.assert_array_equal(resumed.weights()[name], array, err_msg=name)
    assert resumed.optimizer.lr == whole.optimizer.lr


def test_history_has_the_rate_of_each_epoch():
    model = trained([LRScheduler(lambda epoch: 0.1 * 0.5**epoch)], 3)
    assert model.history.history["lr"] == [0.1, 0.05, 0.025]


def test_a_schedule_by_name_is_json_and_a_function_is_not():
    envelope = LRScheduler("constant").to_json()
    assert envelope == {"name": "npdl-core:lr_scheduler", "config": {"schedule": "constant"}}
    assert npdl.registry.get("callbacks", envelope).rate(3, 1.0) == 0.001
    with pytest.raises(npdl.errors.SerializationError):
        LRScheduler(lambda epoch: 0.1).to_json()
