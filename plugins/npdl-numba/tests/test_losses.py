"""Softmax, and losses with their gradients: core's references, any number of threads, within objectives."""

import numpy as np
import pytest

from npdl_core import kernels, registry
from npdl_core.activations.softmax import softmax
from npdl_core.testing import check_kernel
from npdl_numba import coverage, losses, threads
from npdl_numba.compiled.exponential import exponentials, largest, total

SIZES = [(1, coverage.MIN_NUMBERS), (1639, 10), (523, 33), (70, 1001)]
SCALE, EPSILON = 0.03, 1e-11
CASES = {
    "squared_error": "squared_error",
    "softmax": "softmax",
    "softmax in place": "softmax",
    "class ids": "softmax_cross_entropy",
    "one-hot rows": "softmax_cross_entropy",
    "distributions": "softmax_cross_entropy",
    "scores": "softmax_cross_entropy",
}
each_case = pytest.mark.parametrize("case", CASES)


def draw(case, shape, dtype="float32"):
    """Return the arguments of a call; what is written to is filled with rubbish."""
    rng = np.random.default_rng(0)
    outputs, targets = 3 * rng.standard_normal((2, *shape)).astype(dtype)
    written = np.full(shape[0], 9, dtype), np.full(shape, 9, dtype)
    if case == "squared_error":
        return outputs, targets, SCALE, *written
    if case.startswith("softmax"):
        return outputs, outputs if "place" in case else written[1]
    ids = rng.integers(0, shape[1], shape[0])
    if case == "scores":
        return outputs, ids, SCALE, None, *written
    one_hot = np.zeros(shape, dtype)
    one_hot[np.arange(shape[0]), ids] = 1
    found = {"class ids": ids, "one-hot rows": one_hot, "distributions": np.abs(targets)}
    return softmax(outputs), found[case], SCALE, EPSILON, *written


def call(case, arguments):
    return getattr(losses, CASES[case])(*arguments)


def numbers(arguments):
    return [one.tobytes() for one in arguments if isinstance(one, np.ndarray)]


@pytest.mark.parametrize("name", losses.__all__)
def test_equals_the_reference_at_small_sizes(name, monkeypatch):
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    check_kernel(name)


@pytest.mark.parametrize("shape", SIZES, ids=str)
@each_case
def test_equals_the_reference_at_sizes_that_it_takes(case, shape):
    mine, due = draw(case, shape), draw(case, shape)
    assert call(case, mine) is not NotImplemented
    kernels.find(CASES[case]).reference(*due)
    for one, other in zip(mine, due, strict=True):
        if isinstance(one, np.ndarray):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    if case != "softmax in place":
        given = 1 if case == "softmax" else 2
        assert numbers(mine[:given]) == numbers(draw(case, shape)[:given])


