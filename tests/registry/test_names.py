import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core.builtin import ALIASES, BUILTIN, KINDS
from npdl_core.errors import ConfigError, PluginVersionError, UnknownNameError
from npdl_core.registry import Registry
from npdl_core.registry.naming import closest, fold, fold_distribution, snake_case, split

WORDS = st.lists(st.sampled_from(["batch", "lstm", "2d", "x"]), min_size=1, max_size=4)


@given(WORDS, st.sampled_from(["", "_", "-", " "]), st.booleans())
def test_spelling_does_not_matter(words, separator, upper):
    spelt = separator.join(word.upper() if upper else word for word in words)
    assert fold(spelt) == fold("_".join(words))


@given(st.text(max_size=30))
def test_whatever_is_asked_for_is_a_name_or_none(text):
    parts = split(text)
    assert parts is None or (parts[1].isascii() and parts[1].isalnum() and ":" not in (parts[0] or ""))


@pytest.mark.parametrize(
    "spec",
    [
        *(
            "os.system",
            "__main__:f",
            "a:b:c",
            "../lstm",
            "/lstm",
            "",
            " ",
            ":",
            "x:",
            ":x",
            "lstm\n",
            "lstm\x00",
        ),
        *("d\u0435nse", "npdl_rnn.lstm.LSTM", "-x:lstm", "x" * 101, "y" * 101 + ":lstm"),
    ],
)
def test_what_no_component_can_be_called(spec):
    assert split(spec) is None


def test_distribution_names_are_normalised_as_pep_503_says():
    assert split("Npdl__RNN:Batch LSTM") == ("npdl-rnn", "batchlstm")
    assert fold_distribution("a.-_b") == "a-b"


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("LSTM", "lstm"),
        ("BatchLSTM", "batch_lstm"),
        ("Conv2D", "conv2_d"),
        ("already_snake", "already_snake"),
    ],
)
def test_class_names_in_snake_case(name, snake):
    assert snake_case(name) == snake


def test_closest_names_ignore_spelling_and_refuse_to_search_for_pages():
    assert closest("Batch-LSTN", ["dense", "batch_lstm"]) == ["batch_lstm"]
    assert closest("dense" * 1000, ["dense" * 1000]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_core_names_fold_to_different_keys(kind):
    names = [*BUILTIN[kind], *ALIASES[kind]]
    assert len({fold(name) for name in names}) == len(names)
    assert set(ALIASES[kind].values()) <= set(BUILTIN[kind])


def test_names_lists_core_entry_points_and_registrations_and_imports_nothing(site, imported):
    site.layer("one", "zigzag", "names_one", "ZigZag")
    registry = site.registry()

    class Local:
        connect_to = forward = backward = print

    registry.register("layers", "own", Local)
    names = registry.names("layers")
    assert {"zigzag", "own", "dense", *ALIASES["layers"]} <= set(names)
    assert names == sorted(names)
    assert not imported("names_one")


def test_names_has_each_spelling_once_and_core_decides_it(site):
    site.distribution("one", {"npdl.v1.layers": "Den_SE = m:D\nZig = m:Z\n"})
    site.distribution("two", {"npdl.v1.layers": "zig = m:Z"})
    names = site.registry().names("layers")
    assert "dense" in names
    assert "Den_SE" not in names
    assert [name for name in names if fold(name) == "zig"] == ["Zig"]


def test_names_that_cannot_be_used_are_not_listed(site, monkeypatch):
    site.layer("off", "offlayer", "off_module")
    site.distribution("old", {"npdl.v0.layers": {"oldlayer": "m:C"}})
    monkeypatch.setenv("NPDL_DISABLE_PLUGINS", "off")
    registry = site.registry()
    assert {"offlayer", "oldlayer"}.isdisjoint(registry.names("layers"))
    with pytest.raises(PluginVersionError):
        registry.resolve("layers", "oldlayer")


@pytest.mark.parametrize("spec", ["zig_zag", "ZigZag", "zig zag", "ZIG-ZAG", "one:zigzag", "ONE:Zig_Zag"])
def test_a_name_matches_however_it_is_written(site, spec):
    site.layer("one", "zig_zag", "spelling", "ZigZag")
    assert site.registry().resolve("layers", spec).__name__ == "ZigZag"


def test_distribution_names_match_in_any_normal_form(site):
    site.layer("My.Layers", "zig", "normal_form")
    registry = site.registry()
    assert registry.component_id(registry.resolve("layers", "my_layers:zig")) == "my-layers:zig"


@pytest.mark.parametrize(
    "call", ["get", "resolve", "names", "providers", "register", "unregister", "canonical_name"]
)
def test_a_kind_that_is_none(call):
    arguments = {"names": (), "register": ("x", object)}.get(call, ("dense",))
    with pytest.raises(ConfigError, match=r"unknown kind 'layer'.*did you mean 'layers'"):
        getattr(Registry(path=[]), call)("layer", *arguments)


def test_a_kind_like_nothing_gets_no_hint():
    with pytest.raises(ConfigError) as caught:
        Registry(path=[]).names("\x1b[31m")
    assert "mean" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_providers_are_ordered_and_core_comes_first(site):
    site.layer("b-dist", "dense", "providers_b")
    site.layer("a-dist", "Dense", "providers_a")
    registry = site.registry()
    assert registry.providers("layers", "dense") == ["npdl-core:dense", "a-dist:Dense", "b-dist:dense"]
    assert registry.providers("layers", "no_such_layer") == []
    assert registry.providers("layers", "../x") == []


def test_an_unknown_name_of_core_is_unknown():
    with pytest.raises(UnknownNameError, match="npdl-core:nothing"):
        Registry(path=[]).resolve("layers", "npdl-core:nothing")
