"""Plugins with hooks that distributions name: each is taken in whole or left out whole."""

import subprocess
import sys
import warnings

import pytest

from npdl_core.errors import PluginError, PluginVersionError
from npdl_core.hooks import PluginWarning

RECORDER = """
    from npdl_core.hooks import hookimpl
    seen = []
    @hookimpl
    def npdl_fit_start(model):
        seen.append(model)
        return __name__
    @hookimpl
    def npdl_epoch_end(logs, epoch):
        seen.append((epoch, logs))
"""


def recorder(site, distribution, module, body=RECORDER):
    """Write a distribution whose module is a plugin."""
    site.module(module, body)
    return site.distribution(distribution, {"npdl.v1.hooks": {"main": module}}, version="3.1")


def test_a_module_is_a_plugin_and_takes_the_arguments_it_names(site):
    recorder(site, "good", "recorder_one")
    hooks = site.registry().hooks
    assert hooks.active("npdl_fit_start")
    assert not hooks.active("npdl_fit_end")
    assert hooks.call("npdl_fit_start", model="m") == ["recorder_one"]
    assert hooks.call("npdl_epoch_end", model="m", epoch=3, logs={}) == []
    assert sys.modules["recorder_one"].seen == ["m", (3, {})]
    assert hooks.problems() == []


def test_an_object_is_a_plugin(site):
    site.module(
        "recorder_object",
        """
        from npdl_core.hooks import hookimpl
        class Recorder:
            @hookimpl
            def npdl_fit_end(self, error):
                return self, error
        class holder:
            plugin = Recorder()
        """,
    )
    site.distribution("good", {"npdl.v1.hooks": {"main": "recorder_object:holder.plugin"}})
    hooks = site.registry().hooks
    ((plugin, error),) = hooks.call("npdl_fit_end", model=None, error="e")
    assert type(plugin).__name__ == "Recorder"
    assert error == "e"


SICK = {
    "import": "import no_such_module_at_all",
    "exit": "raise SystemExit('bye')",
    "base": "raise BaseException('odd')",
    "no hook": "def npdl_fit_start(model): pass",
    "unknown argument": "@hookimpl\ndef npdl_epoch_end(epoch, weather): pass",
    "misspelt": "@hookimpl\ndef npdl_epok_end(epoch): pass",
    "wrapper": "@hookimpl(wrapper=True)\ndef npdl_fit_start(model): pass",
}
GOOD_AND = "from npdl_core.hooks import hookimpl\n@hookimpl\ndef npdl_batch_end(step): pass\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("import", "No module named 'no_such_module_at_all'"),
        ("exit", "SystemExit: bye"),
        ("base", "BaseException: odd"),
        ("no hook", "mark its functions with npdl_core.hooks.hookimpl"),
        ("unknown argument", "weather"),
        ("misspelt", "npdl_epok_end"),
        ("wrapper", "generator"),
    ],
)
def test_a_sick_plugin_is_left_out_whole_and_the_others_run(site, name, text):
    body = SICK[name] if name in ("import", "exit", "base", "no hook") else GOOD_AND + SICK[name]
    recorder(site, "a-sick", "sick_hooks", body)
    recorder(site, "b-good", "recorder_beside")
    hooks = site.registry().hooks
    with pytest.warns(PluginWarning, match=r"a-sick 3\.1: hook 'main' \(sick_hooks\)") as caught:
        assert hooks.call("npdl_fit_start", model=1) == ["recorder_beside"]
    assert len(caught) == 1
    assert not hooks.active("npdl_batch_end")
    (problem,) = hooks.problems()
    assert problem[:4] == ("a-sick:main", "a-sick", "3.1", "sick_hooks")
    assert text in str(problem.error)
    assert str(problem.error).isprintable()


def test_what_does_not_fit_is_told_what_would(site):
    recorder(site, "sick", "sick_signature", GOOD_AND + SICK["unknown argument"])
    hooks = site.registry().hooks
    with pytest.warns(PluginWarning):
        hooks.load()
    assert "npdl_epoch_end(model, epoch, logs)" in str(hooks.problems()[0].error)


