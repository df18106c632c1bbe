"""``npdl plot``."""

import builtins
import json

import numpy as np
import pytest

from npdl_cli.figures import confusion_figure, curves_figure
from npdl_cli.runs import Record
from npdl_core.errors import DataError
from npdl_core.model.history import History

RUN = '{"format": %d, "config": %s, "home": "", "state": "", "history": {}, "results": {}, "confusions": {}}'
PNG = b"\x89PNG\r\n\x1a\n"


def test_plot_draws_everything_into_the_folder(npdl, trained):
    done = npdl("plot", trained)
    assert done.exit_code == 0, done.output
    for name in ("curves", "confusion"):
        assert f"drawn: {trained / name}.png" in done.stdout
        assert (trained / f"{name}.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("command", ["curves", "confusion"])
def test_a_sub_command_draws_one_thing(npdl, trained, tmp_path, command):
    done = npdl("plot", command, trained, "-o", tmp_path / "drawn.svg")
    assert done.exit_code == 0, done.output
    assert "<svg" in (tmp_path / "drawn.svg").read_text()
    assert not list(trained.glob("*.png"))
    assert npdl("plot", command, trained).exit_code == 0
    assert [path.name for path in trained.glob("*.png")] == [f"{command}.png"]


def history(**values):
    made = History()
    made.history = values
    made.epoch = list(range(len(next(iter(values.values())))))
    return made


def test_curves_have_a_panel_for_each_value_with_training_and_validation():
    figure = curves_figure(
        history(loss=[3.0, 2.0, None], val_loss=[4.0, 5.0, 1.0], accuracy=[0.1, 0.2, 0.3], matrix=[[1]] * 3)
    )
    loss, accuracy = figure.axes
    assert loss.get_title() == "loss"
    training, validation = loss.get_lines()
    assert training.get_label() == "training"
    assert np.array_equal(training.get_xdata(), [1, 2, 3])
    assert np.array_equal(training.get_ydata(), [3, 2, np.nan], equal_nan=True)
    assert validation.get_label() == "validation"
    assert np.array_equal(validation.get_ydata(), [4, 5, 1])
    assert [line.get_label() for line in accuracy.get_lines()] == ["training"]


def test_one_epoch_can_be_seen():
    (axes,) = curves_figure(history(loss=[3.0])).axes
    assert axes.get_lines()[0].get_marker() == "."


def record(counts, classes=None):
    return {"classes": classes or [str(i) for i in range(len(counts))], "counts": counts}


def test_a_matrix_shows_counts_and_shares():
    figure = confusion_figure({"": record([[3, 1], [0, 0]], ["yes", "no"]), "b": record([[1]])})
    first, second = figure.axes
    assert first.get_title() == "held-out samples"
    assert second.get_title() == "b"
    assert np.array_equal(first.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    assert {(text.get_position(), text.get_text(), text.get_color()) for text in first.texts} == {
        ((0, 0), "3", "white"),
        ((1, 0), "1", "black"),
    }
    assert [label.get_text() for label in first.get_yticklabels()] == ["yes", "no"]
    assert first.get_xlabel() == "predicted"
    assert first.get_ylabel() == "true"


def test_long_names_are_turned_and_large_matrices_have_no_numbers():
    (axes,) = confusion_figure({"": record([[1, 0], [0, 1]], ["versicolor", "b"])}).axes
    assert axes.get_xticklabels()[0].get_rotation() == 45
    (axes,) = confusion_figure({"": record(np.eye(31, dtype=int).tolist())}).axes
    assert not axes.texts


def test_names_are_no_formulas(npdl, trained):
    path = trained / "run.json"
    saved = json.loads(path.read_text())
    saved["history"]["history"]["$\\frac{$"] = [1.0] * 4
    saved["confusions"] = {"$a_": record([[1, 0], [0, 1]], ["$\\undefined$", "\x1b[31m\u202e"])}
    path.write_text(json.dumps(saved))
    done = npdl("plot", trained)
    assert done.exit_code == 0, done.output
    figure = confusion_figure(saved["confusions"])
    assert figure.axes[0].get_yticklabels()[1].get_text() == r"\x1b[31m\u202e"


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"classes": ["a"], "counts": [[1, 2], [3, 4]]},
        {"classes": ["a", "b"], "counts": [[1, 2], [3]]},
        {"classes": [], "counts": []},
        {"classes": ["a"], "counts": [[-1]]},
        {"classes": ["a"], "counts": [["x"]]},
        {"classes": ["a"], "counts": [[10**30]]},
        {"classes": 3, "counts": [[1]]},
        3,
    ],
)
def test_a_malformed_matrix(bad):
    with pytest.raises(DataError, match="the confusion matrix is malformed"):
        confusion_figure({"": bad})


def test_nothing_to_draw(npdl, tmp_path):
    Record({}).write(tmp_path)
    done = npdl("plot", tmp_path)
    assert done.exit_code == 1
    assert "no finished epoch to draw" in done.stderr
    done = npdl("plot", "confusion", tmp_path)
    assert done.exit_code == 1
    assert "this run has no confusion matrix" in done.stderr


def test_a_run_that_does_not_classify_has_curves_only(npdl, trained):
    run = Record.read(trained)
    run.confusions = {}
    run.write(trained)
    done = npdl("plot", trained)
    assert done.exit_code == 0
    assert "confusion" not in done.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not the folder of a run: run.json cannot be read (No such file or directory)"),
        ("{", "not valid JSON"),
        ("[]", "not the record of a run"),
        ('{"format": 1}', "not the record of a run"),
        (
            RUN % (2, "{}"),
            "not the record of a run of this version",
        ),
        (
            RUN % (1, "3"),
            "not the record of a run",
        ),
        (
            RUN % (1, "{}"),
            "history: ",
        ),
        ("[" * 100_000, "nested more than"),
        (" " * (16 * 2**20 + 1), "more than the allowed"),
    ],
)
def test_a_folder_that_is_no_run(npdl, tmp_path, content, message):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    done = npdl("plot", tmp_path)
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_cannot_be_plotted(npdl, trained, tmp_path):
    done = npdl("plot", "curves", trained, "-o", tmp_path / "x.txt")
    assert done.exit_code == 1
    assert "expected a file name that ends in one of " in done.stderr
    done = npdl("plot", "curves", trained, "-o", tmp_path / "no" / "x.png")
    assert "does not exist; make it first" in done.stderr
    done = npdl("plot", tmp_path / "gone")
    assert done.exit_code == 2
    assert "No such command" in done.stderr
    assert npdl("plot").exit_code == 2


def test_matplotlib_that_is_not_installed(npdl, trained, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name.startswith("matplotlib"):
            raise ImportError("No module named 'matplotlib'")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    done = npdl("plot", trained)
    assert done.exit_code == 1
    assert "plots need matplotlib, which cannot be imported" in done.stderr
    assert "pip install matplotlib" in done.stderr
