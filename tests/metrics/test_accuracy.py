"""accuracy, binary_accuracy and top_k: binary, categorical, sequences, masks, several labels."""

import numpy as np
import pytest

import npdl_core as npdl
from npdl_core.errors import ConfigError, DataError
from npdl_core.metrics import Accuracy, BinaryAccuracy, TopK


def value(metric, *batches):
    for batch in batches:
        metric.update(*batch)
    return metric.result()


SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3], [0.5, 0.4, 0.1]])
IDS = np.array([0, 2, 2, 1])


def test_class_ids_and_one_hot_targets():
    assert value(Accuracy(), (SCORES, IDS)) == 0.5
    assert value(Accuracy(), (SCORES, np.eye(3)[IDS])) == 0.5


def test_smoothed_targets():
    smooth = 0.9 * np.eye(3)[IDS] + 0.1 / 3
    assert value(Accuracy(), (SCORES, smooth.astype("float32"))) == 0.5


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("target_shape", [(4,), (4, 1)])
def test_one_output_is_an_event(shape, target_shape):
    # N35: argmax over one column is always 0, and every prediction looks alike.
    outputs = np.array([0.9, 0.2, 0.5, 0.4]).reshape(shape)
    targets = np.array([1, 0, 1, 1]).reshape(target_shape)
    assert value(Accuracy(), (outputs, targets)) == 0.75


def test_threshold():
    outputs = np.array([-1.0, 0.2, 3.0])
    assert value(Accuracy(threshold=0.0), (outputs, [0, 1, 1])) == 1.0
    assert value(Accuracy(), (outputs, [0, 1, 1])) == pytest.approx(2 / 3)
    assert value(BinaryAccuracy(threshold=0.0), (outputs, [0, 1, 1])) == 1.0


def test_sequences_with_a_mask():
    outputs = np.eye(3)[np.array([[0, 1, 2], [2, 2, 0]])]
    targets = np.array([[0, 1, 1], [2, -100, -100]])
    mask = np.array([[True, True, True], [True, False, False]])
    assert value(Accuracy(), (outputs, targets, mask)) == 0.75
    one_hot = np.eye(3)[np.where(mask, targets, 0)]
    one_hot[~mask] = np.nan
    assert value(Accuracy(), (outputs, one_hot, mask)) == 0.75


def test_sequences_of_events():
    outputs = np.array([[[0.9], [0.1], [0.8]], [[0.7], [0.2], [0.2]]])
    targets = np.array([[1, 0, 0], [1, 1, 0]])
    for form in (targets, targets[..., None], targets.astype(bool)):
        assert value(Accuracy(), (outputs, form)) == pytest.approx(4 / 6)


def test_weights_of_samples_count_for_their_steps():
    outputs = np.eye(2)[np.array([[0, 1], [1, 1]])]
    assert value(Accuracy(), (outputs, np.array([[0, 0], [1, 1]]), None, np.array([3.0, 1.0]))) == 5 / 8


def test_the_first_of_equals_is_predicted():
    assert value(Accuracy(), (np.array([[0.5, 0.5]]), [0])) == 1.0


@pytest.mark.parametrize(
    "rows", [[[1, 1, 0], [0, 1, 0]], [[0, 0, 0], [0, 1, 0]], [[0.4, 0.4, 0.4], [0, 1, 0]]]
)
def test_several_events_or_none_in_a_row_are_refused(rows):
    metric = Accuracy()
    with pytest.raises(DataError, match="binary_accuracy"):
        metric.update(SCORES[:2], rows)
    assert np.isnan(metric.result())
    # A row that does not count may hold anything.
    assert value(metric, (SCORES[:2], rows, np.array([False, True]))) == 0.0


