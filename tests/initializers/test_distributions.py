"""Draws against their distributions, with bounds that hold but for one run in a billion."""

import math

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.initializers.base import Given, Stacked, as_initializer, fans

CHANCE = 1e-9
SHAPES = [(300, 400), (20, 30, 150), (40, 30, 10, 9), (12, 10, 8, 9, 11)]


def draw(name, shape, seed=0, **config):
    return registry.get("initializers", name, **config)(shape, np.random.default_rng(seed), "float64").ravel()


def uniform_cdf(low, high):
    return lambda x: np.clip((x - low) / (high - low), 0, 1)


def normal_cdf(std, mean=0.0):
    return np.vectorize(lambda x: 0.5 * math.erfc((mean - x) / (std * math.sqrt(2))))


def truncated_cdf(std, mean=0.0, cutoff=2.0):
    low, high = (0.5 * math.erfc(-edge / math.sqrt(2)) for edge in (-cutoff, cutoff))
    return lambda x: np.clip((normal_cdf(std, mean)(x) - low) / (high - low), 0, 1)


def assert_distribution(values, cdf):
    """Compare with a distribution function by the Dvoretzky–Kiefer–Wolfowitz inequality."""
    n = values.size
    heights = cdf(np.sort(values))
    steps = np.arange(n + 1) / n
    distance = max(np.abs(heights - steps[:-1]).max(), np.abs(heights - steps[1:]).max())
    assert distance <= math.sqrt(math.log(2 / CHANCE) / (2 * n))


@pytest.mark.parametrize("scale", [0.05, 2.0, (-0.1, 0.3), [1.0, 1.5]])
def test_uniform(scale):
    low, high = (-scale, scale) if isinstance(scale, float) else scale
    values = draw("uniform", 50_000, scale=scale)
    assert low <= values.min()
    assert values.max() <= high
    assert_distribution(values, uniform_cdf(low, high))


def test_normal():
    assert_distribution(draw("normal", 50_000), normal_cdf(0.01))
    assert_distribution(draw("normal", 50_000, std=3.0, mean=-1.0), normal_cdf(3.0, -1.0))


@pytest.mark.parametrize("config", [{}, {"std": 2.0, "mean": 1.0}, {"std": 1.0, "cutoff": 0.5}])
def test_truncated_normal(config):
    std, mean, cutoff = config.get("std", 0.01), config.get("mean", 0.0), config.get("cutoff", 2.0)
    values = draw("truncated_normal", 50_000, **config)
    assert np.abs(values - mean).max() <= cutoff * std
    assert_distribution(values, truncated_cdf(std, mean, cutoff))


def fan_in_and_out(shape):
    kernel = math.prod(shape[2:])
    return (shape[0], shape[1]) if len(shape) == 2 else (shape[1] * kernel, shape[0] * kernel)


SCALED = {
    "glorot_uniform": (uniform_cdf, lambda i, o: math.sqrt(6 / (i + o))),
    "glorot_normal": (normal_cdf, lambda i, o: math.sqrt(2 / (i + o))),
    "he_uniform": (uniform_cdf, lambda i, o: math.sqrt(6 / i)),
    "he_normal": (normal_cdf, lambda i, o: math.sqrt(2 / i)),
    "lecun_uniform": (uniform_cdf, lambda i, o: math.sqrt(3 / i)),
    "lecun_normal": (normal_cdf, lambda i, o: math.sqrt(1 / i)),
    "torch_uniform": (uniform_cdf, lambda i, o: 1 / math.sqrt(i)),
    "seq_normal": (normal_cdf, lambda i, o: 1 / math.sqrt(i)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SCALED)
def test_scale_follows_from_the_fans(name, shape):
    cdf, scale = SCALED[name]
    size = scale(*fan_in_and_out(shape))
    assert_distribution(draw(name, shape), cdf(-size, size) if cdf is uniform_cdf else cdf(size))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "normal", "untruncated_normal", "uniform"])
