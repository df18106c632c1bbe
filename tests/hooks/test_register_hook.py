"""``npdl_register``: names that no entry point declares."""

import sys

import pytest

from npdl_core.errors import DuplicateNameError, PluginError, UnknownNameError
from npdl_core.hooks import PluginWarning, hookimpl
from npdl_core.registry import Registry

BOOKING = """
    from npdl_core.hooks import hookimpl
    calls = []
    class Thing:
        connect_to = forward = backward = print
    class Other:
        connect_to = forward = backward = print
    @hookimpl
    def npdl_register(registry):
        calls.append(registry)
        ids.append(registry.register("layers", "booked", Thing))
        {then}
    @hookimpl
    def npdl_fit_start(model):
        return "fit"
    ids = []
"""


def booking(site, module, then="pass", distribution="Booking_Dist"):
    site.module(module, BOOKING.format(then=then))
    site.distribution(distribution, {"npdl.v1.hooks": {"main": module}}, version="3.1")
    return site.registry()


def test_names_are_booked_for_the_distribution_at_the_first_foreign_look_up(site, imported):
    registry = booking(site, "booking_one")
    registry.resolve("layers", "dense")
    assert "booked" not in registry.names("layers")
    assert not imported("booking_one")
    cls = registry.resolve("layers", "booked")
    module = sys.modules["booking_one"]
    assert cls is module.Thing is registry.resolve("layers", "booking-dist:booked")
    assert registry.component_id(cls) == module.ids[0] == "booking-dist:booked"
    assert "booked" in registry.names("layers")
    assert len(module.calls) == 1


@pytest.mark.parametrize(
    "look_up",
    [
        lambda registry: registry.providers("layers", "booked") == ["booking-dist:booked"],
        lambda registry: registry.component_id(__import__("booking_each").Thing) == "booking-dist:booked",
        lambda registry: registry.canonical_name("layers", "booked") == "booked",
    ],
)
def test_every_look_up_comes_after_the_hooks(site, look_up):
    assert look_up(booking(site, "booking_each"))


def test_a_hook_that_only_listens_registers_nothing(site):
    site.module(
        "listening", "from npdl_core.hooks import hookimpl\n@hookimpl\ndef npdl_fit_start(): return 1"
    )
    site.distribution("listener", {"npdl.v1.hooks": {"main": "listening"}})
    with pytest.raises(UnknownNameError):
        site.registry().resolve("layers", "booked")


@pytest.mark.parametrize(
    ("then", "text"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("raise BaseException", "BaseException"),
        ("registry.register('layers', 'dense', Thing)", "DuplicateNameError: 'dense' is core's name"),
        (
            "registry.register('layers', 'Booked', Other)",
            "DuplicateNameError: booking-dist:booked is registered",
        ),
        ("registry.register('layers', 'wrong', int)", "ConfigError: .*connect_to"),
        ("registry.register('layer', 'wrong', Thing)", "ConfigError: .*unknown kind"),
    ],
)
def test_a_failure_takes_back_all_that_was_registered_and_the_plugin(site, then, text):
    registry = booking(site, "booking_sick", then)
    site.layer("healthy", "healthy", "beside_booking")
    with pytest.warns(PluginWarning, match=rf"booking-dist 3\.1.*raised in npdl_register: .*{text}"):
        assert registry.resolve("layers", "healthy")
    for spec in ("booked", "booking-dist:booked"):
        with pytest.raises(UnknownNameError):
            registry.resolve("layers", spec)
    assert registry.registered() == []
    assert registry.hooks.call("npdl_fit_start", model=1) == []
    (problem,) = registry.hooks.problems()
    assert problem.plugin == "booking-dist:main"
    record = {plugin.distribution: plugin for plugin in registry.plugins()}["booking-dist"]
    assert record.state == "broken"
    assert "npdl_register" in record.error
    assert len(sys.modules["booking_sick"].calls) == 1


