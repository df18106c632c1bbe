"""Optimizers inside a model: resumed runs, decay by the parameters' tags, averages at evaluation."""

import numpy as np
import pytest

import npdl_core
from npdl_core import Model, registry
from npdl_core.callbacks import ModelCheckpoint
from npdl_core.errors import StateError
from npdl_core.layers import Dense, Softmax

COSINE = {"name": "cosine", "config": {"lr": 0.05, "steps": 24}}
WARM = {
    "name": "warmup",
    "config": {
        "schedule": {"name": "step", "config": {"lr": 0.05, "step_size": 2, "per": "epoch"}},
        "steps": 2,
    },
}
RULES = {
    "momentum": {"lr": COSINE},
    "nesterov_momentum": {"lr": WARM},
    "ema_momentum": {"lr": 0.05},
    "adagrad": {"lr": 0.05, "decay": 0.1},
    "rmsprop": {"lr": COSINE, "centered": True, "momentum": 0.5},
    "adadelta": {"lr": 1.0},
    "adam": {"lr": WARM, "clip_norm": 0.5, "weight_decay": 0.01},
    "adamw": {"lr": COSINE},
    "amsgrad": {"lr": 0.05},
    "adamax": {"lr": 0.05, "clip_param_norm": 0.5},
    "nadam": {"lr": COSINE},
    "radam": {"lr": 0.05},
    "lion": {"lr": COSINE},
    "lamb": {"lr": 0.05, "weight_decay": 0.01},
    "lookahead": {"optimizer": {"name": "adam", "config": {"lr": COSINE}}, "k": 4},
    "ema": {"optimizer": {"name": "momentum", "config": {"lr": 0.1}}, "decay": 0.8},
    "accumulate": {"optimizer": {"name": "adam", "config": {"lr": COSINE}}, "steps": 4},
    "gradient_noise": {"optimizer": {"name": "ema", "config": {"optimizer": "lamb"}}, "seed": 5},
    "max_norm": {"optimizer": {"name": "adam", "config": {"lr": 0.1}}, "max_norm": 0.5},
}


def data(n=60):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 5))
    return x, (x[:, 0] + x[:, 1] ** 2 > 0.5).astype(int)


def model(name, config, dtype="float32"):
    made = Model([Dense(6, n_in=5), Softmax(2)], seed=1, dtype=dtype)
    return made.compile(optimizer={"name": name, "config": config}, metrics=["accuracy"])


def test_every_optimizer_is_resumed():
    own = {
        name
        for name in registry.names("optimizers")
        if registry.providers("optimizers", name)[0].startswith("npdl-optim:")
    }
    assert own == set(RULES)


@pytest.mark.parametrize(("name", "config"), RULES.items())
def test_a_resumed_run_equals_an_uninterrupted_one(name, config, tmp_path):
    x, y = data()
    whole = model(name, config)
    history = whole.fit(x, y, epochs=5, batch_size=11, validation_split=0.2)
    callback = ModelCheckpoint(tmp_path / "run.safetensors")
    model(name, config).fit(x, y, epochs=2, batch_size=11, validation_split=0.2, callbacks=[callback])
    resumed = model(name, config)
    again = resumed.fit(
        x, y, epochs=5, batch_size=11, validation_split=0.2, callbacks=[callback], resume=True
    )
    for key, array in whole.weights().items():
        np.testing.assert_array_equal(resumed.weights()[key], array)
    assert again.history == history.history
    assert repr(resumed.optimizer.state()) == repr(whole.optimizer.state())


@pytest.mark.parametrize(("name", "config"), RULES.items())
def test_a_saved_model_names_its_optimizer(name, config, tmp_path):
    made = model(name, config)
    made.save(tmp_path / "model.safetensors")
    loaded = npdl_core.load(tmp_path / "model.safetensors")
    assert loaded.optimizer.to_json() == made.optimizer.to_json()
    assert type(loaded.optimizer) is type(made.optimizer)


