"""A run that is interrupted and resumed is bit for bit the run that was not."""

import copy

import numpy as np
import pytest

from npdl_core import Graph, Model, load
from npdl_core.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from npdl_core.errors import ConfigError, DataError, FileFormatError, NpdlError, WeightsError
from npdl_core.layers import Dense, Layer, Residual, Softmax
from npdl_core.saving.checkpoint import resume_from, save_checkpoint

EPOCHS = 6


class Interrupted(Exception):
    pass


def breaking(epoch, moment="on_epoch_begin"):
    """Return a callback that breaks a run off."""

    def stop(at, logs):
        if at == epoch:
            raise Interrupted

    return LambdaCallback(**{moment: stop})


def everything(model):
    """Return a copy of all that training changes."""
    return {
        "weights": {name: array.copy() for name, array in model.weights().items()},
        "optimizer": model.optimizer.state(),
        "history": model.history.to_json(),
        "rng": [model.layer_rng.bit_generator.state, model.shuffle_rng.bit_generator.state],
        "seed": model.seed,
        "stopped": model.stop_training,
    }


def assert_equal(one, two):
    """Compare nested values bit for bit."""
    assert type(one) is type(two)
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key, value in one.items():
            assert_equal(value, two[key])
    elif isinstance(one, list):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert_equal(a, b)
    elif isinstance(one, np.ndarray):
        assert one.dtype == two.dtype
        assert one.tobytes() == two.tobytes()
    else:
        assert one == two or (one != one and two != two)  # NaN equals itself here


def callbacks(folder, *more):
    return [
        ReduceLROnPlateau("loss", patience=1, min_delta=10.0),
        EarlyStopping("val_loss", patience=50, restore_best_weights=True),
        CSVLogger(folder / "log.csv"),
        ModelCheckpoint(folder / "run", monitor="val_loss"),
        *more,
    ]


FIT = {"epochs": EPOCHS, "batch_size": 7, "validation_split": 0.25}


@pytest.mark.parametrize("moment", ["on_epoch_begin", "on_train_batch_begin"])
@pytest.mark.parametrize("at", range(EPOCHS))
def test_after_any_epoch(make, data, tmp_path, at, moment):
    whole, folder = make(), tmp_path / "whole"
    folder.mkdir()
    kept = callbacks(folder, LambdaCallback())
    whole.fit(*data, **FIT, callbacks=kept)
    last = (folder / "run").read_bytes()

    batches = []

    def stop(index, logs):
        batches.append(index)
        # In the middle of the epoch: two batches are done that the checkpoint does not know of.
        if index == 2 and batches.count(0) == at + 1:
            raise Interrupted

    first = make()
    stopping = breaking(at) if moment == "on_epoch_begin" else LambdaCallback(on_train_batch_begin=stop)
    with pytest.raises(Interrupted):
        first.fit(*data, **FIT, callbacks=callbacks(tmp_path, stopping))

    second, resumed = make(seed=99), callbacks(tmp_path, LambdaCallback())
    if at == 0:  # there is no checkpoint yet
        assert not (tmp_path / "run").exists()
        second = make()
    history = second.fit(*data, **FIT, callbacks=resumed, resume=True)
    assert history.epoch == list(range(EPOCHS))
    assert_equal(everything(second), everything(whole))
    assert (tmp_path / "run").read_bytes() == last
    assert (tmp_path / "log.csv").read_bytes() == (folder / "log.csv").read_bytes()
    for mine, theirs in zip(resumed[:2], kept[:2], strict=True):
        assert_equal(mine.state(), theirs.state())
    assert second.optimizer.lr == whole.optimizer.lr < 0.1


def test_several_interruptions(make, data, tmp_path):
    whole = make()
    whole.fit(*data, **FIT)
    for at in (1, 2, 4):
        with pytest.raises(Interrupted):
            make().fit(*data, **FIT, callbacks=[ModelCheckpoint(tmp_path / "run"), breaking(at)], resume=True)
    last = make()
    last.fit(*data, **FIT, callbacks=[ModelCheckpoint(tmp_path / "run"), LambdaCallback()], resume=True)
    assert_equal(everything(last), everything(whole))


