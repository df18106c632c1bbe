import sys

import pytest

from npdl_core.builtin import BUILTIN, KINDS
from npdl_core.errors import UnknownNameError
from npdl_core.initializers import Uniform
from npdl_core.registry import Registry, component_id

LAYER = """
    class LSTM:
        connect_to = forward = backward = print
    class GRU:
        connect_to = forward = backward = print
"""


def import_module(name):
    __import__(name)
    return sys.modules[name]


@pytest.mark.parametrize("component", [Uniform, Uniform()])
def test_a_core_class_is_identified_without_a_scan(component, site):
    registry = site.registry()
    assert (
        registry.component_id(component)
        == registry.component_id(component, "initializers")
        == "npdl-core:uniform"
    )
    assert registry._catalogue is None


def test_every_core_class_has_its_own_id():
    registry = Registry(path=[])
    for kind in KINDS:
        for name in BUILTIN[kind]:
            cls = registry.resolve(kind, name)
            found = registry.component_id(cls)
            assert registry.resolve(kind, found) is cls


def test_a_class_that_was_never_resolved(site):
    site.module("identity_plain", LAYER)
    site.distribution("rnn", {"npdl.v1.layers": {"lstm": "identity_plain:LSTM"}})
    assert site.registry().component_id(import_module("identity_plain").LSTM()) == "rnn:lstm"


@pytest.mark.parametrize(
    ("lines", "canonical"),
    [
        ("long_short = m:LSTM\nlstm = m:LSTM", "lstm"),
        ("lstm = m:LSTM\nlong_short = m:LSTM", "lstm"),
        ("zz_top = m:LSTM\nlong_short = m:LSTM", "zz_top"),
        ("gru = m:GRU\nzz = m : LSTM [extra]\nlong_short = m:LSTM", "zz"),
    ],
)
def test_of_several_names_the_one_spelt_as_the_class_or_the_first(site, lines, canonical):
    site.module("m", LAYER)
    site.distribution("a-first", {"npdl.v1.layers": "long_short = elsewhere:X"})
    site.distribution("rnn", {"npdl.v1.layers": lines})
    registry = site.registry()
    assert registry.component_id(import_module("m").LSTM) == f"rnn:{canonical}"


def test_a_re_exported_class_is_found_within_its_package(site, imported):
    site.module("package.__init__", "from package.inner import LSTM")
    site.module("package.inner", LAYER)
    site.module("package.unneeded", "raise SystemExit('broken sibling')")
    site.module("elsewhere", LAYER)
    site.distribution("another", {"npdl.v1.layers": {"foreign": "elsewhere:LSTM"}})
    points = {"unneeded": "package.unneeded:X", "lstm": "package:LSTM"}
    site.distribution("rnn", {"npdl.v1.layers": points, "npdl.v1.metrics": {"m": "package.metric:M"}})
    registry = site.registry()
    assert registry.component_id(import_module("package.inner").LSTM) == "rnn:lstm"
    assert not imported("elsewhere")


def test_where_an_entry_point_names_the_class_itself_its_package_is_left_alone(site, imported):
    site.module("quiet.__init__")
    site.module("quiet.inner", LAYER)
    site.module("quiet.sibling", LAYER)
    points = {"sibling": "quiet.sibling:GRU", "long_short": "quiet.inner:LSTM"}
    site.distribution("rnn", {"npdl.v1.layers": points})
    assert site.registry().component_id(import_module("quiet.inner").LSTM) == "rnn:long_short"
    assert not imported("quiet.sibling")


def test_a_class_that_only_carries_the_name_of_another(site):
    site.layer("rnn", "thing", "identity_fake")
    registry = site.registry()
    fake = type("Thing", (import_module("identity_fake").Thing,), {"__module__": "identity_fake"})
    fake.__qualname__ = "Thing"
    with pytest.raises(UnknownNameError):
        registry.component_id(fake, "layers")
    core = type("Uniform", (Uniform,), {"__module__": Uniform.__module__})
    core.__qualname__ = "Uniform"
    with pytest.raises(UnknownNameError):
        registry.component_id(core)


def test_a_subclass_is_not_its_base():
    class Mine(Uniform):
        pass

    with pytest.raises(UnknownNameError) as caught:
        component_id(Mine())
    text = str(caught.value)
    assert "Mine is not a registered initializer" in text
    assert "registry.register('initializers', 'mine', Mine)" in text
    assert "npdl.v1.initializers" in text


def test_a_class_without_a_kind_is_looked_for_in_all(site):
    site.layer("rnn", "thing", "identity_kindless")
    registry = site.registry()
    assert registry.component_id(import_module("identity_kindless").Thing) == "rnn:thing"
    with pytest.raises(UnknownNameError, match="not a registered component"):
        registry.component_id(object())


def test_an_installed_name_goes_before_a_registered_one(site):
    site.layer("rnn", "thing", "identity_both")
    registry = site.registry()
    cls = import_module("identity_both").Thing
    registry.register("layers", "also", cls)
    assert registry.component_id(cls) == "rnn:thing"


def test_a_class_of_two_distributions_has_the_id_of_the_first(site):
    site.module("shared_class", LAYER)
    site.distribution("b", {"npdl.v1.layers": {"lstm": "shared_class:LSTM"}})
    site.distribution("a", {"npdl.v1.layers": {"x": "shared_class:LSTM"}})
    assert site.registry().component_id(import_module("shared_class").LSTM) == "a:x"


def test_a_disabled_class_has_no_id(site, monkeypatch):
    site.layer("rnn", "thing", "identity_off")
    monkeypatch.setenv("NPDL_DISABLE_PLUGINS", "rnn")
    with pytest.raises(UnknownNameError):
        site.registry().component_id(import_module("identity_off").Thing)


@pytest.mark.parametrize(
    ("kind", "spec", "name"),
    [
        ("metrics", "acc", "accuracy"),
        ("metrics", "npdl-core:ACC", "accuracy"),
        ("metrics", {"name": "acc"}, "accuracy"),
        ("activations", "identity", "linear"),
        ("initializers", Uniform, "uniform"),
        ("initializers", Uniform(), "uniform"),
    ],
)
def test_canonical_names_of_core(kind, spec, name):
    registry = Registry(path=[])
    assert registry.canonical_name(kind, spec) == name
    assert registry._catalogue is None


def test_canonical_names_of_aliases_of_a_plugin(site):
    site.module("identity_alias", LAYER)
    site.distribution("rnn", {"npdl.v1.layers": "ls = identity_alias:LSTM\nLstm = identity_alias:LSTM"})
    registry = site.registry()
    assert registry.canonical_name("layers", "ls") == registry.canonical_name("layers", "rnn:lstm") == "Lstm"


def test_what_has_no_name_is_called_as_its_class():
    registry = Registry(path=[])

    class MyHighWay:
        connect_to = forward = backward = print

    def mean_loss(outputs, targets):
        return 0.0

    assert registry.canonical_name("layers", MyHighWay) == "my_high_way"
    assert registry.canonical_name("layers", MyHighWay()) == "my_high_way"
    assert registry.canonical_name("metrics", mean_loss) == "mean_loss"
    with pytest.raises(UnknownNameError):
        registry.canonical_name("layers", "no_such_layer")
