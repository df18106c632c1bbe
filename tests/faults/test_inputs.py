"""What every entry point says to arrays that are unusual: a table of inputs, and what each of them must give.

``SAME`` is the result of the plain array, bit for bit; an error class is that error, with nothing changed.
"""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.errors import ConfigError, DataError, NonFiniteError, NpdlError, ShapeError
from npdl_core.layers import BatchNormal, Dense, Softmax

SAME, FINE = "the same as plain", "finite"
rng = np.random.default_rng(0)
X = rng.normal(size=(12, 4)).astype("float32")
Y = rng.integers(0, 3, 12)


def readonly(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def spread(array):
    """Return the same numbers with gaps in memory, and backwards."""
    wide = np.zeros((array.shape[0] * 2, *array.shape[1:]), array.dtype)
    wide[::2] = array[::-1]
    return wide[::2][::-1]


def with_value(value):
    array = X.copy()
    array[7, 2] = value
    return array


INPUTS = {  # X, Y, what fit and train_on_batch give, what evaluate gives, what predict gives
    "plain": (X, Y, SAME, SAME, SAME),
    "lists": (X.tolist(), Y.tolist(), SAME, SAME, SAME),
    "float64": (X.astype("float64"), Y, SAME, SAME, SAME),
    "longdouble": (X.astype("longdouble"), Y, SAME, SAME, SAME),
    "big-endian": (X.astype(">f4"), Y.astype(">i8"), SAME, SAME, SAME),
    "Fortran order": (np.asfortranarray(X), Y, SAME, SAME, SAME),
    "not contiguous": (spread(X), spread(Y), SAME, SAME, SAME),
    "read-only": (readonly(X), readonly(Y), SAME, SAME, SAME),
    "int8 labels": (X, Y.astype("int8"), SAME, SAME, SAME),
    "uint64 labels": (X, Y.astype("uint64"), SAME, SAME, SAME),
    "one-hot labels": (X, np.eye(3)[Y], SAME, SAME, SAME),
    "integer inputs": ((X * 9).astype("int16"), Y, FINE, FINE, FINE),
    "float16 inputs": (X.astype("float16"), Y, FINE, FINE, FINE),
    "boolean inputs": (X > 0, Y, FINE, FINE, FINE),
    "denormals": (np.full_like(X, 1e-42), Y, FINE, FINE, FINE),
    "one class": (X, np.zeros_like(Y), FINE, FINE, FINE),
    "one sample": (X[:1], Y[:1], FINE, FINE, FINE),
    "no samples": (X[:0], Y[:0], DataError, FINE, FINE),
    "object array": (X.astype(object), Y, DataError, DataError, DataError),
    "strings": (X.astype(str), Y, DataError, DataError, DataError),
    "complex": (X.astype(complex), Y, DataError, DataError, DataError),
    "dates": (X.astype("int64").astype("datetime64[s]"), Y, DataError, DataError, DataError),
    "masked array": (np.ma.masked_less(X, 0), Y, DataError, DataError, DataError),
    "masked labels": (X, np.ma.masked_less(Y, 1), DataError, DataError, FINE),
    "ragged lists": ([[1.0, 2.0, 3.0, 4.0], [1.0]] * 6, Y, DataError, DataError, DataError),
    "a number": (3.0, Y, DataError, DataError, DataError),
    "a rank less": (X[:, 0], Y, ShapeError, ShapeError, ShapeError),
    "a rank more": (X[:, None], Y, NpdlError, ShapeError, ShapeError),
    "another width": (X[:, :3], Y, ShapeError, ShapeError, ShapeError),
    "no width": (X[:, :0], Y, ConfigError, ShapeError, ShapeError),
    "fewer labels": (X, Y[:5], DataError, DataError, FINE),
    "a label too large": (X, Y + 2, DataError, DataError, FINE),
    "a negative label": (X, Y - 1, DataError, DataError, FINE),
    "labels of floats": (X, Y + 0.5, DataError, DataError, FINE),
    "a label of NaN": (X, np.where(Y == 1, np.nan, Y), DataError, DataError, FINE),
    "object labels": (X, Y.astype(object), DataError, DataError, FINE),
    "labels of a rank more": (X, np.zeros((12, 3, 2)), NpdlError, NpdlError, FINE),
    "one-hot of another width": (X, np.eye(5)[Y], NpdlError, NpdlError, FINE),
}  # fmt: skip


def made():
    layers = [Dense(5, n_in=4), BatchNormal(), Softmax(3)]
    return Model(layers, seed=0).compile(
        "scce", {"name": "sgd", "config": {"momentum": 0.9}}, metrics=["accuracy"]
    )


def fit(model, x, y):
    return model.fit(x, y, epochs=2, batch_size=5).history["loss"]


def state(model):
    return [array.tobytes() for array in model.weights().values()], str(model.optimizer.state())


ENTRIES = {
    "fit": fit,
    "train_on_batch": lambda model, x, y: list(model.train_on_batch(x, y).values()),
    "evaluate": lambda model, x, y: list(model.evaluate(x, y).values()),
    "predict": lambda model, x, y: model.predict(x).tolist(),
}


def due(name, entry):
    *_, training, evaluating, predicting = INPUTS[name]
    return {"evaluate": evaluating, "predict": predicting}.get(entry, training)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name, entry, record_property):
    x, y, *_ = INPUTS[name]
    expected, run, model = due(name, entry), ENTRIES[entry], made()
    kept = [np.copy(part) for part in (x, y) if isinstance(part, np.ndarray)]
    record_property("input", (name, entry, expected if isinstance(expected, str) else expected.__name__))
    if isinstance(expected, type):
        before, outputs = state(model), model.predict(X)
        with pytest.raises(expected) as caught:
            run(model, x, y)
        assert (model.predict(X) == outputs).all()
        assert str(caught.value).isprintable()
        assert state(model) == before
        assert model.history.epoch == []
    else:
        result = run(model, x, y)
        if name == "no samples":
            assert result == [] or np.isnan(result[0])
        else:
            assert np.isfinite(result).all()
        if expected == SAME:
            plain = made()
            # Older BLAS libraries sum in another order where arrays lie in another one.
            np.testing.assert_allclose(result, run(plain, X, Y), rtol=1e-6)
            for mine, wanted in zip(model.weights().values(), plain.weights().values(), strict=True):
                np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-7)
    now = [part for part in (x, y) if isinstance(part, np.ndarray)]
    assert all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(kept, now, strict=True))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("rollback", [False, True])
