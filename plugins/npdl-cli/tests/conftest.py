"""A fabricated distribution with small data sets, and ways to run the command."""

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner

from npdl_cli.main import make_command
from npdl_core import registry

CONFIG = """
[data]
name = "blobs"

[model]
seed = 1

[[model.layers]]
name = "dense"
n_out = 8
activation = "tanh"

[[model.layers]]
name = "dropout"
p = 0.1

[[model.layers]]
name = "softmax"
n_out = 3

[compile]
loss = "softmax_categorical_cross_entropy"
optimizer = { name = "sgd", lr = 0.1, momentum = 0.9 }
metrics = ["accuracy"]

[fit]
epochs = 4
batch_size = 16
validation_split = 0.2
"""

GRAPH = """
[data]
name = "two"

[model]
seed = 3
inputs = { left = [3], right = { shape = [1] } }
outputs = ["kind", "total"]
nodes = [
    { name = "l", layer = { name = "dense", n_out = 4 }, inputs = "left" },
    { name = "again", layer = { name = "dense", n_out = 4 }, inputs = "l" },
    { name = "shared", layer = { ref = "again" }, inputs = "again" },
    { name = "both", layer = "concat", inputs = ["shared", "right"] },
    { name = "kind", layer = { name = "softmax", n_out = 3 }, inputs = "both" },
    { name = "total", layer = { name = "linear", n_out = 1 }, inputs = "both" },
]

[compile]
loss = { kind = "scce", total = { name = "mse" } }
optimizer = { name = "sgd", lr = 0.05 }
metrics = { kind = ["accuracy"] }
loss_weights = { total = 0.5 }

[fit]
epochs = 2
"""

TOY = '''
import os, time
import numpy as np
from npdl_core.callbacks import Callback
from npdl_core.datasets import Dataset
from npdl_core.errors import MissingDependencyError

rng = np.random.default_rng


def blobs(n, n_classes=3, seed=0):
    Y = rng(seed).integers(0, n_classes, n)
    return (np.eye(n_classes)[Y] * 3 + rng(seed + 1).normal(size=(n, n_classes))).astype("float32"), Y


class Blobs(Dataset):
    """Points around three corners."""

    classes = ("red", "green", "blue")

    def __init__(self, n=120, n_test=30, seed=0, one_hot=False):
        if n == 13:
            raise RuntimeError("unlucky")
        self.n, self.n_test, self.seed, self.one_hot = n, n_test, seed, one_hot

    def load(self):
        X, Y = blobs(self.n + self.n_test, seed=self.seed)
        if self.one_hot:
            Y = np.eye(3, dtype="float32")[Y]
        return (X[: self.n], Y[: self.n]), (X[self.n :], Y[self.n :])


class Line(Dataset):
    def load(self):
        X = rng(0).normal(size=(50, 2)).astype("float32")
        return (X[:40], X[:40] @ [[1.0], [2.0]]), (X[40:], X[40:] @ [[1.0], [2.0]])


class Counted(Dataset):
    """Whole numbers (N,) to predict."""

    def load(self):
        X = rng(0).integers(0, 9, (50, 2))
        return (X[:40], X[:40].sum(axis=1)), (X[40:], X[40:].sum(axis=1))


class Many(Dataset):
    def load(self):
        X, Y = blobs(200, 25)
        return (X[:150], Y[:150]), (X[150:], Y[150:])


class Words(Dataset):
    """Sequences of ids of unequal lengths, with a mask and a target for each step."""

    def load(self):
        X = rng(0).integers(0, 5, (40, 6))
        mask = np.arange(6) < rng(1).integers(2, 7, 40)[:, None]
        return (X[:30], X[:30] % 2, mask[:30]), (X[30:], X[30:] % 2, mask[30:])


class Two(Dataset):
    """Two inputs, two outputs."""

    def load(self):
        X, Y = blobs(60)
        Z = X.sum(axis=1, keepdims=True)
        part = lambda s: ({"left": X[s], "right": Z[s]}, {"kind": Y[s], "total": Z[s]})
        return part(slice(40)), part(slice(40, None))


class Wrong(Dataset):
    def load(self):
        return np.zeros(3)


class Missing(Dataset):
    def load(self):
        raise MissingDependencyError("this data set is part of toys: pip install toys")


class Crash(Dataset):
    def load(self):
        raise TypeError("oops \\x1b[31m")


class FromFile(Dataset):
    def __init__(self, path):
        self.path = path

    def load(self):
        X = np.load(self.path)
        return (X, X[:, :1]), (X[:2], X[:2, :1])


class Named(Blobs):
    classes = ("[red]x[/red]", "\\x1b[31mb", "\\u202ec")


class Pause(Callback):
    """Makes epochs last."""

    def __init__(self, seconds=0.02):
        self.seconds = seconds

    def on_epoch_end(self, epoch, logs):
        time.sleep(self.seconds)


class Break(Callback):
    """Fails at the end of an epoch."""

    def __init__(self, how="raise"):
        self.how = how

    def on_epoch_end(self, epoch, logs):
        if epoch == 1 and self.how == "raise":
            raise ValueError("broken callback")
        if epoch == 1:
            raise KeyboardInterrupt
'''

