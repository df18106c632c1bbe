"""Documentation, construction and configuration, of components of any kind."""

import os
import random
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.activations import Activation, Tanh
from npdl_core.errors import ConfigError, ConformanceError, SerializationError
from npdl_core.layers import Dense, Embedding
from npdl_core.testing import check_activation, check_layer
from npdl_core.testing.common import ComponentSubject, config_round_trip
from npdl_core.testing.source import Source


class Undocumented(Tanh):
    pass


class BlankDocumented(Tanh):
    """ """


class Named(Tanh):
    """An argument called name."""

    def __init__(self, name="x"):
        pass


class PositionalOnly(Tanh):
    """An argument that has no name."""

    def __init__(self, a=1, /):
        pass


def constructor(what, work):
    """Return an activation whose constructor does something."""

    class Working(Tanh):
        """A constructor that works."""

        def __init__(self):
            work()

    Working.__name__ = f"Uses {what}"
    return Working


def swallowing(work):
    """Return a function that hides that it is refused."""

    def swallow():
        try:
            work()
        except Exception:
            return

    return swallow


IO = {
    "open": lambda: open(os.devnull).close(),
    "os.listdir": lambda: os.listdir("."),
    "os.open": lambda: os.close(os.open(os.devnull, os.O_RDONLY)),
    "socket": lambda: socket.socket().close(),
    "subprocess": lambda: subprocess.run([sys.executable, "-c", ""], check=False),
    "import": lambda: __import__("foreign_module_of_this_test"),
    "numpy.random": lambda: np.random.random(),  # noqa: NPY002  the defect
    "random": lambda: random.random(),
}

if sys.version_info >= (3, 12):  # which reports that a thread starts
    IO["thread"] = lambda: threading.Thread(target=int).start()


class Allocates(Tanh):
    """An array at construction."""

    def __init__(self):
        self.table = {"rows": [np.zeros(3)]}


class ChangesArgument(Tanh):
    """An argument that changes at every construction."""

    def __init__(self, slope=1.0):
        self.config["slope"] = slope + 1


class HoldsArray(Tanh):
    """An array in the configuration."""

    def __init__(self, slopes=None):
        self.config["slopes"] = np.ones(2)


class HoldsNaN(Tanh):
    """NaN in the configuration."""

    def __init__(self, slope=float("nan")):
        self.slope = slope


class TakesCode(Tanh):
    """A function as an argument, which JSON refuses."""

    def __init__(self, function=None):
        self.function = function


class WritesCode(TakesCode):
    """A function that has a JSON form."""

    def __init__(self, function=len):
        self.function = function


@pytest.mark.parametrize("kind_of_code", [len, lambda x: x])
def test_code_in_the_configuration_is_refused_by_json_which_is_right(kind_of_code):
    assert "config_round_trip" in check_activation(TakesCode, config={"function": kind_of_code})


def test_code_that_json_writes_is_rejected(monkeypatch):
    monkeypatch.setattr("npdl_core.testing.common.config_as_json", lambda component: {"function": "len"})
    with pytest.raises(ConformanceError, match="code in the configuration is written to JSON"):
        config_round_trip(ComponentSubject("activations", WritesCode))


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("documented", Undocumented),
        ("documented", BlankDocumented),
        ("constructor_takes_named_arguments", Named),
        ("constructor_takes_named_arguments", PositionalOnly),
        *(("constructor_does_no_io", constructor(what, work)) for what, work in IO.items()),
        *(
            ("constructor_does_no_io", constructor(f"{what}, hidden", swallowing(work)))
            for what, work in IO.items()
        ),
        ("constructor_allocates_nothing", Allocates),
        ("config_round_trip", ChangesArgument),
        ("config_round_trip", HoldsNaN),
    ],
)
def test_mutants_are_rejected(rejected, name, cls):
    rejected("every kind", name, cls, lambda: check_activation(cls))


def test_an_array_in_the_configuration_is_rejected():
    with pytest.raises(ConformanceError, match="an array") as caught:
        check_activation(HoldsArray, skip=["constructor_allocates_nothing"])
    assert caught.value.property_name == "config_round_trip"


@pytest.fixture
def local():
    """Register classes for one test."""
    names = []

    def register(name, cls):
        names.append(name)
        return registry.register("activations", name, cls)

    yield register
    for name in names:
        registry.unregister("activations", name)


def test_a_registered_class_goes_through_its_envelope(local):
    class Plain(Tanh):
        """A class with a name."""

        def __init__(self, slope=1.0):
            self.slope = slope

    local("plain", Plain)
    assert "config_round_trip" in check_activation("plain", config={"slope": 2.0})


@pytest.mark.parametrize("envelope", [{"name": "npdl-core:tanh", "config": {}}, {"config": {}, "x": 1}])
def test_a_wrong_envelope_is_rejected(local, envelope):
    class Lying(Tanh):
        """An envelope that is not its own."""

        def to_json(self):
            return envelope

    local("lying", Lying)
    with pytest.raises(ConformanceError) as caught:
        check_activation("lying")
    assert caught.value.property_name == "config_round_trip"


def test_an_argument_that_json_loses_is_named(local):
    class Losing(Tanh):
        """An argument that does not reach JSON."""

        def __init__(self, slope=1.0):
            self.slope = slope

        def to_json(self):
            return {"name": "local:losing", "config": {}}

    local("losing", Losing)
    with pytest.raises(ConformanceError, match="slope") as caught:
        check_activation("losing", config={"slope": 2.0})
    assert caught.value.property_name == "config_round_trip"
    assert "expected: 2.0" in str(caught.value)
    assert "got: 1.0" in str(caught.value)


def test_given_arrays_may_be_kept_by_the_constructor():
    vectors = np.arange(12.0).reshape(4, 3)
    assert check_layer("embedding", config={"embed_words": vectors})
    assert check_layer(Embedding(embed_words=vectors))


def test_what_a_source_makes():
    assert Source("layers", "dense", {"n_out": 2}).new().n_out == 2
    assert Source("layers", Dense, {"n_out": 2}).new().n_out == 2
    assert Source("layers", {"name": "dense", "config": {"n_out": 2}}).new().n_out == 2
    pattern = Dense(2)
    assert Source("layers", pattern).new().n_out == 2
    assert Source("layers", pattern).new() is not pattern
    assert isinstance(Source("activations", Tanh()).new(), Tanh)
    with pytest.raises(ConfigError, match="instance"):
        Source("layers", pattern, {"n_out": 3})


def test_each_new_component_has_its_own_arguments():
    rows = [1, 2]
    source = Source("activations", Taking, {"rows": rows})
    source.new().rows.append(3)
    assert source.new().rows == [1, 2]


class Taking(Activation):
    """Keeps a list."""

    def __init__(self, rows=None):
        self.rows = rows

    def __call__(self, x, out=None):
        return x

    def vjp(self, pre_grad, x, y, out=None):
        return pre_grad


class Foreign:
    """An activation outside the base."""

    def __call__(self, x):
        return 2 * x

    def vjp(self, pre_grad, x, y):
        return 2 * pre_grad


def test_a_class_outside_the_base_has_no_configuration_to_check():
    assert "config_round_trip" in check_activation(Foreign)
    assert not Source("activations", Foreign()).accepts("slope")


def test_unregistered_means_not_by_name():
    with pytest.raises(SerializationError):
        Undocumented().to_json()
    assert "config_round_trip" in check_activation(TakesCode)
