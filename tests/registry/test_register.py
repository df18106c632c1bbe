import pytest

from npdl_core.builtin import ALIASES
from npdl_core.errors import (
    AmbiguousNameError,
    ConfigError,
    DuplicateNameError,
    PluginError,
    UnknownNameError,
)
from npdl_core.registry import Registry, register, resolve, unregister


class Mine:
    connect_to = forward = backward = print


class Other:
    connect_to = forward = backward = print


def test_a_registered_class_is_found_by_bare_name_and_by_id():
    registry = Registry(path=[])
    assert registry.register("layers", "My_Layer", Mine) == "local:My_Layer"
    assert registry.resolve("layers", "mylayer") is Mine
    assert registry.resolve("layers", "local:my layer") is Mine
    assert registry.component_id(Mine()) == "local:My_Layer"


def test_the_same_object_again_is_fine():
    registry = Registry(path=[])
    assert (
        registry.register("layers", "mine", Mine) == registry.register("layers", "MINE", Mine) == "local:mine"
    )
    assert registry.names("layers").count("mine") == 1


def test_another_object_under_a_taken_id_is_refused_and_changes_nothing():
    registry = Registry(path=[])
    registry.register("layers", "mine", Mine)
    with pytest.raises(
        DuplicateNameError, match=r"local:mine is registered already.*unregister\('layers', 'local:mine'\)"
    ):
        registry.register("layers", "Mine", Other)
    assert registry.resolve("layers", "mine") is Mine


def test_after_unregistering_the_name_is_free():
    registry = Registry(path=[])
    registry.register("layers", "mine", Mine)
    registry.unregister("layers", "MINE")
    with pytest.raises(UnknownNameError):
        registry.resolve("layers", "mine")
    registry.register("layers", "mine", Other)
    assert registry.resolve("layers", "mine") is Other


@pytest.mark.parametrize("name", ["mine", "local:mine", "npdl-core:dense", "dense", "../x"])
def test_only_what_was_registered_can_be_unregistered(name):
    with pytest.raises(UnknownNameError, match="nothing was registered"):
        Registry(path=[]).unregister("layers", name)


@pytest.mark.parametrize("name", ["dense", "Dense", "DEN_SE", *ALIASES["layers"]])
def test_the_names_of_core_cannot_be_taken(name):
    registry = Registry(path=[])
    for distribution in ("local", "some-dist"):
        with pytest.raises(DuplicateNameError, match="core's name of npdl_core"):
            registry.register("layers", name, Mine, distribution=distribution)


def test_the_names_of_one_kind_are_free_in_another():
    registry = Registry(path=[])
    initializer = type("Dense", (), {"__call__": print})
    assert registry.register("initializers", "dense", initializer) == "local:dense"


@pytest.mark.parametrize(
    "name", ["", "a.b", "a:b", "../x", "a/b", "a\nb", "\x1b[31m", "x" * 101, 3, None, b"x"]
)
def test_a_name_is_letters_and_digits(name):
    with pytest.raises(ConfigError, match="letters, digits") as caught:
        Registry(path=[]).register("layers", name, Mine)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("obj", [Mine(), 3, "layers:Dense", object, print, None])
def test_only_a_class_of_the_kind_can_be_registered(obj):
    registry = Registry(path=[])
    with pytest.raises(
        ConfigError, match=r"layer 'mine': expected a class deriving from npdl_core\.layers\.Layer"
    ):
        registry.register("layers", "mine", obj)
    assert "mine" not in registry.names("layers")


def test_a_distribution_is_part_of_the_id():
    registry = Registry(path=[])
    assert registry.register("layers", "mine", Mine, distribution="Some_Dist") == "some-dist:mine"
    assert registry.resolve("layers", "some.dist:mine") is Mine
    assert registry.resolve("layers", "mine") is Mine


def test_two_providers_of_one_name_are_both_named():
    registry = Registry(path=[])
    registry.register("layers", "mine", Mine)
    registry.register("layers", "mine", Other, distribution="other-dist")
    with pytest.raises(AmbiguousNameError, match="local:mine and other-dist:mine"):
        registry.resolve("layers", "mine")
    assert registry.resolve("layers", "other-dist:mine") is Other


def test_an_entry_point_and_a_registration_of_one_distribution_are_one_name_too_many(site):
    site.layer("one", "zig", "register_twice")
    registry = site.registry()
    registry.register("layers", "zig", Mine, distribution="one")
    with pytest.raises(PluginError, match=r"one 1\.0 provides layer 'zig' twice"):
        registry.resolve("layers", "zig")


def test_registering_what_an_entry_point_says_changes_nothing(site):
    site.layer("one", "zig", "register_same")
    registry = site.registry()
    cls = registry.resolve("layers", "zig")
    registry.register("layers", "zig", cls, distribution="one")
    assert registry.resolve("layers", "zig") is cls
    assert registry.providers("layers", "zig") == ["one:zig"]


def test_an_object_without_a_qualified_name_can_be_a_kernel():
    class Kernel:
        def __call__(self, x):
            return x

    registry, kernel = Registry(path=[]), Kernel()
    registry.register("kernels", "k", kernel)
    assert registry.resolve("kernels", "k") is kernel


def test_the_functions_register_in_the_registry_of_the_process():
    try:
        assert register("layers", "registered_by_a_test", Mine) == "local:registered_by_a_test"
        assert resolve("layers", "registered_by_a_test") is Mine
    finally:
        unregister("layers", "registered_by_a_test")
