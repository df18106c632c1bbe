"""terminate_on_nan."""

import numpy as np
import pytest

import npdl_core as npdl
from npdl_core.callbacks import LambdaCallback, TerminateOnNaN
from npdl_core.errors import ConfigError
from npdl_core.layers import Layer

SGD = {"name": "sgd", "config": {"lr": 0.01, "momentum": 0.9}}
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers go wrong here on purpose


class Spoiling(Layer):
    """Gives what is not finite in the chosen pass, the n-th time."""

    def __init__(self, method="forward", n=2):
        self.method, self.left = method, n

    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.add_param("g", (1,), "one")

    def _maybe(self, method, array):
        self.left -= method == self.method and self.left > 0
        return array * np.float32("inf") if method == self.method and not self.left else array

    def forward(self, input, train=True):
        return self._maybe("forward", input.copy())

    def backward(self, pre_grad):
        self.dg = np.zeros(1)
        return self._maybe("backward", pre_grad.copy())


PARALLEL = {"name": "parallel", "config": {"layers": ["identity", "identity"]}}


def data(bad_at=(), value=np.nan):
    x = np.ones((12, 2), "float32")
    x[list(bad_at)] = value
    return x, np.ones((12, 1), "float32")


def model(*layers, optimizer=SGD):
    built = npdl.Model([*layers, npdl.layers.Linear(1, n_in=None if layers else 2)], seed=0)
    return built.connect((None, 2)).compile("mse", optimizer)


def fit(trained, x, y, callback, **options):
    return trained.fit(
        x, y, **{"epochs": 5, "batch_size": 4, "shuffle": False, "callbacks": [callback], **options}
    )


def state(trained):
    arrays = {**trained.weights(), **trained.optimizer.state()}
    return {key: np.array(value).tobytes() for key, value in arrays.items()}


@pytest.mark.parametrize("rollback", [False, True])
def test_data(capsys, rollback):
    callback, trained, good = TerminateOnNaN(rollback), model(), model()
    updates = []
    counter = LambdaCallback(on_train_batch_end=lambda batch, logs: updates.append(batch))
    history = fit(trained, *data([6, 7]), callback, callbacks=[callback, counter])
    assert updates == [0, 1]
    assert (callback.epoch, callback.batch, callback.layer, callback.parameter) == (0, 1, None, None)
    assert callback.cause == "X holds nan in sample 2 of the batch"
    assert history.epoch == [0]
    end = "with the model as it was before this batch" if rollback else "here"
    assert (
        capsys.readouterr().out
        == f"epoch 1, batch 2: the loss is nan: {callback.cause}; training ends {end}\n"
    )
    fit(good, *data(), LambdaCallback(), epochs=1, steps_per_epoch=1)
    assert (state(trained) == state(good)) is rollback
    assert np.isnan(trained.layers[0].W).any() is np.bool_(not rollback)


def test_targets_and_inputs_by_name():
    callback, (x, y) = TerminateOnNaN(), data()
    y[7] = -np.inf
    fit(model(), x, y, callback)
    assert (callback.batch, callback.cause) == (1, "Y holds -inf in sample 3 of the batch")
    inputs = {"x": (2,), "z": (2,)}
    nodes = {"both": ("add", ["x", "z"]), "y": (npdl.layers.Linear(1), "both")}
    graph = npdl.Graph(inputs, nodes, "y", seed=0).compile("mse", SGD)
    callback = TerminateOnNaN()
    fit(graph, {"x": data()[0], "z": data([5])[0]}, data()[1], callback)
    assert callback.cause == "X['z'] holds nan in sample 1 of the batch"


def test_weights_before_the_batch(capsys):
    x, y = data()
    trained, callback = model(), TerminateOnNaN()

    def spoil(epoch, logs):
        if epoch == 2:
            trained.layers[0].W[...] = np.nan

    saboteur = LambdaCallback(on_epoch_begin=spoil)
    fit(trained, x, y, callback, callbacks=[saboteur, callback])
    assert (callback.epoch, callback.batch) == (2, 0)
    assert (callback.layer, callback.parameter) == ("0.linear", "0.linear.W")
    assert capsys.readouterr().out.startswith(
        "epoch 3, batch 1: the loss is nan: 0.linear.W was nan before it;"
    )


