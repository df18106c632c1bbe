"""A hook of an installed plugin that raises in the middle of an epoch."""

RAISING = """
    from npdl_core.hooks import hookimpl

    updates = []

    @hookimpl
    def npdl_batch_end(step):
        updates.append(step)
        if len(updates) == 6:
            raise RuntimeError("out of luck")
"""

TRAIN = """
    import numpy as np
    from npdl_core import Model
    from npdl_core.callbacks import Callback
    from npdl_core.errors import PluginError

    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 3)).astype("float32"), rng.integers(0, 2, 40)

    def model():
        made = Model([{"name": "dense", "config": {"n_out": 4}}, {"name": "softmax", "config": {"n_out": 2}}], seed=1)
        return made.compile("scce", {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}})

    trained = model()
    try:
        trained.fit(X, Y, epochs=3, batch_size=10)
    except PluginError as error:
        print(error)
    print(trained.history.epoch, len(trained.history.history["loss"]), trained.optimizer.iterations)

    # Four updates are an epoch: the sixth is the second one of the second epoch. What it leaves is what six
    # updates leave where nobody raises.
    class Stop(Callback):
        seen = 0

        def on_train_batch_end(self, batch, logs):
            self.seen += 1
            if self.seen == 6:
                raise Enough

    class Enough(Exception):
        pass

    alone = model()
    try:
        alone.fit(X, Y, epochs=3, batch_size=10, callbacks=[Stop()])
    except Enough:
        pass
    print(all((array == alone.weights()[name]).all() for name, array in trained.weights().items()))
    mine, theirs = trained.optimizer.state(), alone.optimizer.state()
    print(all(np.array_equal(mine[key], theirs[key]) for key in theirs), mine.keys() == theirs.keys())
    print(trained.history.history == alone.history.history)

    # The model goes on from there.
    trained.fit(X, Y, epochs=2, batch_size=10)
    print(trained.history.epoch, trained.optimizer.iterations)
"""


def test_it_stops_training_names_the_plugin_and_leaves_all_consistent(site):
    site.module("unlucky_hooks", RAISING)
    site.distribution("unlucky", {"npdl.v1.hooks": {"watch": "unlucky_hooks"}}, version="2.5")
    lines = site.run(TRAIN).splitlines()
    assert lines[0] == "hook plugin 'unlucky:watch' raised in npdl_batch_end: RuntimeError: out of luck"
    assert lines[1] == "[0] 1 6"
    assert lines[2:5] == ["True", "True True", "True"]
    assert lines[5] == "[0, 1] 14"
