"""Numerical derivatives: right gradients pass, wrong ones are found and named, kinks are walked around."""

import numpy as np
import pytest
from right_layers import Affine, Foreign, Lookup, Noisy, Pair

from npdl_core.errors import ConformanceError
from npdl_core.layers import ActivationLayer, Add, Dense, Dropout, Layer
from npdl_core.testing import compare_gradients, gradcheck
from npdl_core.testing.numeric import ATTEMPTS, first_mismatch, search_mismatch

RNG = np.random.default_rng(0)


class Scaled(Layer):
    """y = f(x) with a slope that tests choose."""

    def __init__(self, kind="abs"):
        self.kind = kind

    def forward(self, input, train=True):
        if train:
            self.retain(input)
        return {
            "abs": np.abs,
            "relu": lambda x: np.maximum(x, 0),
            "wrong relu": lambda x: np.maximum(x, 0),
            "zigzag": lambda x: np.abs((x * 1e5) % 2 - 1),
            "step": np.floor,
        }[self.kind](input)

    def backward(self, pre_grad):
        (x,) = self.retained()
        return (
            pre_grad
            * {
                "abs": np.sign(x),
                "relu": x > 0,
                "wrong relu": np.where(x > 0, 1, 0.1),
                "zigzag": 0 * x,
                "step": 0 * x,
            }[self.kind]
        )


def test_compare_gradients_of_a_smooth_function():
    x, y = RNG.normal(0, 1, (3, 4)), RNG.normal(0, 1, 4)
    kept = x.copy(), y.copy()
    gradients = {"x": 3 * x**2 * y, "y": (x**3).sum(axis=0)}
    compare_gradients(lambda: (x**3 * y).ravel(), {"x": x, "y": y}, gradients)
    np.testing.assert_array_equal(x, kept[0])  # what was moved is put back to the last bit
    np.testing.assert_array_equal(y, kept[1])


@pytest.mark.parametrize("limit", [0, 5, 400])
def test_the_worst_entry_is_named(limit):
    x = RNG.normal(0, 1, (2, 3))
    wrong = 3 * x**2
    wrong[1, 2] += 0.5
    with pytest.raises(ConformanceError) as caught:
        compare_gradients(lambda: x**3, {"x": x}, {"x": wrong}, per_entry_limit=limit)
    named = "x[1, 2]" if limit == 400 else ""
    assert named in str(caught.value)


def test_many_entries_are_sampled_when_a_direction_disagrees():
    x = RNG.normal(0, 1, 1000)
    with pytest.raises(ConformanceError, match=r"x\[\d+\]"):
        compare_gradients(lambda: x**3, {"x": x}, {"x": 2 * x**2}, per_entry_limit=10)


def test_small_errors_are_found_and_rounding_is_not():
    x = RNG.normal(0, 1, 20)
    terms, arrays = (lambda: np.exp(x) + 1e6), {"x": x}
    assert first_mismatch(terms, arrays, {"x": np.exp(x)}, RNG) is None
    assert first_mismatch(terms, arrays, {"x": np.exp(x) * (1 + 1e-4)}, RNG) is not None


def test_nothing_to_compare():
    assert first_mismatch(lambda: np.zeros(0), {"x": np.zeros((0, 3))}, {}, RNG) is None


def test_arrays_are_put_back_if_the_function_raises():
    x = np.ones(3)

    def terms():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        compare_gradients(terms, {"x": x}, {"x": x})
    np.testing.assert_array_equal(x, 1)


@pytest.mark.parametrize("offset", [0.0, 3e-5, 1e-4, -5e-5, 1.9e-4])
@pytest.mark.parametrize("kind", ["abs", "relu"])
def test_kinks_are_walked_around(kind, offset):
    """The right gradient passes however near the kinks are."""
    x = np.full((3, 4), offset)
    x[1:] += RNG.normal(0, 1, (2, 4))
    gradcheck(Scaled(kind), x, seeds=range(10))


def test_parameters_are_moved_away_from_kinks_too():
    gradcheck(Dense(3, activation="relu"), np.zeros((2, 4)))


