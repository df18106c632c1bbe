"""perplexity and auc."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npdl_core as npdl
from npdl_core.errors import ConfigError, DataError
from npdl_core.metrics import AUC, Perplexity


def value(metric, *batches):
    for batch in batches:
        metric.update(*batch)
    return metric.result()


def test_perplexity():
    # -ln ½ and -ln ⅛: their mean is 2 ln 2.
    outputs = np.array([[0.5, 0.5, 0.0], [0.125, 0.25, 0.625]])
    assert value(Perplexity(), (outputs, [0, 0])) == pytest.approx(4.0, rel=1e-12)
    assert value(Perplexity(), (outputs, np.eye(3)[[0, 0]])) == pytest.approx(4.0, rel=1e-12)
    logits = np.log(np.maximum(outputs, 1e-300)) + 7
    assert value(Perplexity(from_logits=True), (logits, [0, 0])) == pytest.approx(4.0, rel=1e-12)


def test_perplexity_is_over_the_real_positions_of_all_batches():
    outputs = np.full((2, 3, 4), 0.25)
    outputs[0, 0] = [0.5, 0.5, 0, 0]
    targets = np.zeros((2, 3), int)
    mask = np.array([[1, 1, 0], [1, 0, 0]], bool)
    due = (2 * 4 * 4) ** (1 / 3)
    assert value(Perplexity(), (outputs, targets, mask)) == pytest.approx(due, rel=1e-12)
    parts = [(outputs[n : n + 1], targets[n : n + 1], mask[n : n + 1]) for n in (0, 1)]
    # The mean of the batches' perplexities is another number.
    assert value(Perplexity(), *parts) == pytest.approx(due, rel=1e-12)


def test_perplexity_beyond_the_largest_number():
    assert value(Perplexity(from_logits=True), ([[0.0, 2000.0]], [0])) == math.inf
    assert np.isnan(Perplexity().result())


def test_perplexity_refuses_what_does_not_fit():
    metric = Perplexity()
    with pytest.raises(DataError, match="must lie in 0 … 1"):
        metric.update([[0.5, 0.5]], [2])
    with pytest.raises(ConfigError):
        Perplexity(from_logits="yes")


def pairs(scores, events, weights):
    """The definition: over all pairs of an event and a non-event."""
    won = total = 0.0
    for i, j in np.ndindex(len(scores), len(scores)):
        if events[i] and not events[j]:
            weight = weights[i] * weights[j]
            total += weight
            won += weight * (1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0)
    return won / total if total else math.nan


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3), st.booleans()), min_size=1, max_size=12
    )
)
def test_auc_is_its_definition_however_it_is_cut(rows):
    scores, events, weights = (np.array(column, float) for column in list(zip(*rows, strict=True))[:3])
    metric = AUC()
    start = 0
    for stop, row in enumerate(rows, start=1):
        if row[3] or stop == len(rows):
            metric.update(scores[start:stop], events[start:stop], None, weights[start:stop])
            start = stop
    np.testing.assert_allclose(metric.result(), pairs(scores, events, weights), rtol=1e-12)


SCORES, EVENTS = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (SCORES, EVENTS),
        (SCORES[:, None], EVENTS),
        (SCORES[:, None], EVENTS[:, None].astype(bool)),
        (np.stack([1 - SCORES, SCORES], axis=1), EVENTS),
        (np.stack([1 - SCORES, SCORES], axis=1), np.eye(2)[EVENTS]),
        (SCORES.reshape(2, 2, 1), EVENTS.reshape(2, 2)),
    ],
)
def test_forms(outputs, targets):
    assert value(AUC(), (outputs, targets)) == 0.75


def test_auc_without_both_classes_is_nan():
    assert np.isnan(AUC().result())
    assert np.isnan(value(AUC(), (SCORES, np.zeros(4))))
    assert np.isnan(value(AUC(), (SCORES, EVENTS, EVENTS == 1)))


def test_auc_of_nan_is_nan():
    scores = np.where(EVENTS == 1, SCORES, np.nan)
    assert np.isnan(value(AUC(), (scores, EVENTS)))
    assert value(AUC(), (np.append(SCORES, np.nan), np.append(EVENTS, 7), [1, 1, 1, 1, 0])) == 0.75


@pytest.mark.parametrize(
    ("outputs", "targets", "message"),
    [
        (SCORES, [0, 1, 2, 0], "must be 0 or 1"),
        (SCORES, [0, 0.5, 1, 0], "must be 0 or 1"),
        (np.ones((4, 3)), EVENTS, "one or two columns, got 3"),
        (np.ones((4, 2)), [0, 1, 2, 0], "must lie in 0 … 1"),
        (np.ones((4, 2)), np.ones((4, 2)), "distribution"),
        (SCORES, EVENTS[:3], "shape"),
    ],
)
def test_auc_refuses_what_does_not_fit_and_keeps_the_rest(outputs, targets, message):
    metric = AUC()
    metric.update(SCORES, EVENTS)
    with pytest.raises(DataError, match=message):
        metric.update(outputs, targets)
    assert metric.result() == 0.75


@pytest.mark.parametrize("alias", ["roc_auc", "ROC_AUC_score", "AUC"])
def test_names(alias):
    assert npdl.registry.resolve("metrics", alias) is AUC
