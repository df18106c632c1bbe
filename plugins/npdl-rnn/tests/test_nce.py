"""Noise-contrastive estimation: its formula, its limit, its training, and what evaluation reports."""

import math

import numpy as np
import pytest

from npdl_core import Model, load
from npdl_core.activations.softmax import log_softmax
from npdl_core.errors import ConfigError, DataError
from npdl_core.layers.base import Shaped
from npdl_rnn.objectives import NCE

COUNTS = [50, 20, 10, 10, 5, 3, 2]


def made(seed=0, **config):
    loss = NCE(**{"unigrams": COUNTS, **config})
    loss.dtype = "float64"
    loss.rng = np.random.default_rng(seed)
    loss.connect_to(Shaped((None, 3)))
    return loss


def test_is_the_formula():
    """Against P_model / (P_model + k P_noise), word by word."""
    rng = np.random.default_rng(1)
    loss = made(k=4, z=2.0)
    h, y = rng.normal(size=(5, 3)), rng.integers(0, 7, 5)
    noise = np.array(COUNTS) / sum(COUNTS)
    words = np.searchsorted(np.cumsum(noise), np.random.default_rng(3).random(4))
    model = np.exp(h @ loss.W.T + loss.b) / 2.0
    due = 0.0
    for row, word in zip(model, y, strict=True):
        due -= math.log(row[word] / (row[word] + 4 * noise[word]))
        due -= sum(math.log(4 * noise[q] / (row[q] + 4 * noise[q])) for q in words)
    loss.rng = np.random.default_rng(3)
    assert loss.forward(h, y) == pytest.approx(due / 5, rel=1e-6)


def test_noise_words_come_as_often_as_the_unigrams_say():
    words = made(k=100_000).noise_words(1)
    np.testing.assert_allclose(np.bincount(words) / 1e5, np.array(COUNTS) / 100, atol=0.005)


def test_noise_of_each_position():
    """With all words of all positions the same, it is the shared noise's loss and gradient."""
    rng = np.random.default_rng(1)
    shared, each = made(k=1), made(k=1, shared_noise=False)
    assert each.noise_words(5).shape == (5, 1)
    assert shared.noise_words(5).shape == (1,)
    h, y = rng.normal(size=(1, 3)), np.array([2])
    for loss in (shared, each):
        loss.rng = np.random.default_rng(3)
    assert each.forward(h, y) == pytest.approx(shared.forward(h, y))
    np.testing.assert_allclose(each.backward(h, y), shared.backward(h, y))
    np.testing.assert_allclose(each.dW, shared.dW)
    np.testing.assert_allclose(each.db, shared.db)


def test_words_that_never_occur_are_no_noise():
    """Not even by the smallest number that a generator gives; as targets they have a loss of zero."""

    class Least:
        def random(self, size):
            return np.zeros(size)

    loss = made(unigrams=[0, 0, 3, 1], k=2)
    loss.rng = Least()
    assert loss.noise_words(1).tolist() == [2, 2]
    h = np.ones((1, 3))
    noise = sum(math.log1p(math.exp(h[0] @ loss.W[2] + loss.b[2] - math.log(2 * 0.75))) for _ in range(2))
    assert loss.forward(h, np.array([0])) == pytest.approx(noise, rel=1e-6)
    assert np.isfinite(loss.backward(h, np.array([0]))).all()


def test_starts_at_one_over_the_number_of_words():
    loss = made()
    np.testing.assert_allclose(np.exp(loss.b), 1 / 7)
    assert abs(loss.W).max() <= 1 / math.sqrt(3)


def test_evaluation_is_normalised():
    rng = np.random.default_rng(2)
    loss = made()
    h, y, mask = rng.normal(size=(4, 6, 3)), rng.integers(0, 7, (4, 6)), rng.random((4, 6)) < 0.7
    logs = log_softmax(h @ loss.W.T + loss.b)
    due = -np.take_along_axis(logs, y[..., None], axis=-1)[..., 0]
    total, weight = loss.evaluation_total(h, y, mask)
    assert total == pytest.approx(due[mask].sum())
    assert weight == mask.sum()
    np.testing.assert_allclose(loss.output_layer().forward(h, train=False), np.exp(logs))


def test_training_learns_the_distribution():
    """With many noise words the scores become log-probabilities of their own: Z is what was asked for."""
    rng = np.random.default_rng(0)
    X = np.eye(3)[rng.integers(0, 3, 3000)]
    truth = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]])
    Y = np.array([rng.choice(4, p=truth[row.argmax()]) for row in X])
    model = Model([{"name": "linear", "config": {"n_out": 3}}], seed=0)
    model.compile(
        NCE(unigrams=np.bincount(Y), k=200), {"name": "sgd", "config": {"lr": 0.003, "momentum": 0.9}}
    )
    model.fit(X, Y, epochs=30, batch_size=100)
    hidden = model.predict(np.eye(3, dtype="float32"))
    learned = np.exp(hidden @ model.loss.W.T + model.loss.b)
    np.testing.assert_allclose(learned, truth, atol=0.08)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(-np.log(learned[X.argmax(1), Y]).mean(), abs=0.05)


def test_z_of_the_first_batch_is_kept():
    rng = np.random.default_rng(0)
    loss = made(z=None)
    h, y = rng.normal(size=(5, 3)), rng.integers(0, 7, 5)
    due = np.log(np.exp(h @ loss.W.T + loss.b).sum(axis=1)).mean()
    loss.forward(h, y)
    assert np.isnan(loss.log_z).all()
    loss.backward(h, y)
    np.testing.assert_allclose(loss.log_z, due)
    loss.backward(10 * h, y)
    np.testing.assert_allclose(loss.log_z, due)


def test_words_and_frequencies_are_saved(tmp_path):
    rng = np.random.default_rng(0)
    model = Model([{"name": "linear", "config": {"n_out": 3}}], seed=0).compile(NCE(unigrams=COUNTS), "sgd")
    X, Y = rng.normal(size=(8, 2)), rng.integers(0, 7, 8)
    model.fit(X, Y, epochs=1)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.loss.noise, model.loss.noise)
    assert again.evaluate(X, Y) == model.evaluate(X, Y)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "give n_classes"),
        ({"unigrams": [1, -1, 3]}, "at least 0"),
        ({"unigrams": [0, 0]}, "at least 0"),
        ({"unigrams": "abc"}, "at least 0"),
        ({"unigrams": [1, 2], "n_classes": 3}, "2 unigrams"),
        ({"n_classes": 1}, "n_classes"),
        ({"n_classes": 3, "z": 0}, "z"),
    ],
)
def test_what_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        NCE(**config)


def test_data_that_is_refused():
    loss = made()
    for outputs, targets in (
        (np.zeros((2, 4)), np.zeros(2, int)),
        (np.zeros(3), np.zeros((), int)),
        (np.zeros((2, 3)), np.array([0, 7])),
        (np.zeros((2, 3)), np.zeros((2, 3))),
    ):
        with pytest.raises(DataError):
            loss.forward(outputs, targets)
