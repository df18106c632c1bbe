"""tensorboard: the event files, read back."""

import builtins
from pathlib import Path

import numpy as np
import pytest

import npdl_core as npdl
from npdl_core.callbacks import TensorBoard
from npdl_core.errors import ConfigError, MissingDependencyError

pytest.importorskip("tensorboardX")


def events(folder):
    """Return {tag: {step: value}} of the scalars, and {tag: {step: histogram}}."""
    from tensorboardX.proto.event_pb2 import Event

    scalars, histograms = {}, {}
    for path in sorted(Path(folder).iterdir()):
        raw = path.read_bytes()
        start = 0
        while start < len(raw):
            length = int.from_bytes(raw[start : start + 8], "little")
            # Length, its checksum of four bytes, the event, its checksum.
            event = Event.FromString(raw[start + 12 : start + 12 + length])
            start += 16 + length
            for value in event.summary.value:
                kind = scalars if value.HasField("simple_value") else histograms
                found = value.simple_value if kind is scalars else value.histo
                kind.setdefault(value.tag, {})[event.step] = found
    return scalars, histograms


X = np.random.default_rng(0).normal(0, 1, (24, 3)).astype("float32")
Y = np.random.default_rng(1).integers(0, 2, 24)


def trained(callback, metrics=("accuracy",), epochs=3):
    model = npdl.Model([npdl.layers.Softmax(2, n_in=3)], seed=0)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.1}}, metrics=list(metrics))
    model.fit(X, Y, epochs=epochs, validation_split=0.25, callbacks=[callback])
    return model


def test_every_value_of_every_epoch(tmp_path):
    model = trained(TensorBoard(tmp_path / "run"))
    scalars, histograms = events(tmp_path / "run")
    history = model.history.history
    assert set(scalars) == set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for key, values in history.items():
        assert list(scalars[key]) == [0, 1, 2]
        np.testing.assert_allclose(list(scalars[key].values()), values, rtol=1e-6)
    assert not histograms


def test_histograms_of_the_weights(tmp_path):
    model = trained(TensorBoard(str(tmp_path), histograms=True))
    _, histograms = events(tmp_path)
    assert set(histograms) == set(model.weights()) == {"0.softmax.W", "0.softmax.b"}
    last = histograms["0.softmax.W"][2]
    assert last.num == 6
    np.testing.assert_allclose(last.sum, model.layers[0].W.sum(), rtol=1e-6)
    np.testing.assert_allclose(
        [last.min, last.max], [model.layers[0].W.min(), model.layers[0].W.max()], rtol=1e-6
    )


def test_weights_that_are_not_finite(tmp_path):
    callback = TensorBoard(tmp_path, histograms=True)
    model = npdl.Model([npdl.layers.Softmax(2, n_in=3)], seed=0).compile("scce", "sgd")
    callback.set_model(model)
    callback.on_train_begin({})
    model.layers[0].W[0, 0] = np.nan
    model.layers[0].b[...] = np.inf
    callback.on_epoch_end(0, {"loss": float("nan")})
    callback.on_train_end({})
    scalars, histograms = events(tmp_path)
    assert np.isnan(scalars["loss"][0])
    assert set(histograms) == {"0.softmax.W"}
    assert histograms["0.softmax.W"][0].num == 5


def test_what_is_no_number_is_left_out(tmp_path):
    trained(TensorBoard(tmp_path), metrics=["confusion_matrix"])
    assert set(events(tmp_path)[0]) == {"loss", "val_loss"}


def test_files_are_closed_after_an_error(tmp_path):
    def fail(epoch, logs):
        raise RuntimeError("stop")

    callback = TensorBoard(tmp_path)
    model = npdl.Model([npdl.layers.Softmax(2, n_in=3)], seed=0).compile("scce", "sgd")
    with pytest.raises(RuntimeError, match="stop"):
        model.fit(X, Y, epochs=3, callbacks=[callback, npdl.callbacks.LambdaCallback(on_epoch_end=fail)])
    assert list(events(tmp_path)[0]["loss"]) == [0]
    callback.on_train_end({})  # a second end is harmless


def test_without_the_package(monkeypatch, tmp_path):
    real = builtins.__import__

    def refuse(name, *arguments, **named):
        if name == "tensorboardX":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match="pip install tensorboardX"):
        trained(TensorBoard(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_configuration(tmp_path):
    assert TensorBoard(Path("runs")).to_json()["config"] == {"log_dir": "runs", "histograms": False}
    for config in ({"log_dir": 3}, {"histograms": 1}):
        with pytest.raises(ConfigError):
            TensorBoard(**config)
