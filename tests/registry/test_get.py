import pytest

from npdl_core.errors import ConfigError, NotConnectedError, UnknownNameError
from npdl_core.initializers import Initializer
from npdl_core.initializers.random import Uniform
from npdl_core.registry import Registry, canonical_name, get, providers, resolve


class Plain:
    """A layer without the base."""

    def __init__(self, n_out, *, rate=0.5):
        self.n_out, self.rate = n_out, rate

    def connect_to(self, prev_layer=None):
        self.out_shape = (None, self.n_out)

    def forward(self, input, train=True):
        return input

    def backward(self, pre_grad):
        return pre_grad


class Bare:
    """A layer without a constructor."""

    connect_to = forward = backward = print


class Open(Bare):
    def __init__(self, **options):
        self.options = options


@pytest.fixture
def registry():
    made = Registry(path=[])
    made.register("layers", "plain", Plain)
    made.register("layers", "bare", Bare)
    made.register("layers", "open", Open)
    return made


@pytest.mark.parametrize(
    "spec", ["plain", "local:plain", Plain, {"name": "plain"}, {"name": "local:Plain", "config": {}}]
)
def test_every_form_makes_a_new_instance(registry, spec):
    first, second = registry.get("layers", spec, n_out=3), registry.get("layers", spec, n_out=3)
    assert type(first) is type(second) is Plain
    assert first is not second
    assert (first.n_out, first.rate) == (3, 0.5)


def test_an_envelope_brings_its_configuration_and_is_not_changed(registry):
    envelope = {"name": "plain", "config": {"n_out": 4}}
    assert vars(registry.get("layers", envelope, rate=0.1)) == {"n_out": 4, "rate": 0.1}
    assert envelope == {"name": "plain", "config": {"n_out": 4}}


def test_an_argument_that_an_envelope_has_cannot_be_given_again(registry):
    with pytest.raises(ConfigError, match="'n_out' is given twice"):
        registry.get("layers", {"name": "plain", "config": {"n_out": 4}}, n_out=4)


@pytest.mark.parametrize(
    ("envelope", "message"),
    [
        ({}, "needs a 'name' that is a string"),
        ({"name": None}, "needs a 'name' that is a string"),
        ({"name": Plain}, "needs a 'name' that is a string"),
        ({"name": "plain", "config": [1]}, "must map argument names"),
        ({"name": "plain", "config": None}, "must map argument names"),
        ({"name": "plain", "config": {1: 2}}, "must map argument names"),
        ({"name": "plain", "module": "os"}, "not 'module'"),
        ({"name": "plain", "ref": 1}, "not 'ref'"),
        ({"name": "plain", "\x1b[31m": 1}, "an envelope holds"),
    ],
)
def test_an_envelope_with_anything_else_is_refused(registry, envelope, message):
    for call in (registry.get, registry.resolve):
        with pytest.raises(ConfigError, match=message) as caught:
            call("layers", envelope)
        assert "\x1b" not in str(caught.value)


def test_what_is_nested_deeper_than_it_can_be_shown_is_refused_all_the_same(registry):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    for envelope in (
        {"name": "plain", "config": nested},
        {"name": nested},
        {"name": "plain", "other": nested},
    ):
        with pytest.raises(ConfigError):
            registry.get("layers", envelope)


def test_an_instance_passes_through(registry):
    layer = Plain(2)
    assert registry.get("layers", layer) is layer
    assert registry.resolve("layers", layer) is Plain


def test_an_instance_takes_no_configuration(registry):
    with pytest.raises(ConfigError, match=r"Plain is an instance already.*'n_out'"):
        registry.get("layers", Plain(2), n_out=3)


@pytest.mark.parametrize("spec", [5, None, 2.0, ["dense"], b"dense", object(), print, Uniform(), int])
def test_what_is_no_layer_is_refused(registry, spec):
    with pytest.raises(ConfigError, match="connect_to"):
        registry.get("layers", spec)


def test_a_component_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match="one of the initializers"):
        get("schedules", Uniform())
    with pytest.raises(ConfigError, match="one of the initializers"):
        get("schedules", Uniform)


@pytest.mark.parametrize("key", ["n_outt", "name", "__class__", "__init__", "self", "kind_", "\x1b[2J"])
def test_unknown_and_special_arguments(registry, key):
    with pytest.raises(ConfigError) as caught:
        registry.get("layers", "plain", **{"n_out": 1, key: 1})
    text = str(caught.value)
    assert text.startswith("layer 'plain': unknown argument")
    assert "Plain takes 'n_out', 'rate'" in text
    assert ("did you mean 'n_out'" in text) == (key == "n_outt")
    assert "\x1b" not in text


