"""The live progress bar, on a pseudo-terminal, and plain lines elsewhere."""

import fcntl
import io
import os
import re
import struct
import sys
import termios
import threading
import time
from contextlib import suppress

import pytest

from npdl_cli.progress import TrainingProgress, _duration
from npdl_core.model import Model

pty = pytest.importorskip("pty")

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo-terminal whose other end is read all the time, as a real one's is."""

    def __init__(self, columns=100):
        self.parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.stream = os.fdopen(child, "w", encoding="utf-8")
        self._content = bytearray()
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self):
        with suppress(OSError):  # at its end
            while piece := os.read(self.parent, 65536):
                self._content += piece

    def read(self):
        """Close this end, and return all that was written."""
        self.stream.close()
        self._reader.join(timeout=30)
        return self._content.decode()

    def close(self):
        self.read()
        os.close(self.parent)


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


def rows(text):
    """Return what was drawn, row by row, without colours and movements."""
    return [ESCAPES.sub("", row).strip() for row in text.splitlines()]


def test_a_terminal_shows_bars_values_and_the_time_left(process, config, terminal, environment):
    path = config(("epochs = 4", 'epochs = 30\ncallbacks = ["pause"]'))
    child = process(
        "train",
        path,
        stdin=terminal.stream,
        stdout=terminal.stream,
        stderr=terminal.stream,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "100"},
    )
    assert child.wait(timeout=60) == 0
    text = terminal.read()
    shown = rows(text)
    assert any(re.fullmatch(r"epochs +\S+ \d+/30 +\d+ s left", row) for row in shown)
    assert any(re.fullmatch(r"batches +\S+ \d/6", row) for row in shown)
    values = r"loss [\d.]+  accuracy [\d.]+  val_loss [\d.]+  val_accuracy [\d.]+"
    assert any(re.fullmatch(rf"{values}  batch loss [\d.]+", row) for row in shown)
    last = max(index for index, row in enumerate(shown) if row.startswith("epochs "))
    assert re.fullmatch(r"epochs +━+ 30/30 +\d+ s", shown[last])
    assert re.fullmatch(values, shown[last + 1])
    assert not any(row.startswith("batches") for row in shown[last:])
    assert any(row.startswith("held-out accuracy: ") for row in shown[last:])
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is back


def test_ctrl_c_typed_into_the_terminal_gives_it_back_in_order(
    process, config, terminal, environment, tmp_path
):
    path = config(("epochs = 4", 'epochs = 1000\ncallbacks = ["pause"]'))

    def own_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    child = process(
        "train",
        path,
        stdin=terminal.stream,
        stdout=terminal.stream,
        stderr=terminal.stream,
        env={**environment, "TERM": "xterm-256color"},
        preexec_fn=own_terminal,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "runs" / "blobs" / "checkpoint.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.write(terminal.parent, b"\x03")
    assert child.wait(timeout=60) == 130
    text = terminal.read()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert any("interrupted after " in row for row in rows(text))


def fitted(progress, epochs, callbacks=()):
    """Train a small model under a progress."""
    import numpy as np

    network = Model(["flatten", {"name": "softmax", "config": {"n_out": 2}}], seed=0)
    network.compile("scce", {"name": "sgd", "config": {"lr": 0.1}}, ["accuracy", "confusion_matrix"])
    X, Y = np.ones((12, 2), "float32"), np.zeros(12, int)
    with progress:
        network.fit(X, Y, epochs=epochs, batch_size=4, callbacks=[*callbacks, progress])
    return network


def test_bars_in_this_process(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("npdl_cli.progress._INTERVAL", 0.0)
    fitted(TrainingProgress(3, 3), 3)
    shown = rows(terminal.read())
    for number in (1, 2, 3):
        assert any(f"{number}/3" in row for row in shown if row.startswith("batches"))
        assert any(f"{number}/3" in row for row in shown if row.startswith("epochs"))
    assert any("batch loss" in row for row in shown)
    assert not any("confusion" in row for row in shown)


def test_bars_are_drawn_only_so_often(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("npdl_cli.progress._INTERVAL", 3600.0)
    fitted(TrainingProgress(50, 3), 50)
    assert len(rows(terminal.read())) < 20


def test_bars_of_a_training_that_stops_early(terminal, monkeypatch):
    from npdl_core import registry

    monkeypatch.setattr(sys, "stderr", terminal.stream)
    monkeypatch.setenv("TERM", "xterm")
    stop = registry.get("callbacks", "early_stopping", monitor="accuracy", patience=1)
    fitted(TrainingProgress(9, 3), 9, callbacks=[stop])
    last = [row for row in rows(terminal.read()) if row.startswith("epochs")][-1]
    assert "2/9" in last
    assert "left" not in last


def test_a_failure_gives_the_terminal_back(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    monkeypatch.setenv("TERM", "xterm")
    progress = TrainingProgress(3, 3)
    progress.model = Model()

    def begin_and_fail():
        with progress:
            progress.on_train_begin({})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        begin_and_fail()
    text = terminal.read()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


@pytest.mark.parametrize("variables", [{"FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_bars_where_nobody_could_see_them_move(monkeypatch, variables):
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    fitted(TrainingProgress(2, 3), 2)
    lines = rows(stream.getvalue())
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss 0.")


def test_quiet_shows_nothing(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    fitted(TrainingProgress(2, 3, quiet=True), 2)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1:00 min"),
        (3599, "59:59 min"),
        (3600, "1:00 h"),
        (86400, "24:00 h"),
    ],
)
def test_durations(seconds, text):
    assert _duration(seconds) == text