def test_schedules_go_on(make, data, tmp_path):
    from npdl_core import registry
    from npdl_core.schedules import Schedule

    class Falling(Schedule):
        def __init__(self, per="step"):
            super().__init__(per)

        def __call__(self, time):
            return 0.5 / (1 + time)

    registry.register("schedules", "falling_here", Falling)
    try:
        for per in ("step", "epoch"):
            optimizer = {"name": "sgd", "config": {"lr": {"name": "falling_here", "config": {"per": per}}}}

            def build(optimizer=optimizer):
                return Model([Dense(4), Softmax(2)], seed=3).compile("scce", optimizer)

            whole, path = build(), tmp_path / per
            whole.fit(*data, **FIT)
            with pytest.raises(Interrupted):
                build().fit(*data, **FIT, callbacks=[ModelCheckpoint(path), breaking(3)])
            resumed = build()
            resumed.fit(*data, **FIT, callbacks=[ModelCheckpoint(path), LambdaCallback()], resume=True)
            assert_equal(everything(resumed), everything(whole))
    finally:
        registry.unregister("schedules", "falling_here")


def test_graphs_and_streams(data, tmp_path):
    X, Y = data
    stream = [({"a": X[:20], "b": X[:20]}, Y[:20]), ({"a": X[20:], "b": X[20:]}, Y[20:])]

    def build():
        nodes = {
            "s": ("add", ["a", "b"]),
            "d": ("dropout", "s"),
            "h": (Dense(4), "d"),
            "y": (Softmax(2), "h"),
        }
        return Graph(["a", "b"], nodes, "y", seed=3).compile(
            "scce", {"name": "sgd", "config": {"momentum": 0.9}}
        )

    whole = build()
    whole.fit(stream, epochs=4)
    with pytest.raises(Interrupted):
        build().fit(stream, epochs=4, callbacks=[ModelCheckpoint(tmp_path / "run"), breaking(2)])
    resumed = build()
    assert not resumed.connected
    resumed.fit(
        stream, epochs=4, callbacks=[ModelCheckpoint(tmp_path / "run"), LambdaCallback()], resume=True
    )
    assert_equal(everything(resumed), everything(whole))


def test_state_that_layers_carry(data, tmp_path):
    from npdl_core import registry

    class Running(Layer):
        """Adds the sum of what it saw in training so far, as a layer that carries state over calls does."""

        def __init__(self):
            self.total, self.calls = None, 0

        def forward(self, input, train=True):
            total = np.zeros(input.shape[1]) if self.total is None else self.total
            if train:
                self.total, self.calls = total + input.sum(axis=0), self.calls + 1
            return input + 0.01 * total

        def backward(self, pre_grad):
            return pre_grad

        def state(self):
            return {"calls": self.calls, **({} if self.total is None else {"total": self.total.copy()})}

        def load_state(self, state):
            self.total, self.calls = state.get("total"), state["calls"]

    registry.register("layers", "running_here", Running)
    try:

        def build():
            shared = Running()
            return Model([Dense(4), shared, Residual(Running()), shared, Softmax(2)], seed=2).compile(
                "scce", "sgd"
            )

        whole = build()
        whole.fit(*data, **FIT)
        with pytest.raises(Interrupted):
            build().fit(*data, **FIT, callbacks=[ModelCheckpoint(tmp_path / "run"), breaking(3)])
        resumed = build()
        resumed.fit(
            *data, **FIT, callbacks=[ModelCheckpoint(tmp_path / "run"), LambdaCallback()], resume=True
        )
        assert_equal(everything(resumed), everything(whole))
        assert resumed.layers[1].calls == whole.layers[1].calls
        assert_equal(resumed.layers[2].layer.state(), whole.layers[2].layer.state())
    finally:
        registry.unregister("layers", "running_here")


