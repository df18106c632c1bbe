"""
Every optimizer at work
=======================

All optimizers by name: on Rosenbrock's valley, where following the gradient is slow, and on digits.
Then the learning-rate schedules, which go wherever an optimizer takes ``lr``.
"""

# %%
# A curved valley
# ---------------
#
# :math:`f(x, y) = (1 - x)^2 + 100 (y - x^2)^2` is 0 at (1, 1). An optimizer needs no model: ``update`` takes
# lists of arrays and changes the parameters in place. The rates are the best of a coarse search and fall
# along a cosine.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from npdl_core import Model, registry
from npdl_core.layers import Dense, Softmax

STEPS = 3000
VALLEY = {
    "sgd": 0.002,
    "momentum": 0.002,
    "nesterov_momentum": 0.002,
    "ema_momentum": 0.002,
    "adagrad": 1.0,
    "rmsprop": 0.01,
    "adadelta": 1.0,
    "adam": 0.3,
    "adamw": 0.3,
    "amsgrad": 0.3,
    "adamax": 1.0,
    "nadam": 0.03,
    "radam": 0.1,
    "lion": 0.01,
    "lamb": 0.1,
}
EXTRA = {"adamw": {"weight_decay": 0.0}, "radam": {"clip_norm": 1.0}}
WRAPPERS = {
    "lookahead": {},
    "ema": {"decay": 0.9},
    "accumulate": {"steps": 2},
    "gradient_noise": {"eta": 1e-4, "seed": 0},
    "max_norm": {"max_norm": 4.0},
}


def make(name, lr):
    """Return an optimizer; a wrapper goes around adam."""
    if name in WRAPPERS:
        inside = {"name": "adam", "config": {"lr": lr}}
        return registry.get("optimizers", name, optimizer=inside, **WRAPPERS[name])
    return registry.get("optimizers", name, lr=lr, **EXTRA.get(name, {}))


def valley(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def walk(name):
    """Return the points that an optimizer visits."""
    lr = VALLEY.get(name, VALLEY["adam"])
    cosine = {"name": "cosine", "config": {"lr": lr, "steps": STEPS}}
    optimizer, p = make(name, cosine), np.array([[-1.2], [1.0]])
    points = [p.ravel().copy()]
    for _ in range(STEPS):
        x, y = p.ravel()
        slope = np.array([[-2 * (1 - x) - 400 * x * (y - x**2)], [200 * (y - x**2)]])
        optimizer.update([p], [slope])
        points.append(p.ravel().copy())
    return np.array(points).T


FAMILIES = {
    "momentum": ["sgd", "momentum", "nesterov_momentum", "ema_momentum", "lion"],
    "adaptive rates": ["adagrad", "rmsprop", "adadelta", "adamax", "lamb"],
    "adam": ["adam", "adamw", "amsgrad", "nadam", "radam"],
    "around adam": list(WRAPPERS),
}
paths = {name: walk(name) for names in FAMILIES.values() for name in names}

x, y = np.meshgrid(np.linspace(-2, 2, 300), np.linspace(-1, 3, 300))
figure, rows = plt.subplots(2, 4, figsize=(13, 7), sharex="row", sharey="row", constrained_layout=True)
for (family, names), above, below in zip(FAMILIES.items(), *rows, strict=True):
    above.contour(x, y, np.log10(valley(x, y) + 1e-3), 15, cmap="Greys", linewidths=0.5)
    for name in names:
        above.plot(*paths[name], lw=1)
        below.semilogy(np.maximum(valley(*paths[name]), 1e-16), lw=1, label=name)
    above.plot(1, 1, "k*", ms=12)
    above.set(xlim=(-2, 2), ylim=(-1, 3), title=family)
    below.set(xlabel="update")
    below.legend(fontsize="small", loc="lower left")
rows[1, 0].set(ylabel="f")

# %%
# What each reached:

for name, path in paths.items():
    print(f"{name:18} f = {valley(*path[:, -1]):.1e}")

# %%
# Handwritten digits
# ------------------
#
# The same network and the same order of samples for all: 64 pixels, 32 hidden units, ten classes. Validation
# uses the averaged weights where the optimizer keeps some (``ema``).

DIGITS = {
    "sgd": 0.3,
    "momentum": 0.1,
    "nesterov_momentum": 0.1,
    "ema_momentum": 1.0,
    "adagrad": 0.1,
    "rmsprop": 0.01,
    "adadelta": 3.0,
    "adamax": 0.05,
    "nadam": 0.01,
    "radam": 0.03,
    "lion": 0.003,
    "lamb": 0.01,
}

X, Y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(X))
X, Y = (X[order] / 16).astype(np.float32), Y[order]


def learn(name):
    """Return the history of ten epochs."""
    model = Model([Dense(32, n_in=64, activation="relu"), Softmax(10)], seed=0)
    model.compile(optimizer=make(name, DIGITS.get(name, 0.02)), metrics=["accuracy"])
    return model.fit(
        X[:1500], Y[:1500], epochs=10, batch_size=32, validation_data=(X[1500:], Y[1500:])
    ).history


histories = {name: learn(name) for name in paths}

figure, rows = plt.subplots(2, 4, figsize=(13, 6), sharex=True, sharey="row", constrained_layout=True)
for (family, names), above, below in zip(FAMILIES.items(), *rows, strict=True):
    for name in names:
        above.semilogy(histories[name]["loss"], lw=1.2, label=name)
        below.plot(histories[name]["val_accuracy"], lw=1.2)
    above.set(title=family)
    above.legend(fontsize="small")
    below.set(xlabel="epoch", ylim=(0.85, 1))
rows[0, 0].set(ylabel="training loss")
rows[1, 0].set(ylabel="held-out accuracy")

# %%
# After ten epochs:

for name, history in histories.items():
    print(f"{name:18} loss {history['loss'][-1]:.4f}   held-out accuracy {history['val_accuracy'][-1]:.3f}")

# %%
# Schedules
# ---------
#
# A schedule is a pure function of the number of updates, or of epochs with ``per="epoch"``.

SCHEDULES = {
    "inverse_time": {"lr": 1.0, "decay_rate": 1.0, "decay_steps": 25},
    "exponential": {"lr": 1.0, "decay_rate": 0.5, "decay_steps": 25},
    "step": {"lr": 1.0, "step_size": 25, "gamma": 0.5},
    "piecewise": {"boundaries": [30, 80], "values": [1.0, 0.6, 0.1]},
    "linear": {"lr": 1.0, "steps": 80, "end": 0.2},
    "polynomial": {"lr": 1.0, "steps": 100, "power": 3.0},
    "cosine": {"lr": 1.0, "steps": 100},
    "cosine_restarts": {"lr": 1.0, "steps": 15, "factor": 2, "decay": 0.8},
    "one_cycle": {"max_lr": 1.0, "steps": 100},
    "warmup": {"schedule": {"name": "cosine", "config": {"lr": 1.0, "steps": 80}}, "steps": 20},
    "linear_saturate": {"lr": 1.0, "min_lr": 0.1, "saturate_epoch": 60},
}

figure, axes = plt.subplots(3, 4, figsize=(11, 6), sharex=True, sharey=True, constrained_layout=True)
for axis, (name, config) in zip(axes.flat, SCHEDULES.items(), strict=False):
    schedule = registry.get("schedules", name, **config)
    axis.step(range(101), [schedule(time) for time in range(101)], where="post")
    axis.set_title(name, fontsize="medium")
axes.flat[-1].axis("off")
plt.show()
