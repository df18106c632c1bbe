"""``npdl train``."""

import csv
import json
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import npdl_core
from npdl_cli import console
from npdl_cli.config import Experiment
from npdl_cli.console import make_console
from npdl_cli.results import show_confusions
from npdl_cli.training import Run
from npdl_core.model import Model


def accuracy_line(output):
    (line,) = [line for line in output.splitlines() if line.startswith("held-out accuracy: ")]
    return float(line.removeprefix("held-out accuracy: "))


def table(path):
    return list(csv.reader(path.read_text().splitlines()))


def test_a_run_prints_the_held_out_accuracy_the_matrix_and_a_comparison(npdl, config):
    done = npdl("train", config())
    assert done.exit_code == 0, done.output
    assert "blobs: 96 samples to train on, 24 to validate on, 30 held out; seed 1" in done.stdout
    assert "0.dense    Dense    (N, 8)        32" in done.stdout
    assert accuracy_line(done.stdout) > 0.8
    assert "confusion matrix" in done.stdout
    assert "saved: " in done.stdout
    assert done.stdout.endswith("loaded again: predictions on 30 samples equal those before saving\n")


def test_progress_goes_to_standard_error_a_line_an_epoch(npdl, config):
    done = npdl("train", config())
    lines = done.stderr.splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"epoch {n}/4" for n in (1, 2, 3, 4)]
    assert all(key in lines[0] for key in ("loss", "accuracy", "val_loss", "val_accuracy", " s"))


def test_quiet_prints_only_results(npdl, config):
    done = npdl("train", config(), "-q")
    assert done.stderr == ""
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "held-out accuracy",
        "saved",
        "loaded again",
    ]


def test_the_folder_holds_model_checkpoint_and_record(npdl, config):
    path = config()
    npdl("train", path)
    folder = path.parent / "runs" / "blobs"
    assert sorted(file.name for file in folder.iterdir()) == [
        "checkpoint.safetensors",
        "model.safetensors",
        "run.json",
    ]
    record = json.loads((folder / "run.json").read_text())
    assert record["state"] == "finished"
    assert record["history"]["epoch"] == [0, 1, 2, 3]
    assert record["config"]["fit"]["epochs"] == 4
    assert set(record["results"]) == {"training", "validation", "held-out"}
    confusion = record["confusions"][""]
    assert confusion["classes"] == ["red", "green", "blue"]
    assert np.sum(confusion["counts"]) == 30


def test_the_saved_model_is_the_one_that_was_measured(npdl, config, trained):
    record = json.loads((trained / "run.json").read_text())
    network = npdl_core.load(trained / "model.safetensors")
    _, (X, Y) = npdl_core.registry.get("datasets", "blobs").load()
    assert network.evaluate(X, Y) == pytest.approx(record["results"]["held-out"])
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (Y, network.predict(X).argmax(1)), 1)
    assert counts.tolist() == record["confusions"][""]["counts"]


def test_the_test_part_is_never_trained_on(config, monkeypatch, tmp_path):
    run = Run(Experiment.read(config()))
    run.prepare()
    seen = []
    fit = run.network.fit
    monkeypatch.setattr(
        run.network, "fit", lambda X, Y, **options: seen.append((X, options)) or fit(X, Y, **options)
    )
    run.fit(quiet=True)
    ((X, options),) = seen
    test = run.test.X
    assert not (X[:, None] == test[None]).all(axis=-1).any()
    assert options.get("validation_data") is None


def test_two_runs_write_the_same_model(npdl, config, tmp_path):
    path = config()
    for folder in ("a", "b"):
        assert npdl("train", path, "-q", "-o", tmp_path / folder).exit_code == 0
    a, b = ((tmp_path / folder / "model.safetensors").read_bytes() for folder in "ab")
    assert a == b


def test_settings_from_the_command_line_are_used(npdl, config, tmp_path):
    path = config()
    options = ["fit.epochs=2", "model.layers.0.n_out=5", "model.layers[2].init=zeros", "data.n_test=7"]
    done = npdl("train", path, "-o", tmp_path / "out", *(x for s in options for x in ("--set", s)))
    assert done.exit_code == 0, done.output
    assert "(N, 5)" in done.stdout
    assert "on 7 samples" in done.stdout
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert len(record["history"]["epoch"]) == 2
    assert record["config"]["model"]["layers"][2]["init"] == "zeros"


