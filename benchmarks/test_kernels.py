"""Every declared kernel, its reference and each installed override, at the sizes of a training step.

What a kernel is called with is recorded from steps of the benchmarks' own models, the largest call of each.

    python -m pytest benchmarks/test_kernels.py --benchmark-only -k lstm
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from unittest import mock

import numpy as np
import pytest

from benchmarks import convolution, mlp, optimizers, recurrent
from npdl_core import kernels, registry
from npdl_core.kernels import Kernel

pytest.importorskip("pytest_benchmark")


def update(rule: str) -> None:
    """Do an optimizer's step on a million numbers."""
    parameters, gradients = (optimizers.flat(optimizers.arrays("1m", seed)) for seed in (0, 1))
    registry.get("optimizers", rule).update([parameters], [gradients])


def regress() -> None:
    """Compute the loss of a recurrent layer's outputs and its gradient."""
    outputs, targets = np.random.default_rng(0).standard_normal((2, 32, 64, 256), "float32")
    registry.get("objectives", "mse").total_and_gradient(outputs, targets)


def classify() -> None:
    """Compute the probabilities of a language model's words, the loss and its gradient."""
    rng = np.random.default_rng(0)
    outputs = registry.get("activations", "softmax")(rng.standard_normal((400, 10_000), "float32"))
    registry.get("objectives", "scce").total_and_gradient(outputs, rng.integers(0, 10_000, 400), fused=True)


#: Packages whose import declares kernels, and steps that call them all.
STEPS: dict[str, list[Callable[[], object]]] = {
    "npdl_core": [lambda: mlp.npdl("sgd", mlp.SMALL, 256)(), regress, classify],
    "npdl_optim.kernels": [partial(update, rule) for rule in ("adam", "momentum", "adagrad", "rmsprop")],
    "npdl_rnn.kernels": [
        partial(lambda family: recurrent.npdl(family, recurrent.SIZES["s2"])(), name)
        for name in recurrent.FAMILIES
    ],
    "npdl_conv.kernels": [
        lambda: convolution.npdl_model(convolution.SMALL).train_on_batch(*convolution.data(convolution.SMALL))
    ],
}
ROUNDS = 20
Call = tuple[tuple[Any, ...], dict[str, Any]]


def declared() -> list[str]:
    """Return the names of all kernels of the installed packages."""
    for module in STEPS:
        if find_spec(module.partition(".")[0]):
            import_module(module)
    return kernels.names()


def size(call: Call) -> int:
    """Return how many numbers a call is given."""
    return sum(array.size for array in call[0] if isinstance(array, np.ndarray))


@cache
def calls() -> dict[str, Call]:
    """Return the largest call of each kernel, as it was before the kernel wrote anything."""
    largest: dict[str, Call] = {}
    original = Kernel.__call__

    def recording(kernel: Kernel, *args: Any, **options: Any) -> Any:
        if kernel.name not in largest or size((args, options)) > size(largest[kernel.name]):
            largest[kernel.name] = copy.deepcopy((args, options))
        return original(kernel, *args, **options)

    with mock.patch.object(Kernel, "__call__", recording):
        for module, steps in STEPS.items():
            for step in steps if find_spec(module.partition(".")[0]) else []:
                step()
    return largest


def implementations() -> list[Any]:
    """Return the kernel's name and function for every reference and override."""
    found = []
    for name in declared():
        found.append(pytest.param(name, kernels.find(name).reference, id=f"{name}-reference"))
        for identity in sorted(registry.providers("kernels", name)):
            provider = identity.partition(":")[0]
            function = registry.resolve("kernels", identity)
            found.append(pytest.param(name, function, id=f"{name}-{provider}"))
    return found


@pytest.mark.parametrize(("name", "function"), implementations())
def test_kernel(benchmark: Any, name: str, function: Callable[..., Any]) -> None:
    """Time a kernel; each round gets arguments as fresh as a step's."""
    call = calls()[name]
    benchmark.group = name
    args, options = copy.deepcopy(call)
    if function(*args, **options) is NotImplemented:
        pytest.skip("declines these arguments")
    benchmark.pedantic(function, setup=lambda: copy.deepcopy(call), rounds=ROUNDS)