def test_binary_accuracy_of_several_labels():
    outputs = np.array([[0.9, 0.1, 0.6], [0.2, 0.3, 0.8]])
    targets = np.array([[1, 1, 1], [0, 0, 0]])
    assert value(BinaryAccuracy(), (outputs, targets)) == pytest.approx(4 / 6)
    assert value(BinaryAccuracy(), (outputs, targets, None, [3.0, 1.0])) == pytest.approx(2 / 3)
    assert value(BinaryAccuracy(), (outputs, targets, [1, 0])) == pytest.approx(2 / 3)


def test_binary_accuracy_takes_no_class_ids():
    with pytest.raises(DataError, match="got class ids"):
        BinaryAccuracy().update(SCORES, IDS)


@pytest.mark.parametrize(("k", "due"), [(1, 0.5), (2, 0.75), (3, 1.0), (5, 1.0)])
def test_top_k(k, due):
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.2], [0.5, 0.4, 0.1]])
    assert value(TopK(k), (scores, IDS)) == due
    assert value(TopK(k), (scores, np.eye(3)[IDS])) == due


def test_an_equal_output_does_not_push_out():
    assert value(TopK(1), ([[0.5, 0.5, 0.0]], [1])) == 1.0


def test_nan_is_never_among_the_largest():
    assert value(TopK(2), ([[np.nan] * 3], [1])) == 0.0
    assert value(TopK(2), ([[np.nan, 0.5, np.nan]], [1])) == 0.0


def test_top_k_needs_classes():
    for outputs in ([0.2, 0.8], [[0.2], [0.8]]):
        with pytest.raises(DataError, match="2 or more classes"):
            TopK().update(outputs, [0, 1])


@pytest.mark.parametrize(
    ("outputs", "targets", "message"),
    [
        (SCORES, IDS[:3], "shape"),
        (SCORES, np.eye(3)[IDS][:3], "shape"),
        (SCORES, np.eye(4), "shape"),
        (SCORES, [0, 1, 2, 3], "must lie in 0 … 2"),
        (SCORES, [0, 1, 2, -1], "must lie in 0 … 2"),
        (SCORES, [0.0, 1.0, 2.0, 0.0], "must be integers"),
        (SCORES, IDS[None], "shape"),
        (0.5, 1, r"must be \(N,\) or \(..., K\)"),
        (np.zeros((4, 0)), IDS, r"must be \(N,\) or \(..., K\)"),
        (SCORES, np.array(["a"] * 4), "targets must be numbers"),
        (SCORES.astype(complex), IDS, "outputs must be numbers"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(outputs, targets, message):
    metric = Accuracy()
    metric.update(SCORES, IDS)
    with pytest.raises(DataError, match=message):
        metric.update(outputs, targets)
    assert metric.result() == 0.5


def test_arguments_out_of_range():
    for make in (
        lambda: Accuracy("half"),
        lambda: BinaryAccuracy(np.nan),
        lambda: TopK(0),
        lambda: TopK(2.5),
    ):
        with pytest.raises(ConfigError):
            make()


@pytest.mark.parametrize(
    ("alias", "kind"),
    [
        ("acc", Accuracy),
        ("categorical_accuracy", Accuracy),
        ("sparse_categorical_accuracy", Accuracy),
        ("binary_accuracy", BinaryAccuracy),
        ("BinaryAccuracy", BinaryAccuracy),
        ("top_k_accuracy", TopK),
        ("top_k_categorical_accuracy", TopK),
        ("sparse_top_k_categorical_accuracy", TopK),
    ],
)
def test_names(alias, kind):
    assert npdl.registry.resolve("metrics", alias) is kind


def test_a_model_measures_what_its_outputs_are():
    # N35: accuracy was always the argmax over axis 1.
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]], "float32")
    model = npdl.Model([npdl.layers.Dense(1, n_in=1, activation="sigmoid", init="one")])
    model.compile("bce", "sgd", metrics=["accuracy"])
    assert model.evaluate(x, np.array([0, 1, 1, 1]))["accuracy"] == 0.75
