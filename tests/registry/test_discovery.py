import ast
import sys
from pathlib import Path

import pytest

from npdl_core.errors import AmbiguousNameError, MissingPluginError, UnknownNameError
from npdl_core.registry import Registry

COUNT_SCANS = """
    import sys
    from npdl_core.registry import table
    scans = []
    def counting(path, original=table.discover):
        scans.append(path)
        return original(path)
    table.discover = counting
"""


def test_two_hundred_distributions(site):
    for number in range(200):
        site.layer(f"dist-{number}", f"layer_{number}", f"many_{number}", f"Layer{number}")
    printed = site.run(
        COUNT_SCANS
        + """
    from npdl_core import registry
    registry.get("layers", "dense", n_out=3)
    registry.component_id(registry.resolve("initializers", "Zeros"))
    print(len(scans), "importlib_metadata" in sys.modules, "pluggy" in sys.modules)
    registry.get("layers", "layer 77", n_out=3)
    registry.get("layers", "dist-78:layer_78")
    registry.names("layers"), registry.providers("layers", "layer_1"), registry.plugins()
    print(len(scans), sorted(name for name in sys.modules if name.startswith(("many_", "email."))))
    """
    )
    assert printed.splitlines() == ["0 False False", "1 ['many_77', 'many_78']"]


def test_importing_the_registry_imports_nothing_heavy(site):
    site.layer("one", "zig", "light")
    printed = site.run(
        """
        import sys, types
        import numpy
        package = types.ModuleType("npdl_core")
        package.__path__ = [entry + "/npdl_core" for entry in sys.path]
        sys.modules["npdl_core"] = package
        before = set(sys.modules)
        import npdl_core.registry
        print(sorted(name for name in set(sys.modules) - before if not name.startswith("npdl_core.")))
        print("npdl_core.hooks" in sys.modules, "npdl_core.component" in sys.modules)
        """
    )
    new, own = printed.splitlines()
    # Whether importlib is there already depends on NumPy and on how the environment starts.
    plain = {name for name in ast.literal_eval(new) if name.partition(".")[0] != "importlib"}
    assert plain <= {"__future__", "threading", "unicodedata"}
    assert own == "False False"


def test_a_slow_plugin_is_imported_only_when_asked_for(site, imported):
    site.module("slow_module", "import time; time.sleep(60)")
    site.distribution("slow", {"npdl.v1.layers": {"slow": "slow_module:Slow"}})
    site.layer("fast", "fast", "fast_module")
    registry = site.registry()
    assert registry.get("layers", "fast").n_out == 1
    assert "slow" in registry.names("layers")
    assert {plugin.distribution: plugin.state for plugin in registry.plugins()} == {
        "fast": "ok",
        "slow": "ok",
    }
    with pytest.raises(UnknownNameError, match="'slow'"):
        registry.get("layers", "slowe")
    assert not imported("slow_module")


@pytest.mark.parametrize(
    "spec",
    [
        "os.system",
        "builtins:eval",
        "__main__:f",
        "a.b:c",
        "../x",
        "antigravity",
        "antigravity:fly",
        "npdl_trap",
    ],
)
def test_a_name_imports_nothing_that_is_not_registered(site, imported, spec):
    for module in ("npdl_trap", "trap"):
        site.module(module, "raise SystemExit('imported')")
    before = set(sys.modules)
    with pytest.raises(UnknownNameError):
        site.registry().get("layers", {"name": spec})
    new = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert new.isdisjoint({"antigravity", "npdl_trap", "trap", "a"})


def test_one_name_in_two_distributions(site):
    site.layer("b-dist", "zig", "two_b")
    site.layer("a-dist", "ZIG", "two_a")
    registry = site.registry()
    with pytest.raises(AmbiguousNameError, match="a-dist:ZIG and b-dist:zig; ask for one of them"):
        registry.resolve("layers", "zig")
    assert registry.resolve("layers", "b-dist:zig").__module__ == "two_b"
    assert registry.resolve("layers", "a-dist:zig").__module__ == "two_a"


def test_a_core_name_is_never_shadowed(site, imported):
    site.layer("rogue", "dense", "shadow")
    registry = site.registry()
    assert registry.resolve("layers", "dense").__module__ == "npdl_core.layers.dense"
    assert registry.resolve("layers", "npdl-core:dense").__module__ == "npdl_core.layers.dense"
    assert not imported("shadow")
    assert registry.resolve("layers", "rogue:dense").__module__ == "shadow"
    assert registry.component_id(registry.resolve("layers", "rogue:dense")) == "rogue:dense"


