import sys
import types

import pytest

import npdl_core.layers
from npdl_core.builtin import ALIASES
from npdl_core.errors import AmbiguousNameError, PluginError
from npdl_core.registry import namespace


@pytest.fixture
def space(site):
    """Return a stand-in for ``npdl_core.layers`` over the fabricated distributions."""

    def make(name="npdl_core.layers", **contents):
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        registry = site.registry()
        module.names, module.__getattr__, module.__dir__ = namespace("layers", vars(module), registry)
        module.registry = registry
        return module

    return make


def test_a_class_is_an_attribute_whoever_ships_it(site, space):
    site.layer("one", "simple_rnn", "namespace_one", "SimpleRNN")
    module = space()
    assert module.SimpleRNN is module.simple_rnn is module.registry.resolve("layers", "simple_rnn")
    assert module.Dense is module.registry.resolve("layers", "dense")


def test_a_class_named_unlike_its_component(site, space):
    site.layer("one", "convolution", "namespace_conv", "Conv2D")
    module = space()
    assert module.Conv2D is module.registry.resolve("layers", "convolution")
    assert module.ActivationLayer is module.registry.resolve("layers", "activation")


def test_a_class_name_of_two_targets_is_no_attribute(site, space):
    site.layer("one", "a", "namespace_a", "Conv2D")
    site.layer("two", "b", "namespace_b", "Conv2D")
    with pytest.raises(AttributeError):
        _ = space().Conv2D


def test_a_core_name_imports_its_own_module_and_scans_nothing(site):
    printed = site.run(
        """
        import sys
        import npdl_core.initializers as initializers
        from npdl_core import registry
        before = set(sys.modules)
        initializers.One, registry.default()._catalogue
        print(registry.default()._catalogue, "npdl_core.layers.embedding" in sys.modules)
        initializers.names
        hasattr(initializers, "_private"), hasattr(initializers, "__wrapped__")
        print(registry.default()._catalogue)
        """
    )
    assert printed.splitlines() == ["None False", "None"]


@pytest.mark.parametrize("name", ["_private", "__wrapped__", "__path__", "_"])
def test_a_leading_underscore_is_never_looked_up(space, name):
    module = space()
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
        module.__getattr__(name)
    assert module.registry._catalogue is None


def test_what_is_unknown_is_an_attribute_error_that_helps(space):
    module = space()
    with pytest.raises(AttributeError, match=r"module 'npdl_core.layers' has no attribute 'Dens'.*'dense'"):
        _ = module.Dens
    assert not hasattr(module, "os.system")


def test_what_is_known_and_cannot_be_used_says_so(site, space):
    site.distribution("sick", {"npdl.v1.layers": {"sick": "no_such_module:Sick"}})
    site.layer("one", "zig", "namespace_zig_one")
    site.layer("two", "zig", "namespace_zig_two")
    module = space()
    with pytest.raises(PluginError, match="no_such_module"):
        _ = module.Sick
    with pytest.raises(AmbiguousNameError):
        _ = module.Zig


def test_a_submodule_is_a_module_before_and_after_it_is_imported(space):
    module = space(__path__=npdl_core.layers.__path__)
    assert module.dense is sys.modules["npdl_core.layers.dense"]
    assert module.base is sys.modules["npdl_core.layers.base"]
    assert isinstance(module.Dense, type)


def test_dir_lists_the_module_core_and_everything_installed_and_imports_nothing(site, space, imported):
    site.layer("one", "zig_zag", "namespace_dir")
    module = space(Layer=object)
    listed = dir(module)
    assert {"Layer", "names", "Dense", "ActivationLayer", "dense", "zig_zag"} <= set(listed)
    assert set(ALIASES["layers"]) <= set(listed)
    assert listed == sorted(listed)
    assert module.names() == module.registry.names("layers")
    assert not imported("namespace_dir")


def test_the_modules_of_core_use_the_registry_of_the_process():
    assert npdl_core.layers.Dense.__name__ == "Dense"
    assert "dense" in npdl_core.layers.names()
    with pytest.raises(AttributeError):
        _ = npdl_core.layers.NoSuchLayerAtAll
