"""A file is the old one or the new one, whatever happens."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import npdl_core
from npdl_core import Model, load
from npdl_core.errors import ConfigError, DataError
from npdl_core.layers import Dense
from npdl_core.saving import atomic
from npdl_core.saving.atomic import write_atomically

OLD, NEW = b"old" * 1000, b"new" * 2000


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    return path


def alone(path):
    """Return whether nothing else is in the folder of a path, no temporary file in particular."""
    return list(path.parent.iterdir()) == [path]


def test_replaces(target):
    write_atomically(target, NEW)
    assert target.read_bytes() == NEW
    assert alone(target)


def test_new_files_and_forms_of_paths(tmp_path):
    for path in (tmp_path / "a", str(tmp_path / "b")):
        write_atomically(path, NEW)
        assert Path(path).read_bytes() == NEW


@pytest.mark.parametrize("call", ["open", "fdopen", "fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt(), MemoryError()])
def test_a_failure_at_any_step(target, monkeypatch, call, error):
    def failing(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, call, failing)
        with pytest.raises(type(error)):
            write_atomically(target, NEW)
    assert target.read_bytes() == OLD
    assert alone(target)
    write_atomically(target, NEW)
    assert target.read_bytes() == NEW


def test_a_folder_that_cannot_be_synced_is_no_failure(target, monkeypatch):
    real = os.open

    def refusing(path, flags, *rest):
        if Path(path).is_dir():
            raise OSError(errno.EINVAL, "no")
        return real(path, flags, *rest)

    monkeypatch.setattr(atomic.os, "open", refusing)
    write_atomically(target, NEW)
    assert target.read_bytes() == NEW


def test_permissions_stay(target):
    target.chmod(0o600)
    write_atomically(target, NEW)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_link_is_replaced_itself(target):
    link = target.parent / "link"
    link.symlink_to(target)
    write_atomically(link, NEW)
    assert target.read_bytes() == OLD
    assert not link.is_symlink()
    assert link.read_bytes() == NEW


def test_a_link_to_nothing(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "none")
    write_atomically(link, NEW)
    assert link.read_bytes() == NEW


def test_what_is_no_file(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    for path, message in [
        (tmp_path / "folder", "is a folder"),
        (tmp_path / "link", "is a folder"),
        (tmp_path / "pipe", "is no regular file"),
        ("/dev/null", "is no regular file"),
        (tmp_path / "none" / "file", "the folder .* does not exist"),
    ]:
        with pytest.raises(DataError, match=message):
            write_atomically(path, NEW)
    assert Path("/dev/null").is_char_device()
    for path in (None, 3, b"bytes", "", "a\0b"):
        with pytest.raises(ConfigError, match="path must be a path"):
            write_atomically(path, NEW)


def test_a_folder_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(DataError, match="cannot be written to"):
        write_atomically(tmp_path / "file", NEW)


def test_long_names(tmp_path):
    path = tmp_path / ("n" * 200)
    write_atomically(path, NEW)
    assert path.read_bytes() == NEW


def test_names_in_messages_are_escaped(tmp_path):
    with pytest.raises(DataError) as caught:
        write_atomically(tmp_path / "a\x1b[31m" / "b", NEW)
    assert "\x1b" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")
def test_a_full_disk(tmp_path):
    """The kernel refuses to write more than 20 000 bytes: the old model stays, nothing else does."""
    path = tmp_path / "m.safetensors"
    small = Model([Dense(2, n_in=3)], seed=0).connect((None, 3))
    small.save(path)
    content = path.read_bytes()
    code = f"""
        import errno, resource, signal
        from npdl_core import Model
        from npdl_core.layers import Dense
        model = Model([Dense(200, n_in=300)], seed=0).connect((None, 300))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            model.save(r"{path}")
        except OSError as error:
            assert error.errno == errno.EFBIG, error
            print("refused")
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(npdl_core.__file__).parents[1]), "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout == "refused\n", done.stderr
    assert path.read_bytes() == content
    assert alone(path)


def test_a_reader_never_sees_half(tmp_path):
    path = tmp_path / "m.safetensors"
    models = [Model([Dense(60, n_in=50)], seed=seed).connect((None, 50)) for seed in (0, 1)]
    X = np.ones((2, 50), "float32")
    expected = [model.predict(X).tobytes() for model in models]
    models[0].save(path)
    seen, done = set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add(load(path).predict(X).tobytes())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(40):
            models[turn % 2].save(path)
    finally:
        done.set()
        reader.join()
    assert seen <= set(expected)
    assert alone(path)


def test_writers_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([value]) * 50_000 for value in range(8)]
    threads = [threading.Thread(target=write_atomically, args=(path, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert alone(path)
