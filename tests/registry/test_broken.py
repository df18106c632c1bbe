"""Plugins that cannot work: whoever asks for the name learns why, and nobody else notices."""

import pytest

from npdl_core.errors import PluginError, PluginVersionError, UnknownNameError

LAYER = "class Thing:\n    connect_to = forward = backward = print\n"


def broken(site, target="bad_module:Thing", kind="layers"):
    """Return a registry with one sick distribution and one healthy one."""
    site.distribution("sick", {f"npdl.v1.{kind}": {"sick": target}}, version="3.1")
    site.layer("healthy", "healthy", "healthy_module")
    return site.registry()


@pytest.mark.parametrize(
    ("body", "cause", "text"),
    [
        ("import no_such_module_at_all", ModuleNotFoundError, "No module named 'no_such_module_at_all'"),
        ("from math import no_such_function", ImportError, "no_such_function"),
        ("def f(:", SyntaxError, "invalid syntax"),
        ("1 / 0", ZeroDivisionError, "division by zero"),
        ("raise SystemExit('bye')", SystemExit, "bye"),
        ("import sys; sys.exit(3)", SystemExit, "3"),
        ("raise GeneratorExit", GeneratorExit, "GeneratorExit"),
        ("raise BaseException('odd')", BaseException, "odd"),
        ("import warnings; warnings.warn('old', DeprecationWarning)", DeprecationWarning, "old"),
        (
            "class E(Exception):\n  def __str__(self): raise ValueError\nraise E",
            Exception,
            "cannot be loaded: E",
        ),
        ("raise ValueError('\\x1b[31m' + 'x' * 10**6)", ValueError, "ValueError"),
    ],
)
def test_a_module_that_cannot_be_imported(site, body, cause, text):
    site.module("bad_module", body)
    registry = broken(site)
    assert registry.get("layers", "healthy").n_out == 1
    assert "sick" in registry.names("layers")
    for spec in ("sick", "sick:sick"):
        with pytest.raises(
            PluginError, match=r"sick 3\.1: layer 'sick' \(bad_module:Thing\) cannot be loaded"
        ) as caught:
            registry.get("layers", spec)
        assert isinstance(caught.value.__cause__, cause)
        assert text in str(caught.value)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500


def test_ctrl_c_during_an_import_passes_and_is_not_kept(site):
    file = site.module("bad_module", "raise KeyboardInterrupt")
    registry = broken(site)
    with pytest.raises(KeyboardInterrupt):
        registry.resolve("layers", "sick")
    file.write_text(LAYER)
    assert registry.resolve("layers", "sick").__name__ == "Thing"


@pytest.mark.parametrize(
    "target", ["healthy_module:Absent", "healthy_module:Thing.absent", "no_module_here:Thing"]
)
def test_a_target_that_does_not_exist(site, target):
    registry = broken(site, target)
    with pytest.raises(PluginError, match=r"Error: .*(Absent|absent|no_module_here)"):
        registry.resolve("layers", "sick")
    assert registry.resolve("layers", "healthy")


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [
        ("layers", "os:system", "builtin_function_or_method object"),
        ("layers", "subprocess:Popen", "class Popen without connect_to, forward, backward"),
        ("layers", "healthy_module", "module object"),
        ("layers", "builtins:eval", "builtin_function_or_method"),
        ("layers", "npdl_core.optimizers.sgd:SGD", "one of the optimizers"),
        ("layers", "npdl_core.layers:Layer", "leaves abstract: backward, forward"),
        ("optimizers", "npdl_core.layers.dense:Dense", "one of the layers"),
        ("initializers", "npdl_core.activations.softmax:Softmax", "one of the activations"),
        ("callbacks", "healthy_module:Thing", r"class Thing without on_\*"),
        ("kernels", "math:pi", "a kernel is a function, not float object"),
    ],
)
def test_a_target_of_the_wrong_kind(site, kind, target, message):
    registry = broken(site, target, kind)
    with pytest.raises(PluginError, match=message) as caught:
        registry.get(kind, "sick")
    assert "sick 3.1" in str(caught.value)


def test_a_failure_is_kept_until_a_refresh(site):
    file = site.module("bad_module", "import absent_dependency")
    registry = broken(site)
    errors = []
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            registry.resolve("layers", "sick")
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert errors[0].__cause__ is errors[1].__cause__
    assert errors[0].args == errors[1].args
    file.write_text(LAYER + "# repaired, and of another size\n")
    with pytest.raises(PluginError):
        registry.resolve("layers", "sick")
    registry.refresh()
    assert registry.resolve("layers", "sick").__name__ == "Thing"