def test_entry_points_in_the_name_of_core_are_nobodys(site):
    site.layer("npdl-core", "zig", "posing_as_core")
    registry = site.registry()
    with pytest.raises(UnknownNameError):
        registry.resolve("layers", "zig")
    assert registry.plugins() == []


def test_the_first_distribution_of_a_name_on_the_path_wins(site, tmp_path):
    site.layer("rnn", "thing", "duplicate", version="2.0")
    older = type(site)(tmp_path / "older")
    older.layer("rnn", "gone", "duplicate", version="1.0")
    registry = Registry(path=[site.path, older.path])
    assert registry.names("layers").count("thing") == 1
    assert "gone" not in registry.names("layers")
    assert registry.plugins()[0].version == "2.0"


def test_a_newer_copy_without_plugins_hides_an_older_one_with_them(site, tmp_path):
    site.distribution("rnn", text="", version="2.0")
    older = type(site)(tmp_path / "older")
    older.layer("rnn", "gone", "hidden", version="1.0")
    assert "gone" not in Registry(path=[site.path, older.path]).names("layers")
    assert "gone" in Registry(path=[older.path]).names("layers")


def test_a_folder_without_metadata_is_no_distribution(site, tmp_path):
    (site.distribution("rnn", {"npdl.v1.layers": {"ghost": "m:C"}}, version="2.0") / "METADATA").unlink()
    older = type(site)(tmp_path / "older")
    older.layer("rnn", "thing", "left_over")
    names = Registry(path=[site.path, older.path]).names("layers")
    assert "thing" in names
    assert "ghost" not in names


@pytest.mark.parametrize("metadata", ["", "Name: \x1b[31m\n", "Name: ../../x\n", "nonsense"])
def test_a_distribution_without_a_proper_name_is_none(site, metadata):
    site.distribution("odd", {"npdl.v1.layers": {"zig": "m:C"}}, metadata=metadata)
    site.layer("good", "fine", "beside_odd")
    registry = site.registry()
    assert "zig" not in registry.names("layers")
    assert "fine" in registry.names("layers")


def test_a_folder_that_is_named_unlike_its_distribution_counts_by_its_metadata(site):
    info = site.layer("rnn", "thing", "renamed_folder")
    info.rename(info.with_name("another-1.0.dist-info"))
    assert site.registry().resolve("layers", "rnn:thing").__module__ == "renamed_folder"


def test_entry_points_that_are_no_text_are_passed_over(site):
    site.distribution("binary", text=b"[npdl.v1.layers]\nx = \xff\xfe:y\n")
    site.layer("good", "fine", "beside_binary")
    assert "fine" in site.registry().names("layers")


def test_a_distribution_without_version_works(site):
    site.layer("rnn", "thing", "no_version", metadata="Name: rnn\n")
    registry = site.registry()
    assert registry.resolve("layers", "thing")
    assert registry.plugins()[0].version == "?"


def test_without_any_metadata_core_works(tmp_path):
    registry = Registry(path=[tmp_path / "nothing", tmp_path / "here.zip"])
    assert registry.get("initializers", "zero")
    assert "dense" in registry.names("layers")
    with pytest.raises(UnknownNameError, match="in a clone of the npdl repository"):
        registry.get("layers", "lstm")


def test_core_works_from_a_zip_without_metadata(site, tmp_path):
    """As a zipapp would: the package comes from an archive that no metadata tells of."""
    import zipfile

    import npdl_core

    folder = Path(npdl_core.__file__).parent
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for module in folder.rglob("*.py"):
            file.write(module, module.relative_to(folder.parent))
    printed = site.run(
        f"""
        import sys
        sys.path.insert(0, {str(archive)!r})
        import npdl_core
        from npdl_core import registry
        print(npdl_core.__file__.startswith({str(archive)!r}))
        print(registry.get("layers", "dense", n_out=3).n_out, npdl_core.layers.Dense.__name__)
        print("dense" in dir(npdl_core.layers))
        try:
            registry.get("layers", "no_such")
        except ValueError as error:
            print(type(error).__name__)
        """
    )
    assert printed.splitlines() == ["True", "3 Dense", "True", "UnknownNameError"]