def test_regression_has_no_matrix_and_a_held_out_loss(npdl, config):
    path = config(
        ('"blobs"', '"line"'),
        ('"softmax"\nn_out = 3', '"linear"\nn_out = 1'),
        ("softmax_categorical_cross_entropy", "mse"),
        ('["accuracy"]', '["mean_absolute_error"]'),
    )
    done = npdl("train", path)
    assert done.exit_code == 0, done.output
    assert "confusion" not in done.stdout
    assert "held-out loss: " in done.stdout
    assert "held-out mae: " in done.stdout


def test_whole_numbers_to_predict_are_no_classes(npdl, config):
    path = config(
        ('"blobs"', '"counted"'),
        ('"softmax"\nn_out = 3', '"linear"\nn_out = 1'),
        ("softmax_categorical_cross_entropy", "mse"),
        ('["accuracy"]', "[]"),
        ("lr = 0.1", "lr = 0.001"),
    )
    done = npdl("train", path)
    assert done.exit_code == 0, done.output
    assert "confusion" not in done.stdout


def test_the_model_is_saved_before_it_is_measured(npdl, config, monkeypatch, tmp_path):
    from npdl_core.errors import DataError

    def failing(*args, **options):
        raise DataError("cannot be measured")

    monkeypatch.setattr("npdl_cli.training.confusion_records", failing)
    done = npdl("train", config())
    assert done.exit_code == 1
    assert npdl_core.load(tmp_path / "runs" / "blobs" / "model.safetensors").connected


def test_a_training_that_stops_early_says_so(npdl, config):
    stop = '{ name = "early_stopping", monitor = "loss", min_delta = 9.0 }'
    done = npdl("train", config(("epochs = 4", f"epochs = 4\ncallbacks = [{stop}]")))
    assert done.exit_code == 0, done.output
    assert "stopped after 2 of 4 epochs" in done.stdout


def test_class_ids_make_a_matrix_although_no_accuracy_is_measured(npdl, config):
    done = npdl("train", config(('metrics = ["accuracy"]', "")))
    assert "confusion matrix" in done.stdout
    assert "held-out loss: " in done.stdout
    assert "held-out accuracy" not in done.stdout


def test_measures_that_are_matrices_are_kept_but_not_printed(npdl, config):
    path = config(('["accuracy"]', '["accuracy", "confusion_matrix"]'))
    done = npdl("train", path)
    assert done.exit_code == 0, done.output
    assert "confusion_matrix" not in done.output
    record = json.loads((path.parent / "runs" / "blobs" / "run.json").read_text())
    counts = record["results"]["held-out"]["confusion_matrix"]
    assert counts == record["confusions"][""]["counts"]
    assert npdl("plot", "curves", path.parent / "runs" / "blobs").exit_code == 0


def test_one_hot_targets_make_a_matrix_where_accuracy_is_measured(npdl, config):
    done = npdl("train", config(), "--set", "data.one_hot=true")
    assert done.exit_code == 0, done.output
    assert "confusion matrix" in done.stdout


def test_without_a_test_part_nothing_is_held_out(npdl, config):
    done = npdl("train", config(), "--set", "data.n_test=0")
    assert done.exit_code == 0, done.output
    assert "held out: nothing, the data set has no test part" in done.stdout
    assert "none held out" in done.stdout
    assert "on 120 samples equal" in done.stdout


def test_many_classes_are_not_printed_as_a_table(npdl, config):
    done = npdl("train", config(('"blobs"', '"many"'), ("n_out = 3", "n_out = 25")))
    assert done.exit_code == 0, done.output
    assert "confusion matrix\n25 classes are too many for a table here" in done.stdout


def test_a_matrix_is_printed_if_the_terminal_is_wide_enough(monkeypatch, capsys):
    counts = [[5, 1], [0, 0]]
    show_confusions(
        {"": {"classes": ["a", "b"], "counts": counts}, "x": {"classes": ["longer", "b"], "counts": counts}}
    )
    assert capsys.readouterr().out == dedent(
        """\
        confusion matrix
        true \\ predicted  a  b  recall
        ──────────────────────────────
        a                 5  1    0.83
        b                 ·  ·       –

        confusion matrix of x
        true \\ predicted  0  1  recall
        ──────────────────────────────
        0 longer          5  1    0.83
        1 b               ·  ·       –

        """
    )
    narrow = make_console()
    narrow.width = 20
    monkeypatch.setattr(console, "make_console", lambda: narrow)
    show_confusions({"": {"classes": ["a", "b"], "counts": counts}})
    assert "2 classes are too many for a table here" in capsys.readouterr().out


