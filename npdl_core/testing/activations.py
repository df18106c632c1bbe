"""The contract of an activation, property by property."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.activations.base import Activation
from npdl_core.errors import StateError
from npdl_core.testing.arrays import LAYOUTS, unit_entries
from npdl_core.testing.common import COMMON, ComponentSubject
from npdl_core.testing.numeric import search_mismatch
from npdl_core.testing.outcome import check_skipped, fail, require, require_close, require_same, run
from npdl_core.testing.snapshot import changes, global_random_state, snapshot

__all__ = ["PROPERTIES", "check_activation"]

SHAPES = ((5,), (4, 5), (2, 3, 5), (2, 3, 2, 5), (0, 5))


class ActivationSubject(ComponentSubject):
    """An activation and the range of its inputs."""

    def __init__(self, spec: Any, config: Any, input_range: tuple[float, float]) -> None:
        super().__init__("activations", spec, config)
        self.input_range = input_range

    def draw(self, shape: tuple[int, ...] = (4, 5), seed: int = 0, dtype: str = "float64") -> NDArray[Any]:
        """Return a random input."""
        self.note(input_shape=shape, seed=seed, dtype=dtype)
        return np.random.default_rng(seed).uniform(*self.input_range, shape).astype(dtype)

    def pre_grad(self, x: NDArray[Any], seed: int = 0) -> NDArray[Any]:
        """Return a random gradient with respect to the output."""
        return unit_entries(np.random.default_rng([seed, 1]), x.shape).astype(x.dtype)


def vjp_is_the_derivative(subject: ActivationSubject) -> None:
    """``vjp(g, x, y)`` is the derivative of Σ(y · g) by x, also across the entries of a row."""
    for seed, shape in enumerate(((4, 5), (2, 3, 4))):
        x = subject.draw(shape, seed)
        _compare_vjp(subject.new(), x, subject.pre_grad(x, seed), np.random.default_rng(seed))


def _compare_vjp(f: Any, x: NDArray[Any], g: NDArray[Any], rng: np.random.Generator) -> None:
    def move() -> None:
        x[...] += rng.normal(0, 0.01, x.shape)

    search_mismatch(
        terms=lambda: np.ravel(f(x) * g),
        arrays=lambda: {"x": x},
        gradients=lambda: {"x": f.vjp(g, x, f(x))},
        move=move,
        rng=rng,
    )


def derivative_is_the_jacobian_diagonal(subject: ActivationSubject) -> None:
    """NumpyDL's ``derivative(x)`` is dy/dx entry by entry, and ``forward(x)`` is the call."""
    f = subject.new()
    if not isinstance(f, Activation):
        return
    x = subject.draw((2, 3))
    require_same(f.forward(x), f(x), "forward(x) differs from the call")

    def diagonal() -> NDArray[Any]:
        found = np.empty_like(x)
        for index in np.ndindex(*x.shape):
            moved = x.copy()
            moved[index] += 1e-6
            back = x.copy()
            back[index] -= 1e-6
            found[index] = (f(moved)[index] - f(back)[index]) / 2e-6
        return found

    require_close(f.derivative(x), diagonal(), "derivative(x) is not the diagonal of the Jacobian", 1e-6)


def derivative_is_pure(subject: ActivationSubject) -> None:
    """``derivative(x)`` forgets nothing of the last ``forward``; without either there is a clear error."""
    f = subject.new()
    if not isinstance(f, Activation):
        return
    try:
        f.derivative()
    except StateError:
        pass
    else:
        fail("derivative() before any forward", "StateError", "no error")
    x, other = subject.draw(seed=0), subject.draw(seed=1)
    f.forward(x)
    f.derivative(other)
    require_same(f.derivative(), f.derivative(x), "derivative(input) changed what the last forward left")


def calls_are_pure(subject: ActivationSubject) -> None:
    """A call and its ``vjp`` write to no argument and to nothing in the activation, and can be repeated."""
    f = subject.new()
    x = subject.draw()
    g = subject.pre_grad(x)
    before, state, random = (x.copy(), g.copy()), snapshot(f), global_random_state()
    y = f(x)
    kept = np.array(y)
    back = f.vjp(g, x, y)
    again = f.vjp(g, x, f(x))
    require_same(x, before[0], "the input was modified")
    require_same(g, before[1], "pre_grad was modified")
    require_same(y, kept, "vjp modified the output")
    require_same(again, back, "a second vjp differs")
    written = changes(state, snapshot(f))
    require(not written, "a call writes to the activation", "nothing", ", ".join(written[:5]))
    require(global_random_state() == random, "a call uses the global random generators")


