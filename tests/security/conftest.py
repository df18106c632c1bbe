"""What hostile input is tried on: quickly, in little memory, and with everything but computing watched."""

import os
import resource
import sys
import sysconfig
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from npdl_core import Model, load, registry
from npdl_core.errors import NpdlError, UnknownNameError
from npdl_core.layers import BatchNormal, Dense, Softmax
from npdl_core.saving.checkpoint import resume_from, save_checkpoint

WATCHED = (
    "open", "import", "exec", "compile", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pickle.",
    "marshal.", "tempfile.", "mmap.", "code.", "builtins.input", "builtins.breakpoint", "webbrowser.",
)  # fmt: skip
SITE = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")})
METADATA = (".dist-info", ".egg-info", "METADATA", "entry_points.txt", "direct_url.json", "PKG-INFO")


class Watch:
    """Notes audit events of one thread while it is armed; Python has no way to take a hook back."""

    def __init__(self):
        self.events = None
        self.thread = None
        sys.addaudithook(self)

    def __call__(self, event, args):
        if self.events is None or threading.get_ident() != self.thread or not event.startswith(WATCHED):
            return
        if not harmless(event, args):
            self.events.append((event, str(args)[:200]))

    @contextmanager
    def armed(self):
        self.thread, self.events = threading.get_ident(), []
        try:
            yield self.events
        finally:
            self.events = None


def harmless(event, args):
    """Return whether an event is the search for installed metadata, or an import that was done before."""
    if event == "import":
        return (
            str(args[0]).partition(".")[0] in ("npdl_core", *sys.stdlib_module_names)
            or args[0] in sys.modules
        )
    path = str(args[0]) if args else ""
    if event in ("os.listdir", "os.scandir"):
        return True
    return event == "open" and (
        path in sys.path or path.endswith(METADATA) or (path.startswith(SITE) and ".dist-info" in path)
    )


@pytest.fixture(scope="session")
def watch(tmp_path_factory):
    # Core is imported, the scan is made and every way was taken once before anything is watched.
    file = tmp_path_factory.mktemp("warm") / "m"
    model = Model([Dense(4, n_in=3), Softmax(2)], seed=0).compile("scce")
    save_checkpoint(file, Model.from_json(model.to_json()), [], 0)
    resume_from(file, load(file), [])
    for unknown in ("nothing-of-this-name:at-all", "numpy:array"):  # one not installed, one that is no plugin
        with pytest.raises(UnknownNameError):
            registry.get("layers", unknown)
    for kind in ("layers", "optimizers", "objectives", "metrics", "callbacks", "activations", "initializers"):
        for name in registry.names(kind):
            registry.resolve(kind, name)
    return Watch()


def status(key):
    """Return a line of this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) << 10


@pytest.fixture
def quietly(watch, record_property):
    """Return a context in which nothing but the given files may be opened, and little memory be had.

    It takes a second of this process's time at most; what is tried beyond computing fails the test.
    ``scripts/fault_tables.py`` counts by ``entry``.
    """

    @contextmanager
    def quietly(*files, entry=None, seconds=1.0, megabytes=200):
        before = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (status("VmData") + (megabytes << 20), before[1]))
        with suppress(OSError):  # where this is not allowed, only a new peak counts
            Path("/proc/self/clear_refs").write_text("5")
        used, start, refused = status("VmHWM"), time.process_time(), False
        try:
            with watch.armed() as events:
                yield
        except NpdlError:
            refused = True
            raise
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)
            took, more = time.process_time() - start, status("VmHWM") - used
            found = [e for e in events if not opens(e, files)]
            row = (entry or ("load" if files else "from_json"), refused, took, more / 2**20)
            record_property("attack", row)
            assert took < seconds * (1 if sys.gettrace() is None else 5)  # a tracer of lines takes most of it
            assert found == []

    return quietly


def opens(event, files):
    """Return whether an event is the opening of one of the files."""
    return event[0] == "open" and any(event[1].startswith(f"('{file}'") for file in files)


@pytest.fixture
def model():
    """Return a trained model with every kind of state."""
    import numpy as np

    layers = [Dense(4, n_in=3), BatchNormal(), {"name": "dropout", "config": {"p": 0.3}}, Softmax(2)]
    model = Model(layers, seed=1).compile(
        "scce", {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}}, metrics=["accuracy"]
    )
    model.fit(np.ones((8, 3)), np.zeros(8, int), epochs=1)
    return model


def pytest_collection_modifyitems(items):
    """Leave out what needs Linux elsewhere."""
    if not os.path.exists("/proc/self/status"):
        for item in items:
            if "quietly" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason="reads /proc"))