def test_a_finished_run_does_nothing(make, data, tmp_path):
    model, path = make(), tmp_path / "run"
    model.fit(*data, epochs=3, callbacks=[ModelCheckpoint(path)])
    before, content = everything(model), path.read_bytes()
    again = make()
    history = again.fit(*data, epochs=3, callbacks=[ModelCheckpoint(path)], resume=True)
    assert_equal(everything(again), before)
    assert history.epoch == [0, 1, 2]
    assert path.read_bytes() == content
    # epochs is the total: two more make five.
    more = make().fit(*data, epochs=5, callbacks=[ModelCheckpoint(path)], resume=True)
    assert more.epoch == [0, 1, 2, 3, 4]


def test_a_stopped_run_stays_stopped(make, data, tmp_path):
    path = tmp_path / "run"

    def both():
        return [
            EarlyStopping("loss", patience=1, min_delta=100, restore_best_weights=True),
            ModelCheckpoint(path),
        ]

    model = make()
    model.fit(*data, epochs=50, callbacks=both())
    assert model.history.epoch == [0, 1]
    again, resumed = make(), both()
    again.fit(*data, epochs=50, callbacks=resumed, resume=True)
    assert_equal(everything(again), everything(model))  # the best weights were restored as well
    assert again.stop_training
    assert resumed[0].stopped_epoch == 1


def test_load_reads_a_checkpoint_as_a_model(make, data, tmp_path):
    model = make()
    model.fit(
        *data,
        epochs=2,
        callbacks=[EarlyStopping("loss", restore_best_weights=True), ModelCheckpoint(tmp_path / "a")],
    )
    again = load(tmp_path / "a")
    assert again.evaluate(*data) == model.evaluate(*data)
    assert again.optimizer.iterations == 0
    other = make(seed=5)
    other.load_weights(tmp_path / "a")
    assert (other.predict(data[0]) == model.predict(data[0])).all()


