"""SIGKILL at any moment of a training loses nothing: the resumed run is the uninterrupted one, bit for bit."""

import json
import threading
import time

import numpy as np
import pytest

from npdl_core import load
from npdl_core.saving import tensors

EPOCHS = 25


@pytest.fixture
def train(script, tmp_path):
    """Return a function that trains to the end in a process that is killed after so many seconds of training."""

    def train(name, seed, epochs, after=None):
        folder = tmp_path / f"{name}{seed}"
        folder.mkdir(exist_ok=True)
        process = script("trainee.py", folder, seed, epochs)
        assert process.stdout.readline() == "training\n", process.communicate()[1]
        if after is not None:
            time.sleep(after)
            process.kill()
        _, errors = process.communicate()
        if process.returncode:
            assert process.returncode == -9, errors
            return None
        return json.loads((folder / "done.json").read_text())

    return train


class Reader:
    """Reads a file over and over in a thread; what it cannot read, and whatever is half of it, is kept."""

    def __init__(self, path, models):
        self.path, self.models, self.reads, self.errors, self.done = path, models, 0, [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.is_set():
            try:
                tensors.read(self.path)  # which compares the checksum over everything
                if self.models:
                    load(self.path).predict(np.zeros((1, 4)))
                self.reads += 1
            except FileNotFoundError:
                time.sleep(0.01)
            except Exception as error:
                self.errors.append(error)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def killed_until_done(train, folder, seed, epochs, rng, most):
    """Return how often a run was killed, how many had a checkpoint to go on from, and its digests."""
    kills = resumes = 0
    while kills < most:
        resumes += (folder / f"killed{seed}" / "run").exists()
        result = train("killed", seed, epochs, float(rng.uniform(0, 0.25)))
        if result is not None:
            return kills, resumes, result
        kills += 1
    return kills, resumes + 1, train("killed", seed, epochs)


def run(train, tmp_path, record_property, wanted, epochs, most):
    rng = np.random.default_rng(wanted)
    counts = dict.fromkeys(
        ("runs", "kills", "resumes", "bit-identical runs", "reads while training", "torn"), 0
    )
    while counts["kills"] < wanted:
        seed = counts["runs"]
        expected = train("whole", seed, epochs)
        with Reader(
            tmp_path / f"killed{seed}" / "run", models=seed % 2 == 0
        ) as reader:  # no schedule of its own
            kills, resumes, result = killed_until_done(
                train, tmp_path, seed, epochs, rng, min(most, wanted - counts["kills"])
            )
        assert result == expected
        assert reader.errors == []
        done = (1, kills, resumes, 1, reader.reads, len(reader.errors))
        counts = {key: count + more for (key, count), more in zip(counts.items(), done, strict=True)}
    record_property("fault", ("SIGKILL of a training", counts))
    assert counts["reads while training"]


def test_some_kills(train, tmp_path, record_property):
    run(train, tmp_path, record_property, 3, EPOCHS, 3)


@pytest.mark.proof
def test_many_kills(train, tmp_path, record_property, size):
    run(train, tmp_path, record_property, size("kills", 50), 300, 25)