def test_a_warning_comes_once(site):
    recorder(site, "sick", "sick_once", SICK["import"])
    registry = site.registry()
    with pytest.warns(PluginWarning):
        registry.hooks.active("npdl_fit_start")
    registry.hooks.active("npdl_fit_start")
    registry.hooks.announce()
    registry.names("layers")


def test_a_warning_that_is_an_error_leaves_all_in_order(site):
    recorder(site, "a-sick", "sick_strictly", SICK["import"])
    recorder(site, "b-good", "recorder_strictly")
    hooks = site.registry().hooks
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PluginWarning):
            hooks.call("npdl_fit_start", model=1)
        assert hooks.call("npdl_fit_start", model=1) == ["recorder_strictly"]
    assert len(hooks.problems()) == 1


def test_strict_raises_every_time(site, monkeypatch):
    recorder(site, "a-good", "recorder_strict")
    recorder(site, "b-sick", "sick_strict", SICK["import"])
    monkeypatch.setenv("NPDL_STRICT_PLUGINS", "1")
    hooks = site.registry().hooks
    for _ in range(2):
        with pytest.raises(PluginError, match=r"b-sick 3\.1.*no_such_module_at_all") as caught:
            hooks.call("npdl_fit_start", model=1)
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    monkeypatch.setenv("NPDL_STRICT_PLUGINS", "0")
    with pytest.warns(PluginWarning):
        assert hooks.call("npdl_fit_start", model=1) == ["recorder_strict"]


def test_a_plugin_under_two_names_runs_once(site):
    site.module("recorder_twice", RECORDER)
    site.distribution("good", {"npdl.v1.hooks": {"main": "recorder_twice", "again": "recorder_twice"}})
    hooks = site.registry().hooks
    with pytest.warns(PluginWarning, match="'again'.* is a plugin already, under another name"):
        assert hooks.call("npdl_fit_start", model=1) == ["recorder_twice"]


def test_a_plugin_for_another_version_is_named_and_not_imported(site, imported):
    site.module("future", "raise SystemExit")
    site.distribution("future-dist", {"npdl.v2.hooks": {"main": "future"}}, version="3.1")
    site.distribution(
        "both", {"npdl.v2.hooks": {"main": "future"}, "npdl.v1.hooks": {"main": "recorder_both"}}
    )
    site.module("recorder_both", RECORDER)
    registry = site.registry()
    hooks = registry.hooks
    with pytest.warns(
        PluginWarning, match=r"future-dist 3\.1.*version 2 of the plugin interface.*speaks 1"
    ) as caught:
        assert hooks.call("npdl_fit_start", model=1) == ["recorder_both"]
    assert len(caught) == 1
    assert isinstance(hooks.problems()[0].error, PluginVersionError)
    assert {plugin.distribution: plugin.state for plugin in registry.plugins()}["future-dist"] == "outdated"
    assert not imported("future")


@pytest.mark.parametrize(("variable", "value"), [("NPDL_PLUGINS", "other"), ("NPDL_DISABLE_PLUGINS", "good")])
def test_an_excluded_plugin_is_neither_imported_nor_a_problem(site, monkeypatch, imported, variable, value):
    recorder(site, "good", "recorder_excluded")
    site.distribution("good-old", {"npdl.v0.hooks": {"main": "x"}})
    monkeypatch.setenv(variable, f"{value},good-old" if "DISABLE" in variable else value)
    hooks = site.registry().hooks
    assert hooks.call("npdl_fit_start", model=1) == []
    assert hooks.problems() == []
    assert not imported("recorder_excluded")


def test_a_refresh_finds_new_plugins_and_drops_old_ones(site):
    info = recorder(site, "old", "recorder_old")
    registry = site.registry()
    assert registry.hooks.call("npdl_fit_start", model=1) == ["recorder_old"]
    (info / "entry_points.txt").write_text("")
    file = site.module("recorder_new", "import absent")
    site.distribution("new", {"npdl.v1.hooks": {"main": "recorder_new"}})
    registry.refresh()
    with pytest.warns(PluginWarning, match="absent"):
        assert registry.hooks.call("npdl_fit_start", model=1) == []
    site.module(file.stem, RECORDER)
    registry.refresh()
    assert registry.hooks.call("npdl_fit_start", model=1) == ["recorder_new"]
    assert registry.hooks.problems() == []


