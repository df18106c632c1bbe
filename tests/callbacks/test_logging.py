"""csv_logger, progress, lambda."""

import csv
import re

import numpy as np
import pytest

from npdl_core.callbacks import Callback, CSVLogger, LambdaCallback, Progress
from npdl_core.errors import ConfigError, DataError, FileFormatError, SerializationError


def rows(path, separator=","):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream, delimiter=separator))


class TestCSV:
    def test_a_row_an_epoch(self, make, data, tmp_path):
        history = make().fit(*data, epochs=3, callbacks=[CSVLogger(tmp_path / "a.csv")])
        found = rows(tmp_path / "a.csv")
        assert found[0] == ["epoch", "loss", "accuracy"]
        assert [row[0] for row in found[1:]] == ["0", "1", "2"]
        assert [float(row[1]) for row in found[1:]] == history.history["loss"]

    def test_every_row_is_there_when_its_epoch_ends(self, make, data, tmp_path):
        counts = []
        note = LambdaCallback(on_epoch_end=lambda epoch, logs: counts.append(len(rows(tmp_path / "a.csv"))))
        make().fit(*data, epochs=3, callbacks=[CSVLogger(tmp_path / "a.csv"), note])
        assert counts == [2, 3, 4]

    @pytest.mark.parametrize("separator", [";", "\t"])
    def test_separators(self, make, data, tmp_path, separator):
        make().fit(*data, epochs=1, callbacks=[CSVLogger(tmp_path / "a.csv", separator)])
        assert rows(tmp_path / "a.csv", separator)[0] == ["epoch", "loss", "accuracy"]

    def test_a_new_run_replaces_or_appends(self, make, data, tmp_path):
        path = tmp_path / "a.csv"
        model, logger = make(), CSVLogger(path)
        model.fit(*data, epochs=2, callbacks=[logger])
        model.fit(*data, epochs=1, callbacks=[logger])
        assert len(rows(path)) == 2
        model.fit(*data, epochs=2, callbacks=[CSVLogger(path, append=True)])
        assert [row[0] for row in rows(path)] == ["epoch", "0", "0", "1"]
        path.unlink()
        model.fit(*data, epochs=1, callbacks=[CSVLogger(path, append=True)])
        assert len(rows(path)) == 2

    def test_columns_stay_those_of_the_first_epoch(self, tmp_path):
        logger = CSVLogger(tmp_path / "a.csv")
        logger.on_train_begin({})
        logger.on_epoch_end(0, {"loss": 1.0, 'a "name", with\nsigns': 2})
        logger.on_epoch_end(1, {"other": 3.0, "loss": 0.5})
        assert rows(tmp_path / "a.csv") == [
            ["epoch", "loss", 'a "name", with\nsigns'], ["0", "1.0", "2"], ["1", "0.5", ""],
        ]  # fmt: skip

    def test_a_file_without_a_last_line_end(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("epoch,loss\n7,0.5")
        logger = CSVLogger(path, append=True)
        logger.on_train_begin({})
        logger.on_epoch_end(8, {"loss": 0.25})
        assert rows(path) == [["epoch", "loss"], ["7", "0.5"], ["8", "0.25"]]

    def test_a_resumed_run_forgets_what_the_checkpoint_does_not_know(self, tmp_path):
        path = tmp_path / "a.csv"
        logger = CSVLogger(path)
        logger.on_train_begin({})
        for epoch in range(3):
            logger.on_epoch_end(epoch, {"loss": epoch})
            if epoch == 1:
                saved = logger.state()
        again = CSVLogger(path)
        again.load_state(saved)
        again.on_train_begin({})
        again.on_epoch_end(2, {"loss": 22})
        assert [row[1] for row in rows(path)] == ["loss", "0", "1", "22"]
        # All rows are known: the file is left as it is.
        content = path.read_bytes()
        again.load_state(again.state())
        again.on_train_begin({})
        assert path.read_bytes() == content

    def test_where_it_cannot_write(self, make, data, tmp_path):
        model = make()
        for path in (tmp_path, tmp_path / "none" / "a.csv"):
            with pytest.raises(DataError):
                model.fit(*data, epochs=1, callbacks=[CSVLogger(path)])
        assert model.optimizer.iterations == 0
        for path in (3, None, b"x", "", "a\0b"):
            with pytest.raises(ConfigError, match="path must be a path"):
                CSVLogger(path)
        with pytest.raises(ConfigError, match="separator"):
            CSVLogger("a", "|")

    @pytest.mark.parametrize("state", [{}, {"rows": -1}, {"rows": "1"}])
    def test_malformed_state(self, state):
        with pytest.raises(FileFormatError, match="malformed"):
            CSVLogger("a").load_state(state)


class TestProgress:
    def test_lines(self, make, data, capsys):
        make().fit(*data, epochs=2, callbacks=["progress"])
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert re.fullmatch(r"epoch 2: \d+\.\d s, loss \d\.\d{3,4}, accuracy 0\.\d{4}", lines[1])

    def test_every_so_many_and_the_last(self, make, data, capsys):
        make().fit(*data, epochs=5, callbacks=[Progress(every=2)])
        assert re.findall(r"epoch (\d)", capsys.readouterr().out) == ["2", "4", "5"]
        make().fit(*data, epochs=4, callbacks=[Progress(every=2)])
        assert re.findall(r"epoch (\d)", capsys.readouterr().out) == ["2", "4"]

    def test_values(self, capsys):
        logs = {
            "loss": np.float32(3.51e-5), "n": 7, "matrix": np.eye(2), "word": "a\x1b[31m", "k" * 99: 12.34567,
        }  # fmt: skip
        Progress().on_epoch_end(0, logs)
        line = capsys.readouterr().out
        assert "loss 3.510e-05, n 7, matrix of shape (2, 2), word a\\x1b[31m, kkk" in line
        assert line.endswith("… 12.35\n")

    def test_wrong_arguments(self):
        with pytest.raises(ConfigError):
            Progress(every=0)


class TestLambda:
    def test_every_moment_with_its_arguments(self, make, data):
        events = []
        moments = {
            "on_train_begin": lambda logs: events.append("begin"),
            "on_train_end": lambda logs: events.append(("end", sorted(logs))),
            "on_epoch_begin": lambda epoch, logs: events.append(("epoch", epoch)),
            "on_epoch_end": lambda epoch, logs: events.append(("epoch end", epoch, sorted(logs))),
            "on_train_batch_begin": lambda batch, logs: events.append(("batch", batch)),
            "on_train_batch_end": lambda batch, logs: events.append(("batch end", batch, list(logs))),
        }
        make().fit(*data, epochs=1, batch_size=20, callbacks=[LambdaCallback(**moments)])
        assert events == [
            "begin",
            ("epoch", 0),
            ("batch", 0),
            ("batch end", 0, ["loss"]),
            ("batch", 1),
            ("batch end", 1, ["loss"]),
            ("epoch end", 0, ["accuracy", "loss"]),
            ("end", ["accuracy", "loss"]),
        ]

    def test_what_is_refused(self):
        with pytest.raises(ConfigError, match="on_epoch_end must be a function, got int"):
            LambdaCallback(on_epoch_end=3)
        with pytest.raises(ConfigError, match="unexpected"):
            LambdaCallback(on_batch=print)
        with pytest.raises(SerializationError, match="code"):
            LambdaCallback(on_epoch_end=print).to_json()
        assert LambdaCallback().to_json()["config"]["on_epoch_end"] is None


class TestContract:
    def test_forms(self, make, data):
        class Count(Callback):
            def __init__(self):
                self.epochs = 0

            def on_epoch_end(self, epoch, logs):
                self.epochs += 1

        count = Count()
        make().fit(*data, epochs=3, callbacks=count)
        assert count.epochs == 3
        make().fit(
            *data, epochs=1, callbacks=[{"name": "progress", "config": {"every": 10}}, "terminate_on_nan"]
        )
        make().fit(*data, epochs=1, callbacks=None)
        make().fit(*data, epochs=1, callbacks={"name": "progress", "config": {"every": 10}})

    def test_no_state_by_default(self):
        class Silent(Callback):
            pass

        assert Silent().state() == {}
        Silent().load_state({})
        with pytest.raises(FileFormatError, match="Silent keeps no state, got a"):
            Silent().load_state({"a": 1})

    def test_what_it_adds_to_the_logs_is_history(self, make, data):
        class Adding(Callback):
            def on_epoch_end(self, epoch, logs):
                logs["twice"] = 2 * logs["loss"]

        history = make().fit(*data, epochs=2, callbacks=[Adding()]).history
        assert history["twice"] == [2 * loss for loss in history["loss"]]

    def test_a_callback_may_compile_anew(self, make, data):
        model = make()

        def change(epoch, logs):
            if epoch == 0:
                model.compile("scce", {"name": "sgd", "config": {"lr": 0.0}})

        weights = []
        note = LambdaCallback(
            on_epoch_begin=lambda epoch, logs: weights.append(model.layers[0].W.copy()), on_epoch_end=change
        )
        history = model.fit(*data, epochs=3, callbacks=[note])
        assert (weights[1] == weights[2]).all()
        assert (weights[0] != weights[1]).any()
        assert history.history["accuracy"][1:] == [None, None]
