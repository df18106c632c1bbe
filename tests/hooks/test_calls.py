import pytest

import npdl_core.hooks
from npdl_core import hooks
from npdl_core.errors import ConfigError, DuplicateNameError, PluginError, UnknownNameError
from npdl_core.hooks import HookManager, hookimpl
from npdl_core.registry import Registry


@pytest.fixture
def manager():
    return HookManager(Registry(path=[]))


class Recorder:
    def __init__(self, answer=None):
        self.answer = answer
        self.seen = []

    @hookimpl
    def npdl_batch_end(self, step):
        self.seen.append(step)
        return self.answer


class Failing:
    @hookimpl
    def npdl_batch_end(self, model, step):
        raise ZeroDivisionError(f"at {step}")


def test_every_hook_is_specified_with_its_arguments(manager):
    class All:
        pass

    expected = {
        "npdl_register": ["registry"],
        "npdl_model_compiled": ["model"],
        "npdl_fit_start": ["model"],
        "npdl_batch_end": ["model", "step", "logs"],
        "npdl_gradients_ready": ["model", "grads"],
        "npdl_epoch_end": ["model", "epoch", "logs"],
        "npdl_fit_end": ["model", "error"],
        "npdl_cli": ["group"],
    }
    for name, arguments in expected.items():
        namespace = {"hookimpl": hookimpl}
        exec(
            f"@hookimpl\ndef {name}(self, {', '.join(arguments)}):\n    return {', '.join(arguments)},",
            namespace,
        )
        setattr(All, name, namespace[name])
        assert getattr(npdl_core.hooks, name).__doc__
    manager.register(All(), "all")
    for name, arguments in expected.items():
        assert manager.call(name, **{argument: argument for argument in arguments}) == [tuple(arguments)]


def test_results_come_from_all_plugins_but_none_is_left_out(manager):
    recorders = [Recorder("a"), Recorder(), Recorder("c")]
    for recorder in recorders:
        manager.register(recorder)
    assert manager.call("npdl_batch_end", model=None, step=7, logs={}) == ["c", "a"]
    assert [recorder.seen for recorder in recorders] == [[7], [7], [7]]


def test_a_hook_without_plugin_costs_a_look_up(manager):
    assert not manager.active("npdl_batch_end")
    assert manager.call("npdl_batch_end", model=None, step=1, logs={}) == []
    manager.register(Recorder())
    assert manager.active("npdl_batch_end")
    assert not manager.active("npdl_epoch_end")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("npdl_bach_end", {}, "there is no hook 'npdl_bach_end'.*did you mean 'npdl_batch_end'"),
        ("\x1b", {}, r"there is no hook '\\x1b'; the hooks are npdl_register, .*npdl_cli$"),
        ("npdl_batch_end", {"step": 1}, "npdl_batch_end takes model, step, logs, got step"),
        ("npdl_fit_start", {}, "npdl_fit_start takes model, got nothing"),
        ("npdl_fit_start", {"model": 1, "more": 2}, "npdl_fit_start takes model, got model, more"),
    ],
)
def test_a_wrong_call_is_refused_whether_or_not_a_plugin_listens(manager, name, arguments, message):
    for _ in range(2):
        with pytest.raises(ConfigError, match=message):
            manager.call(name, **arguments)
        if not manager.active("npdl_batch_end"):
            manager.register(Recorder())


# -- a hook that raises ------------------------------------------------------------------------------------


def test_a_hook_that_raises_is_named_with_its_plugin(manager):
    manager.register(Failing(), "culprit")
    before = Recorder()
    manager.register(before, "bystander")
    with pytest.raises(
        PluginError, match=r"hook plugin 'culprit' raised in npdl_batch_end: .*at 5"
    ) as caught:
        manager.call("npdl_batch_end", model=None, step=5, logs={})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert before.seen == [5]


def test_of_two_objects_of_one_class_the_right_one_is_named(manager):
    class Sometimes:
        def __init__(self, limit):
            self.limit = limit

        @hookimpl
        def npdl_batch_end(self, step):
            if step > self.limit:
                raise ValueError("too far")

    manager.register(Sometimes(10), "ten")
    manager.register(Sometimes(20), "twenty")
    with pytest.raises(PluginError, match="'ten' raised"):
        manager.call("npdl_batch_end", model=None, step=15, logs={})


def test_a_function_of_a_module_and_a_static_or_class_method_are_named(manager):
    class Static:
        @staticmethod
        @hookimpl
        def npdl_fit_start(model):
            raise ValueError

    class Class:
        @classmethod
        @hookimpl
        def npdl_fit_end(cls, model):
            raise ValueError

    manager.register(Static(), "static")
    manager.register(Class(), "class")
    with pytest.raises(PluginError, match=r"'static' raised in npdl_fit_start: ValueError$"):
        manager.call("npdl_fit_start", model=1)
    with pytest.raises(PluginError, match="'class' raised in npdl_fit_end"):
        manager.call("npdl_fit_end", model=1, error=None)


def test_a_hook_that_hides_its_object_is_among_those_named(manager):
    class Hiding:
        @hookimpl
        def npdl_fit_start(self, model):
            self = None
            raise ValueError(self)

    class Plain:
        @hookimpl
        def npdl_fit_start(self, model):
            return model

    manager.register(Hiding(), "hiding")
    manager.register(Plain(), "plain")
    with pytest.raises(PluginError, match=r"'hiding' or 'plain'|'plain' or 'hiding'"):
        manager.call("npdl_fit_start", model=1)