POINTS = {
    "npdl.v1.datasets": {
        name.lower(): f"toy_data:{name}"
        for name in (
            "Blobs",
            "Line",
            "Counted",
            "Many",
            "Words",
            "Two",
            "Wrong",
            "Missing",
            "Crash",
            "FromFile",
            "Named",
        )
    },
    "npdl.v1.callbacks": {"pause": "toy_data:Pause", "break": "toy_data:Break"},
}


_COUNT = count()


class Site:
    """A folder of installed distributions."""

    def __init__(self, path):
        self.path = path
        path.mkdir(exist_ok=True)

    def distribution(self, name, groups, version="1.0"):
        """Write ``name-version.dist-info`` with entry points."""
        info = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [
            f"[{group}]\n" + "".join(f"{key} = {target}\n" for key, target in points.items())
            for group, points in groups.items()
        ]
        (info / "entry_points.txt").write_text("".join(lines))

    def module(self, name, source):
        """Write a module."""
        (self.path / f"{name}.py").write_text(dedent(source))

    def hook(self, name, body, target=None):
        """Write a distribution whose module has a hook, and look at the distributions anew."""
        module = name.replace("-", "_")
        self.module(module, "import click\nfrom npdl_core.hooks import hookimpl\n" + dedent(body))
        # What was imported once stays known to the registry by name and version.
        self.distribution(name, {"npdl.v1.hooks": {"cli": target or module}}, version=f"1.{next(_COUNT)}")
        registry.refresh()


@pytest.fixture(scope="session")
def toys(tmp_path_factory):
    """The folder of the distribution toy-data."""
    made = Site(tmp_path_factory.mktemp("toys") / "site")
    made.module("toy_data", TOY)
    made.distribution("toy-data", POINTS)
    return made.path


INSTALLED = ",".join(registry.default().catalogue.versions)


@pytest.fixture(autouse=True)
def _only_toys_are_installed(toys, monkeypatch):
    monkeypatch.syspath_prepend(str(toys))
    monkeypatch.setenv("NPDL_DISABLE_PLUGINS", INSTALLED)  # whatever it is, these tests are not about it
    registry.refresh()
    yield
    monkeypatch.undo()
    registry.refresh()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Another folder of distributions, forgotten afterwards."""
    made = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(made.path))
    registry.refresh()
    yield made
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def npdl():
    """Run the command in this process."""

    def run(*args, **options):
        return CliRunner().invoke(make_command(), [str(arg) for arg in args], **options)

    return run


@pytest.fixture
def config(tmp_path):
    """A file with a working experiment; called with pairs of texts, it replaces one by the other first."""

    def write(*pairs, text=CONFIG, name="blobs.toml"):
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def graph():
    """The text of an experiment with two inputs and two outputs."""
    return GRAPH


@pytest.fixture
def trained(npdl, config):
    """The folder of a finished run."""
    path = config()
    done = npdl("train", path, "--quiet")
    assert done.exit_code == 0, done.output
    return path.parent / "runs" / "blobs"


@pytest.fixture
def environment(toys):
    """The variables of a process that sees the toys; Python finds what this one found."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith("NPDL_")}
    keep["NPDL_DISABLE_PLUGINS"] = INSTALLED
    path = os.pathsep.join([str(toys), *filter(None, [keep.get("PYTHONPATH")])])
    return {**keep, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture
def process(environment, tmp_path):
    """Start the command as a process of its own."""
    started = []

    def start(*args, **options):
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "npdl_cli", *map(str, args)],
            **{
                "env": environment,
                "cwd": tmp_path,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                # Whoever starts the tests in the background has SIGINT ignored for all its children.
                "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                **options,
            },
        )
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def examples():
    """The repository's folder of examples."""
    return Path(__file__).parents[3] / "examples"
