"""Mutants of activations, each rejected by the name of the property that it breaks."""

import numpy as np
import pytest
from right_layers import collector

from npdl_core.activations import ReLU, Sigmoid, Softmax, Tanh
from npdl_core.errors import ConfigError
from npdl_core.testing import check_activation
from npdl_core.testing.activations import PROPERTIES
from npdl_core.testing.common import COMMON

MUTANTS, breaks = collector()
SHARED = {}
RNG = np.random.default_rng(0)


class Plain:
    """x² outside the base: no out, no configuration."""

    def __call__(self, x):
        return np.square(np.clip(x, -10, 10))

    def vjp(self, pre_grad, x, y):
        return pre_grad * 2 * x * (np.abs(x) < 10)


def test_right_activations_are_accepted():
    every = tuple(check.__name__ for check in PROPERTIES)
    assert check_activation("relu") == every
    assert check_activation(Plain) == every
    assert check_activation(Plain(), input_range=(-12.0, 12.0)) == every
    assert check_activation("elu", config={"alpha": 0.5}) == every
    assert "vjp_is_the_derivative" not in check_activation("relu", skip=["vjp_is_the_derivative"])
    with pytest.raises(ConfigError, match="vjp_is_the_derivative"):
        check_activation("relu", skip=["vjp"])