# -- the two lists -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "blocked", "usable"),
    [
        (None, None, {"one", "two"}),
        (None, "", {"one", "two"}),
        ("", None, set()),
        (" , ", None, set()),
        ("dist-one", None, {"one"}),
        ("DIST_one , dist.two", None, {"one", "two"}),
        ("dist-one,dist-two", "dist-two", {"one"}),
        (None, "Dist_One,,not-installed", {"two"}),
        ("not-installed", None, set()),
    ],
)
def test_lists_of_allowed_and_blocked_distributions(site, monkeypatch, allowed, blocked, usable):
    site.layer("dist-one", "one", "list_one")
    site.layer("dist-two", "two", "list_two")
    for variable, value in (("NPDL_PLUGINS", allowed), ("NPDL_DISABLE_PLUGINS", blocked)):
        if value is not None:
            monkeypatch.setenv(variable, value)
    registry = site.registry()
    assert {"one", "two"} & set(registry.names("layers")) == usable
    assert registry.get("layers", "identity")


def test_an_excluded_name_says_which_variable(site, monkeypatch, imported):
    site.layer("dist-one", "one", "excluded_one")
    site.layer("dist-two", "two", "excluded_two")
    monkeypatch.setenv("NPDL_PLUGINS", "dist-one")
    monkeypatch.setenv("NPDL_DISABLE_PLUGINS", "dist-one")
    registry = site.registry()
    for spec in ("one", "dist-one:one", "dist-one:another"):
        with pytest.raises(MissingPluginError, match=r"dist-one.*NPDL_DISABLE_PLUGINS lists it"):
            registry.resolve("layers", spec)
    for spec in ("two", "dist-two:two"):
        with pytest.raises(MissingPluginError, match=r"dist-two 1\.0.*NPDL_PLUGINS does not list it"):
            registry.resolve("layers", spec)
    assert not imported("excluded_one")


def test_an_excluded_provider_makes_no_name_ambiguous(site, monkeypatch):
    site.layer("dist-one", "zig", "clear_one")
    site.layer("dist-two", "zig", "clear_two")
    monkeypatch.setenv("NPDL_DISABLE_PLUGINS", "dist-one")
    assert site.registry().resolve("layers", "zig").__module__ == "clear_two"


def test_the_lists_are_read_at_the_scan_only(site, monkeypatch):
    site.layer("dist-one", "one", "read_once")
    registry = site.registry()
    registry.names("layers")
    monkeypatch.setenv("NPDL_PLUGINS", "")
    assert "one" in registry.names("layers")
    registry.refresh()
    assert "one" not in registry.names("layers")


# -- changes while a process runs --------------------------------------------------------------------------


def test_what_is_installed_later_is_found_after_a_refresh(site):
    registry = site.registry()
    with pytest.raises(UnknownNameError):
        registry.get("layers", "later")
    site.layer("late", "later", "installed_later")
    with pytest.raises(UnknownNameError):
        registry.get("layers", "later")
    registry.refresh()
    assert registry.get("layers", "later").n_out == 1


def test_a_refresh_keeps_what_was_registered(site):
    registry = site.registry()
    registry.register("initializers", "mine", type("Mine", (), {"__call__": print}))
    registry.refresh()
    assert "mine" in registry.names("initializers")


def test_a_plugin_that_was_uninstalled_is_missing_by_name(site):
    info = site.layer("rnn", "thing", "uninstalled")
    saved = {"name": site.registry().component_id(site.registry().resolve("layers", "thing"))}
    for file in info.iterdir():
        file.unlink()
    info.rmdir()
    with pytest.raises(MissingPluginError, match="the distribution 'rnn' is not installed"):
        site.registry().get("layers", saved)


def test_refresh_and_the_functions_of_the_process(site):
    site.layer("rnn", "thing", "function_refresh")
    printed = site.run(
        """
        import os
        os.environ["NPDL_PLUGINS"] = ""
        from npdl_core import registry
        print("thing" in registry.names("layers"))
        os.environ["NPDL_PLUGINS"] = "rnn"
        registry.refresh()
        print("thing" in registry.names("layers"), registry.default().resolve("layers", "thing").__module__)
        print([plugin[:3] for plugin in registry.plugins() if plugin.state == "ok"])
        print(registry.check_plugin("rnn"))
        """
    )
    assert printed.splitlines() == ["False", "True function_refresh", "[('rnn', '1.0', 1)]", "[]"]