def test_variance_scaling(mode, distribution):
    shape = (200, 500)
    fan = {"fan_in": 200, "fan_out": 500, "fan_avg": 350}[mode]
    values = draw("variance_scaling", shape, scale=1.7, mode=mode, distribution=distribution)
    std = math.sqrt(1.7 / fan)
    cdf = {
        "uniform": uniform_cdf(-math.sqrt(3) * std, math.sqrt(3) * std),
        "truncated_normal": truncated_cdf(std / 0.8796256610342398),
    }.get(distribution, normal_cdf(std))
    assert_distribution(values, cdf)
    # Whatever the distribution: the variance of 100 000 draws, whose own deviation is at most √(2 / n).
    assert values.var() == pytest.approx(std**2, rel=6 * math.sqrt(2 / values.size))


def test_default_of_variance_scaling_is_truncated_fan_in():
    assert_distribution(
        draw("variance_scaling", (300, 100)), truncated_cdf(1 / math.sqrt(300) / 0.8796256610342398)
    )


@pytest.mark.parametrize(
    ("name", "cdf"), [("torch_uniform", uniform_cdf(-0.2, 0.2)), ("seq_normal", normal_cdf(0.2))]
)
def test_given_fan(name, cdf):
    assert_distribution(draw(name, (50_000,), fan=25), cdf)


@pytest.mark.parametrize(
    ("shape", "due"),
    [
        ((3, 5), (3, 5)),
        ((8, 3, 5), (15, 40)),
        ((8, 3, 5, 5), (75, 200)),
        ((8, 3, 5, 5, 2), (150, 400)),
        ((9,), (3, 3)),
        ((), (1, 1)),
    ],
)
def test_fans(shape, due):
    assert fans(shape) == due


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5), (3, 2, 2, 2), (8, 2, 2), (1, 7)])
@pytest.mark.parametrize(("gain", "square"), [(1.0, 1), (0.5, 0.25), ("relu", 2)])
def test_orthogonal_rows_or_columns(shape, gain, square):
    q = draw("orthogonal", shape, gain=gain).reshape(shape[0], -1)
    small = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(small, square * np.eye(len(small)), atol=1e-13)


def test_orthogonal_is_uniform():
    # The first column of a uniform orthogonal matrix is a uniform direction: in three dimensions each entry
    # is uniform in (-1, 1). Without the signs of R the diagonal would have one sign.
    rng = np.random.default_rng(0)
    orthogonal = registry.get("initializers", "orthogonal")
    draws = np.array([orthogonal((3, 3), rng, "float64") for _ in range(4000)])
    for row, column in ((0, 0), (1, 0), (2, 2)):
        assert_distribution(draws[:, row, column], uniform_cdf(-1, 1))


def test_constants():
    assert (draw("zero", (2, 3)) == 0).all()
    assert (draw("one", (2, 3)) == 1).all()
    assert (draw("constant", (2, 3)) == 0).all()
    assert (draw("constant", (2, 3), value=-0.5) == -0.5).all()
    np.testing.assert_array_equal(draw("identity", (2, 3), gain=2).reshape(2, 3), [[2, 0, 0], [0, 2, 0]])


def test_given_and_stacked():
    np.testing.assert_array_equal(as_initializer(np.array([1.0, 2.0]))((2,)), [1, 2])
    assert as_initializer("one")((2,)).tolist() == [1, 1]
    values = Given([[1, 2]])((1, 2))
    assert values.dtype == "float32"
    # The fans of each of the 500 are 9 and 7; those of the whole would be 3500 and 4500.
    stacked = Stacked(registry.get("initializers", "glorot_uniform"))((500, 9, 7), np.random.default_rng(0))
    bound = math.sqrt(6 / 16)
    assert_distribution(stacked.ravel().astype("float64"), uniform_cdf(-bound, bound))
