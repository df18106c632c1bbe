"""How initializers are called, named and refused."""

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.builtin import ALIASES, BUILTIN
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.initializers.base import Given
from npdl_core.utils import set_dtype, set_seed

NAMES = sorted(BUILTIN["initializers"])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("identity", "orthogonal")])
@pytest.mark.parametrize(
    ("size", "due"),
    [(4, (4,)), (np.int64(4), (4,)), ((4,), (4,)), ([4], (4,)), ((), ()), ((2, 0, 3), (2, 0, 3))],
)
def test_n37_any_size_also_an_integer(name, size, due):
    assert registry.get("initializers", name)(size).shape == due


@pytest.mark.parametrize("scale", [(-0.1, 0.3), [-0.1, 0.3]])
def test_n37_uniform_takes_bounds(scale):
    uniform = registry.get("initializers", "uniform", scale=scale)
    values = uniform((100,), np.random.default_rng(0))
    assert values.min() >= np.float32(-0.1)
    assert values.max() <= np.float32(0.3)
    assert registry.get("initializers", uniform.to_json())((3,), np.random.default_rng(1)).tolist() == (
        uniform((3,), np.random.default_rng(1)).tolist()
    )


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "lecun_normal", "normal"])
def test_n37_normal_means_not_truncated(name):
    initializer = registry.get("initializers", name)
    values = initializer((100, 200), np.random.default_rng(0), "float64")
    # Of 20 000 draws about 54 lie beyond three standard deviations, none if the distribution were cut at two.
    assert np.abs(values).max() > 3 * values.std()


@pytest.mark.parametrize("name", NAMES)
def test_numpydl_names_of_the_call(name):
    initializer = registry.get("initializers", name)
    set_seed(3)
    first = initializer.init((4, 3))
    set_seed(3)
    second = initializer.call((4, 3))
    set_seed(3)
    third = initializer((4, 3))
    assert first.dtype == "float32"
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)


def test_init_has_the_default_dtype():
    set_dtype("float64")
    try:
        assert registry.get("initializers", "glorot_uniform").init(3).dtype == "float64"
    finally:
        set_dtype("float32")


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("zero", "Zero"),
        ("zero", "zeros"),
        ("one", "One"),
        ("one", "ones"),
        ("uniform", "Uniform"),
        ("normal", "Normal"),
        ("lecun_uniform", "LecunUniform"),
        ("glorot_uniform", "GlorotUniform"),
        ("glorot_uniform", "xavier_uniform"),
        ("glorot_normal", "GlorotNormal"),
        ("he_normal", "HeNormal"),
        ("he_normal", "kaiming_normal"),
        ("he_uniform", "HeUniform"),
        ("orthogonal", "Orthogonal"),
    ],
)
def test_aliases(name, alias):
    assert registry.resolve("initializers", alias) is registry.resolve("initializers", name)
    assert set(ALIASES["initializers"].values()) <= set(NAMES)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("uniform", {"scale": (0.1, 0.2, 0.3)}),
        ("uniform", {"scale": (0.2, 0.1)}),
        ("uniform", {"scale": -1.0}),
        ("uniform", {"scale": ("a", "b")}),
        ("normal", {"std": -0.1}),
        ("truncated_normal", {"cutoff": 0.1}),
        ("constant", {"value": "1"}),
        ("orthogonal", {"gain": "tanh"}),
        ("orthogonal", {"gain": float("inf")}),
        ("variance_scaling", {"scale": 0.0}),
        ("variance_scaling", {"mode": "fan"}),
        ("variance_scaling", {"distribution": "cauchy"}),
        ("torch_uniform", {"fan": 0}),
        ("seq_normal", {"fan": 2.5}),
    ],
)
def test_arguments_out_of_range(name, config):
    with pytest.raises(ConfigError):
        registry.get("initializers", name, **config)


@pytest.mark.parametrize(
    ("name", "shape"), [("orthogonal", (3,)), ("orthogonal", ()), ("identity", (3,)), ("identity", (2, 2, 2))]
)
def test_shapes_that_are_refused(name, shape):
    with pytest.raises(ShapeError, match="got shape"):
        registry.get("initializers", name)(shape)


def test_given_numbers_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match="given values"):
        Given([1.0, 2.0])((3,))


@pytest.mark.parametrize("shape", [-1, (2, -3), 2.5, "ab", (True, 2)])
def test_sizes_that_are_none(shape):
    with pytest.raises(ConfigError):
        registry.get("initializers", "zero")(shape)
