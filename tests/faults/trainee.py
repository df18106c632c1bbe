"""A training that is killed and started again: ``trainee.py FOLDER SEED EPOCHS``.

It trains with every kind of state there is, resumes what it finds, and writes a digest of all of it at the end.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from npdl_core import Model, registry
from npdl_core.callbacks import CSVLogger, EarlyStopping, LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from npdl_core.layers import BatchNormal, Dense, Softmax
from npdl_core.rng import generator_state
from npdl_core.schedules import Schedule


class Falling(Schedule):
    """A schedule of the step."""

    def __init__(self, per="step"):
        self.per = per

    def __call__(self, time):
        return 0.1 / (1 + 0.01 * time)


def make(seed):
    """Return a model with noise, running statistics and momentum; every other one follows a schedule."""
    registry.register("schedules", "falling", Falling)
    layers = [Dense(8, n_in=4), BatchNormal(), {"name": "dropout", "config": {"p": 0.2}}, Softmax(3)]
    lr = "falling" if seed % 2 else 0.1
    optimizer = {"name": "sgd", "config": {"lr": lr, "momentum": 0.9, "weight_decay": 0.001}}
    return Model(layers, seed=seed).compile("scce", optimizer, metrics=["accuracy"])


def callbacks(folder, seed):
    """Return callbacks with state of their own."""
    plateau = [] if seed % 2 else [ReduceLROnPlateau("loss", patience=3, factor=0.9)]
    stopping = EarlyStopping("val_loss", patience=10**6, restore_best_weights=True)
    return [
        *plateau,
        stopping,
        CSVLogger(folder / "log.csv"),
        ModelCheckpoint(folder / "run", monitor="val_loss"),
    ]


def plain(value):
    """Return nested state as text that is equal for equal bits."""
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, value.tobytes().hex()]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else repr(value)


def everything(model, watching, folder):
    """Return digests of all that training changes, by name."""
    parts = {
        "weights": dict(model.weights()),
        "optimizer": model.optimizer.state(),
        "rng": generator_state(model.layer_rng),
        "shuffle": generator_state(model.shuffle_rng),
        "history": model.history.to_json(),
        "callbacks": [callback.state() for callback in watching if hasattr(callback, "state")],
        "log": (folder / "log.csv").read_text(),
        "file": hashlib.sha256((folder / "run").read_bytes()).hexdigest(),
    }
    return {
        key: hashlib.sha256(json.dumps(plain(part), sort_keys=True).encode()).hexdigest()
        for key, part in parts.items()
    }


def main(folder, seed, epochs):
    """Train to the end."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 4)).astype("float32")
    model, watching = make(seed), callbacks(folder, seed)
    said = LambdaCallback(on_train_begin=lambda logs: print("training", flush=True))
    model.fit(
        X, rng.integers(0, 3, 60), epochs=epochs, batch_size=7, validation_split=0.2, resume=True,
        callbacks=[*watching, said],
    )  # fmt: skip
    (folder / "done.json").write_text(json.dumps(everything(model, watching, folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