def test_a_wrapper_that_raises_is_named(manager):
    class Wrapper:
        @hookimpl(wrapper=True)
        def npdl_fit_start(self, model):
            yield
            raise ValueError("after")

    class Plain:
        @hookimpl
        def npdl_fit_start(self, model):
            return model

    manager.register(Wrapper(), "wrapper")
    manager.register(Plain(), "plain")
    with pytest.raises(PluginError, match="'wrapper' raised in npdl_fit_start: ValueError: after"):
        manager.call("npdl_fit_start", model=1)


def test_a_hook_within_a_hook_that_raises_names_both(manager):
    class Outer:
        @hookimpl
        def npdl_fit_end(self):
            manager.call("npdl_batch_end", model=None, step=1, logs={})

    manager.register(Outer(), "outer")
    manager.register(Failing(), "inner")
    with pytest.raises(PluginError, match=r"'outer' raised in npdl_fit_end: PluginError: .*'inner'"):
        manager.call("npdl_fit_end", model=1, error=None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_and_exit_in_a_hook_pass(manager, error):
    class Leaving:
        @hookimpl
        def npdl_fit_start(self):
            raise error

    manager.register(Leaving())
    with pytest.raises(error):
        manager.call("npdl_fit_start", model=1)


# -- taking in and removing --------------------------------------------------------------------------------


def test_a_plugin_has_the_name_that_it_is_given_or_its_own(manager):
    recorder = Recorder()
    assert manager.register(recorder, "given") == "given"
    assert manager.register(recorder, "given") == "given"
    module = type(npdl_core)("a_module")
    module.npdl_fit_start = hookimpl(lambda model: None)
    assert manager.register(module) == "a_module"
    assert manager.register(Recorder()) != manager.register(Recorder())


def test_names_and_plugins_are_taken_once(manager):
    recorder = Recorder()
    manager.register(recorder, "one")
    for plugin, name in ((Recorder(), "one"), (recorder, "two")):
        with pytest.raises(DuplicateNameError, match="unregister"):
            manager.register(plugin, name)
    manager.call("npdl_batch_end", model=None, step=1, logs={})
    assert recorder.seen == [1]


def test_a_plugin_that_equals_another_is_refused_whole(manager):
    class Equal(Recorder):
        def __eq__(self, other):
            return isinstance(other, Equal)

        def __hash__(self):
            return 1

    first, second = Equal(1), Equal(2)
    manager.register(first, "first")
    with pytest.raises(PluginError, match="'second'"):
        manager.register(second, "second")
    manager.register(Recorder(3), "third")
    assert manager.call("npdl_batch_end", model=None, step=1, logs={}) == [3, 1]


class NoHook:
    def npdl_batch_end(self, step):
        """Not marked."""


class Misspelt:
    @hookimpl
    def npdl_batch_end(self, step):
        """Fine."""

    @hookimpl
    def npdl_bach_end(self, step):
        """Misspelt."""


class Unknown:
    @hookimpl
    def npdl_batch_end(self, step):
        """Fine."""

    @hookimpl
    def npdl_fit_start(self, weather):
        """An argument that does not exist."""


class Hostile:
    @property
    def __dict__(self):
        raise RuntimeError("no looking")

    def __dir__(self):
        raise RuntimeError("no looking")


@pytest.mark.parametrize(
    "plugin", [NoHook(), Misspelt(), Unknown(), Hostile(), object(), None, 3, NoHook, Unknown]
)
def test_what_does_not_fit_is_refused_whole(manager, plugin):
    with pytest.raises(PluginError):
        manager.register(plugin, "wrong")
    assert not any(manager.active(name) for name in ("npdl_batch_end", "npdl_fit_start"))
    assert manager.problems() == []
    manager.register(Recorder(), "wrong")
    assert manager.active("npdl_batch_end")


def test_a_hook_that_is_optional_may_be_unknown(manager):
    class Future(Recorder):
        @hookimpl(optionalhook=True)
        def npdl_of_tomorrow(self, model):
            """Of a later npdl."""

    manager.register(Future())
    assert manager.active("npdl_batch_end")


@pytest.mark.parametrize("by_name", [True, False])
def test_a_plugin_can_be_removed_by_itself_or_its_name(manager, by_name):
    recorder, other = Recorder(), Recorder()
    manager.register(other, "other")
    manager.register(recorder, "mine")
    manager.unregister("mine" if by_name else recorder)
    manager.call("npdl_batch_end", model=None, step=1, logs={})
    assert (recorder.seen, other.seen) == ([], [1])
    manager.unregister(other)
    assert not manager.active("npdl_batch_end")
    for gone in ("mine", recorder):
        with pytest.raises(UnknownNameError, match="no hook plugin"):
            manager.unregister(gone)


def test_the_functions_use_the_hooks_of_the_process():
    recorder = Recorder("answer")
    name = hooks.register(recorder, "a test's recorder")
    try:
        assert hooks.active("npdl_batch_end")
        assert "answer" in hooks.call("npdl_batch_end", model=None, step=3, logs={})
        assert recorder.seen == [3]
    finally:
        hooks.unregister(name)
    assert isinstance(hooks.problems(), list)
    assert hooks.manager() is npdl_core.registry.default().hooks