@pytest.mark.parametrize("key", ["name", "__class__"])
def test_special_arguments_are_refused_where_any_is_taken(registry, key):
    assert registry.get("layers", "open", anything=1).options == {"anything": 1}
    with pytest.raises(ConfigError, match="unknown argument"):
        registry.get("layers", "open", **{key: 1})


def test_a_missing_argument_is_named(registry):
    with pytest.raises(ConfigError, match=r"layer 'plain': missing 'n_out'; Plain takes 'n_out', 'rate'"):
        registry.get("layers", "plain")


def test_a_class_without_constructor_takes_nothing(registry):
    assert isinstance(registry.get("layers", "bare"), Bare)
    with pytest.raises(ConfigError, match="Bare takes no arguments"):
        registry.get("layers", "bare", n_out=1)


def test_a_constructor_without_signature_is_just_called(registry):
    class Strange(Bare):
        def __init__(self, n=1):
            self.n = n

        __init__.__signature__ = "none"

    assert registry.get("layers", Strange, n=2).n == 2


def test_the_arguments_of_get_can_be_names_of_a_configuration(registry):
    assert registry.get("layers", "open", kind=1, spec=2).options == {"kind": 1, "spec": 2}


@pytest.mark.parametrize("error", [ConfigError("n_out is 0"), NotConnectedError("no")])
def test_an_error_of_ours_from_a_constructor_passes(registry, error):
    class Fails(Bare):
        def __init__(self):
            raise error

    with pytest.raises(type(error)) as caught:
        registry.get("layers", Fails)
    assert caught.value is error


def test_any_other_error_from_a_constructor_is_explained(registry):
    class Fails(Bare):
        def __init__(self, n_out=1):
            self.n = n_out + 1

    with pytest.raises(
        ConfigError, match=r"layer 'Fails': Fails\(…\) failed: TypeError: can only concat"
    ) as caught:
        registry.get("layers", Fails, n_out="3")
    assert isinstance(caught.value.__cause__, TypeError)


def test_an_abstract_class_is_refused():
    with pytest.raises(ConfigError, match="Initializer leaves abstract: sample"):
        get("initializers", Initializer)


def test_a_kernel_is_a_function_and_is_its_own_instance():
    registry = Registry(path=[])

    def shift(x):
        return x

    registry.register("kernels", "shift", shift)
    assert registry.get("kernels", "shift") is shift
    assert registry.get("kernels", shift) is shift
    assert registry.resolve("kernels", {"name": "local:shift"}) is shift
    assert registry.component_id(shift, "kernels") == "local:shift"
    assert registry.canonical_name("kernels", shift) == "shift"
    with pytest.raises(ConfigError, match="takes no configuration, got 'a'"):
        registry.get("kernels", "shift", a=1)
    with pytest.raises(ConfigError, match="a kernel is a function"):
        registry.get("kernels", 3)


@pytest.mark.parametrize(
    ("kind", "methods"),
    [
        ("layers", ["connect_to", "forward", "backward"]),
        ("activations", ["__call__", "vjp"]),
        ("objectives", ["forward", "backward"]),
        ("optimizers", ["update"]),
        ("initializers", ["__call__"]),
        ("metrics", ["reset", "update", "result"]),
        ("callbacks", ["on_epoch_end"]),
        ("schedules", ["__call__"]),
        ("datasets", ["load"]),
    ],
)
def test_methods_make_a_component_of_each_kind(kind, methods):
    complete = type("Complete", (), dict.fromkeys(methods, lambda self: None))
    assert isinstance(get(kind, complete), complete)
    assert isinstance(get(kind, complete()), complete)
    for left_out in methods:
        lacking = type("Lacking", (), {name: len for name in methods if name != left_out})
        missing = "on_" if kind == "callbacks" else left_out
        for spec in (lacking, lacking()):
            with pytest.raises(ConfigError, match=rf"without .*{missing}"):
                get(kind, spec)


def test_attributes_that_cannot_be_called_are_no_methods():
    wrong = type("Wrong", (), {"connect_to": 1, "forward": None, "backward": print})
    with pytest.raises(ConfigError, match="without connect_to, forward"):
        get("layers", wrong)


def test_the_functions_use_the_registry_of_the_process():
    assert resolve("initializers", "random-uniform") is Uniform
    assert providers("initializers", "uniform") == ["npdl-core:uniform"]
    assert canonical_name("initializers", "RandomUniform") == "uniform"
    with pytest.raises(UnknownNameError):
        resolve("initializers", "no_such_initializer")