class TestModelCheckpoint:
    def test_best_only(self, make, data, tmp_path):
        model, path, losses = make(lr=0.5), tmp_path / "best", []
        best = ModelCheckpoint(path, "val_loss", save_best_only=True)

        def note(epoch, logs):
            losses.append((logs["val_loss"], copy.deepcopy(model)))

        model.fit(*data, **FIT, callbacks=[best, LambdaCallback(on_epoch_end=note)])
        loss, kept = min(losses, key=lambda pair: pair[0])
        assert best.watch.best == loss
        assert (load(path).predict(data[0]) == kept.predict(data[0])).all()

    def test_a_second_run_starts_afresh(self, make, data, tmp_path):
        best = ModelCheckpoint(tmp_path / "best", "loss", save_best_only=True)
        make().fit(*data, epochs=5, callbacks=[best])
        first = best.watch.best
        (tmp_path / "best").unlink()
        make(lr=0.0).fit(*data, epochs=1, callbacks=[best])
        assert (tmp_path / "best").exists()
        assert best.watch.best != first

    def test_two_of_them(self, make, data, tmp_path):
        def both():
            return [
                ModelCheckpoint(tmp_path / "best", "val_loss", save_best_only=True),
                ModelCheckpoint(tmp_path / "last"),
            ]

        whole = make()
        whole.fit(*data, **FIT, callbacks=both())
        contents = [(tmp_path / name).read_bytes() for name in ("best", "last")]
        for name in ("best", "last"):
            (tmp_path / name).unlink()
        with pytest.raises(Interrupted):
            make().fit(*data, **FIT, callbacks=[*both(), breaking(3)])
        resumed = make()
        resumed.fit(*data, **FIT, callbacks=[*both(), LambdaCallback()], resume=True)
        assert_equal(everything(resumed), everything(whole))
        again = [load(tmp_path / name).to_json() for name in ("best", "last")]
        assert len(contents) == len(again) == 2
        assert (load(tmp_path / "best").predict(data[0]) != load(tmp_path / "last").predict(data[0])).any()

    def test_one_to_resume_from(self, make, data, tmp_path):
        every = [ModelCheckpoint(tmp_path / "a"), ModelCheckpoint(tmp_path / "b")]
        best = [ModelCheckpoint(tmp_path / name, "loss", save_best_only=True) for name in "ab"]
        for found in ([], every, best):
            with pytest.raises(ConfigError, match=r"resume=True needs one model_checkpoint.*found"):
                make().fit(*data, epochs=1, callbacks=found, resume=True)
        make().fit(*data, epochs=1, callbacks=best[:1])
        assert make().fit(*data, epochs=2, callbacks=best[:1], resume=True).epoch == [0, 1]

    def test_the_path_is_looked_at_first(self, make, data, tmp_path):
        model = make()
        for path in (tmp_path, tmp_path / "none" / "a", "/dev/null"):
            with pytest.raises(DataError):
                model.fit(*data, epochs=1, callbacks=[ModelCheckpoint(path)])
        assert model.optimizer.iterations == 0
        for path in (3, "", b"x"):
            with pytest.raises(ConfigError):
                ModelCheckpoint(path)
        with pytest.raises(ConfigError, match="needs monitor"):
            ModelCheckpoint("a", save_best_only=True)

    def test_state(self, tmp_path):
        plain, watching = ModelCheckpoint("a"), ModelCheckpoint("a", "loss")
        assert plain.state() == {}
        with pytest.raises(FileFormatError, match="keeps no state"):
            plain.load_state({"best": 1.0})
        watching.load_state({"best": 0.5})
        assert watching.state() == {"best": 0.5}
        for state in ({}, {"best": "x"}, {"best": True}):
            with pytest.raises(FileFormatError, match="malformed"):
                watching.load_state(state)
        watching.restart()
        assert watching.state() == {"best": None}

    def test_infinite_values_survive(self, make, data, tmp_path):
        note = LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(a=float("nan"), b=float("-inf"), c=np.eye(2))
        )
        found = [note, ModelCheckpoint(tmp_path / "a", monitor="b")]
        model = make()
        model.fit(*data, epochs=1, callbacks=found)
        again = make()
        again.fit(*data, epochs=1, callbacks=found, resume=True)
        assert again.history.history["b"] == [float("-inf")]
        assert np.isnan(again.history.history["a"][0])
        assert again.history.history["c"] == [[[1.0, 0.0], [0.0, 1.0]]]