def test_a_refresh_keeps_the_plugins_of_this_process(site):
    from npdl_core.hooks import hookimpl

    class Own:
        @hookimpl
        def npdl_fit_start(self, model):
            return "own"

    registry = site.registry()
    registry.hooks.register(Own())
    registry.refresh()
    assert registry.hooks.call("npdl_fit_start", model=1) == ["own"]


def test_nothing_is_imported_where_no_plugin_has_hooks(site):
    site.layer("one", "zig", "hookless")
    printed = site.run(
        """
        import os, sys
        os.environ["NPDL_PLUGINS"] = "one"
        from npdl_core import hooks, registry
        print(hooks.active("npdl_batch_end"), hooks.call("npdl_batch_end", model=None, step=1, logs={}))
        print(hooks.problems(), "pluggy" in sys.modules, "hookless" in sys.modules)
        """
    )
    assert printed.splitlines() == ["False []", "[] False False"]


def test_a_plugin_whose_module_looks_names_up_while_it_is_imported(site):
    """First through the registry, then when its own module is imported first."""
    body = """
        from npdl_core import registry
        from npdl_core.hooks import hookimpl
        found = "late" in registry.names("layers"), registry.default().hooks.active("npdl_fit_start")
        try:
            registry.resolve("layers", "booked")
        except KeyError:
            found += (None,)
        helper = registry.resolve("layers", "helper")
        @hookimpl
        def npdl_register(registry):
            registry.register("layers", "booked", helper)
        @hookimpl
        def npdl_fit_start(model):
            return "hook"
        """
    recorder(site, "one", "looking_up", body)
    site.layer("two", "helper", "looked_up")
    for first in ("import npdl_core", "import looking_up"):
        printed = site.run(
            f"""
            import os
            os.environ["NPDL_PLUGINS"] = "one,two"
            {first}
            from npdl_core import hooks, registry
            print(registry.resolve("layers", "booked").__name__, hooks.call("npdl_fit_start", model=1))
            import looking_up
            print(looking_up.found, hooks.problems())
            """,
            "-W",
            "error",
        )
        assert printed.splitlines() == ["Thing ['hook']", "(False, False, None) []"]


def test_the_marker_is_made_when_it_is_asked_for(site):
    printed = site.run(
        """
        import sys
        from npdl_core import hooks
        print("pluggy" in sys.modules, "hookimpl" in vars(hooks))
        from npdl_core.hooks import hookimpl
        print(hookimpl is hooks.hookimpl, hookimpl.project_name)
        print(hasattr(hooks, "no_such_attribute"))
        """
    )
    assert printed.splitlines() == ["False False", "True npdl", "False"]


def test_a_warning_is_seen_by_a_plain_program(site):
    recorder(site, "sick", "sick_program", SICK["misspelt"].replace("@hookimpl", GOOD_AND + "@hookimpl"))
    code = "from npdl_core import hooks; print([hooks.active('npdl_fit_start') for _ in range(2)])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{site.path}:{':'.join(sys.path)}", "NPDL_PLUGINS": "sick"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[False, False]"
    assert done.stderr.count("npdl_epok_end") >= 1
    assert done.stderr.count("PluginWarning: ") == 1


def test_hooks_wait_until_the_module_of_a_plugin_is_complete(site):
    site.module("holder", "registry = None")
    recorder(
        site,
        "one",
        "incomplete",
        """
        from holder import registry
        from npdl_core.hooks import hookimpl
        early = registry.hooks.active("npdl_fit_start")
        @hookimpl
        def npdl_fit_start(model):
            return "hook"
        """,
    )
    import holder

    holder.registry = site.registry()
    import incomplete

    assert not incomplete.early
    assert holder.registry.hooks.active("npdl_fit_start")