@each_case
def test_declines_what_is_small_double_or_strided(case):
    few = (3, coverage.MIN_NUMBERS // 3)
    strided = [array[:, ::2] if np.ndim(array) == 2 else array for array in draw(case, (4, 9000))]
    for arguments in (draw(case, few), draw(case, SIZES[1], "float64"), strided):
        before = numbers(arguments)
        assert call(case, arguments) is NotImplemented
        assert numbers(arguments) == before


def test_declines_what_overlaps_and_what_it_has_no_code_for():
    x = np.zeros((2, 3, 9000), "float32")
    assert losses.softmax(x[0], x.reshape(-1)[9000:-18_000].reshape(3, -1)) is NotImplemented
    scores, ids, *rest = draw("scores", SIZES[1])
    assert losses.softmax_cross_entropy(scores, scores.copy(), *rest) is NotImplemented
    assert losses.softmax_cross_entropy(scores, ids.astype(np.int32), *rest) is NotImplemented
    assert losses.softmax_cross_entropy(scores, ids[:-1], *rest) is NotImplemented


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("moved", ["none", "outputs", "targets", "outputs targets", "outputs targets grads"])
def test_samples_and_steps_lie_in_either_order(moved, parts, monkeypatch):
    monkeypatch.setattr(losses, "PER_THREAD", 1000)
    monkeypatch.setattr(threads, "limit", lambda: parts)
    rng = np.random.default_rng(0)
    plain = dict(
        zip(("outputs", "targets", "grads"), rng.standard_normal((3, 20, 31, 33), "float32"), strict=True)
    )
    laid = {
        name: np.ascontiguousarray(array.swapaxes(0, 1)).swapaxes(0, 1)
        if name in moved.split()
        else array.copy()
        for name, array in plain.items()
    }
    due, values = np.empty((20, 31), "float32"), np.empty((20, 31), "float32")
    kernels.find("squared_error").reference(plain["outputs"], plain["targets"], SCALE, due, plain["grads"])
    assert losses.squared_error(laid["outputs"], laid["targets"], SCALE, values, laid["grads"]) is None
    np.testing.assert_allclose(values, due, rtol=1e-6)
    np.testing.assert_array_equal(laid["grads"], plain["grads"])


def test_declines_rows_in_other_orders():
    x = np.zeros((20, 33, 31), "float32")
    turned, written = x.swapaxes(1, 2), (np.empty((20, 31), "float32"), np.empty((20, 31, 33), "float32"))
    assert losses.squared_error(turned, turned, SCALE, *written) is NotImplemented
    assert losses.squared_error(written[1], turned, SCALE, *written) is NotImplemented
    assert losses.squared_error(written[1], written[1][:, 1:], SCALE, *written) is NotImplemented


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("shape", [(523, 33), (40, 1001)], ids=str)
@each_case
def test_every_bit_is_the_same_on_any_number_of_threads(case, shape, parts, monkeypatch):
    results = []
    monkeypatch.setattr(losses, "PER_THREAD", 1000)
    for count in (1, parts):
        monkeypatch.setattr(threads, "limit", lambda count=count: count)
        arguments = draw(case, shape)
        assert call(case, arguments) is not NotImplemented
        results.append(numbers(arguments))
    assert results[0] == results[1]


def test_exponentials_are_within_their_bound():
    x = -np.concatenate([np.logspace(-30, 1.94, 100_001), np.linspace(0, 87.2, 100_001)]).astype("float32")
    for by in (0.0, 3.5, -1e3):
        y = x + np.float32(by)
        exact = np.exp((y - np.float32(by)).astype("float64"))
        exponentials(y, np.float32(by))
        assert 1e-8 < np.abs(y / exact - 1).max() < 2e-7
    edges = np.array([0, -0.0, -87.2, -87.4, -200, -np.inf, np.nan], "float32")
    exponentials(edges, np.float32(0))
    np.testing.assert_allclose(edges, [1, 1, np.exp(-87.2), 0, 0, 0, np.nan], rtol=2e-5)


@pytest.mark.parametrize("n", [1, 7, 16, 33, 1000])
def test_largest_and_total(n):
    x = np.random.default_rng(0).standard_normal(n, "float32")
    for row in (x, x - 100, np.full(n, -np.inf, "float32")):
        assert largest(row) == row.max()
    np.testing.assert_allclose(total(x), x.sum(dtype="float64"), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1000, 20), (20, 1000)], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_softmax_of_what_is_no_ordinary_number(value, shape):
    x = np.zeros(shape, "float32")
    x[3, 5], x[7] = value, value
    mine, due = np.empty_like(x), np.empty_like(x)
    losses.softmax(x, mine)
    with np.errstate(all="ignore"):
        kernels.find("softmax").reference(x, due)
    np.testing.assert_allclose(mine, due, rtol=1e-6)


@pytest.mark.parametrize("case", ["class ids", "one-hot rows", "distributions"])
def test_losses_of_nan_are_nan_and_certain_mistakes_cost_no_more_than_epsilon_allows(case):
    p, targets, *rest = draw(case, (1000, 20))
    p[0, 3] = p[1] = np.nan
    p[2], p[3] = np.eye(20, dtype="float32")[[0, 1]]
    if targets.ndim == 1:
        targets[:4] = 3, 0, 0, 0
    results = [[np.empty_like(array) for array in rest[-2:]] for _ in range(2)]
    losses.softmax_cross_entropy(p, targets, *rest[:2], *results[0])
    kernels.find("softmax_cross_entropy").reference(p, targets, *rest[:2], *results[1])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert np.isnan(results[0][0][:2]).all()


@pytest.mark.parametrize(
    ("objective", "config", "case"),
    [
        ("mse", {}, "squared_error"),
        ("scce", {}, "class ids"),
        ("scce", {"epsilon": 1e-3}, "one-hot rows"),
        ("scce", {"label_smoothing": 0.1}, "class ids"),
        ("scce", {"class_weight": [2.0] * 33}, "class ids"),
        ("scce", {"from_logits": True}, "scores"),
    ],
    ids=str,
)
def test_objectives_give_the_same_with_it(objective, config, case, monkeypatch):
    outputs, targets, *_ = draw(case, (800, 33))
    outputs, targets = outputs.reshape(40, 20, 33), targets.reshape(40, 20, *targets.shape[1:])
    loss, name, results, answers = registry.get("objectives", objective, **config), CASES[case], [], []

    def compiled(*arguments):
        answers.append(getattr(losses, name)(*arguments))

    for function in (compiled, kernels.find(name).reference):
        monkeypatch.setattr(kernels, name, function)
        results.append(loss.total_and_gradient(outputs, targets, fused=loss.fuses is not None))
    assert answers == [None]
    np.testing.assert_allclose(results[0][:2], results[1][:2], rtol=1e-6)
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("wrong", [10, 10**6, -1])
def test_ids_that_are_no_class_are_left_to_the_reference(wrong):
    outputs, ids, *rest = draw("class ids", (2000, 10))
    ids[-1] = wrong
    assert losses.softmax_cross_entropy(outputs, ids, *rest) is NotImplemented


@pytest.mark.parametrize("case", ["class ids", "one-hot rows", "scores"])
def test_gradients_in_the_place_of_the_outputs_are_left_to_the_reference(case):
    outputs, *rest = draw(case, (2000, 10))
    assert losses.softmax_cross_entropy(outputs, *rest[:-1], outputs) is NotImplemented