class TestRefused:
    """What does not belong together is refused, and nothing has changed."""

    @pytest.fixture
    def path(self, make, data, tmp_path):
        path = tmp_path / "run"
        make().fit(*data, epochs=2, callbacks=[EarlyStopping("loss", patience=9), ModelCheckpoint(path)])
        return path

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"layers": [Dense(7, n_in=3), Softmax(2)]}, "it holds another model: layers is"),
            ({"lr": 0.2}, "it holds another model: compile is"),
            ({"metrics": ()}, "it holds another model: compile is"),
            ({"momentum": 0.5}, "it holds another model: compile is"),
            ({"loss": "mse"}, "it holds another model: compile is"),
        ],
    )
    def test_another_model(self, make, data, path, change, message):
        X, Y = data
        model = make(**change)
        targets = np.eye(2)[Y] if "loss" in change else Y
        model.connect_to_data(X)
        before = everything(model)
        with pytest.raises(WeightsError, match=message):
            model.fit(
                X, targets, epochs=3, callbacks=[EarlyStopping("loss"), ModelCheckpoint(path)], resume=True
            )
        assert_equal(everything(model), before)

    def test_frozen_differently(self, make, data, path):
        model = make()
        model.layers[0].freeze("b")
        with pytest.raises(WeightsError, match="frozen is None, this model's is"):
            model.fit(*data, epochs=3, callbacks=[EarlyStopping("loss"), ModelCheckpoint(path)], resume=True)

    @pytest.mark.parametrize("more", [[], [EarlyStopping("loss"), CSVLogger("x")], [LambdaCallback()]])
    def test_other_callbacks(self, make, data, path, more):
        model = make()
        before = everything(model)
        with pytest.raises(
            WeightsError, match=r"written with the callbacks \['EarlyStopping', 'ModelCheckpoint'\]"
        ):
            model.fit(*data, epochs=3, callbacks=[*more, ModelCheckpoint(path)], resume=True)
        assert_equal(everything(model), before)
        assert model.history.epoch == []

    def test_a_plain_model(self, make, data, tmp_path):
        model = make()
        model.save(tmp_path / "m")
        with pytest.raises(
            FileFormatError, match="without the state of its training; resume needs a checkpoint"
        ):
            model.fit(*data, epochs=3, callbacks=[ModelCheckpoint(tmp_path / "m")], resume=True)

    def test_damaged(self, make, data, path):
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match="checksum"):
            make().fit(*data, epochs=3, callbacks=[ModelCheckpoint(path)], resume=True)

    def test_optimizers_without_state(self, data, tmp_path):
        from npdl_core import registry

        class Bare:
            def update(self, params, grads, decay=None):
                for p, g in zip(params, grads, strict=True):
                    p -= 0.1 * g

            def to_json(self):
                return {"name": "local:bare_here", "config": {}}

        registry.register("optimizers", "bare_here", Bare)
        try:

            def build():
                return Model([Softmax(2)], seed=1).compile("scce", "bare_here")

            whole = build()
            whole.fit(*data, epochs=3)
            build().fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path / "a")])
            resumed = build()
            resumed.fit(*data, epochs=3, callbacks=[ModelCheckpoint(tmp_path / "a")], resume=True)
            assert_equal(resumed.weights(), whole.weights())
        finally:
            registry.unregister("optimizers", "bare_here")

    def test_callbacks_outside_the_base(self, make, data, tmp_path):
        class Counting:
            def __init__(self):
                self.seen = 0

            def on_epoch_end(self, epoch, logs):
                self.seen += 1

        class Keeping(Counting):
            def state(self):
                return {"seen": self.seen}

            def load_state(self, state):
                self.seen = state["seen"]

        found = [Counting(), Keeping()]
        make().fit(*data, epochs=2, callbacks=[*found, ModelCheckpoint(tmp_path / "a")])
        resumed = [Counting(), Keeping()]
        make().fit(*data, epochs=5, callbacks=[*resumed, ModelCheckpoint(tmp_path / "a")], resume=True)
        assert [callback.seen for callback in resumed] == [3, 5]

    def test_state_for_something_that_takes_none(self, make, data, tmp_path):
        class Keeping:
            def on_epoch_end(self, epoch, logs):
                pass

            def state(self):
                return {"seen": 1}

        found = [Keeping(), ModelCheckpoint(tmp_path / "a")]
        make().fit(*data, epochs=2, callbacks=found)
        with pytest.raises(FileFormatError, match="takes no state, got"):
            make().fit(*data, epochs=3, callbacks=found, resume=True)

    def test_the_api_itself(self, make, data, tmp_path):
        model = make()
        model.fit(*data, epochs=1)
        save_checkpoint(tmp_path / "a", model, [], 0)
        fresh = Model(copy.deepcopy(make().layers), seed=0).compile(**model.compiled.recipe())
        assert resume_from(tmp_path / "none", fresh, []) is None
        with pytest.raises(NpdlError):
            resume_from(3, fresh, [])

    def test_a_callback_that_cannot_say_its_state(self, make, data, tmp_path):
        from npdl_core.errors import SerializationError

        class Odd(Callback):
            def state(self):
                return {"thing": object()}

        with pytest.raises(SerializationError, match=r"Odd.state\['thing'\]"):
            make().fit(*data, epochs=1, callbacks=[Odd(), ModelCheckpoint(tmp_path / "a")])
        assert list(tmp_path.iterdir()) == []
