"""gaussian_noise, gaussian_dropout, alpha_dropout: their distributions, within derived bounds."""

import numpy as np
import pytest

from npdl_core.activations import SELU
from npdl_core.errors import ConfigError
from npdl_core.layers import AlphaDropout, GaussianDropout, GaussianNoise
from npdl_core.layers.noise import ALPHA_PRIME

N = 200_000
SIGMAS = 5
"""A right sampler misses a bound of five standard errors about once in two million."""


def drawn(layer, x, seed=1):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(seed)
    layer.connect((None, *x.shape[1:]))
    return layer.forward(x).copy()


def assert_moments(sample, mean, variance, fourth):
    """Compare mean and variance with those of a distribution of this fourth central moment."""
    n = sample.size
    assert abs(sample.mean() - mean) < SIGMAS * np.sqrt(variance / n)
    assert abs(np.mean((sample - mean) ** 2) - variance) < SIGMAS * np.sqrt((fourth - variance**2) / n)


@pytest.mark.parametrize("std", [0.1, 2.0])
def test_gaussian_noise_is_normal(std):
    noise = drawn(GaussianNoise(std), np.full((N, 1), 3.0)) - 3
    assert_moments(noise, 0.0, std**2, 3 * std**4)
    inside = np.mean(np.abs(noise) < std)
    assert abs(inside - 0.6826895) < SIGMAS * np.sqrt(0.68 * 0.32 / N)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_gaussian_dropout_has_the_variance_of_dropout(p):
    variance = p / (1 - p)
    factor = drawn(GaussianDropout(p), np.full((N, 1), 2.0)) / 2
    assert_moments(factor, 1.0, variance, 3 * variance**2)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_alpha_dropout_drops_to_the_lower_limit(p):
    out = drawn(AlphaDropout(p), np.full((N, 1), 5.0))
    scale = (1 - p + ALPHA_PRIME**2 * p * (1 - p)) ** -0.5
    shift = -scale * p * ALPHA_PRIME
    values, counts = np.unique(out.round(9), return_counts=True)
    np.testing.assert_allclose(values, [scale * ALPHA_PRIME + shift, scale * 5 + shift], atol=1e-8)
    assert abs(counts[0] / N - p) < SIGMAS * np.sqrt(p * (1 - p) / N)


@pytest.mark.parametrize("p", [0.05, 0.3])
def test_alpha_dropout_keeps_mean_and_variance_of_selu(p):
    """SELU of standard normal numbers has mean 0 and variance 1; so has what alpha dropout makes of it."""
    x = SELU()(np.random.default_rng(0).normal(0, 1, (N, 1)))
    out = drawn(AlphaDropout(p), x)
    fourth = float(np.mean(out**4))
    assert_moments(out, 0.0, 1.0, fourth)


def test_the_lower_limit_is_selus():
    np.testing.assert_allclose(SELU()(np.array([-100.0])), [ALPHA_PRIME], rtol=1e-12)


@pytest.mark.parametrize("layer", [GaussianNoise(0.5), GaussianDropout(0.5), AlphaDropout(0.5)], ids=str)
def test_noise_is_drawn_anew_and_follows_the_seed(layer):
    x = np.ones((4, 3))
    first = drawn(layer, x)
    again = layer.forward(x)
    assert (first != again).any()
    np.testing.assert_array_equal(drawn(layer, x), first)


@pytest.mark.parametrize("layer", [GaussianNoise(0.5), GaussianDropout(0.5), AlphaDropout(0.5)], ids=str)
def test_inference_hands_the_input_on(layer):
    layer.connect((None, 3))
    x = np.ones((4, 3), "float32")
    state = layer.rng.bit_generator.state
    np.testing.assert_array_equal(layer.forward(x, train=False), x)
    assert layer.rng.bit_generator.state == state


@pytest.mark.parametrize("layer", [GaussianNoise(0.0), GaussianDropout(0.0), AlphaDropout(0.0)], ids=str)
def test_no_noise_is_the_identity(layer):
    x = np.array([[1.0, -2.0, 0.5]])
    np.testing.assert_allclose(drawn(layer, x), x, rtol=1e-15)
    np.testing.assert_allclose(layer.backward(x), x, rtol=1e-15)


@pytest.mark.parametrize("layer", [GaussianNoise(), GaussianDropout(), AlphaDropout()], ids=str)
def test_float32_stays(layer):
    layer.connect((None, 3))
    x = np.ones((4, 3), "float32")
    assert layer.forward(x).dtype == layer.backward(x).dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (GaussianNoise, {"std": -0.1}),
        (GaussianNoise, {"std": np.inf}),
        (GaussianDropout, {"p": 1.0}),
        (GaussianDropout, {"p": -0.1}),
        (AlphaDropout, {"p": 1.0}),
        (AlphaDropout, {"p": "half"}),
    ],
)
def test_arguments_out_of_range(kind, config):
    with pytest.raises(ConfigError):
        kind(**config)
