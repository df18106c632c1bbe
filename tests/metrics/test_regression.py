"""mse, mae and r2: values, weights, and numbers that cancel."""

import numpy as np
import pytest

from npdl_core.errors import DataError
from npdl_core.metrics import MAE, MSE, R2


def value(metric, *batches):
    for batch in batches:
        metric.update(*batch)
    return metric.result()


P, T = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [2.0, 5.0], [3.0, 2.0]])


def test_values():
    assert value(MSE(), (P, T)) == pytest.approx((4 + 1 + 9 + 1) / 6)
    assert value(MAE(), (P, T)) == pytest.approx((2 + 1 + 3 + 1) / 6)
    # Means 2 and 7/3; spreads 2 and 38/3; residuals 1 + 9 and 4 + 1.
    assert value(R2(), (P, T)) == pytest.approx((1 - 10 / 2 + 1 - 5 / (38 / 3)) / 2)


@pytest.mark.parametrize("kind", [MSE, MAE, R2])
def test_batches_of_unequal_size(kind):
    # N33: a mean of batch means would weigh the last batch as much as the first.
    assert value(kind(), (P[:2], T[:2]), (P[2:], T[2:])) == pytest.approx(value(kind(), (P, T)), rel=1e-14)


@pytest.mark.parametrize("kind", [MSE, MAE, R2])
@pytest.mark.parametrize("shapes", [((3,), (3, 1)), ((3, 1), (3,)), ((3, 1), (3, 1))])
def test_one_output(kind, shapes):
    due = value(kind(), (P[:, 0], T[:, 0]))
    assert value(kind(), (P[:, 0].reshape(shapes[0]), T[:, 0].reshape(shapes[1]))) == due


@pytest.mark.parametrize("kind", [MSE, MAE, R2])
def test_sequences_with_a_mask(kind):
    mask = np.array([[True, True, True], [True, False, False]])
    predicted, wanted = np.arange(6.0).reshape(2, 3, 1), np.arange(6.0)[::-1].reshape(2, 3)
    due = value(kind(), (predicted[mask], wanted[mask]))
    assert value(kind(), (np.where(mask[..., None], predicted, np.nan), wanted, mask)) == pytest.approx(due)


@pytest.mark.parametrize("kind", [MSE, MAE, R2])
def test_nothing_is_broadcast(kind):
    # N32: (3,) against (3, 3) would broadcast to a wrong number.
    for outputs, targets in ((np.ones((3, 3)), np.ones(3)), (np.ones((3, 2)), np.ones((3, 1))), (P, T[:2])):
        with pytest.raises(DataError, match="shape"):
            kind().update(outputs, targets)


def test_no_data_is_nan():
    assert np.isnan(MSE().result())
    assert np.isnan(value(R2(), (P[:0], T[:0])))


def test_r2_of_fewer_than_two_positions_is_nan():
    assert np.isnan(value(R2(), (P[:1], T[:1])))
    assert np.isfinite(value(R2(), (P[:1], T[:1]), (P[1:2], T[1:2])))


def test_r2_of_targets_that_do_not_vary():
    # The mean of three times 0.1 is not 0.1: a naive spread is 1e-34, not 0.
    same = np.full((3, 1), 0.1)
    assert value(R2(), (same, same)) == 1.0
    assert value(R2(), (same + 1, same)) == 0.0
    assert value(R2(), (same, same), (same, same)) == 1.0
    mask = np.array([False, True, True])
    assert value(R2(), (same, np.array([[5.0], [0.1], [0.1]]), mask)) == 1.0


def test_r2_does_not_cancel():
    # A sum of squares minus the square of the sum loses everything at 1e9 ± 1.
    wanted = 1e9 + np.array([-1.0, 1.0, -1.0, 1.0])[:, None]
    predicted = wanted + 0.5
    assert value(R2(), (predicted[:2], wanted[:2]), (predicted[2:], wanted[2:])) == pytest.approx(
        0.75, rel=1e-9
    )


def test_r2_joins_batches_of_different_means():
    rng = np.random.default_rng(0)
    wanted = np.concatenate([rng.normal(mean, 1, (7, 2)) for mean in (-100, 3, 50)])
    predicted = wanted + rng.normal(0, 1, wanted.shape)
    weights = rng.uniform(0.1, 2, 21)
    parts = [(predicted[a:b], wanted[a:b], None, weights[a:b]) for a, b in ((0, 7), (7, 9), (9, 21))]
    whole = value(R2(), (predicted, wanted, None, weights))
    assert value(R2(), *parts) == pytest.approx(whole, rel=1e-13)


def test_r2_refuses_another_number_of_outputs():
    metric = R2()
    due = value(metric, (P, T))
    with pytest.raises(DataError, match="1 outputs after batches of 2"):
        metric.update(P[:, :1], T[:, :1])
    assert metric.result() == due


def test_nan_is_seen():
    for kind in (MSE, MAE, R2):
        assert np.isnan(value(kind(), (np.where(P == 5, np.nan, P), T)))