@pytest.mark.parametrize("name", ["sgd", "adamw", "lamb"])
@pytest.mark.parametrize("decoupled", [False, True])
def test_weight_decay_leaves_biases_alone(name, decoupled):
    """With a gradient of zero, only decay moves parameters; biases are tagged not to."""
    made = model(name, {"lr": 0.1, "weight_decay": 0.5, "decoupled": decoupled})
    for key, array in made.weights().items():
        if key.endswith(".b"):
            array[...] = 1.0
    before = {key: array.copy() for key, array in made.weights().items()}
    values, grads, decay = made.compiled.views()
    for grad in grads:
        grad[...] = 0
    made.optimizer.update(values, grads, decay)
    for key, array in made.weights().items():
        assert np.array_equal(array, before[key]) == key.endswith(".b"), key


def test_accumulation_equals_the_larger_batch():
    x, y = data(48)
    small = model(
        "accumulate", {"optimizer": {"name": "adam", "config": {"lr": 0.01}}, "steps": 4}, "float64"
    )
    large = model("adam", {"lr": 0.01}, "float64")
    small.fit(x, y, epochs=3, batch_size=4, shuffle=False)
    large.fit(x, y, epochs=3, batch_size=16, shuffle=False)
    assert (small.optimizer.iterations, large.optimizer.iterations) == (9, 9)
    for key, array in large.weights().items():
        np.testing.assert_allclose(small.weights()[key], array, rtol=1e-9, atol=1e-12)


# -- averages ----------------------------------------------------------------------------------------


def trained():
    made = model("ema", {"optimizer": {"name": "sgd", "config": {"lr": 1.0}}, "decay": 0.9})
    x, y = data()
    history = made.fit(x, y, epochs=3, batch_size=8, validation_data=(x, y))
    return made, history, x, y


def test_fit_validates_with_the_average():
    made, history, x, y = trained()
    with made.evaluation_weights():
        averaged = made.evaluate(x, y)
    plain = made.evaluate(x, y)
    assert averaged["loss"] != plain["loss"]
    assert history.history["val_loss"][-1] == pytest.approx(averaged["loss"], rel=1e-6)


def test_weights_come_back_whatever_happens():
    made, *_ = trained()
    before = {key: array.copy() for key, array in made.weights().items()}
    state = repr(made.optimizer.state())

    def fail_inside():
        with made.evaluation_weights():
            assert not all(np.array_equal(array, before[key]) for key, array in made.weights().items())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    for key, array in made.weights().items():
        np.testing.assert_array_equal(array, before[key])
    assert repr(made.optimizer.state()) == state


def test_training_with_the_average_in_place_is_an_error():
    made, _, x, y = trained()
    with made.evaluation_weights(), pytest.raises(StateError, match="swap back"):
        made.train_on_batch(x, y)
    made.train_on_batch(x, y)


def test_the_average_can_be_saved(tmp_path):
    made, _, x, _ = trained()
    with made.evaluation_weights():
        made.save(tmp_path / "averaged.safetensors")
        due = made.predict(x)
    np.testing.assert_array_equal(npdl_core.load(tmp_path / "averaged.safetensors").predict(x), due)
    assert not np.array_equal(made.predict(x), due)


def test_other_optimizers_evaluate_what_they_train():
    made = model("adam", {})
    before = {key: array.copy() for key, array in made.weights().items()}
    with made.evaluation_weights():
        for key, array in made.weights().items():
            np.testing.assert_array_equal(array, before[key])


@pytest.mark.parametrize(
    ("name", "config", "shapes"),
    [
        ("adam", {}, [(50,)]),
        ("adam", {"weight_decay": 0.1}, [(30,), (6,), (12,), (2,)]),
        ("adam", {"clip_param_norm": 1.0}, [(5, 6), (6,), (6, 2), (2,)]),
        ("lamb", {}, [(5, 6), (6,), (6, 2), (2,)]),
        ("ema", {"optimizer": "adam"}, [(50,)]),
        ("ema", {"optimizer": "adamw"}, [(30,), (6,), (12,), (2,)]),
        ("ema", {"optimizer": "lamb"}, [(5, 6), (6,), (6, 2), (2,)]),
        ("max_norm", {"optimizer": "adam"}, [(5, 6), (6,), (6, 2), (2,)]),
    ],
)
def test_a_model_passes_flat_buffers_or_whole_tensors(name, config, shapes):
    values, grads, _ = model(name, config).compiled.views()
    assert [value.shape for value in values] == [grad.shape for grad in grads] == shapes
