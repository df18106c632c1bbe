"""What the properties are made of: messages, comparisons, snapshots, the audit hook."""

import collections
import glob
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pytest

from npdl_core.errors import ConfigError, ConformanceError, MissingDependencyError
from npdl_core.layers import Dense
from npdl_core.testing.arrays import LAYOUTS, as_list, laid_out, like, read_only, unit_entries
from npdl_core.testing.audit import _WATCH, NETWORK, _hook, forbidden, judge
from npdl_core.testing.domains import DOMAINS, domain
from npdl_core.testing.outcome import (
    Subject,
    check_skipped,
    fail,
    require,
    require_close,
    require_same,
    run,
)
from npdl_core.testing.snapshot import arrays_in, changes, global_random_state, snapshot

# -- outcome -------------------------------------------------------------------------------------------------


def holds(subject):
    subject.note(seed=1, input_shape=(2, 3))


def does_not_hold(subject):
    subject.note(seed=7, input_shape=(2, 3), mask=None)
    fail("it is wrong", 1, 2)


def raises(subject):
    raise KeyError("gone")


def warns(subject):
    np.log(np.zeros(1))


def lacks_a_package(subject):
    raise MissingDependencyError("pip install something")


def test_names_of_what_holds():
    assert run(Subject("thing"), [holds]) == ("holds",)
    assert run(Subject("thing"), [holds, does_not_hold], skip=["does_not_hold"]) == ("holds",)


def test_a_message_has_everything():
    with pytest.raises(ConformanceError) as caught:
        run(Subject("layer thing"), [holds, does_not_hold])
    assert str(caught.value).splitlines() == [
        "layer thing: property 'does_not_hold' does not hold: it is wrong",
        "  seed: 7, input shape: (2, 3)",
        "  expected: 1",
        "  got: 2",
    ]
    assert caught.value.property_name == "does_not_hold"
    assert caught.value.__cause__ is None


def test_the_propertys_sentence_is_what_was_expected_where_nothing_else_is_said():
    def is_quiet(subject):
        """It says nothing."""
        raise KeyError("noise")

    def is_there(subject):
        """It is there."""
        require(False, "it is not there")

    for check, got in ((is_quiet, "raised KeyError: 'noise'"), (is_there, "it is not there")):
        with pytest.raises(ConformanceError) as caught:
            run(Subject("thing"), [check])
        assert str(caught.value).splitlines()[1:] == [f"  expected: {check.__doc__}", f"  got: {got}"]


def test_facts_of_an_earlier_property_are_forgotten():
    with pytest.raises(ConformanceError) as caught:
        run(Subject("thing"), [holds, raises])
    assert str(caught.value) == "thing: property 'raises' does not hold: raised KeyError: 'gone'"
    assert isinstance(caught.value.__cause__, KeyError)


def test_warnings_of_numpy_are_failures():
    with pytest.raises(ConformanceError, match="divide by zero"):
        run(Subject("thing"), [warns])


def test_a_missing_package_is_no_failure_of_the_component():
    with pytest.raises(MissingDependencyError):
        run(Subject("thing"), [lacks_a_package])


def test_untrusted_text_is_escaped():
    def shows(subject):
        fail("wrong", "\x1b[31m", "x" * 10_000)

    with pytest.raises(ConformanceError) as caught:
        run(Subject("thing"), [shows])
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_misspelt_skips_are_refused():
    check_skipped(["holds"], [holds, raises])
    with pytest.raises(ConfigError, match=r"hold_s.*there are holds, raises"):
        check_skipped(["hold_s"], [holds, raises])


def test_require():
    require(True, "fine")
    with pytest.raises(ConformanceError, match="not fine"):
        require(0, "not fine")


@pytest.mark.parametrize(
    ("got", "expected", "message"),
    [
        (np.zeros(3), np.zeros(2), "another shape"),
        (np.zeros(2, "float32"), np.zeros(2), "another dtype"),
        (np.array([0.0, 1.0]), np.array([0.0, 1.0 + 1e-15]), r"at \[1\]"),
        (np.array([0.0]), np.array([-0.0]), "to the last bit"),
        (np.array(0.0), np.array(-0.0), "to the last bit"),
    ],
)
def test_require_same(got, expected, message):
    require_same(expected, expected.copy(), "it differs")
    with pytest.raises(ConformanceError, match=message):
        require_same(got, expected, "it differs")


def test_nan_is_the_same_as_itself():
    require_same(np.array([np.nan]), np.array([np.nan]), "it differs")
    require_close(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]), "it differs")


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.1]),
        ([1.0, np.nan], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, np.nan]),
        ([np.inf], [-np.inf]),
        ([np.inf], [1.0]),
        ([1.0], [1.0, 2.0]),
    ],
)
def test_require_close(got, expected):
    with pytest.raises(ConformanceError):
        require_close(np.array(got), np.array(expected), "it differs")


