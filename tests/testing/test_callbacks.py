"""Mutants of callbacks and data sets, each rejected by the name of the property that it breaks."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from right_layers import collector

from npdl_core.callbacks import Callback
from npdl_core.datasets import Dataset
from npdl_core.errors import FileFormatError, MissingDependencyError
from npdl_core.testing import check_callback, check_dataset
from npdl_core.testing.callbacks import PROPERTIES as CALLBACK_PROPERTIES
from npdl_core.testing.common import COMMON
from npdl_core.testing.datasets import PROPERTIES as DATASET_PROPERTIES

CALLBACKS, breaks = collector()
DATASETS, breaks_dataset = collector()


class Best(Callback):
    """Remembers the best loss and the losses so far."""

    def __init__(self, monitor="loss"):
        self.monitor = monitor
        self.best = np.inf
        self.seen = np.zeros(0)

    def on_epoch_end(self, epoch, logs):
        self.best = min(self.best, logs[self.monitor])
        self.seen = np.append(self.seen, logs[self.monitor])

    def state(self):
        best = None if np.isinf(self.best) else float(self.best)
        return {"best": best, "seen": self.seen.copy()}

    def load_state(self, state):
        if set(state) != {"best", "seen"}:
            raise FileFormatError("not the state of this callback")
        self.best = np.inf if state["best"] is None else state["best"]
        self.seen = np.array(state["seen"])


class Plain:
    """A callback outside the base."""

    def set_model(self, model):
        self.model = model

    def __getattr__(self, name):
        if name.startswith("on_"):
            return lambda *arguments: None
        raise AttributeError(name)

    def on_epoch_end(self, epoch, logs):
        logs["loss"]


@pytest.mark.parametrize("spec", ["early_stopping", Best, Best(), Callback])
def test_right_callbacks_are_accepted(spec):
    assert check_callback(spec) == tuple(check.__name__ for check in CALLBACK_PROPERTIES)


def test_a_callback_outside_the_base_is_accepted():
    assert "training_works" in check_callback(Plain)


@breaks("moments_take_their_arguments")
class Misspelt(Best):
    def on_epoch_ends(self, epoch, logs):
        pass


@breaks("moments_take_their_arguments")
class TakesNoLogs(Best):
    def on_epoch_end(self, epoch):
        pass


@breaks("training_works")
class Raises(Best):
    def on_epoch_end(self, epoch, logs):
        logs["no such value"]


@breaks("training_works")
class DrawsGlobally(Best):
    def on_epoch_end(self, epoch, logs):
        np.random.random()  # noqa: NPY002  the defect


@breaks("training_works")
class SpoilsTheLoss(Best):
    def on_epoch_end(self, epoch, logs):
        logs["loss"] = float("nan")
        self.model.history.history["loss"][:] = [float("nan")] * len(self.model.history.history["loss"])

    def on_train_batch_end(self, batch, logs):
        self.model.layers[0].W[...] = np.nan


@breaks("training_works")
class StopsAtOnce(Best):
    def on_train_begin(self, logs):
        self.model.stop_training = True

    def on_train_end(self, logs):
        self.model.history.history["loss"].clear()


@breaks("state_survives_json")
class StateOfObjects(Best):
    def state(self):
        return {**super().state(), "best": self}


@breaks("state_survives_json")
class NumberedState(Best):
    def state(self):
        return {**super().state(), 1: 2}


@breaks("state_survives_json")
class LosesState(Best):
    def load_state(self, state):
        super().load_state({**state, "best": None})


@breaks("state_survives_json")
class HandsOutItsState(Best):
    def on_epoch_end(self, epoch, logs):
        super().on_epoch_end(epoch, logs)
        self.seen[...] = logs["loss"]

    def load_state(self, state):
        super().load_state(state)
        self.kept = state["seen"]

    def on_train_begin(self, logs):
        if hasattr(self, "kept"):
            self.kept[...] = 0


@breaks("a_foreign_state_is_refused")
class TakesAnyState(Best):
    def load_state(self, state):
        if "best" in state:
            super().load_state(state)


@breaks("a_foreign_state_is_refused")
class ChangesBeforeItChecks(Best):
    def load_state(self, state):
        self.best = np.nan
        super().load_state(state)


@pytest.mark.parametrize(("name", "cls", "arguments"), CALLBACKS)
def test_wrong_callbacks_are_rejected(rejected, name, cls, arguments):
    rejected("callbacks", name, cls, lambda: check_callback(cls, **arguments))


class Waves(Dataset):
    """Sine waves of several lengths, with a mask."""

    def parts(self):
        x = np.sin(np.arange(60.0)).reshape(10, 6, 1)
        y = np.arange(10) % 2
        mask = np.arange(6) < (3 + np.arange(10) % 4)[:, None]
        return [x, y, mask]

    def load(self):
        x, y, mask = self.parts()
        return (x[:8], y[:8], mask[:8]), (x[8:], y[8:], mask[8:])


class Line(Dataset):
    """Points of a line."""

    def load(self):
        x = np.arange(4.0)[:, None]
        x.flags.writeable = False
        return (x, 2 * x), (x[:1], 2 * x[:1])


class PlainData:
    """A data set outside the base."""

    def load(self):
        return Line().load()


@pytest.mark.parametrize("spec", [Waves, Line, Line(), PlainData])
def test_right_data_sets_are_accepted(spec):
    assert check_dataset(spec) == tuple(check.__name__ for check in DATASET_PROPERTIES)


def test_a_package_that_is_not_installed_is_said_so():
    class Absent(Line):
        """Data of another package."""

        def load(self):
            raise MissingDependencyError("pip install it")

    with pytest.raises(MissingDependencyError):
        check_dataset(Absent)


def changed(index, change):
    """Return a data set with one array of both parts changed."""

    class Changed(Waves):
        def parts(self):
            parts = super().parts()
            parts[index] = change(parts[index])
            return parts

    return Changed


FIT = "parts_are_arrays_that_fit"
breaks_dataset(FIT)(changed(0, lambda x: x * np.nan))
breaks_dataset(FIT)(changed(0, lambda x: x.astype(str)))
breaks_dataset("masks_fit_the_sequences")(changed(2, lambda mask: mask.astype(float)))
breaks_dataset("masks_fit_the_sequences")(changed(2, lambda mask: mask[:, :-1]))
breaks_dataset("masks_fit_the_sequences")(changed(2, lambda mask: mask & False))


def returning(load):
    """Return a data set by its ``load``."""
    return type("Returning", (Line,), {"load": lambda self: load(*Waves().load())})


for wrong in (
    lambda train, test: train,
    lambda train, test: [train, test],
    lambda train, test: (train[:1], test[:1]),
    lambda train, test: (list(train), test),
    lambda train, test: (train, test[:2]),
    lambda train, test: ((train[0].tolist(), *train[1:]), test),
    lambda train, test: ((train[0], train[1][1:], train[2]), test),
    lambda train, test: (train, (test[0].astype("float32"), *test[1:])),
    lambda train, test: (train[:2], (test[0][:, 0], test[1])),
    lambda train, test: (tuple(a[:0] for a in train), test),
):
    breaks_dataset(FIT)(returning(wrong))


@breaks_dataset("loading_is_reproducible")
class DrawsAgain(Line):
    numbers = itertools.count()

    def load(self):
        (x, y), test = super().load()
        return (x, y + next(self.numbers)), test


@breaks_dataset("loading_is_reproducible")
class SharesItsArrays(Line):
    kept = np.ones((4, 1))

    def load(self):
        return (self.kept, self.kept), (self.kept[:1], self.kept[:1])


@breaks_dataset("loading_is_reproducible")
class ShufflesGlobally(Line):
    def load(self):
        np.random.random()  # noqa: NPY002  the defect
        return super().load()


@breaks_dataset("nothing_is_fetched")
class StartsProcesses(Line):
    def load(self):
        subprocess.run([sys.executable, "-c", ""], check=True)
        return super().load()


@breaks_dataset("nothing_is_fetched")
class TriesToFetch(Line):
    def load(self):
        import socket

        try:
            socket.create_connection(("localhost", 9), timeout=0.01)
        except Exception as error:
            json.dumps(str(error))
        return super().load()


@pytest.mark.parametrize(("name", "cls", "arguments"), DATASETS)
def test_wrong_data_sets_are_rejected(rejected, name, cls, arguments):
    rejected("datasets", name, cls, lambda: check_dataset(cls, **arguments))


@pytest.mark.parametrize(
    ("properties", "mutants"), [(CALLBACK_PROPERTIES, CALLBACKS), (DATASET_PROPERTIES, DATASETS)]
)
def test_every_property_has_a_mutant(properties, mutants):
    own = {check.__name__ for check in properties} - {check.__name__ for check in COMMON}
    assert {param.values[0] for param in mutants} == own