def test_masked_sequences(npdl, config):
    path = config(
        ('"blobs"', '"words"'),
        (
            '[[model.layers]]\nname = "dense"',
            '[[model.layers]]\nname = "embedding"\ninput_size = 5\nn_out = 4\n\n'
            '[[model.layers]]\nname = "dense"',
        ),
        ("n_out = 3", "n_out = 2"),
    )
    done = npdl("train", path)
    assert done.exit_code == 0, done.output
    record = json.loads((path.parent / "runs" / "blobs" / "run.json").read_text())
    _, (_, _, mask) = npdl_core.registry.get("datasets", "words").load()
    assert np.sum(record["confusions"][""]["counts"]) == mask.sum() < mask.size


def test_a_graph_with_several_inputs_and_outputs(npdl, config, graph):
    path = config(text=graph, name="graph.toml")
    done = npdl("train", path)
    assert done.exit_code == 0, done.output
    assert "confusion matrix of kind" in done.stdout
    assert "held-out kind_accuracy: " in done.stdout
    graph = npdl_core.load(path.parent / "runs" / "graph" / "model.safetensors")
    assert graph.layers[1] is graph.layers[2]


# -- where files go -----------------------------------------------------------------------------------------


def test_files_of_callbacks_go_into_the_folder(npdl, config, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = config(("epochs = 4", 'epochs = 4\ncallbacks = ["csv_logger", "model_checkpoint"]'))
    done = npdl("train", path)
    assert done.exit_code == 0, done.output
    assert not list(elsewhere.iterdir())
    rows = table(tmp_path / "runs" / "blobs" / "history.csv")
    assert [row[0] for row in rows] == ["epoch", "0", "1", "2", "3"]


def test_paths_of_data_are_relative_to_the_configuration(npdl, config, monkeypatch, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    np.save(folder / "numbers.npy", np.ones((8, 2), "float32"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = config(
        ('name = "blobs"', 'name = "fromfile"\npath = "set/numbers.npy"'),
        ('"softmax"\nn_out = 3', '"linear"\nn_out = 1'),
        ("softmax_categorical_cross_entropy", "mse"),
        ('["accuracy"]', "[]"),
    )
    done = npdl("train", path)
    assert done.exit_code == 0, done.output


def test_the_table_output_says_where(npdl, config, tmp_path):
    text = '[output]\nfolder = "there"\nmodel = "net/best.safetensors"\nhistory = ["h.json", "h.csv"]\n'
    path = config(("[fit]", text + "\n[fit]"))
    done = npdl("train", path)
    assert done.exit_code == 0, done.output
    assert npdl_core.load(tmp_path / "there" / "net" / "best.safetensors").connected
    history = json.loads((tmp_path / "there" / "h.json").read_text())
    rows = table(tmp_path / "there" / "h.csv")
    assert rows[0] == ["epoch", *history["history"]]
    assert [float(row[1]) for row in rows[1:]] == history["history"]["loss"]


def test_a_single_history_file(npdl, config, tmp_path):
    done = npdl("train", config(), "-q", "--set", "output.history=h.json")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "runs" / "blobs" / "h.json").exists()


def test_the_option_output_wins_and_is_relative_to_the_current_folder(npdl, config, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    done = npdl("train", config(("[fit]", '[output]\nfolder = "there"\n\n[fit]')), "-o", "here")
    assert done.exit_code == 0, done.output
    assert (elsewhere / "here" / "model.safetensors").exists()
    assert not (tmp_path / "there").exists()
    assert "saved: here/model.safetensors" in done.stdout


def test_a_file_in_place_of_the_folder_is_refused_before_training(npdl, config, tmp_path):
    (tmp_path / "runs").write_text("mine")
    done = npdl("train", config())
    assert done.exit_code == 1
    assert "cannot be a folder: a file is in its place" in done.stderr
    assert "epoch" not in done.stderr
    assert (tmp_path / "runs").read_text() == "mine"


def test_a_folder_in_place_of_the_model_is_refused_before_training(npdl, config, tmp_path):
    (tmp_path / "runs" / "blobs" / "model.safetensors").mkdir(parents=True)
    done = npdl("train", config())
    assert done.exit_code == 1
    assert "model.safetensors is a folder" in done.stderr
    assert "epoch" not in done.stderr


def test_a_symbolic_link_is_replaced_not_written_through(npdl, config, tmp_path):
    folder = tmp_path / "runs" / "blobs"
    folder.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (folder / "model.safetensors").symlink_to(victim)
    assert npdl("train", config(), "-q").exit_code == 0
    assert victim.read_text() == "mine"
    assert not (folder / "model.safetensors").is_symlink()


def test_a_folder_that_cannot_be_written(npdl, config, monkeypatch):
    def refused(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refused)
    done = npdl("train", config())
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert "runs/blobs: Permission denied" in done.stderr


# -- what can go wrong ---------------------------------------------------------------------------------------


def test_a_model_that_predicts_otherwise_after_loading_is_a_failure(npdl, config, monkeypatch):
    load = npdl_core.load

    def changed(path):
        network = load(path)
        network.params[0][...] += 1
        return network

    monkeypatch.setattr(npdl_core, "load", changed)
    done = npdl("train", config(), "-q")
    assert done.exit_code == 1
    assert "predicts otherwise on 30 samples" in done.stderr
    assert "equal those before saving" not in done.stdout


def test_a_diverged_training_says_so(process, config, tmp_path):
    child = process("train", config(("lr = 0.1", "lr = 1e38"), ("p = 0.1", "p = 0.0")))
    out, err = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "warning: overflow encountered" in err
    assert "Error: training diverged: the loss is not finite any more" in err
    assert "held-out accuracy: " in out
    assert "Traceback" not in err
    record = json.loads((tmp_path / "runs" / "blobs" / "run.json").read_text())
    assert record["history"]["history"]["loss"][-1] is None


def test_a_loss_that_is_not_finite_is_a_failure(npdl, config, monkeypatch):
    evaluate = Model.evaluate
    monkeypatch.setattr(Model, "evaluate", lambda *a, **o: evaluate(*a, **o) | {"loss": float("nan")})
    done = npdl("train", config(), "-q")
    assert done.exit_code == 1
    assert "Error: training diverged" in done.stderr


def test_an_error_while_training_leaves_record_and_checkpoint(npdl, config, tmp_path):
    done = npdl("train", config(("epochs = 4", 'epochs = 4\ncallbacks = ["break"]')))
    assert done.exit_code == 1
    assert "Error: unexpected ValueError: broken callback; --debug shows where it comes from" in done.stderr
    folder = tmp_path / "runs" / "blobs"
    record = json.loads((folder / "run.json").read_text())
    assert record["state"] == "failed"
    assert record["history"]["epoch"] == [0, 1]
    assert npdl_core.load(folder / "checkpoint.safetensors").connected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "pip install toys"),
        ("wrong", "load() must return (X, Y), (X_test, Y_test)"),
        ("crash", r"unexpected TypeError: oops \x1b[31m"),
    ],
)
def test_a_data_set_that_cannot_be_loaded(npdl, config, name, message):
    done = npdl("train", config(('"blobs"', f'"{name}"')))
    assert done.exit_code == 1
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert "\x1b" not in done.output


def test_a_file_of_a_data_set_that_is_not_there(npdl, config):
    done = npdl("train", config(('name = "blobs"', 'name = "fromfile"\npath = "gone.npy"')))
    assert done.exit_code == 1
    assert "Error: gone.npy: No such file or directory" in done.stderr


def test_targets_that_do_not_fit_the_outputs(npdl, config):
    done = npdl("train", config(), "--set", "model.layers.2.n_out=2")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.output


def test_debug_shows_where_an_error_comes_from(npdl, config):
    path = config(('"blobs"', '"crash"'))
    for args in (["--debug", "train", path], ["train", path, "--debug"]):
        done = npdl(*args)
        assert done.exit_code == 1
        assert "Traceback" in done.stderr
        assert "toy_data.py" in done.stderr
        assert "\x1b" not in done.stderr
