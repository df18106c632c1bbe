"""Every optimizer finds the minimum of Rosenbrock's valley, and learns handwritten digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from npdl_core import Model, registry
from npdl_core.layers import Dense, Softmax

STEPS = 3000
# What each is given for the valley, how near to the minimum's 0 it gets from 24.2, and its rate for digits.
RULES = {
    "sgd": ({"lr": 0.002}, 0.05, 0.3),
    "momentum": ({"lr": 0.002}, 1e-9, 0.1),
    "nesterov_momentum": ({"lr": 0.002}, 1e-5, 0.1),
    "ema_momentum": ({"lr": 0.002}, 0.05, 1.0),
    "adagrad": ({"lr": 1.0}, 0.05, 0.1),
    "rmsprop": ({"lr": 0.01}, 1e-2, 0.01),
    "adadelta": ({"lr": 1.0}, 1e-2, 3.0),
    "adam": ({"lr": 0.3}, 1e-9, 0.02),
    "adamw": ({"lr": 0.3, "weight_decay": 0.0}, 1e-9, 0.02),
    "amsgrad": ({"lr": 0.3}, 1e-4, 0.02),
    "adamax": ({"lr": 1.0}, 1e-3, 0.05),
    "nadam": ({"lr": 0.03}, 1e-2, 0.01),
    "radam": ({"lr": 0.1, "clip_norm": 1.0}, 1e-3, 0.03),
    "lion": ({"lr": 0.01}, 1e-6, 0.003),
    "lamb": ({"lr": 0.1}, 1e-5, 0.01),
}
WRAPPERS = {
    "lookahead": {},
    "ema": {"decay": 0.9},
    "accumulate": {"steps": 2},
    "gradient_noise": {"eta": 1e-4, "seed": 0},
    "max_norm": {"max_norm": 4.0},
}


def optimizer(name, config):
    """Return an optimizer, a wrapper around adam."""
    if name not in WRAPPERS:
        return registry.get("optimizers", name, **config)
    inside = {"name": "adam", "config": config}
    return registry.get("optimizers", name, optimizer=inside, **WRAPPERS[name])


def valley(p):
    x, y = p.ravel()
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def slope(p):
    x, y = p.ravel()
    return np.array([[-2 * (1 - x) - 400 * x * (y - x**2)], [200 * (y - x**2)]])


@pytest.mark.parametrize("name", [*RULES, *WRAPPERS])
def test_rosenbrock(name):
    config, bound = RULES[name][:2] if name in RULES else ({"lr": 0.3}, 1e-6)
    steps = STEPS // 2 if name == "accumulate" else STEPS
    schedule = {"name": "cosine", "config": {"lr": config["lr"], "steps": steps}}
    rule, p = optimizer(name, {**config, "lr": schedule}), np.array([[-1.2], [1.0]])
    for _ in range(STEPS):
        rule.update([p], [slope(p)])
    assert valley(p) < bound


@pytest.fixture(scope="module")
def digits():
    X, Y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, Y = (X[order] / 16).astype(np.float32), Y[order]
    return (X[:1500], Y[:1500]), (X[1500:], Y[1500:])


@pytest.mark.parametrize("name", [*RULES, *WRAPPERS])
def test_digits(name, digits):
    (X, Y), held_out = digits
    model = Model([Dense(32, n_in=64, activation="relu"), Softmax(10)], seed=0)
    model.compile(
        optimizer=optimizer(name, {"lr": RULES[name][2] if name in RULES else 0.02}), metrics=["accuracy"]
    )
    history = model.fit(X, Y, epochs=6, batch_size=32, validation_data=held_out)
    assert history.history["val_accuracy"][-1] > 0.92
