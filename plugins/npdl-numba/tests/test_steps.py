"""Steps with one array of state: the bits of the references, on any number of threads."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from npdl_core import kernels
from npdl_core.testing import check_kernel, check_optimizer
from npdl_numba import coverage, optimizers, threads

HAS_OPTIM = find_spec("npdl_optim") is not None
if HAS_OPTIM:
    import_module("npdl_optim.kernels")
COEFFICIENTS = {"momentum_step": (0.3, 0.7), "adagrad_step": (0.3, 1e-6), "rmsprop_step": (0.3, 0.7, 1e-5)}
OPTIONS = {
    "momentum_step": [{}, {"keep": 0.9}, {"nesterov": True}, {"nesterov": True, "keep": 0.9}],
    "adagrad_step": [{}, {"keep": 0.9}],
    "rmsprop_step": [{}, {"keep": 0.9}],
}
needs_optim = pytest.mark.skipif(not HAS_OPTIM, reason="npdl-optim declares it")


def marks(name):
    return () if name == "momentum_step" else needs_optim


CALLS = [
    pytest.param(name, options, marks=marks(name), id=f"{name}-{options}")
    for name, found in OPTIONS.items()
    for options in found
]
each_kernel = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=marks(name)) for name in COEFFICIENTS]
)


def draw(size, dtype="float32"):
    p, g, state = np.random.default_rng(0).standard_normal((3, size)).astype(dtype)
    return p, g, np.abs(state)


def take(name, arrays, **options):
    return getattr(optimizers, name)(*arrays, *COEFFICIENTS[name], **options)


@each_kernel
def test_equals_the_reference_at_small_sizes(name, monkeypatch):
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    check_kernel(name)


@pytest.mark.parametrize(("name", "options"), CALLS)
@pytest.mark.parametrize("size", [coverage.MIN_NUMBERS, 100_001])
def test_equals_the_reference_at_sizes_that_it_takes(size, name, options):
    mine, due = draw(size), draw(size)
    assert take(name, mine, **options) is None
    kernels.find(name).reference(*due, *COEFFICIENTS[name], **options)
    for one, other in zip(mine, due, strict=True):
        assert one.tobytes() == other.tobytes()
    assert mine[1].tobytes() == draw(size)[1].tobytes()


@each_kernel
def test_declines_what_is_small_double_or_strided(name):
    strided = [array[::2] for array in draw(2 * coverage.MIN_NUMBERS)]
    for arrays in (draw(coverage.MIN_NUMBERS - 1), draw(coverage.MIN_NUMBERS, "float64"), strided):
        before = [array.tobytes() for array in arrays]
        assert take(name, arrays) is NotImplemented
        assert [array.tobytes() for array in arrays] == before


@each_kernel
@pytest.mark.parametrize("parts", [2, 3])
def test_every_bit_is_the_same_on_any_number_of_threads(parts, name, monkeypatch):
    results = []
    monkeypatch.setattr(optimizers, "PER_THREAD", 1000)
    for count in (1, parts):
        monkeypatch.setattr(threads, "limit", lambda count=count: count)
        arrays = draw(50_021)
        take(name, arrays, **OPTIONS[name][-1])
        results.append([array.tobytes() for array in arrays])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "clip": 0.5}),
        pytest.param("momentum", {}, marks=needs_optim),
        pytest.param("momentum", {"clip": 0.5}, marks=needs_optim),
        pytest.param("nesterov_momentum", {"weight_decay": 0.1, "decoupled": True}, marks=needs_optim),
        pytest.param("adagrad", {}, marks=needs_optim),
        pytest.param("rmsprop", {}, marks=needs_optim),
        pytest.param("rmsprop", {"centered": True, "momentum": 0.9}, marks=needs_optim),
    ],
    ids=str,
)
def test_optimizers_conform_with_them(name, config, monkeypatch):
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)
    check_optimizer(name, config=config)