@breaks("vjp_is_the_derivative")
class SlopeOfOther(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        return np.multiply(pre_grad, 1 - y, out=out)


@breaks("vjp_is_the_derivative")
class DiagonalOnly(Softmax):
    def vjp(self, pre_grad, x, y, out=None):
        return np.multiply(pre_grad, y * (1 - y), out=out)


@breaks("derivative_is_the_jacobian_diagonal")
class DerivativeOfOnes(Softmax):
    def elementwise_derivative(self, x):
        return np.ones_like(x)


@breaks("derivative_is_the_jacobian_diagonal")
class ForwardOfOther(Tanh):
    def forward(self, x):
        return super().forward(x) * 2


@breaks("derivative_is_pure")
class DerivativeRemembers(Tanh):
    def derivative(self, input=None):
        if input is not None:
            self._last = input
        return super().derivative(input)


@breaks("derivative_is_pure")
class DerivativeOfNothing(Tanh):
    def derivative(self, input=None):
        return super().derivative(np.zeros(1) if input is None and self._last is None else input)


@breaks("calls_are_pure")
class RemembersInput(Tanh):
    def __call__(self, x, out=None):
        self.last = x
        return super().__call__(x, out)


@breaks("calls_are_pure")
class WritesInput(Tanh):
    def __call__(self, x, out=None):
        y = super().__call__(x, out)
        if out is None:
            x *= 0.5
        return y


@breaks("calls_are_pure")
class WritesPreGrad(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        return super().vjp(pre_grad, x, y, pre_grad)


@breaks("calls_are_pure")
class WritesOutput(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        back = super().vjp(pre_grad, x, y, out)
        if out is None and np.ndim(y):
            y *= 0.5
        return back


@breaks("calls_are_pure")
class DiffersNextTime(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        return super().vjp(pre_grad, x, y, out) * (1 + 1e-9 * RNG.random())


@breaks("calls_are_pure")
class UsesGlobalNumbers(Tanh):
    def __call__(self, x, out=None):
        np.random.random()  # noqa: NPY002  the defect
        return super().__call__(x, out)


@breaks("out_is_written")
class IgnoresOut(Tanh):
    def __call__(self, x, out=None):
        return np.tanh(x)


@breaks("out_is_written")
class CallWithoutOut(Tanh):
    def __call__(self, x):
        return np.tanh(x)


@breaks("out_is_written")
class IgnoresOutInVjp(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        return super().vjp(pre_grad, x, y)


@breaks("out_is_written")
class NeedsInputBesideOut(Tanh):
    def __call__(self, x, out=None):
        if out is None:
            return np.tanh(x)
        np.multiply(x, 0.5, out=out)
        return np.tanh(2 * out if out is not x else x, out=out)


@breaks("out_is_written")
class SpoilsAliasedGradient(Sigmoid):
    def vjp(self, pre_grad, x, y, out=None):
        out = np.empty_like(pre_grad) if out is None else out
        np.subtract(1, y, out=out)
        out *= y
        out *= pre_grad
        return out


@breaks("out_is_written")
class FlatOut(Tanh):
    def __call__(self, x, out=None):
        if out is None:
            return np.tanh(x)
        out.reshape(-1)[...] = np.tanh(x).ravel()
        return out


@breaks("out_is_written")
class WritesInputIntoOut(Tanh):
    def __call__(self, x, out=None):
        y = np.tanh(x)
        if out is None:
            return y
        if out is not x:
            x[...] = 0
        out[...] = y
        return out


@breaks("needs_input_is_honest")
class SecretlyNeedsInput(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        return super().vjp(pre_grad, x, y, out) if x is not None else np.zeros_like(y)


@breaks("any_rank_and_layout")
class MatricesOnly(Softmax):
    def __call__(self, x, out=None):
        y = np.exp(x - x.max(axis=1, keepdims=True)) if x.ndim == 2 else super().__call__(x, out)
        if x.ndim == 2:
            y = np.divide(y, y.sum(axis=1, keepdims=True), out=out)
        return y if x.ndim < 4 else y.reshape(-1, x.shape[-1])


@breaks("any_rank_and_layout")
class MixesRows(Tanh):
    def __call__(self, x, out=None):
        y = super().__call__(x, out)
        return y if np.ndim(x) != 4 else y - y.mean()


@breaks("any_rank_and_layout")
class MixesGradients(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        back = super().vjp(pre_grad, x, y, out)
        return back if np.ndim(y) != 4 else back + back.mean()


@breaks("any_rank_and_layout")
class GradientOfOtherShape(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        back = super().vjp(pre_grad, x, y, out)
        return back if np.ndim(y) != 4 else back[0]


@breaks("any_rank_and_layout")
class ReadsMemoryOrder(Tanh):
    def __call__(self, x, out=None):
        x = np.asarray(x)
        return super().__call__(x.ravel(order="K").reshape(x.shape) if out is None else x, out)


@breaks("any_rank_and_layout")
class GradientInMemoryOrder(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        grad = pre_grad.ravel(order="K").reshape(pre_grad.shape) if out is None else pre_grad
        return super().vjp(grad, x, y, out)


@breaks("stable_for_large_inputs")
class Overflows(Sigmoid):
    def __call__(self, x, out=None):
        return np.divide(1, 1 + np.exp(-x), out=out)


@breaks("stable_for_large_inputs")
class QuietlyNaN(Sigmoid):
    def __call__(self, x, out=None):
        with np.errstate(all="ignore"):
            return np.divide(np.exp(x), 1 + np.exp(x), out=out)


@breaks("stable_for_large_inputs")
class GradientNaN(Tanh):
    needs_input = True

    def vjp(self, pre_grad, x, y, out=None):
        with np.errstate(all="ignore"):
            return np.multiply(pre_grad, np.divide(1, np.cosh(x) ** 2) + 0 * np.cosh(x), out=out)


@breaks("dtype_is_kept")
class Upcasts(Tanh):
    def __call__(self, x, out=None):
        return np.tanh(np.asarray(x, np.float64)) if out is None else super().__call__(x, out)


@breaks("dtype_is_kept")
class UpcastsGradient(Tanh):
    def vjp(self, pre_grad, x, y, out=None):
        back = super().vjp(pre_grad, x, y, out)
        return back if out is not None else back.astype(np.float64)


@breaks("dtype_is_kept")
class HalfPrecision(Tanh):
    def __call__(self, x, out=None):
        if out is None and np.asarray(x).dtype == np.float32:
            return np.tanh(x.astype(np.float16)).astype(np.float32)
        return super().__call__(x, out)


@breaks("ends_with_is_true")
class ClaimsSoftmax(Tanh):
    ends_with = "softmax"


@pytest.mark.parametrize(("name", "cls", "arguments"), MUTANTS)
def test_mutants_are_rejected(rejected, name, cls, arguments):
    rejected("activations", name, cls, lambda: check_activation(cls, **arguments))


def test_every_property_has_a_mutant():
    own = {check.__name__ for check in PROPERTIES} - {check.__name__ for check in COMMON}
    assert {param.values[0] for param in MUTANTS} == own


def test_relu_is_not_flaky():
    for low in (-1e-3, -1.0):
        assert check_activation(ReLU, input_range=(low, -low))