@pytest.mark.parametrize(("name", "n"), [("0.spoiling", 2), ("1.spoiling", 3)])
def test_the_first_layer(name, n):
    layers = [npdl.layers.Identity(), Spoiling("forward", n), Spoiling("forward", n)][int(name[0]) == 0 :]
    callback = TerminateOnNaN(rollback=True)
    trained = model(*layers)
    fit(trained, *data(), callback)
    assert (callback.batch, callback.layer, callback.parameter) == (n - 1, name, None)
    assert callback.cause == f"layer {name} gives numbers that are not finite"
    assert all("forward" not in vars(layer) for layer in trained.layers)
    assert np.isfinite(trained.predict(data()[0])).all() is np.bool_(False)  # the layer is as it is
    assert np.isfinite(trained.layers[-1].W).all()


def test_a_layer_of_several_outputs_is_looked_at():
    callback = TerminateOnNaN()
    fit(model(PARALLEL, "concat", Spoiling("forward", 1)), *data(), callback)
    assert callback.layer == "2.spoiling"


def test_the_loss():
    callback = TerminateOnNaN()
    x, y = data()
    fit(model(), x, y * np.float32(3e38), callback)
    assert (callback.layer, callback.parameter) == (None, None)
    assert callback.cause == "the outputs are finite, their loss is not"


def test_gradients():
    callback, trained = TerminateOnNaN(rollback=True), model(npdl.layers.Linear(2), Spoiling("backward", 2))
    fit(trained, *data(), callback)
    assert (callback.batch, callback.layer, callback.parameter) == (1, "0.linear", "0.linear.b")
    assert "the gradient of 0.linear.b is " in callback.cause
    assert all(np.isfinite(array).all() for array in trained.weights().values())


def test_the_update():
    huge = {"name": "sgd", "config": {"lr": 1e39}}
    callback, trained = TerminateOnNaN(rollback=True), model(optimizer=huge)
    fit(trained, *data(), callback)
    assert (callback.batch, callback.layer, callback.parameter) == (0, "0.linear", "0.linear.W")
    assert callback.cause.startswith("the update makes 0.linear.W ")
    assert callback.cause.endswith("; a smaller learning rate or clipping may help")
    assert state(trained) == state(model(optimizer=huge))


def test_the_random_numbers_go_back_too():
    def built():
        return model({"name": "dropout", "config": {"p": 0.5}})

    trained, good = built(), built()
    fit(trained, *data([5]), TerminateOnNaN(rollback=True))
    fit(good, *data(), LambdaCallback(), epochs=1, steps_per_epoch=1)
    assert trained.layer_rng.bit_generator.state == good.layer_rng.bit_generator.state
    without = built()
    fit(without, *data([5]), TerminateOnNaN())
    assert without.layer_rng.bit_generator.state != good.layer_rng.bit_generator.state


def test_numbers_that_are_large_pass(capsys):
    callback, (x, y) = TerminateOnNaN(), data()
    history = fit(model(), x, y * 1e9, callback, epochs=2)
    assert callback.batch is callback.cause is None
    assert history.epoch == [0, 1]
    assert capsys.readouterr().out == ""


def test_it_changes_nothing_that_goes_well():
    watched, plain = model(), model()
    fit(watched, *data(), TerminateOnNaN(rollback=True))
    fit(plain, *data(), LambdaCallback())
    assert state(watched) == state(plain)


def test_a_second_training_starts_afresh(capsys):
    callback = TerminateOnNaN()
    fit(model(), *data([0]), callback)
    assert callback.batch == 0
    history = fit(model(), *data(), callback, epochs=2)
    assert callback.batch is callback.epoch is callback.cause is None
    assert history.epoch == [0, 1]


def test_it_only_looks_at_batches_that_it_saw_drawn():
    callback = TerminateOnNaN()
    callback.on_train_batch_end(0, {"loss": np.nan})
    assert callback.batch is None


def test_arguments():
    assert TerminateOnNaN(True).to_json()["config"] == {"rollback": True}
    with pytest.raises(ConfigError, match="rollback"):
        TerminateOnNaN(1)


def test_an_optimizer_of_somebody_else_without_state():
    class Bare:
        def update(self, params, grads, decay=None):
            for param in params:
                param += np.float32("inf")

    callback, trained = TerminateOnNaN(rollback=True), model(optimizer=Bare())
    fit(trained, *data(), callback)
    assert callback.parameter == "0.linear.W"
    assert np.isfinite(trained.layers[0].W).all()
