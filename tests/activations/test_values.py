"""Values that the definitions give, written out with the standard library."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core import registry
from npdl_core.activations.base import activate, activation_vjp
from npdl_core.activations.normal import normal_cdf, normal_density
from npdl_core.builtin import ALIASES, BUILTIN
from npdl_core.errors import ConfigError, ShapeError, StateError

NAMES = sorted(BUILTIN["activations"])
POINTS = [-20.0, -6.5, -2.0, -0.75, 0.0, 0.3, 1.0, 2.5, 6.5, 20.0]


def logistic(x):
    return 1 / (1 + math.exp(-x))


DEFINITIONS = {
    "elliot": lambda x: 0.5 * x / (1 + abs(x)) + 0.5,
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "exponential": math.exp,
    "gelu": lambda x: 0.5 * x * math.erfc(-x / math.sqrt(2)),
    "hard_sigmoid": lambda x: min(max(0, x / 6 + 0.5), 1),
    "hard_swish": lambda x: x * min(max(0, x + 3), 6) / 6,
    "hard_tanh": lambda x: min(max(-1, x), 1),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "linear": lambda x: x,
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "relu": lambda x: max(0, x),
    "relu6": lambda x: min(max(0, x), 6),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "sigmoid": logistic,
    "silu": lambda x: x * logistic(x),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "symmetric_elliot": lambda x: x / (1 + abs(x)),
    "tanh": math.tanh,
}


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_entries_follow_the_definition(name):
    due = [DEFINITIONS[name](x) for x in POINTS]
    ours = registry.get("activations", name)(np.array(POINTS))
    np.testing.assert_allclose(ours, due, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "sign", "logs"), [("softmax", 1, False), ("softmin", -1, False), ("log_softmax", 1, True)]
)
def test_rows_follow_the_definition(name, sign, logs):
    x = [0.5, -1.0, 2.0]
    powers = [math.exp(sign * value) for value in x]
    due = [power / sum(powers) for power in powers]
    due = [math.log(value) for value in due] if logs else due
    np.testing.assert_allclose(registry.get("activations", name)(np.array([x, x]))[1], due, rtol=1e-14)


@given(st.floats(-300, 300))
def test_tanh_is_two_sigmoids(x):
    sigmoid, tanh = registry.get("activations", "sigmoid"), registry.get("activations", "tanh")
    assert tanh(x) == pytest.approx(2 * sigmoid(2 * x) - 1, abs=1e-15)


@given(st.floats(-45, 45))
def test_normal_distribution_function(x):
    # Rounding x² costs digits where the exponent is large.
    rel = 1e-15 * (2 + x * x)
    assert normal_cdf(x) == pytest.approx(0.5 * math.erfc(-x / math.sqrt(2)), rel=rel, abs=1e-300)
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    assert normal_density(x) == pytest.approx(density, rel=rel, abs=1e-300)


def test_normal_distribution_function_of_more_than_a_block():
    x = np.linspace(-4, 4, 30_000).reshape(3, 100, 100)
    due = [0.5 * math.erfc(-value / math.sqrt(2)) for value in x.ravel()]
    np.testing.assert_allclose(normal_cdf(x).ravel(), due, rtol=1e-13)
    np.testing.assert_array_equal(normal_cdf(x[:, ::2, ::3]), normal_cdf(x)[:, ::2, ::3])


def test_normal_distribution_function_in_single_precision():
    x = np.linspace(-9, 9, 2001)
    exact = normal_cdf(x)
    assert np.abs(normal_cdf(x.astype("float32")) - exact).max() < 2e-7


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("sigmoid", 0, 1),
        ("tanh", -1, 1),
        ("elliot", 0, 1),
        ("symmetric_elliot", -1, 1),
        ("softsign", -1, 1),
    ],
)
def test_saturation_ends_at_the_bounds(name, low, high):
    y = registry.get("activations", name)(np.array([-1e12, 1e12]))
    np.testing.assert_allclose(y, [low, high], atol=1e-11)
    assert (y >= low).all()
    assert (y <= high).all()


def test_steepness_multiplies_the_input():
    x = np.array(POINTS)
    for name in ("elliot", "symmetric_elliot"):
        steep = registry.get("activations", name, steepness=2)
        np.testing.assert_allclose(steep(x), registry.get("activations", name)(2 * x), rtol=1e-15)
        np.testing.assert_allclose(
            steep.derivative(x), 2 * registry.get("activations", name).derivative(2 * x)
        )


def test_gelu_takes_the_words_of_pytorch_and_onnx():
    x = np.array(POINTS)
    for flag, word in ((True, "tanh"), (False, "none")):
        same = [registry.get("activations", "gelu", approximate=value)(x) for value in (flag, word)]
        np.testing.assert_array_equal(*same)


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("sigmoid", "Sigmoid"),
        ("tanh", "tan"),
        ("tanh", "Tanh"),
        ("relu", "ReLU"),
        ("relu", "RELU"),
        ("linear", "Linear"),
        ("linear", "identity"),
        ("softmax", "Softmax"),
        ("elliot", "Elliot"),
        ("symmetric_elliot", "SymmetricElliot"),
        ("softplus", "SoftPlus"),
        ("softplus", "soft_plus"),
        ("softsign", "SoftSign"),
        ("softsign", "soft_sign"),
        ("leaky_relu", "LReLU"),
        ("silu", "swish"),
    ],
)
def test_aliases(name, alias):
    assert registry.resolve("activations", alias) is registry.resolve("activations", name)
    assert set(ALIASES["activations"].values()) <= set(NAMES)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("elliot", {"steepness": 0}),
        ("leaky_relu", {"alpha": -0.1}),
        ("elu", {"alpha": -1.0}),
        ("hard_sigmoid", {"alpha": float("nan")}),
        ("gelu", {"approximate": "sometimes"}),
        ("gelu", {"approximate": 1}),
        ("selu", {"alpha": 1.0}),
    ],
)
def test_arguments_out_of_range(name, config):
    with pytest.raises(ConfigError):
        registry.get("activations", name, **config)


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_rows_need_an_axis(name):
    with pytest.raises(ShapeError, match="single number"):
        registry.get("activations", name)(1.0)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_lists_and_integers(name):
    activation = registry.get("activations", name)
    x = [-2, 0, 3]
    due = activation(np.array(x, "float64"))
    np.testing.assert_allclose(activation(np.array(x)), due)
    np.testing.assert_allclose(activation(np.array(x, "int8")), due, rtol=1e-6)
    assert np.shape(activation(np.zeros((2, 0, 3)))) == (2, 0, 3)
    if name not in ("softmax", "softmin", "log_softmax"):
        assert np.ndim(activation(-2)) == 0
        assert float(activation(-2)) == pytest.approx(due[0])


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_kept(name):
    activation = registry.get("activations", name)
    x = np.array([-3.0, -0.5, 0.25, 2.0], "float16")
    y = activation(x)
    assert y.dtype == activation.derivative(x).dtype == "float16"
    np.testing.assert_allclose(y, activation(x.astype("float64")), rtol=4e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "config"), [*((name, {}) for name in NAMES), ("gelu", {"approximate": True})]
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_large_inputs_are_finite_without_a_warning(name, config, dtype):
    activation = registry.get("activations", name, **config)
    x = np.array([[-1e4, -90.0, 0.0, 90.0, 1e4], [1e4, 1e4, 1e4, -1e4, 1e4]], dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        y = activation(x)
        back = activation.vjp(np.full_like(x, -3), x, y)
    assert np.isfinite(y).all()
    assert np.isfinite(back).all()


def test_derivative_needs_a_point():
    with pytest.raises(StateError, match="needs an input"):
        registry.get("activations", "tanh").derivative()


def test_linear_returns_its_input_or_fills_out():
    linear = registry.get("activations", "linear")
    x, out = np.arange(3.0), np.zeros(3)
    assert linear(x) is x
    assert linear(x, out=x) is x
    assert linear(x, out=out) is out
    np.testing.assert_array_equal(out, x)
    assert linear.vjp(x, None, x) is x
    assert linear.vjp(2 * x, None, x, out=out) is out
    np.testing.assert_array_equal(out, 2 * x)


class Square:
    """An activation of somebody else's: no base class, no out."""

    def __call__(self, x):
        return x * x

    def vjp(self, pre_grad, x, y):
        return 2 * x * pre_grad


def test_activations_without_out_are_copied():
    x, out = np.array([1.0, -3.0]), np.empty(2)
    assert activate(Square(), x, out) is out
    np.testing.assert_array_equal(out, [1, 9])
    assert activation_vjp(Square(), np.ones(2), x, x * x, out) is out
    np.testing.assert_array_equal(out, [2, -6])
