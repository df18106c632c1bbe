"""confusion_matrix, precision, recall, f1: counts, averages, missing classes."""

import numpy as np
import pytest

import npdl_core as npdl
from npdl_core.errors import ConfigError, DataError
from npdl_core.metrics import F1, ConfusionMatrix, Precision, Recall

PREDICTED = np.array([0, 0, 1, 1, 1, 2])
WANTED = np.array([0, 1, 1, 1, 2, 0])
OUTPUTS = np.eye(3)[PREDICTED]


def value(metric, *batch):
    metric.update(*batch)
    return metric.result()


def test_rows_are_true_classes():
    due = [[1, 0, 1], [1, 2, 0], [0, 1, 0]]
    assert value(ConfusionMatrix(), OUTPUTS, WANTED).tolist() == due
    assert value(ConfusionMatrix(), OUTPUTS, np.eye(3)[WANTED]).tolist() == due


def test_weights_are_summed():
    weights = np.array([1.0, 0.5, 2.0, 0.0, 4.0, 0.25])
    assert value(ConfusionMatrix(), OUTPUTS, WANTED, None, weights).tolist() == [
        [1, 0, 0.25],
        [0.5, 2, 0],
        [0, 4, 0],
    ]


def test_one_output_counts_as_two_classes():
    assert value(ConfusionMatrix(), [0.9, 0.2, 0.7], [1, 1, 0]).tolist() == [[0, 1], [1, 1]]
    assert value(ConfusionMatrix(threshold=0.8), [0.9, 0.2, 0.7], [1, 1, 0]).tolist() == [[1, 0], [1, 1]]


def test_no_data():
    assert ConfusionMatrix().result().shape == (0, 0)
    assert not value(ConfusionMatrix(), OUTPUTS[:0], WANTED[:0]).any()
    for kind in (Precision, Recall, F1):
        assert np.isnan(kind().result())
        assert np.isnan(value(kind(), OUTPUTS, WANTED, np.zeros(6, bool)))


def test_the_result_is_a_copy():
    metric = ConfusionMatrix()
    value(metric, OUTPUTS, WANTED)[...] = 0
    assert metric.result().sum() == 6


# By hand: hits (1, 2, 0), predicted (2, 3, 1), true (2, 3, 1).
@pytest.mark.parametrize("kind", [Precision, Recall, F1])
@pytest.mark.parametrize(
    ("average", "due"),
    [
        ("auto", (1 / 2 + 2 / 3) / 3),
        ("macro", (1 / 2 + 2 / 3) / 3),
        ("micro", 1 / 2),
        ("weighted", (1 + 2) / 6),
    ],
)
def test_averages(kind, average, due):
    assert value(kind(average), OUTPUTS, WANTED) == pytest.approx(due, rel=1e-12)


@pytest.mark.parametrize(("kind", "due"), [(Precision, 2 / 3), (Recall, 2 / 4), (F1, 4 / 7)])
@pytest.mark.parametrize("average", ["auto", "binary"])
def test_binary_is_the_score_of_class_1(kind, due, average):
    events = np.array([0.9, 0.8, 0.6, 0.1, 0.2])
    assert value(kind(average), events, [1, 1, 0, 1, 1]) == pytest.approx(due, rel=1e-12)
    two = np.stack([1 - events, events], axis=1)
    assert value(kind(average), two, [1, 1, 0, 1, 1]) == pytest.approx(due, rel=1e-12)


def test_threshold():
    assert value(Recall(threshold=0.0), [-1.0, 0.5], [1, 1]) == 0.5


def test_nothing_to_divide_by_is_0():
    assert value(Precision(), [0.1, 0.2], [1, 0]) == 0.0
    assert value(Recall(), [0.9, 0.2], [0, 0]) == 0.0
    assert value(F1(), [0.1, 0.2], [0, 0]) == 0.0


def test_macro_is_over_the_classes_that_occur():
    # Class 3 of 4 neither occurs nor is predicted; class 2 is predicted only.
    outputs = np.eye(4)[[0, 1, 2]]
    assert value(Recall("macro"), outputs, [0, 1, 1]) == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_binary_is_refused_for_more_classes_before_anything_is_counted():
    metric = F1("binary")
    with pytest.raises(DataError, match="average='binary' needs two classes, got 3"):
        metric.update(OUTPUTS, WANTED)
    assert np.isnan(metric.result())


def test_the_number_of_classes_may_not_change():
    metric = F1()
    due = value(metric, OUTPUTS, WANTED)
    with pytest.raises(DataError, match="outputs of 2 classes after outputs of 3"):
        metric.update([0.5], [1])
    assert metric.result() == due
    metric.reset()
    assert value(metric, [0.5], [1]) == 1.0


def test_sequences_with_a_mask():
    outputs = np.eye(3)[PREDICTED.reshape(2, 3)]
    mask = np.array([[1, 1, 0], [1, 1, 1]], bool)
    rows = mask.ravel()
    for kind in (Precision, Recall, F1):
        due = value(kind(), OUTPUTS[rows], WANTED[rows])
        assert value(kind(), outputs, WANTED.reshape(2, 3), mask) == due


def test_unknown_average():
    with pytest.raises(ConfigError, match="average"):
        Precision("mean")


def test_a_matrix_can_be_a_metric_of_training():
    model = npdl.Model([npdl.layers.Softmax(3, n_in=3)], seed=0)
    model.compile("scce", "sgd", metrics=["confusion_matrix", "f1"])
    history = model.fit(OUTPUTS, WANTED, epochs=2).history
    assert [matrix.sum() for matrix in history["confusion_matrix"]] == [6, 6]
    assert all(0 <= score <= 1 for score in history["f1"])
