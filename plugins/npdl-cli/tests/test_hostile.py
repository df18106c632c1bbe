"""Hostile configurations, model files, inputs and plugins through every command.

Each ends in one message and an exit code, within a second of work and 200 MB, and nothing but the file is opened,
nothing is written, started or connected to. Numbers are those of the list of threats.
"""

import json
import resource
import sys
import sysconfig
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from npdl_core.errors import NpdlError
from npdl_core.saving import tensors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.", "socket.", "ctypes.dlopen", "pickle.",
             "os.mkdir", "os.remove", "os.rename", "os.symlink", "os.chmod", "shutil.", "tempfile.", "webbrowser.")  # fmt: skip
INSTALLED = (
    *{sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")},
    str(Path(__file__).parents[3]),
)


def of_check(event, arguments):
    """Return whether an event is of the folder that ``npdl plugin check`` lays out and removes."""
    lays_out = event in ("tempfile.mkdtemp", "os.mkdir", "os.remove", "shutil.rmtree")
    return lays_out or "npdl-check-" in arguments or ".dist-info" in arguments


class Watch:
    """Notes audit events of this thread while it is armed; Python has no way to take a hook back."""

    def __init__(self):
        self.events, self.thread, self.allowed = None, threading.get_ident(), ()
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        if self.events is None or threading.get_ident() != self.thread:
            return
        if event.startswith(FORBIDDEN) or (event == "open" and not self.harmless(*arguments[:3])):
            self.events.append((event, str(arguments)[:200]))

    def harmless(self, path, mode, flags):
        """Return whether something installed is read, or a file that the command was given."""
        writes = isinstance(flags, int) and flags & 3
        known = isinstance(path, int) or str(path) in sys.path
        return not writes and (known or str(path).startswith((*self.allowed, *INSTALLED, "/proc/")))


@pytest.fixture(scope="module")
def watch():
    return Watch()


def peak(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) << 10


@pytest.fixture
def attack(npdl, watch, tmp_path, toys, record_property, monkeypatch):
    """Return a function that runs a command which must refuse, and watches it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # an import that comes late writes no file
    npdl("--help")  # every module is imported
    npdl("summary", tmp_path / "nothing")

    def attack(entry, *arguments):
        before = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (peak("VmData") + (200 << 20), before[1]))
        with suppress(OSError):  # where this is not allowed, only a new peak counts
            Path("/proc/self/clear_refs").write_text("5")
        watch.allowed = (str(tmp_path), str(toys))
        used, begun, watch.events = peak("VmHWM"), time.process_time(), []
        try:
            done = npdl(*arguments)
        finally:
            found, watch.events = watch.events, None
            resource.setrlimit(resource.RLIMIT_DATA, before)
        took, more = time.process_time() - begun, (peak("VmHWM") - used) / 2**20
        record_property("attack", (entry, done.exit_code != 0, took, more))
        assert done.exit_code in (1, 2), done.output
        assert took < 1
        assert [event for event in found if not (entry == "npdl plugin check" and of_check(*event))] == []
        text = done.stderr
        assert text.count("Error: ") == 1 or "Usage:" in text, text
        assert "unexpected" not in text, text
        assert all(line.isprintable() for line in text.splitlines()), repr(text)
        assert len(text) < 3000
        return text

    return attack


CODE = ["builtins.eval", "os:system", "__main__:f", "../../etc/passwd", "file:///etc/passwd", "", "\x1b[31mdense",
        "\u202edense", "x" * 10**5, "not-installed:dense", "numpy:array", "npdl_core.layers.dense:Dense", "csv_logger"]  # fmt: skip
BASE = {
    "data": {"name": "blobs"},
    "model": {"seed": 1, "layers": [{"name": "dense", "n_out": 4}, {"name": "softmax", "n_out": 3}]},
    "compile": {"loss": "scce", "optimizer": {"name": "sgd", "lr": 0.1}, "metrics": ["accuracy"]},
    "fit": {"epochs": 1},
}
SLOTS = [
    ("data", "name"), ("model", "layers", 0, "name"), ("model", "layers", 0, "activation"),
    ("model", "layers", 0, "init"), ("compile", "loss"), ("compile", "optimizer", "name"), ("compile", "optimizer", "lr"),
]  # fmt: skip
VALUES = {
    ("fit", "epochs"): ["3", -1, True, 1.5, [], 10**30],
    ("fit", "batch_size"): [0, "x", True],
    ("fit", "callbacks"): [["os:system"], [{"name": "sgd"}], 3],
    ("fit", "more"): [1],
    ("model", "layers", 0, "n_out"): [10**12, -1, 0, True, "3", 1.5, [3], 10**17],
    ("model", "layers", 0, "__class__"): ["x"],
    ("model", "layers", 0, "self"): [1],
    ("model", "seed"): [-1, "x", True],
    ("model", "dtype"): ["object", "O", 3],
    ("model", "safe_mode"): [False],
    ("compile", "optimizer", "lr"): [-1, True, [0.1]],
    ("compile", "run"): ["x"],
    ("trust",): [True],
}


def toml(value):
    """Return a value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def changed(path, value):
    document = json.loads(json.dumps(BASE))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return "\n".join(f"{key} = {toml(part)}" for key, part in document.items())


def documents():
    for path in SLOTS:
        for name in CODE:
            yield f"1 {'.'.join(map(str, path))} = {name[:30]!r}", changed(path, name)
    for path, values in VALUES.items():
        for value in values:
            yield f"7 {'.'.join(map(str, path))} = {value!r}", changed(path, value)
    yield "11 dotted key", ".".join("a" * 50_000) + " = 1"
    yield "11 nested", "x = " + "[" * 50_000
    yield "11 an integer", "x = " + "9" * 100_000
    yield "11 not finite", changed(("fit", "epochs"), 1).replace("1}", "nan}")
    yield "11 duplicate", "fit = {}\nfit = {}"
    yield "11 too large", "#" * 10**6
    yield "11 tables", "".join(f"[a{k}]\n" for k in range(30_000))
    yield "11 no text", "\x00\x01"
    yield "5 pickle", "\x80\x04\x95"


DOCUMENTS = dict(documents())


def test_the_base_is_accepted(npdl, tmp_path):
    (tmp_path / "x.toml").write_text(changed(("fit", "epochs"), 1))
    done = npdl("train", tmp_path / "x.toml", "--quiet")
    assert done.exit_code == 0, done.output
    assert len(DOCUMENTS) > 120


@pytest.mark.parametrize("name", DOCUMENTS)
def test_configurations(name, attack, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(DOCUMENTS[name], encoding="utf-8", errors="surrogatepass")
    attack("npdl train", "train", path, "--quiet")
    if not name.startswith(("1 data", "7 fit")):  # which a summary has no need of
        attack("npdl summary", "summary", path)
    assert sorted(file.name for file in tmp_path.iterdir() if file.name != "site") == ["x.toml"]


CONTENTS = {
    "pickle": b"\x80\x04\x95" + bytes(50), "zip": b"PK\x03\x04" + bytes(50), "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(99),
    "json": b'{"format": 1}', "nothing": b"", "zeros": bytes(999), "long header": (2**63 - 1).to_bytes(8, "little"),
    "deep": (10**6).to_bytes(8, "little") + b"[" * 10**6,
    "many": (3 * 10**6 + 2).to_bytes(8, "little") + b"[" + b"[]," * 10**6 + b"]",
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENTS)
def test_model_files(name, attack, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(CONTENTS[name])
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    attack("npdl summary", "summary", path)
    attack("npdl evaluate", "evaluate", path, "--data", "blobs")
    attack("npdl predict", "predict", path, tmp_path / "x.npy")


@pytest.mark.parametrize("name", CODE)
def test_signed_model_files(name, attack, model_file, tmp_path):
    """1 3 17: written with a right checksum, as an attacker would."""
    document, arrays = tensors.read(model_file)
    document["model"]["layers"][0]["name"] = name
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    tensors.write(tmp_path / "evil", document, arrays)
    attack("npdl summary", "summary", tmp_path / "evil")
    attack("npdl predict", "predict", tmp_path / "evil", tmp_path / "x.npy")


@pytest.fixture
def model_file(tmp_path):
    from npdl_core import Model

    model = Model([{"name": "dense", "config": {"n_out": 2}}], seed=0).connect((None, 3))
    model.save(tmp_path / "model")
    return tmp_path / "model"


INPUTS = {
    "x.npy": [
        b"",
        b"\x80\x04",
        b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }",
    ],
    "x.csv": [
        b"",
        b"\xff\xfe",
        b"1,2\n3\n",
        b"1,2,1e999\n",
        b"=cmd|' /C calc'!A0,1,2\n1,2,x\n",
        b"\x1b[31m,1,2\n",
    ],
    "x.pkl": [b"\x80\x04\x95"],
}


@pytest.mark.parametrize(
    ("name", "content"), [(name, content) for name in INPUTS for content in INPUTS[name]]
)
def test_inputs(name, content, attack, model_file, tmp_path):
    (tmp_path / name).write_bytes(content)
    attack("npdl predict", "predict", model_file, tmp_path / name)


def test_an_input_that_claims_to_be_large(attack, model_file, tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 3), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + header)
    attack("npdl predict", "predict", model_file, tmp_path / "x.npy")


def test_a_checkpoint_to_resume_from(npdl, attack, tmp_path):
    """13: a run's own checkpoint, replaced by something else."""
    path = tmp_path / "x.toml"
    path.write_text(changed(("fit", "epochs"), 1))
    assert npdl("train", path, "--quiet").exit_code == 0
    (found,) = [file for file in (tmp_path / "runs" / "x").iterdir() if "checkpoint" in file.name]
    document, arrays = tensors.read(found)
    for odd in (
        {"epoch": -1},
        {"rng": []},
        {"optimizer": {"code": "os.system"}},
        {"callbacks": [{"name": "os:system"}]},
    ):
        tensors.write(found, {**document, "training": {**document["training"], **odd}}, arrays)
        before = found.read_bytes()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("npdl_core.saving.atomic.write_atomically", refuse)
            done = npdl("train", path, "--quiet", "--resume", "--set", "fit.epochs=2")
        assert done.exit_code in (1, 2)
        assert "unexpected" not in done.stderr, done.stderr
        assert found.read_bytes() == before


def refuse(*_):
    raise NpdlError("nothing is to be written")


# -- npdl plugin check ---------------------------------------------------------------------------------------

PROJECTS = {
    "nothing": None,
    "no toml": "\x00",
    "no project": "[tool.x]\na = 1",
    "dotted": ".".join("a" * 50_000) + " = 1",
    "nested": "x = " + "[" * 50_000,
    "no name": "[project]\nversion = '1'",
    "path as a name": "[project]\nname = '../../etc/passwd'\nversion = '1'",
    "escape in a name": "[project]\nname = 'a\\u001b[31m'\nversion = '1'",
    "not installed": "[project]\nname = 'npdl-of-nobody'\nversion = '1'",
}


@pytest.mark.parametrize("name", PROJECTS)
def test_plugins_to_check(name, attack, tmp_path):
    folder = tmp_path / "plugin"
    folder.mkdir()
    if PROJECTS[name] is not None:
        (folder / "pyproject.toml").write_text(PROJECTS[name])
    attack("npdl plugin check", "plugin", "check", folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x80\x04\x95"])
def test_wheels_to_check(content, attack, tmp_path):
    path = tmp_path / "evil-1.0-py3-none-any.whl"
    path.write_bytes(content)
    attack("npdl plugin check", "plugin", "check", path)


@pytest.mark.parametrize("name", ["npdl-of-nobody", "os.system", "x" * 10**5, "\x1b[31m", "numpy"])
def test_names_to_check(name, attack):
    attack("npdl plugin check", "plugin", "check", name)


# -- the record of a run -------------------------------------------------------------------------------------

RECORDS = {
    "nothing": "", "no object": "[]", "deep": "[" * 10**5, "many": "[" + "[]," * 10**6 + "1]", "NaN": '{"format": NaN}',
    "duplicate": '{"format": 1, "format": 1}', "pickle": "\x80\x04", "no history": '{"format": 1}',
    "escape": '{"format": "\\u001b[31m"}', "code": '{"format": 1, "__class__": "os.system", "history": {}}',
    "an integer": '{"format": ' + "9" * 10**5 + "}", "too large": " " * (17 * 2**20),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_records_of_runs(name, attack, tmp_path):
    (tmp_path / "run.json").write_text(RECORDS[name], encoding="utf-8")
    attack("npdl plot", "plot", tmp_path)
