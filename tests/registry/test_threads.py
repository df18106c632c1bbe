import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from npdl_core.errors import DuplicateNameError
from npdl_core.registry import table

COUNTING = """
    import time
    import thread_counter
    thread_counter.imports.append(__name__)
    time.sleep(0.05)
    class Thing:
        connect_to = forward = backward = print
"""


@pytest.fixture
def quick_switches():
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