def test_a_look_up_in_the_middle_of_the_same_import_is_not_held_against_the_plugin(site):
    site.module(
        "bad_module",
        """
        from circular import registry
        try:
            registry.resolve("layers", "sick")
        except ImportError as error:
            first = error
        class Thing:
            connect_to = forward = backward = print
        """,
    )
    site.module("circular", "registry = None")
    registry = broken(site)
    import circular

    circular.registry = registry
    import bad_module

    assert "Thing" in str(bad_module.first)
    assert registry.resolve("layers", "sick") is bad_module.Thing


def test_one_name_twice_in_a_distribution(site, imported):
    site.module("twice", LAYER)
    site.distribution(
        "sick", {"npdl.v1.layers": "zig_zag = twice:Thing\nZigZag = twice:Other"}, version="3.1"
    )
    site.layer("healthy", "healthy", "healthy_module")
    registry = site.registry()
    for spec in ("zigzag", "sick:zigzag"):
        with pytest.raises(
            PluginError, match=r"sick 3\.1 provides layer '.*zigzag' twice: twice:Thing and twice:Other"
        ):
            registry.resolve("layers", spec)
    assert registry.resolve("layers", "healthy")
    assert not imported("twice")


def test_one_name_twice_for_one_target_is_one_name(site):
    site.module("once", LAYER)
    site.distribution("well", {"npdl.v1.layers": "zig_zag = once:Thing\nZigZag = once : Thing [extra]"})
    assert site.registry().resolve("layers", "zigzag").__name__ == "Thing"


@pytest.mark.parametrize("version", [0, 2, 17])
def test_a_plugin_for_another_version_of_the_interface(site, imported, version):
    site.module("other_version", LAYER)
    groups = {
        f"npdl.v{version}.layers": {"zig": "other_version:Thing"},
        f"npdl.v{version}.blocks": {"b": "other_version:B"},
    }
    site.distribution("other", groups, version="3.1")
    registry = site.registry()
    for spec in ("zig", "other:zig"):
        with pytest.raises(
            PluginVersionError, match=rf"other 3\.1.*'zig'.*version {version} of.*speaks version 1"
        ) as caught:
            registry.resolve("layers", spec)
        assert isinstance(caught.value, ImportError)
    assert not imported("other_version")
    assert registry.plugins()[0].state == "outdated"


def test_a_plugin_for_several_versions_is_used_by_ours(site):
    site.layer("both", "zig", "both_versions")
    site.distribution(
        "both-2", {"npdl.v1.layers": {"zag": "both_versions:Thing"}, "npdl.v2.layers": {"zag": "x:y"}}
    )
    registry = site.registry()
    assert registry.resolve("layers", "zag").__name__ == "Thing"
    assert [plugin.state for plugin in registry.plugins()] == ["ok", "ok"]


def test_another_distribution_of_our_version_serves_a_name_that_is_outdated_elsewhere(site):
    site.distribution("old", {"npdl.v0.layers": {"zig": "m:C"}})
    site.layer("new", "zig", "new_version")
    registry = site.registry()
    assert registry.resolve("layers", "zig").__module__ == "new_version"
    with pytest.raises(PluginVersionError):
        registry.resolve("layers", "old:zig")


@pytest.mark.parametrize(
    ("group", "line", "fault"),
    [
        ("npdl.v1.layer", "zig = m:C", "no such group"),
        ("npdl.layers", "zig = m:C", "no such group"),
        ("npdl.v1.layers.more", "zig = m:C", "no such group"),
        ("npdl.v99999999999999999999.layers", "zig = m:C", "no such group"),
        ("npdl.v1.layers", "../zig = m:C", "letters, digits"),
        ("npdl.v1.layers", "a:b = m:C", "letters, digits"),
        ("npdl.v1.layers", "zig = not a target", "not written as module:attribute"),
        ("npdl.v1.layers", "zig = ../../m:C", "not written as module:attribute"),
        ("npdl.v1.layers", "zig = m:C()", "not written as module:attribute"),
        ("npdl.v1.layers", "zig = \x1b[31m:C", "not written as module:attribute"),
        ("npdl.v1.layers", "zig =", "not written as module:attribute"),
    ],
)
def test_an_entry_point_that_nothing_can_use(site, group, line, fault):
    site.distribution("sick", {group: line})
    site.layer("healthy", "healthy", "healthy_module")
    registry = site.registry()
    assert registry.resolve("layers", "healthy")
    with pytest.raises(UnknownNameError):
        registry.resolve("layers", "zig")
    sick = {plugin.distribution: plugin for plugin in registry.plugins()}["sick"]
    assert sick.state == "broken"
    assert fault in sick.error
    assert sick.error.isprintable()
    assert [fault in str(error) for error in registry.check_plugin("sick")] == [True]


def test_a_distribution_cannot_be_called_local(site):
    site.layer("Local", "zig", "posing_as_local")
    registry = site.registry()
    with pytest.raises(UnknownNameError, match="stands for what a program registers itself; call"):
        registry.resolve("layers", "local:zig")
    assert "cannot be called 'local'" in registry.plugins()[0].error