@pytest.mark.parametrize("offset", [0.0, 3e-5])
def test_kinks_hide_no_wrong_gradient(offset):
    x = np.full((3, 4), offset)
    x[1:] -= np.abs(RNG.normal(0, 1, (2, 4)))
    with pytest.raises(ConformanceError, match="is not the derivative"):
        gradcheck(Scaled("wrong relu"), x)


def test_relu_never_flakes():
    for seed in range(30):
        x = np.random.default_rng(seed).normal(0, 1e-3, (5, 6))
        gradcheck(ActivationLayer("relu"), x, seeds=(seed,))


def test_a_function_that_is_nowhere_differentiable():
    with pytest.raises(ConformanceError, match=f"no differentiable point was found in {ATTEMPTS} attempts"):
        gradcheck(Scaled("zigzag"), RNG.normal(0, 1, (2, 3)))


def test_a_step_function_passes_with_a_gradient_of_zero():
    gradcheck(Scaled("step"), RNG.normal(0, 1, (5, 5)))


def test_search_stops_at_the_first_good_point():
    x = np.zeros(1)
    moves = []

    def move():
        moves.append(1)
        x[...] = 1.0

    search_mismatch(lambda: np.abs(x), lambda: {"x": x}, lambda: {"x": np.where(x < 0, -1.0, 1.0)}, move, RNG)
    assert len(moves) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_of_either_dtype(dtype):
    layer = Dense(3, activation="tanh")
    layer.dtype = dtype
    layer.connect((None, 5))
    before = layer.state_arrays()
    x = RNG.normal(0, 1, (4, 5)).astype(dtype)
    gradcheck(layer, x)
    for name, array in before.items():
        np.testing.assert_array_equal(layer.state_arrays()[name], array)  # the layer itself is not touched


def test_several_inputs_and_outputs():
    gradcheck(Add(), [RNG.normal(0, 1, (2, 3)), RNG.normal(0, 1, (2, 3))])
    gradcheck(Pair(), RNG.normal(0, 1, (2, 3)))


def test_ids_have_no_gradient():
    gradcheck(Lookup(), np.array([[0, 1], [1, 4]]))


def test_noise_is_the_same_in_every_forward():
    gradcheck(Noisy(), RNG.normal(0, 1, (3, 4)))
    gradcheck(Dropout(0.5), RNG.normal(0, 1, (3, 4)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_outside_the_base(dtype):
    gradcheck(Foreign(dtype), RNG.normal(0, 1, (3, 4)))


def test_first_layer_has_no_input_gradient():
    layer = Dense(3).connect((None, 5))
    layer.first_layer = True
    gradcheck(layer, RNG.normal(0, 1, (4, 5)).astype("float32"))


class Shapeless(Affine):
    """The input's gradient in another shape."""

    def backward(self, pre_grad):
        return super().backward(pre_grad).ravel()


def test_a_gradient_of_another_shape_is_named():
    with pytest.raises(ConformanceError, match="another shape than input") as caught:
        gradcheck(Shapeless(), RNG.normal(0, 1, (3, 4)))
    assert "expected: (3, 4)" in str(caught.value)
    assert caught.value.property_name == "gradients"


class Wrong(Affine):
    """A bias gradient that is a mean."""

    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.db /= len(pre_grad)
        return back


def test_messages_name_what_is_wrong():
    with pytest.raises(ConformanceError) as caught:
        gradcheck(Wrong(), RNG.normal(0, 1, (3, 4)))
    message = str(caught.value)
    assert "Wrong" in message
    assert "the gradient at b[" in message
    assert "input shape: [(3, 4)]" in message
    assert "seed: 0" in message
    assert "central differences" in message
    assert isinstance(caught.value, AssertionError)


class Doubles(Layer):
    """Takes a factor at every call."""

    accepts_mask = True

    def forward(self, input, train=True, *, mask=None, factor=1.0):
        self.retain(factor, mask)
        return factor * (input if mask is None else np.where(mask[..., None], input, 0))

    def backward(self, pre_grad):
        factor, mask = self.retained()
        grad = factor * pre_grad
        return grad if mask is None else np.where(mask[..., None], grad, 0)


def test_masks_and_options_reach_the_layer():
    x = RNG.normal(0, 1, (2, 3, 4))
    mask = np.array([[True, True, False], [True, False, False]])
    gradcheck(Doubles(), x, mask=mask, options={"factor": 3.0})
