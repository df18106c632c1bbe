"""Kernels by name: the reference, overrides and who declines."""

import threading

import numpy as np
import pytest

from npdl_core import kernels, registry
from npdl_core.errors import DuplicateNameError, PluginError, UnknownNameError
from npdl_core.kernels.table import Kernel

NAME = "kernel_of_this_test"


def reference(x, y=1, *, scale=1):
    """Return scale · (x + y)."""
    return scale * (x + y)


def shouted(x, y=1, *, scale=1):
    return f"override({x}, {y}, {scale})"


def without_options(x, y=1):
    return f"without_options({x}, {y})"


def declines(x, y=1, *, scale=1):
    return NotImplemented


def only_small(x, y=1, *, scale=1):
    return "small" if x < 10 else NotImplemented


@pytest.fixture
def install():
    """Return a kernel with overrides, by distribution."""
    booked = []

    def install(**overrides):
        for owner, override in overrides.items():
            registry.default().register("kernels", NAME, override, distribution=owner)
            booked.append(owner)
        return Kernel(NAME, reference)

    yield install
    for owner in booked:
        registry.unregister("kernels", f"{owner}:{NAME}")


def test_the_reference_answers_alone():
    kernel = Kernel(NAME, reference)
    assert kernel(2) == 3
    assert kernel(2, 3, scale=2) == 10
    assert kernel.overrides == ()
    assert kernel.__doc__ == reference.__doc__
    assert kernel.__wrapped__ is reference


def test_an_override_answers(install):
    assert install(one=shouted)(2, scale=3) == "override(2, 1, 3)"


def test_one_that_declines_passes_the_call_on(install):
    assert install(one=declines)(2) == 3
    kernel = install(two=only_small)
    assert kernel(2) == "small"
    assert kernel(20) == 21


def test_the_order_is_that_of_the_names_of_distributions(install):
    assert install(zebra=shouted, ant=only_small)(2) == "small"
    assert install(bee=shouted)(20) == "override(20, 1, 1)"


def test_an_override_that_lacks_an_option_is_passed_by(install):
    kernel = install(one=without_options)
    assert kernel(2) == "without_options(2, 1)"
    assert kernel(2, scale=2) == 6


def test_overrides_are_found_at_the_first_call_and_then_kept(install):
    kernel = Kernel(NAME, reference)
    install(one=shouted)
    assert kernel(2) == "override(2, 1, 1)"
    registry.unregister("kernels", f"one:{NAME}")
    assert kernel(2) == "override(2, 1, 1)"
    kernel.refresh()
    assert kernel(2) == 3
    registry.default().register("kernels", NAME, shouted, distribution="one")


def test_overrides_can_be_turned_off(install, monkeypatch):
    monkeypatch.setenv("NPDL_KERNELS", " NumPy ")
    assert install(one=shouted)(2) == 3
    monkeypatch.setenv("NPDL_KERNELS", "fast")
    assert install()(2) == "override(2, 1, 1)"


def renamed(x, z=1, *, scale=1):
    return 0


def one_more(x, y=1, w=2, *, scale=1):
    return 0


def one_less(x, *, scale=1):
    return 0


def another_default(x, y=2, *, scale=1):
    return 0


def no_default(x, y, *, scale=1):
    return 0


def another_option(x, y=1, *, fast=True):
    return 0


def another_default_of_an_option(x, y=1, *, scale=2):
    return 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (renamed, r"its arguments are \(x, z\), the reference's \(x, y\)"),
        (one_more, r"\(x, y, w\)"),
        (one_less, r"\(x\)"),
        (another_default, "the default of 'y' is 2, the reference's 1"),
        (no_default, "the default of 'y'"),
        (another_option, "it has the option 'fast'"),
        (another_default_of_an_option, "the default of 'scale' is 2"),
    ],
)
def test_another_signature_is_refused(install, override, message):
    with pytest.raises(PluginError, match=message) as caught:
        install(one=override)(2)
    assert f"one:{NAME}" in str(caught.value)
    assert "NPDL_KERNELS=numpy" in str(caught.value)


def test_declaring():
    kernel = kernels.declare("declared_by_this_test", reference)
    assert kernels.declare("declared_by_this_test", reference) is kernel
    assert kernels.find("declared_by_this_test") is kernel
    assert kernels.declared_by_this_test is kernel
    assert "declared_by_this_test" in kernels.names()
    assert "declared_by_this_test" in dir(kernels)
    with pytest.raises(DuplicateNameError, match="declared already, by"):
        kernels.declare("declared_by_this_test", shouted)


def test_unknown_kernels():
    with pytest.raises(UnknownNameError, match="affine_forward"):
        kernels.find("never_heard_of")
    with pytest.raises(AttributeError, match="never_heard_of"):
        kernels.never_heard_of  # noqa: B018
    with pytest.raises(AttributeError):
        kernels._private  # noqa: B018


def test_sixteen_threads_call_first(install):
    kernel = install(one=shouted)
    results, start = [], threading.Barrier(16)

    def work():
        start.wait()
        results.append(kernel(2))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["override(2, 1, 1)"] * 16


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_affine_kernels(dtype):
    rng = np.random.default_rng(0)
    rows, W, b, delta = (rng.normal(0, 1, shape).astype(dtype) for shape in ((4, 3), (3, 2), (2,), (4, 2)))
    out = np.empty((4, 2), dtype)
    assert kernels.affine_forward(rows, W, b, out) is out
    np.testing.assert_allclose(out, rows @ W + b, rtol=1e-5)
    kernels.affine_forward(rows, W, None, out)
    np.testing.assert_allclose(out, rows @ W, rtol=1e-5)
    dW, db, back = np.empty_like(W), np.empty_like(b), np.empty_like(rows)
    assert kernels.affine_backward(delta, rows, W, dW, db, back) is back
    np.testing.assert_allclose(dW, rows.T @ delta, rtol=1e-5)
    np.testing.assert_allclose(db, delta.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(back, delta @ W.T, rtol=1e-5, atol=1e-6)
    assert kernels.affine_backward(delta, rows, W, dW, None, None) is None


def test_affine_kernels_with_the_rectifier():
    rng = np.random.default_rng(0)
    rows, W, b, delta = (rng.normal(0, 1, shape) for shape in ((4, 3), (3, 2), (2,), (4, 2)))
    scores, out = rows @ W + b, np.empty((4, 2))
    assert kernels.affine_forward(rows, W, b, out, rectify=True) is out
    np.testing.assert_allclose(out, np.maximum(scores, 0))
    kept = delta.copy()
    for scratch in (None, np.empty_like(delta)):
        dW, db, back = np.empty_like(W), np.empty_like(b), np.empty_like(rows)
        kernels.affine_backward(delta, rows, W, dW, db, back, rectified=out, scratch=scratch)
        np.testing.assert_array_equal(delta, kept)
        for got, due in ((dW, rows.T @ (delta * (scores > 0))), (back, delta * (scores > 0) @ W.T)):
            np.testing.assert_allclose(got, due)
        np.testing.assert_allclose(db, (delta * (scores > 0)).sum(axis=0))