def test_strict_raises_and_still_takes_back(site, monkeypatch):
    registry = booking(site, "booking_strict", "1 / 0")
    monkeypatch.setenv("NPDL_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="raised in npdl_register") as caught:
        registry.resolve("layers", "booked")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert registry.registered() == []


def test_ctrl_c_while_registering_passes(site):
    registry = booking(site, "booking_interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        registry.resolve("layers", "booked")


def test_registering_the_same_object_twice_is_fine(site):
    registry = booking(site, "booking_twice", "registry.register('layers', 'BOOKED', Thing)")
    assert registry.resolve("layers", "booked")


def test_a_failure_leaves_what_others_registered_before(site):
    registry = booking(site, "booking_late_failure", "registry.register('layers', 'zig', Other); 1 / 0")
    site.layer("one", "zag", "before_failure")
    own = type("Own", (), {"connect_to": print, "forward": print, "backward": print})
    registry.register("layers", "booked", own)
    with pytest.warns(PluginWarning):
        assert registry.resolve("layers", "booked") is own


def test_a_failure_leaves_what_was_registered_for_its_distribution_before(site):
    registry = booking(site, "booking_again", "1 / 0")
    import booking_again

    registry.register("layers", "booked", booking_again.Thing, distribution="booking-dist")
    with pytest.warns(PluginWarning):
        assert registry.resolve("layers", "booked") is booking_again.Thing


def test_a_hook_can_look_names_up_while_it_registers(site):
    registry = booking(site, "booking_looks", "calls.append(lookup.resolve('layers', 'zag'))")
    site.layer("one", "zag", "looked_up_while_booking")
    sys.modules.pop("booking_looks", None)
    import booking_looks

    booking_looks.lookup = registry
    assert registry.resolve("layers", "booked") is booking_looks.Thing
    assert booking_looks.calls[-1] is registry.resolve("layers", "zag")


class Local:
    connect_to = forward = backward = print


class LocalPlugin:
    calls = 0

    @hookimpl
    def npdl_register(self, registry):
        self.calls += 1
        registry.register("layers", "from_plugin", Local)


@pytest.mark.parametrize("looked_before", [True, False])
def test_a_plugin_of_this_process_registers_local_names_once(looked_before):
    registry, plugin = Registry(path=[]), LocalPlugin()
    if looked_before:
        with pytest.raises(UnknownNameError):
            registry.resolve("layers", "from_plugin")
    registry.hooks.register(plugin)
    for _ in range(2):
        assert registry.component_id(registry.resolve("layers", "from_plugin")) == "local:from_plugin"
    assert plugin.calls == 1


def test_removing_a_plugin_takes_its_names_along():
    registry, plugin = Registry(path=[]), LocalPlugin()
    registry.hooks.register(plugin)
    registry.resolve("layers", "from_plugin")
    registry.hooks.unregister(plugin)
    with pytest.raises(UnknownNameError):
        registry.resolve("layers", "from_plugin")
    registry.hooks.register(plugin, "unused")
    registry.hooks.unregister("unused")
    with pytest.raises(UnknownNameError):
        registry.resolve("layers", "from_plugin")


def test_a_refresh_registers_anew(site):
    registry = booking(site, "booking_refresh")
    first = registry.resolve("layers", "booked")
    registry.refresh()
    assert registry.resolve("layers", "booked") is first
    assert len(sys.modules["booking_refresh"].calls) == 2


def test_a_name_that_the_user_took_away_is_not_missed_on_removal():
    registry, plugin = Registry(path=[]), LocalPlugin()
    registry.hooks.register(plugin)
    registry.resolve("layers", "from_plugin")
    registry.unregister("layers", "from_plugin")
    registry.hooks.unregister(plugin)
    with pytest.raises(UnknownNameError):
        registry.resolve("layers", "from_plugin")


def test_checking_a_plugin_tries_its_hooks_and_takes_nothing_in(site, imported):
    registry = booking(site, "booking_checked")
    assert registry.check_plugin("booking-dist") == []
    assert imported("booking_checked")
    assert registry.registered() == []
    assert registry.resolve("layers", "booked")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("import absent_dependency", "absent_dependency"),
        ("x = 1", "implements no hook"),
        (BOOKING.format(then="1 / 0"), "raised in npdl_register"),
    ],
)
def test_checking_a_sick_plugin_returns_the_error(site, body, text):
    site.module("booking_check_sick", body)
    site.distribution("sick", {"npdl.v1.hooks": {"main": "booking_check_sick"}})
    registry = site.registry()
    (error,) = registry.check_plugin("sick")
    assert text in str(error)
    assert not isinstance(error, DuplicateNameError)
