"""Ctrl-C and ``--resume``, with real processes and real signals."""

import json
import signal
import time

import pytest

import npdl_core
from npdl_cli.runs import Record

SLOW = ("epochs = 4", 'epochs = 40\ncallbacks = ["pause", "csv_logger"]')


def wait_for(path, child):
    """Wait until a file is there."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_leaves_a_model_and_resume_equals_an_uninterrupted_run(process, config, tmp_path):
    path = config(SLOW)
    folder = tmp_path / "runs" / "blobs"
    child = process("train", path, "--set", "model.seed = 1")
    wait_for(folder / "checkpoint.safetensors", child)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "interrupted after " in err
    assert f"go on with: npdl train {path} --set 'model.seed = 1' --resume\n" in err
    assert "Traceback" not in err
    assert npdl_core.load(folder / "model.safetensors").connected
    assert npdl_core.load(folder / "checkpoint.safetensors").connected
    record = Record.read(folder)
    assert record.state == "interrupted"
    done = len(record.history.epoch)
    assert 0 < done < 40

    child = process("train", path, "--resume")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert err.startswith(f"epoch {done + 1:>2}/40")
    child = process("train", path, "-o", tmp_path / "whole")
    whole, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert out.replace("runs/blobs", "whole") == whole
    for name in ("model.safetensors", "checkpoint.safetensors"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    a, b = (json.loads((one / "run.json").read_text()) for one in (folder, tmp_path / "whole"))
    assert (a.pop("home"), b.pop("home")) == ("../..", "..")
    assert a == b


def test_a_finished_run_is_not_trained_again(npdl, config, trained, tmp_path):
    before = (trained / "model.safetensors").read_bytes()
    done = npdl("train", config(), "--resume")
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert (trained / "model.safetensors").read_bytes() == before


def test_resume_goes_on_for_more_epochs(npdl, config, trained):
    done = npdl("train", config(), "--resume", "--set", "fit.epochs=6")
    assert done.exit_code == 0, done.output
    assert [line.split("  ")[0] for line in done.stderr.splitlines()] == ["epoch 5/6", "epoch 6/6"]
    assert Record.read(trained).history.epoch == list(range(6))


def test_nothing_to_resume_is_said_and_training_starts(npdl, config):
    done = npdl("train", config(), "--resume")
    assert done.exit_code == 0, done.output
    assert "nothing to resume: there is no " in done.stderr
    assert "epoch 1/4" in done.stderr


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.seed=5", "data.seed is 5, and not set in the run to resume"),
        ("compile.optimizer.lr=0.2", "compile.optimizer.lr is 0.2, and 0.1 in the run to resume"),
        ("model.layers.1.p=0", "model.layers[1].p is 0, and 0.1 in the run to resume"),
        ("fit.batch_size=8", "fit.batch_size is 8, and 16 in the run to resume"),
        ("fit.shuffle=true", "fit.shuffle is True, and not set in the run to resume"),
        ("model.layers=[{name='softmax', n_out=3}]", "model.layers is [{"),
    ],
)
def test_another_configuration_cannot_be_resumed(npdl, config, trained, setting, message):
    before = (trained / "checkpoint.safetensors").read_bytes()
    done = npdl("train", config(), "--resume", "--set", setting)
    assert done.exit_code == 2
    assert message in done.stderr
    assert (trained / "checkpoint.safetensors").read_bytes() == before


def test_a_checkpoint_without_its_record_is_resumed_as_core_allows(npdl, config, trained):
    (trained / "run.json").unlink()
    done = npdl("train", config(), "--resume", "--set", "fit.epochs=5")
    assert done.exit_code == 0, done.output
    assert "epoch 5/5" in done.stderr


def test_a_damaged_checkpoint_is_an_error(npdl, config, trained):
    (trained / "checkpoint.safetensors").write_bytes(b"PK\x03\x04" + bytes(100))
    done = npdl("train", config(), "--resume")
    assert done.exit_code == 1
    assert "checkpoint.safetensors: not a safetensors file" in done.stderr


def test_starting_over_keeps_the_old_checkpoint_aside(npdl, config, trained):
    old = (trained / "checkpoint.safetensors").read_bytes()
    done = npdl("train", config(), "--set", "model.seed=2")
    assert done.exit_code == 0, done.output
    assert (trained / "checkpoint.safetensors.previous").read_bytes() == old


def test_an_interrupt_in_the_first_epoch_saves_the_model_and_says_that_there_is_nothing_to_resume(
    npdl, config, monkeypatch, tmp_path
):
    from npdl_core.model import Model

    def interrupted(network, *args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Model, "fit", interrupted)
    done = npdl("train", config())
    assert done.exit_code == 130
    assert "interrupted after 0 of 4 epochs" in done.stderr
    assert "no epoch was finished" in done.stderr
    assert npdl_core.load(tmp_path / "runs" / "blobs" / "model.safetensors").connected


def test_an_interrupt_later_says_how_to_go_on(npdl, config, tmp_path):
    path = config(("epochs = 4", 'epochs = 4\ncallbacks = [{ name = "break", how = "interrupt" }]'))
    done = npdl("train", path, "-o", tmp_path / "a b")
    assert done.exit_code == 130
    assert "interrupted after 2 of 4 epochs" in done.stderr
    assert f"go on with: npdl train {path} --output '{tmp_path / 'a b'}' --resume" in done.stderr


def test_an_interrupt_before_training_is_130_too(npdl, config, monkeypatch):
    from npdl_cli.config import Experiment

    def interrupted(path, assignments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Experiment, "read", interrupted)
    done = npdl("train", config())
    assert done.exit_code == 130
    assert done.stderr.strip() == "interrupted"


def test_a_checkpoint_of_ones_own_is_the_one_to_resume_from(npdl, config, tmp_path):
    path = config(
        ("epochs = 4", 'epochs = 4\ncallbacks = [{ name = "model_checkpoint", path = "mine.safetensors" }]')
    )
    assert npdl("train", path, "-q").exit_code == 0
    folder = tmp_path / "runs" / "blobs"
    assert (folder / "mine.safetensors").exists()
    assert not (folder / "checkpoint.safetensors").exists()
    done = npdl("train", path, "--resume", "--set", "fit.epochs=5")
    assert "epoch 5/5" in done.stderr