def out_is_written(subject: ActivationSubject) -> None:
    """``out=`` takes the result, and may be the input (of the call) or ``pre_grad`` (of ``vjp``) itself."""
    f = subject.new()
    if not _takes_out(f.__call__) or not _takes_out(f.vjp):
        require(not isinstance(f, Activation), "the call and vjp take no out=", "an argument out=None")
        return
    x = subject.draw()
    g = subject.pre_grad(x)
    y = np.array(f(x))
    back = np.array(f.vjp(g, x, y))
    for what, buffer in (("out", np.full_like(x, 7)), ("strided out", LAYOUTS["every second entry"](x))):
        require(f(x, out=buffer) is buffer, f"f(x, out) does not return {what}")
        require_same(np.array(buffer), y, f"f(x, out) differs for {what}")
        require(f.vjp(g, x, y, out=buffer) is buffer, f"vjp(…, out) does not return {what}")
        require_same(np.array(buffer), back, f"vjp(…, out) differs for {what}")
    require_same(x, subject.draw(), "f(x, out) modified x")
    in_place, grad = x.copy(), g.copy()
    f(in_place, out=in_place)
    require_same(in_place, y, "f(x, out=x) differs")
    f.vjp(grad, x, y, out=grad)
    require_same(grad, back, "vjp(g, x, y, out=g) differs")


def needs_input_is_honest(subject: ActivationSubject) -> None:
    """Where ``needs_input`` is False, ``vjp`` gives the same without x."""
    f = subject.new()
    if getattr(f, "needs_input", True):
        return
    x = subject.draw()
    g = subject.pre_grad(x)
    y = f(x)
    require_same(f.vjp(g, None, y), f.vjp(g, x, y), "needs_input is False, and vjp without x differs")


def any_rank_and_layout(subject: ActivationSubject) -> None:
    """Inputs of any rank keep their shape, rows do not mix, and memory layout does not matter."""
    f = subject.new()
    for shape in SHAPES:
        x = subject.draw(shape)
        g = subject.pre_grad(x)
        y = f(x)
        back = f.vjp(g, x, y)
        require(np.shape(y) == shape, "the output has another shape", shape, np.shape(y))
        require(np.shape(back) == shape, "the gradient has another shape", shape, np.shape(back))
        rows, grads = x.reshape(-1, shape[-1]), g.reshape(-1, shape[-1])
        for row, grad, whole, whole_back in zip(
            rows, grads, y.reshape(rows.shape), back.reshape(rows.shape), strict=True
        ):
            require_close(f(row), whole, "a row alone differs")
            require_close(f.vjp(grad, row, f(row)), whole_back, "the gradient of a row alone differs")
        for name, change in LAYOUTS.items():
            moved = change(x)
            require_close(f(moved), y, f"an input in layout '{name}' gives another output")
            require_close(f.vjp(change(g), moved, change(y)), back, f"layout '{name}' gives another gradient")


def stable_for_large_inputs(subject: ActivationSubject) -> None:
    """Inputs of ±1e4 give finite outputs and gradients without a warning, in both dtypes."""
    f = subject.new()
    for dtype in ("float32", "float64"):
        x = np.array([[-1e4, 0.0, 1e4], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]], dtype)
        subject.note(dtype=dtype, input="entries of ±1e4")
        y = f(x)
        require(np.isfinite(y).all(), "an output is not finite", "finite numbers", y)
        back = f.vjp(np.ones_like(x), x, y)
        require(np.isfinite(back).all(), "a gradient is not finite", "finite numbers", back)


def dtype_is_kept(subject: ActivationSubject) -> None:
    """float32 and float64 stay what they are."""
    f = subject.new()
    for dtype in ("float32", "float64"):
        x = subject.draw(dtype=dtype)
        y = f(x)
        require(y.dtype == dtype, "the dtype of the output", dtype, y.dtype)
        back = f.vjp(subject.pre_grad(x), x, y)
        require(back.dtype == dtype, "the dtype of the gradient", dtype, back.dtype)
        require_close(y, f(x.astype("float64")), "float32 and float64 differ", 1e-5)


def ends_with_is_true(subject: ActivationSubject) -> None:
    """``ends_with`` is None or names the activation that this one is: losses are fused with it."""
    f = subject.new()
    ends_with = getattr(f, "ends_with", None)
    if ends_with is not None:
        x = subject.draw()
        require_close(
            f(x), registry.get("activations", ends_with)(x), f"it is not the {ends_with} it ends with"
        )


def _takes_out(function: Any) -> bool:
    return "out" in inspect.signature(function).parameters


PROPERTIES = (
    *COMMON,
    calls_are_pure,
    vjp_is_the_derivative,
    derivative_is_the_jacobian_diagonal,
    derivative_is_pure,
    out_is_written,
    needs_input_is_honest,
    any_rank_and_layout,
    stable_for_large_inputs,
    dtype_is_kept,
    ends_with_is_true,
)


def check_activation(
    activation: Any,
    *,
    config: Mapping[str, Any] | None = None,
    input_range: tuple[float, float] = (-3.0, 3.0),
    skip: Collection[str] = (),
) -> tuple[str, ...]:
    """Check everything that an activation promises.

    Parameters
    ----------
    activation : str, type, mapping or Activation
        What to check.
    config : mapping, optional
        Constructor arguments.
    input_range : (low, high)
        Where inputs are drawn; it should reach every branch of the function.
    skip : collection of str
        Names of properties that do not apply.

    Returns
    -------
    tuple of str
        Names of the properties that hold.

    Raises
    ------
    ConformanceError
        Naming the property that does not hold.

    Examples
    --------
    >>> "out_is_written" in check_activation("tanh")
    True
    """
    subject = ActivationSubject(activation, config, input_range)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