def test_closeness_is_relative_to_the_largest():
    require_close([1e6, 1.00001], [1e6, 1.0], "it differs", 1e-10)
    with pytest.raises(ConformanceError):
        require_close([1.0, 1.00001], [1.0, 1.0], "it differs", 1e-10)
    require_close(np.zeros((0, 2)), np.zeros((0, 2)), "it differs")


# -- arrays --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_have_equal_numbers(name):
    for shape in ((3, 4), (5,), (0, 3), (2, 3, 4)):
        array = np.random.default_rng(0).normal(0, 1, shape).astype("float32")
        moved = LAYOUTS[name](array)
        np.testing.assert_array_equal(moved, array)
        assert moved.dtype == array.dtype
    assert not LAYOUTS[name](np.ones((3, 4))).flags.c_contiguous


def test_single_numbers_have_one_layout():
    assert [arrays[0].ndim for _, arrays in laid_out([np.array(1.0)])] == [0, 0, 0]


def test_unit_entries_are_bounded_away_from_zero():
    entries = unit_entries(np.random.default_rng(0), (1000,))
    assert np.abs(entries).min() >= 0.5
    assert np.abs(entries).max() <= 1
    assert 400 < (entries > 0).sum() < 600


def test_read_only_copies():
    array = np.ones(2)
    copy = read_only(array)
    with pytest.raises(ValueError, match="read-only"):
        copy[0] = 2
    array[0] = 2
    assert copy[0] == 1


def test_lists_and_what_is_none():
    assert as_list((1, 2)) == [1, 2]
    assert as_list(1) == [1]
    assert like([1], None) == 1
    assert like([1], [0]) == [1]


@pytest.mark.parametrize("name", DOMAINS)
def test_domains(name):
    drawn = domain(name)(np.random.default_rng(0), (50, 3))
    assert drawn.shape == ((50,) if name == "ids" else (50, 3))
    facts = {
        "probabilities": np.allclose(np.sum(drawn, axis=-1), 1),
        "unit": ((drawn > 0) & (drawn < 1)).all(),
        "real": (drawn < 0).any() and (drawn > 1).any(),
        "positive": (drawn > 0).all(),
        "binary": set(np.unique(drawn)) == {0, 1},
        "signs": set(np.unique(drawn)) == {-1, 1},
        "one_hot": (np.sum(drawn, axis=-1) == 1).all() and set(np.unique(drawn)) == {0, 1},
        "ids": set(np.unique(drawn)) == {0, 1, 2},
    }
    assert facts[name]


def test_unknown_domains():
    with pytest.raises(ConfigError, match="probabilities"):
        domain("integers")
    assert domain(len) is len


# -- snapshots -----------------------------------------------------------------------------------------------


class Slotted:
    __slots__ = ("missing", "value")

    def __init__(self):
        self.value = [1]


class OneSlot:
    __slots__ = "value"  # as a string, which Python allows

    def __init__(self):
        self.value = 1


class Thing:
    def __init__(self):
        self.number = 1
        self.text = "x"
        self.nothing = None
        self.real = 0.0
        self.array = np.zeros(3)
        self.scalar = np.float32(1)
        self.nested = {"a": [np.zeros(2), {"b": (1, 2)}], 3: {4, 5}}
        self.slotted = Slotted()
        self.one_slot = OneSlot()
        self.rng = np.random.default_rng(0)
        self.count = itertools.count()
        self.queue = collections.deque([1])
        self.function = len
        self.lock = threading.Lock()
        self.itself = self
        self.shape = (1, 2)


WRITES = {
    ".number": lambda t: setattr(t, "number", 2),
    ".text": lambda t: setattr(t, "text", "y"),
    ".nothing": lambda t: setattr(t, "nothing", 0),
    ".real": lambda t: setattr(t, "real", -0.0),
    ".array": lambda t: t.array.__setitem__(0, 1e-300),
    ".scalar": lambda t: setattr(t, "scalar", np.float32(2)),
    ".nested['a'][0]": lambda t: t.nested["a"][0].__setitem__(0, 1),
    ".nested['a'][1]['b'][1]": lambda t: t.nested["a"][1].__setitem__("b", (1, 3)),
    ".nested['a']": lambda t: t.nested["a"].append(1),
    ".nested": lambda t: t.nested.__setitem__("new", 1),
    ".nested[3]": lambda t: t.nested[3].add(6),
    ".slotted.value[0]": lambda t: t.slotted.value.__setitem__(0, 2),
    ".slotted.missing": lambda t: setattr(t.slotted, "missing", 2),
    ".one_slot.value": lambda t: setattr(t.one_slot, "value", 2),
    ".rng": lambda t: t.rng.random(),
    ".count": lambda t: next(t.count),
    ".queue": lambda t: t.queue.append(2),
    ".function": lambda t: setattr(t, "function", max),
    ".lock": lambda t: setattr(t, "lock", threading.Lock()),
    ".shape[1]": lambda t: setattr(t, "shape", (1, 3)),
    ".new": lambda t: setattr(t, "new", 1),
}


