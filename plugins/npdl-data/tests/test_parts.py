"""Split, scaling and one-hot labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core.errors import BudgetError, DataError
from npdl_data.parts import Scaling, Split, fit_scaling, one_hot, one_hot_labels, scale_parts


@given(st.integers(2, 200), st.floats(0.0, 0.99), st.booleans(), st.integers(0, 9))
def test_every_sample_is_in_exactly_one_part(n, test_split, shuffle, seed):
    split = Split(test_split, shuffle, seed)
    try:
        train, test = split.indices(n)
    except DataError:
        assert 0 < test_split < 1 / n + 1e-6
        return
    assert sorted([*train, *test]) == list(range(n))
    assert abs(len(test) - n * test_split) < 1 + 1e-6
    if not shuffle:
        assert [*train, *test] == list(range(n))


@pytest.mark.parametrize(
    ("n", "test_split", "n_test"), [(1797, 0.1, 179), (100, 0.29, 29), (10, 0.0, 0), (2, 0.5, 1)]
)
def test_the_test_part_has_so_many(n, test_split, n_test):
    assert Split(test_split).n_test(n) == n_test


@pytest.mark.parametrize(
    ("n", "test_split", "empty"), [(5, 0.1, "test"), (1, 0.9999999999, "training"), (0, 0.0, "train")]
)
def test_an_empty_part_is_an_error(n, test_split, empty):
    with pytest.raises(DataError, match=f"leave no {empty}"):
        Split(test_split).n_test(n)


def test_a_part_that_is_not_shuffled_stays():
    part = (np.arange(5), np.arange(5))
    assert Split(0.0).shuffled(part) is part
    X, Y = Split(0.0, shuffle=True, seed=1).shuffled(part)
    assert sorted(X) == [0, 1, 2, 3, 4]
    assert np.array_equal(X, Y)
    assert not np.array_equal(X, part[0])


def test_standard_scaling_uses_the_training_part_alone():
    rng = np.random.default_rng(0)
    X, X_test = rng.normal(5, 3, (40, 2)), rng.normal(50, 1, (9, 2))
    (scaled, _), (scaled_test, _) = scale_parts(
        (X, X[:, 0]), (X_test, X_test[:, 0]), "standard", dtype=np.float64
    )
    assert np.allclose(scaled.mean(axis=0), 0)
    assert np.allclose(scaled.std(axis=0), 1)
    assert np.allclose(scaled_test, (X_test - X.mean(axis=0)) / X.std(axis=0))


def test_unit_scaling_divides_by_the_largest_magnitude_of_each_feature():
    X, X_test = np.array([[1.0, -8.0], [2.0, 4.0]]), np.array([[4.0, 4.0]])
    (scaled, _), (scaled_test, _) = scale_parts((X, X), (X_test, X_test), "unit")
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [[0.5, -1.0], [1.0, 0.5]]
    assert scaled_test.tolist() == [[2.0, 0.5]]


@pytest.mark.parametrize("scale", ["unit", "standard"])
@pytest.mark.parametrize("constant", [0.0, 0.1, -7.3])
def test_a_constant_feature_stays_finite(scale, constant):
    X = np.full((31, 1), constant)
    scaled = fit_scaling(X, scale)(X)
    expected = 0.0 if scale == "standard" or constant == 0 else np.sign(constant)
    assert np.allclose(scaled, expected)


def test_statistics_of_all_values_together():
    X = np.array([[0, 255], [51, 102]], dtype=np.uint8)
    scaling = fit_scaling(X, "standard", per_feature=False)
    assert scaling.offset == X.mean()
    assert scaling.factor == X.std()
    assert scaling(X).dtype == np.float32


def test_padding_counts_for_nothing_and_stays_zero():
    X = np.array([[[1.0], [3.0], [0.0]], [[5.0], [0.0], [0.0]]])
    mask = np.array([[True, True, False], [True, False, False]])
    kept = X.copy()
    (scaled, _, _), _ = scale_parts((X, X, mask), (X, X, mask), "standard")
    assert np.allclose(scaled[mask][:, 0], (np.array([1, 3, 5]) - 3) / np.std([1, 3, 5]))
    assert not scaled[~mask].any()
    assert np.array_equal(X, kept)


def test_integers_do_not_overflow():
    X = np.array([[np.iinfo(np.int64).min], [5]])
    assert fit_scaling(X, "unit")(X).min() == -1


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.sampled_from(["unit", "standard", "none"]))
def test_inverse_undoes_scaling(values, scale):
    x = np.array(values)
    scaling = fit_scaling(x, scale)
    assert np.allclose(scaling.inverse(scaling(x)), x, atol=1e-6)


def test_scaling_leaves_its_input_alone():
    x = np.array([1.0, 2.0], dtype=np.float32)
    assert Scaling(1.0, 2.0)(x).tolist() == [0.0, 0.5]
    assert x.tolist() == [1.0, 2.0]


@given(st.lists(st.integers(0, 6), max_size=9))
def test_one_hot_has_its_one_at_the_id(ids):
    rows = one_hot(np.array(ids, dtype=np.int64), 7)
    assert rows.shape == (len(ids), 7)
    assert rows.dtype == np.float32
    assert rows.sum() == len(ids)
    assert rows.argmax(axis=1).tolist() == ids


def test_one_hot_is_refused_where_it_would_take_too_much():
    part = (np.zeros((1000, 1)), np.arange(1000), np.ones((1000, 1), dtype=bool))
    assert [array.shape for array in one_hot_labels(part, 1000)] == [(1000, 1), (1000, 1000), (1000, 1)]
    with pytest.raises(BudgetError, match="one-hot rows of 1000000000 classes would take"):
        one_hot_labels(part, 10**9)