def test_numbers_that_go_wrong(value, rollback, capsys):
    from npdl_core.callbacks import TerminateOnNaN

    callback, model = TerminateOnNaN(rollback), made()
    model.fit(with_value(value), Y, epochs=9, batch_size=5, shuffle=False, callbacks=[callback])
    if value == 3e38:
        assert callback.cause is None or callback.layer is not None
    else:
        assert callback.batch == 1
        assert callback.cause == f"X holds {value} in sample 2 of the batch"
    assert callback.batch is None or len(model.history.epoch) == callback.epoch + 1
    assert all(np.isfinite(array).all() for array in model.weights().values()) or not rollback


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_huge_learning_rate(tmp_path):
    model = made()
    model.optimizer.lr = 1e38
    model.fit(
        X, Y, epochs=3, batch_size=5, callbacks=[{"name": "terminate_on_nan", "config": {"rollback": True}}]
    )
    assert all(np.isfinite(array).all() for array in model.weights().values())
    model = made()
    model.optimizer.lr = 1e38
    model.fit(X, Y, epochs=3, batch_size=5)
    model.save(tmp_path / "m")
    with pytest.raises(NonFiniteError, match=r"\.W|\.b|gamma|beta|running"):
        Model.load(tmp_path / "m")


@pytest.mark.parametrize("layer", ["mean_over_time", "last_step"])
def test_sequences_of_no_steps(layer):
    """Nothing to look at is nothing: zeros, as for a sequence that is all padding; or one of our errors."""
    layers = [Dense(3), layer, Softmax(2)]
    model = Model(layers, seed=0).compile("scce", "sgd").connect((None, None, 2))
    empty, mask = np.zeros((4, 0, 2), "float32"), np.array([[True, False], [False, False]])
    for run in (*ENTRIES.values(), lambda model, x, y: model.predict(np.ones((2, 2, 2)), mask=mask)):
        before = state(model)
        try:
            assert np.isfinite(run(model, empty, np.zeros(4, int))).all()
        except NpdlError:
            assert state(model) == before