@pytest.mark.parametrize("path", WRITES)
def test_every_write_is_seen(path):
    thing = Thing()
    before = snapshot(thing)
    assert changes(before, snapshot(thing)) == []
    WRITES[path](thing)
    assert path in changes(before, snapshot(thing))


def test_an_equal_array_in_its_place_is_a_write():
    thing = Thing()
    before = snapshot(thing)
    thing.array = thing.array.copy()
    assert changes(before, snapshot(thing)) == [".array"]


def test_the_object_itself():
    assert changes(snapshot(1), snapshot(2)) == ["the object"]


def test_arrays_are_found_wherever_they_are():
    layer = Dense(2).connect((None, 3))
    found = arrays_in(layer)
    assert any(array is layer.W for array in found.values())
    assert any(array is layer.dW for array in found.values())
    assert set(arrays_in(Thing())) == {".array", ".nested['a'][0]"}


def test_global_random_state():
    before = global_random_state()
    assert global_random_state() == before
    np.random.random()  # noqa: NPY002  what is to be noticed
    assert global_random_state() != before


# -- the audit hook ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "work",
    [
        lambda: open(os.devnull).close(),
        lambda: os.listdir("."),
        lambda: os.mkdir("never"),
        lambda: shutil.copytree("never", "ever"),
        lambda: tempfile.mkdtemp(),
        lambda: glob.glob("*"),
        lambda: subprocess.Popen(["true"]),
        lambda: __import__("never_heard_of"),
        lambda: __import__("never.heard"),
    ],
)
def test_what_is_forbidden(work, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with forbidden() as tried, pytest.raises(ConformanceError, match="may only compute"):
        work()
    assert len(tried) == 1
    assert os.listdir(tmp_path) == []  # and nothing is forbidden any more


def test_what_is_allowed():
    with forbidden(packages=["never_heard_of"]) as tried:
        import json.tool  # noqa: F401  the standard library may load at first use

        __import__("numpy.polynomial")
        with pytest.raises(ModuleNotFoundError):
            __import__("never_heard_of")
        np.random.default_rng(0).normal(0, 1, 3)
        compile("1 + 1", "x", "eval")
    assert tried == []


def test_other_threads_are_not_affected():
    done, go = [], threading.Event()

    def work():
        go.wait()
        done.append(len(os.listdir(".")))

    thread = threading.Thread(target=work)
    thread.start()
    with forbidden():
        go.set()
        thread.join()
    assert len(done) == 1


def test_network_only():
    with forbidden(NETWORK, packages=None) as tried:
        assert os.listdir(".") is not None
        with pytest.raises(ModuleNotFoundError):
            __import__("never_heard_of")
        with pytest.raises(ConformanceError):
            subprocess.Popen(["true"])
    assert len(tried) == 1


def test_blocks_may_be_nested():
    with forbidden(NETWORK, packages=None) as outer:
        with forbidden() as inner, pytest.raises(ConformanceError):
            os.listdir(".")
        os.listdir(".")
    assert (len(inner), outer) == (1, [])


def test_an_import_below_the_block_excuses_nothing(tmp_path, monkeypatch):
    (tmp_path / "runs_a_check.py").write_text(
        "import os\n"
        "from npdl_core.testing.audit import forbidden\n"
        "tried = []\n"
        "with forbidden() as tried:\n"
        "    try:\n"
        "        os.listdir('.')\n"
        "    except AssertionError:\n"
        "        pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import runs_a_check

    assert len(runs_a_check.tried) == 1


def test_what_the_hook_does():
    """Python traces no hook, so that coverage sees it here only."""
    with forbidden() as tried:
        watch = _WATCH.get()
        with pytest.raises(ConformanceError, match="open 'x'"):
            judge(watch, "open", ("x",))
        with pytest.raises(ConformanceError, match=r"import 'foreign\.part'"):
            judge(watch, "import", ("foreign.part",))
        judge(watch, "import", ("json.tool",))
        judge(watch, "exec", (compile("1", "x", "eval"),))
        with pytest.raises(ConformanceError):
            _hook("os.listdir", (".",))
    _hook("open", ("x",))
    assert tried == ["open 'x'", "import 'foreign.part'", "os.listdir '.'"]


def test_the_import_system_may_read_files(tmp_path, monkeypatch):
    (tmp_path / "module_that_judges.py").write_text(
        "from npdl_core.testing.audit import _WATCH, judge\njudge(_WATCH.get(), 'open', ('x',))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with forbidden(packages=["module_that_judges"]) as tried:
        import module_that_judges  # noqa: F401
    assert tried == []


def test_an_event_without_arguments():
    with forbidden() as tried, pytest.raises(ConformanceError):
        sys.audit("os.nothing")
    assert tried == ["os.nothing"]
