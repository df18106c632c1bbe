"""Many at once: threads, forked and spawned processes share a model or train their own, and nothing shows."""

import json
import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from npdl_core import Model, load
from npdl_core.layers import BatchNormal, Dense, Softmax

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 6)).astype("float32")
Y = rng.integers(0, 3, 64)


def made(seed):
    layers = [Dense(16, n_in=6), BatchNormal(), {"name": "dropout", "config": {"p": 0.3}}, Softmax(3)]
    return Model(layers, seed=seed).compile("scce", {"name": "sgd", "config": {"momentum": 0.9}})


def trained(seed, epochs=3):
    model = made(seed)
    history = model.fit(X, Y, epochs=epochs, batch_size=7)
    return [array.tobytes() for array in model.weights().values()], history.history["loss"]


def predict_while_others_load_and_save(folder, threads, rounds, record_property):
    model, other = made(0), made(1)
    model.fit(X, Y, epochs=1)
    expected, differing = model.predict(X).tobytes(), other.predict(X).tobytes()
    assert expected != differing
    path, done = folder / "model", threading.Event()
    model.save(path)
    begun = threading.Barrier(threads + 1)
    turns = []

    def predict():
        begun.wait()
        return [model.predict(X).tobytes() == expected for _ in range(rounds)]

    def save_and_load():
        begun.wait()
        while not done.is_set() or not turns:
            model.save(path)
            turns.append(load(path).predict(X).tobytes() == expected)

    saver = threading.Thread(target=save_and_load)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(threads) as pool:
            results = [pool.submit(predict) for _ in range(threads)]
            saver.start()
            same = [one for result in results for one in result.result()]
    finally:
        sys.setswitchinterval(interval)
        done.set()
        saver.join()
    assert all(turns)
    counts = {
        "threads": threads,
        "predictions": len(same),
        "saved and loaded": len(turns),
        "equal": sum(same),
    }
    record_property("fault", ("threads that predict while one saves and loads", counts))
    return same


def test_some_threads(tmp_path, record_property):
    same = predict_while_others_load_and_save(tmp_path, 32, 3, record_property)
    assert len(same) == 96
    assert all(same)


@pytest.mark.proof
def test_many_threads(tmp_path, record_property, size):
    assert all(predict_while_others_load_and_save(tmp_path, 32, size("rounds", 200), record_property))


def train_together(seeds, epochs, record_property):
    alone = [trained(seed, epochs) for seed in seeds]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(len(seeds)) as pool:
            together = list(pool.map(lambda seed: trained(seed, epochs), seeds))
    finally:
        sys.setswitchinterval(interval)
    assert together == alone
    assert len({str(one) for one in alone}) == len(seeds)
    counts = {"models": len(seeds), "bit-identical to alone": len(seeds)}
    record_property("fault", ("trainings in threads", counts))


def test_two_trainings(record_property):
    train_together([1, 2], 3, record_property)


@pytest.mark.proof
def test_many_trainings(record_property, size):
    train_together(list(range(size("trainings", 8))), 30, record_property)


def work(model, x, queue):
    """Predict and train in another process, and say what came out."""
    outputs = model.predict(x).tobytes().hex()
    model.fit(X, Y, epochs=1, batch_size=7)
    queue.put((outputs, [array.tobytes().hex() for array in model.weights().values()]))


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_processes():
    context = multiprocessing.get_context("fork")
    model, queue = made(0), context.Queue()
    outputs = model.predict(X).tobytes().hex()
    before = [array.tobytes() for array in model.weights().values()]
    children = [context.Process(target=work, args=(model, X, queue)) for _ in range(3)]
    for child in children:
        child.start()
    results = [queue.get(timeout=60) for _ in children]
    for child in children:
        child.join()
    assert [array.tobytes() for array in model.weights().values()] == before  # theirs are copies
    model.fit(X, Y, epochs=1, batch_size=7)
    own = (outputs, [array.tobytes().hex() for array in model.weights().values()])
    assert results == [own] * 3


def test_spawned_processes(script, tmp_path):
    """A spawned process gets the model by pickling, which goes through the saved form."""
    (tmp_path / "x.json").write_text(json.dumps(X.tolist()))
    process = script("spawner.py", tmp_path)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(out) == {"equal": 4}
