import pytest

from npdl_core import registry
from npdl_core.errors import MissingPluginError, PluginError, PluginVersionError

LAYER = "class Thing:\n    connect_to = forward = backward = print\n"


def states(registry):
    return {plugin.distribution: (plugin.state, plugin.error) for plugin in registry.plugins()}


def test_a_record_tells_what_a_distribution_provides(site, imported):
    site.distribution(
        "Rnn",
        {
            "npdl.v1.layers": "lstm = m:LSTM\ngru = m:GRU\n",
            "npdl.v1.hooks": {"h": "m"},
            "console_scripts": {"x": "y:z"},
        },
        version="1.2",
    )
    site.distribution("bystander", {"console_scripts": {"x": "y:z"}})
    (record,) = site.registry().plugins()
    assert record == ("rnn", "1.2", 1, {"layers": ("lstm", "gru"), "hooks": ("h",)}, "ok", "")


def test_states_in_the_order_of_their_weight(site, monkeypatch):
    site.layer("off", "dense", "state_off")
    site.distribution(
        "broken", {"npdl.v1.layers": "dense = a b c\nold = m:C", "npdl.v0.layers": "older = m:C"}
    )
    site.distribution("outdated", {"npdl.v2.layers": "x = m:C", "npdl.v3.layers": "y = m:C"})
    site.distribution("shadowed", {"npdl.v1.layers": {"dense": "m:C", "zig": "m:D"}})
    site.distribution("ambiguous", {"npdl.v1.layers": {"zig": "m:C"}})
    site.distribution("twice", {"npdl.v1.layers": "zag = m:C\nZAG = m:D"})
    monkeypatch.setenv("NPDL_DISABLE_PLUGINS", "off")
    found = states(site.registry())
    assert found["off"] == ("disabled", "NPDL_DISABLE_PLUGINS")
    assert found["broken"][0] == "broken"
    assert found["outdated"] == (
        "outdated",
        "outdated:x speaks version 2, not 1; outdated:y speaks version 3, not 1",
    )
    assert found["shadowed"] == ("shadowed", "shadowed:dense")
    assert found["ambiguous"] == ("ambiguous", "ambiguous:zig")
    assert found["twice"] == ("broken", "layer 'zag' is provided twice: m:C and m:D")


def test_a_plugin_is_broken_once_it_failed(site):
    site.distribution("sick", {"npdl.v1.layers": {"sick": "no_such_module:C"}})
    registry = site.registry()
    assert states(registry)["sick"] == ("ok", "")
    with pytest.raises(PluginError):
        registry.resolve("layers", "sick")
    state, error = states(registry)["sick"]
    assert state == "broken"
    assert "no_such_module" in error
    registry.refresh()
    assert states(registry)["sick"] == ("ok", "")


def test_what_was_registered_in_this_process_is_reported(site):
    site.layer("one", "zig", "report_one")
    registry = site.registry()
    own = type("Own", (), {"connect_to": print, "forward": print, "backward": print})
    registry.register("layers", "own", own)
    registry.register("layers", "extra", own, distribution="one")
    local, one = registry.plugins()
    assert local == ("local", "", 1, {"layers": ("own",)}, "ok", "")
    assert one.names == {"layers": ("zig", "extra")}


def test_checking_a_plugin_loads_all_of_it_and_returns_every_error(site, imported):
    site.module("check_good", LAYER)
    site.module("check_bad", "raise SystemExit")
    site.distribution(
        "mixed",
        {
            "npdl.v1.layers": "good = check_good:Thing\nbad = check_bad:X\nwrong = os:system\n"
            "twice = check_good:Thing\nTWICE = check_good:Other\nodd = a b",
            "npdl.v2.layers": "next = m:C",
            "npdl.v2.metrics": "bad = m:C",
        },
    )
    registry = site.registry()
    errors = registry.check_plugin("Mixed")
    assert imported("check_good")
    texts = [str(error) for error in errors]
    assert len(texts) == 7
    for part in (
        "odd = a b",
        "'twice' is provided twice",
        "'next'",
        "metric 'bad'",
        "SystemExit",
        "os:system",
        "Other",
    ):
        assert sum(part in text for text in texts) >= 1, part
    assert sum(isinstance(error, PluginVersionError) for error in errors) == 2


def test_checking_a_healthy_plugin_returns_nothing(site):
    site.layer("fine", "zig", "check_fine")
    assert site.registry().check_plugin("fine") == []


def test_what_cannot_be_checked(site, monkeypatch):
    site.layer("off", "zig", "check_off")
    site.distribution("bystander", text="")
    monkeypatch.setenv("NPDL_PLUGINS", "")
    registry = site.registry()
    for name in ("bystander", "no-such", "\x1b[31m"):
        with pytest.raises(MissingPluginError, match="not installed, or has no npdl entry points"):
            registry.check_plugin(name)
    with pytest.raises(MissingPluginError, match=r"off is not allowed.*NPDL_PLUGINS"):
        registry.check_plugin("off")


def test_the_functions_report_on_the_registry_of_the_process():
    registry.refresh()
    assert [plugin.distribution for plugin in registry.plugins()] == sorted(
        registry.default().catalogue.versions
    )
    with pytest.raises(MissingPluginError):
        registry.check_plugin("no-such-distribution")
