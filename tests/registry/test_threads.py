import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import pytest

from npdl_core.errors import DuplicateNameError, PluginError, UnknownNameError
from npdl_core.registry import loading, table

COUNTING = """
    import time
    import thread_counter
    thread_counter.imports.append(__name__)
    time.sleep(0.05)
    class Thing:
        connect_to = forward = backward = print
"""


@pytest.fixture
def quick_switches(site):
    # At the first file that it meets after a change of sys.path, coverage looks at the path anew, and removes from
    # sys.modules what other threads import in the meantime. So it meets one before there are threads.
    site.module("met_first")
    import_module("met_first")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_sixteen_threads(work):
    """Run ``work(number)`` in sixteen threads that start together, and return the results."""
    barrier = threading.Barrier(16)

    def run(number):
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(run, range(16)))


def test_first_look_ups_scan_once_and_import_once(site, monkeypatch, quick_switches):
    scans = []

    def counting(path, original=table.discover):
        scans.append(path)
        return original(path)

    monkeypatch.setattr(table, "discover", counting)
    site.module("thread_counter", "imports = []")
    site.module("threaded", COUNTING)
    points = {f"name_{number}": "threaded:Thing" for number in range(8)}
    site.distribution("one", {"npdl.v1.layers": points})
    registry = site.registry()
    classes = in_sixteen_threads(lambda number: registry.resolve("layers", f"name_{number % 8}"))
    assert len(set(classes)) == 1
    assert len(scans) == 1
    assert sys.modules["thread_counter"].imports == ["threaded"]


def test_sixteen_threads_and_two_hundred_distributions(site, monkeypatch, quick_switches):
    scans = []

    def counting(path, original=table.discover):
        scans.append(path)
        return original(path)

    monkeypatch.setattr(table, "discover", counting)
    for number in range(200):
        site.layer(f"dist-{number}", f"layer_{number}", f"crowd_{number}", f"Layer{number}")
    imports = []

    def noted(name, original=loading.import_module):
        imports.append(name)
        return original(name)

    monkeypatch.setattr(loading, "import_module", noted)
    registry = site.registry()
    classes = in_sixteen_threads(lambda number: registry.resolve("layers", f"layer_{number * 12}"))
    assert [cls.__name__ for cls in classes] == [f"Layer{number * 12}" for number in range(16)]
    assert len(scans) == 1
    assert sorted(imports) == sorted(f"crowd_{number * 12}" for number in range(16))


def test_hooks_register_once_before_any_look_up_is_answered(site, quick_switches):
    site.module("thread_counter", "imports = []\ncalls = []")
    site.module("threaded_hooks", COUNTING + """
    from npdl_core.hooks import hookimpl
    @hookimpl
    def npdl_register(registry):
        thread_counter.calls.append(1)
        time.sleep(0.05)
        registry.register("layers", "booked", Thing)
    """)  # fmt: skip
    site.distribution("one", {"npdl.v1.hooks": {"h": "threaded_hooks"}})
    registry = site.registry()
    classes = in_sixteen_threads(lambda number: registry.resolve("layers", "booked"))
    counter = sys.modules["thread_counter"]
    assert len(set(classes)) == 1
    assert (counter.imports, counter.calls) == (["threaded_hooks"], [1])


def test_a_sick_plugin_is_warned_about_once(site, monkeypatch, quick_switches):
    said = []
    monkeypatch.setattr("npdl_core.hooks.plugins.warnings.warn", lambda text, *_, **__: said.append(text))
    site.module("slowly_sick", "import time\ntime.sleep(0.05)\nimport absent_dependency")
    site.distribution("sick", {"npdl.v1.hooks": {"h": "slowly_sick"}})
    hooks = site.registry().hooks
    in_sixteen_threads(lambda number: hooks.active("npdl_fit_start"))
    assert len(said) == len(hooks.problems()) == 1


def test_one_of_sixteen_registrations_of_one_name_wins(site, quick_switches):
    registry = site.registry()
    classes = [type("Own", (), {"connect_to": print, "forward": print, "backward": print}) for _ in range(16)]

    def book(number):
        try:
            registry.register("layers", "own", classes[number])
        except DuplicateNameError:
            return None
        return classes[number]

    winners = [cls for cls in in_sixteen_threads(book) if cls is not None]
    assert winners == [registry.resolve("layers", "own")]


def test_a_slow_import_holds_up_only_who_asks_for_it(site):
    site.module("gate", "import threading\nentered, opened = threading.Event(), threading.Event()")
    site.module(
        "slow_to_import",
        """
        import gate
        gate.entered.set()
        if not gate.opened.wait(60):
            raise TimeoutError
        class Thing:
            connect_to = forward = backward = print
        """,
    )
    site.distribution("slow", {"npdl.v1.layers": {"slow": "slow_to_import:Thing"}})
    site.layer("fast", "fast", "quick_to_import")
    registry = site.registry()
    import gate

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(registry.resolve, "layers", "slow")
        try:
            assert gate.entered.wait(60)
            assert registry.get("layers", "fast").n_out == 1
            assert registry.get("layers", "dense", n_out=2)
            assert "slow" in registry.names("layers")
            assert [plugin.state for plugin in registry.plugins()] == ["ok", "ok"]
            assert registry.component_id(registry.resolve("layers", "fast")) == "fast:fast"
            with pytest.raises(UnknownNameError, match="'slow'"):
                registry.resolve("layers", "slowly")
            registry.register("layers", "mine", registry.resolve("layers", "fast"))
            assert not waiting.done()
        finally:
            gate.opened.set()
        assert waiting.result(60).__module__ == "slow_to_import"


def test_a_plugin_that_exits_ends_no_other_threads_look_up(site, quick_switches):
    site.module("exits_at_import", "import time\ntime.sleep(0.02)\nraise SystemExit(3)")
    site.distribution("exits", {"npdl.v1.layers": {"exits": "exits_at_import:Thing"}})
    site.layer("healthy", "healthy", "beside_the_exit")
    registry = site.registry()

    def look_up(number):
        try:
            return registry.resolve("layers", "exits" if number % 2 else "healthy").__module__
        except PluginError as error:
            return str(error)

    answers = in_sixteen_threads(look_up)
    assert set(answers[::2]) == {"beside_the_exit"}
    assert len(set(answers[1::2])) == 1
    assert "exits 1.0: layer 'exits' (exits_at_import:Thing) cannot be loaded: SystemExit: 3" in answers[1]
