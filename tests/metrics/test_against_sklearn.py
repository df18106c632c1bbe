"""Metrics against scikit-learn: random data with weights, ties, classes that are missing or alone.

Where ours differ, on purpose: ``top_k`` counts a tie as among the k largest, scikit-learn takes the order of
the classes; targets that do not vary give ``r2`` exactly 0 or 1, scikit-learn's weighted mean of them rounds
and its quotient explodes; a class of weight 0 does not occur; without data ours are NaN.
"""

import warnings

import numpy as np
import pytest

from npdl_core import registry

pytestmark = pytest.mark.oracle("sklearn")

N, K = 60, 4
SEEDS = range(8)


def data(seed):
    """Return scores with ties, class ids that lack some classes for some seeds, and weights."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (N, K)) / 5 if seed % 2 else rng.normal(0, 1, (N, K))
    classes = [range(K), (0, 2), (1,), (0, 1, 3)][seed % 4]
    return scores, rng.choice(list(classes), N), rng.uniform(0.1, 3, N)


def measured(name, *batch, **config):
    """Return the result over batches of three sizes."""
    metric = registry.get("metrics", name, **config)
    for part in np.split(np.arange(N), (7, 40)):
        metric.update(*(None if array is None else array[part] for array in batch))
    return metric.result()


@pytest.mark.parametrize("seed", SEEDS)
def test_classification(seed, agree):
    from sklearn import metrics as theirs

    scores, ids, weights = data(seed)
    predicted = scores.argmax(axis=1)
    for weight in (None, weights):
        batch = (scores, ids, None, weight)
        options = {"sample_weight": weight}
        same(
            "accuracy", agree, measured("accuracy", *batch), theirs.accuracy_score(ids, predicted, **options)
        )
        matrix = theirs.confusion_matrix(ids, predicted, labels=range(K), **options)
        same("confusion_matrix", agree, measured("confusion_matrix", *batch), matrix)
        for average in ("macro", "micro", "weighted"):
            for name in ("precision", "recall", "f1"):
                function = getattr(theirs, f"{name}_score")
                due = function(ids, predicted, average=average, zero_division=0, **options)
                same(name, agree, measured(name, *batch, average=average), due)


@pytest.mark.parametrize("seed", SEEDS)
def test_events(seed, agree):
    from sklearn import metrics as theirs
    from sklearn.exceptions import UndefinedMetricWarning

    scores, ids, weights = data(seed)
    outputs, events = scores[:, 0], (ids > 0).astype(int)
    predicted = outputs >= 0.5
    for weight in (None, weights):
        batch = (outputs, events, None, weight)
        options = {"sample_weight": weight}
        for name in ("precision", "recall", "f1"):
            due = getattr(theirs, f"{name}_score")(events, predicted, zero_division=0, **options)
            same(name, agree, measured(name, *batch), due)
        same("binary_accuracy", agree, measured("binary_accuracy", *batch),
             theirs.accuracy_score(events, predicted, **options))  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            due = theirs.roc_auc_score(events, outputs, **options)
        ours = measured("auc", *batch)
        assert np.isnan(ours) == np.isnan(due)
        same("auc", agree, np.nan_to_num(ours), np.nan_to_num(due))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k(k, agree):
    from sklearn import metrics as theirs

    scores, ids, weights = data(0)
    due = theirs.top_k_accuracy_score(ids, scores, k=k, sample_weight=weights, labels=range(K))
    same("top_k", agree, measured("top_k", scores, ids, None, weights, k=k), due)


def test_top_k_of_ties_differs():
    from sklearn import metrics as theirs

    scores, ids = np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]]), np.array([0, 2])
    assert theirs.top_k_accuracy_score(ids, scores, k=1, labels=range(3)) < 1
    metric = registry.get("metrics", "top_k", k=1)
    metric.update(scores, ids)
    assert metric.result() == 1.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_numbers(seed, n_outputs, agree):
    from sklearn import metrics as theirs

    rng = np.random.default_rng(seed)
    wanted = rng.normal(10, 2, (N, n_outputs))
    predicted = wanted + rng.normal(0, 1, (N, n_outputs)) * (seed != 2)
    for weight in (None, rng.uniform(0.1, 3, N)):
        batch, options = (predicted, wanted, None, weight), {"sample_weight": weight}
        same("mse", agree, measured("mse", *batch), theirs.mean_squared_error(wanted, predicted, **options))
        same("mae", agree, measured("mae", *batch), theirs.mean_absolute_error(wanted, predicted, **options))
        same("r2", agree, measured("r2", *batch), theirs.r2_score(wanted, predicted, **options))


@pytest.mark.parametrize("exact", [True, False])
def test_r2_of_targets_that_do_not_vary(exact, agree):
    from sklearn import metrics as theirs

    wanted = np.full(N, 3.0)
    predicted = wanted if exact else wanted + np.linspace(0, 1, N)
    same("r2", agree, measured("r2", predicted, wanted), theirs.r2_score(wanted, predicted))


def test_weighted_r2_of_targets_that_do_not_vary_differs():
    from sklearn import metrics as theirs

    wanted, weights = np.full(N, 3.0), np.random.default_rng(1).uniform(0.1, 3, N)
    predicted = wanted + np.linspace(0, 1, N)
    assert theirs.r2_score(wanted, predicted, sample_weight=weights) < -1e20
    assert measured("r2", predicted, wanted, None, weights) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_perplexity(seed, agree):
    from sklearn import metrics as theirs

    scores, ids, weights = data(seed)
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    for weight in (None, weights):
        due = np.exp(theirs.log_loss(ids, probabilities, sample_weight=weight, labels=range(K)))
        same("perplexity", agree, measured("perplexity", probabilities, ids, None, weight), due)


def same(name, agree, ours, theirs):
    agree(f"metrics {name}", "scikit-learn", "output", ours, theirs, 1e-12)
