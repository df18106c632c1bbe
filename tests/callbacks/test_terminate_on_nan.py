"""terminate_on_nan."""

from types import SimpleNamespace

import numpy as np
import pytest

import npdl_core as npdl
from npdl_core.callbacks import TerminateOnNaN


def data(bad_at):
    x = np.ones((12, 2), "float32")
    x[bad_at] = np.nan
    return x, np.ones((12, 1), "float32")


def model():
    built = npdl.Model([npdl.layers.Linear(1, n_in=2)], seed=0)
    return built.compile("mse", {"name": "sgd", "config": {"lr": 0.01}})


def test_training_ends_after_the_batch(capsys):
    callback, updates = TerminateOnNaN(), []
    counter = npdl.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: updates.append(batch))
    history = model().fit(*data(7), epochs=5, batch_size=4, shuffle=False, callbacks=[callback, counter])
    assert updates == [0, 1]
    assert (callback.epoch, callback.batch) == (0, 1)
    assert history.epoch == [0]
    assert capsys.readouterr().out == "epoch 1, batch 2: the loss is nan, training ends\n"


def test_a_later_epoch_is_named(capsys):
    x, y = data([])
    trained, callback = model(), TerminateOnNaN()

    def spoil(epoch, logs):
        if epoch == 2:
            trained.layers[0].W[...] = np.nan

    saboteur = npdl.callbacks.LambdaCallback(on_epoch_begin=spoil)
    trained.fit(x, y, epochs=5, batch_size=4, callbacks=[saboteur, callback])
    assert (callback.epoch, callback.batch) == (2, 0)
    assert capsys.readouterr().out == "epoch 3, batch 1: the loss is nan, training ends\n"


@pytest.mark.parametrize("loss", [np.inf, -np.inf, np.float32("nan")])
def test_infinity_ends_training_too(loss):
    callback = TerminateOnNaN()
    callback.set_model(SimpleNamespace(stop_training=False))
    callback.on_train_batch_end(4, {"loss": loss})
    assert callback.model.stop_training
    assert callback.batch == 4


@pytest.mark.parametrize("loss", [0.0, 1e30, np.float32(2.5)])
def test_finite_losses_pass(loss, capsys):
    callback = TerminateOnNaN()
    callback.on_train_batch_end(0, {"loss": loss})  # there is no model to stop
    assert callback.batch is None
    assert capsys.readouterr().out == ""


def test_a_second_training_starts_afresh(capsys):
    callback = TerminateOnNaN()
    model().fit(*data(0), epochs=1, callbacks=[callback])
    assert callback.batch == 0
    history = model().fit(*data([]), epochs=2, callbacks=[callback])
    assert callback.batch is callback.epoch is None
    assert history.epoch == [0, 1]
    assert "epoch 1" in capsys.readouterr().out
