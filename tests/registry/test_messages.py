import json

import pytest

from npdl_core.errors import MissingPluginError, UnknownNameError
from npdl_core.registry.failures import install_line


def text_of(registry, spec, kind="layers", error=UnknownNameError):
    with pytest.raises(error) as caught:
        registry.resolve(kind, spec)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_the_closest_installed_names_are_told(site):
    site.layer("one", "zig_zag", "close_one")
    registry = site.registry()
    assert "the closest names are 'zig_zag'" in text_of(registry, "zigzug")
    assert "'dense'" in text_of(registry, "dnse")
    assert "npdl_core.layers.names()" in text_of(registry, "qqqqqqqq")


def test_a_first_party_name_that_is_not_installed_is_told_with_its_package(site):
    registry = site.registry()
    exact = text_of(registry, "LSTM")
    assert "'lstm' is part of npdl-rnn, which is not installed" in exact
    assert exact.endswith("pip install ./plugins/npdl-rnn in a clone of the npdl repository")
    assert "'adam' is part of npdl-optim" in text_of(registry, "adamm", "optimizers")
    assert "npdl-rnn" not in text_of(registry, "lstm", "optimizers")


def test_an_installed_package_is_not_told_to_be_installed(site):
    site.layer("npdl-rnn", "gru", "first_party")
    assert "not installed" not in text_of(site.registry(), "lstm")


def test_a_first_party_name_that_someone_else_provides_needs_no_install(site):
    site.layer("their-rnn", "lstm", "their_lstm")
    assert "not installed" not in text_of(site.registry(), "lstn")


@pytest.mark.parametrize("spec", ["npdl-rnn:lstm", "NPDL_RNN:anything", {"name": "npdl-rnn:lstm"}])
def test_a_first_party_provider_that_is_not_installed(site, spec):
    text = text_of(site.registry(), spec, error=MissingPluginError)
    assert "'npdl-rnn' is not installed; install it with: pip install ./plugins/npdl-rnn in a clone" in text


def test_a_foreign_provider_that_is_not_installed(site):
    text = text_of(site.registry(), "their-layers:lstm", error=MissingPluginError)
    assert text == "layer 'their-layers:lstm': the distribution 'their-layers' is not installed"


def test_a_provider_that_is_installed_and_lacks_the_name(site):
    site.distribution("bystander", text="")
    site.layer("one", "zig", "lacking")
    registry = site.registry()
    assert text_of(registry, "one:zog").startswith("unknown layer 'one:zog'; the closest names are 'zig'")
    assert text_of(registry, "bystander:zig").startswith("unknown layer 'bystander:zig'")


@pytest.mark.parametrize(
    "spec", ["\x1b[31mdense", "x" * 10**6, "‮dense", "a\nb", "dense\x00", "lstm:" + "y" * 10**6]
)
def test_what_was_asked_for_is_shown_escaped_and_cut(site, spec):
    text = text_of(site.registry(), spec)
    assert len(text) < 300


PIP = "install it with: pip install "
CLONE = PIP + "./plugins/npdl-rnn in a clone of the npdl repository"


def vcs(url="https://example.org/npdl.git", commit="0123abc", name="git"):
    return {"url": url, "vcs_info": {"vcs": name, "commit_id": commit}}


@pytest.mark.parametrize(
    ("direct_url", "line"),
    [
        ({"url": "file:///home/me/npdl", "dir_info": {}}, PIP + "/home/me/npdl/plugins/npdl-rnn"),
        ({"url": "file:///npdl/", "dir_info": {"editable": True}}, PIP + "/npdl/plugins/npdl-rnn"),
        ({"url": "file:///my%20code/npdl", "dir_info": {}}, PIP + "'/my code/npdl/plugins/npdl-rnn'"),
        ({"url": "file:///a;rm%20-r", "dir_info": {}}, PIP + "'/a;rm -r/plugins/npdl-rnn'"),
        (vcs(), PIP + '"git+https://example.org/npdl.git@0123abc#subdirectory=plugins/npdl-rnn"'),
        (vcs("ssh://git@example.org:22/npdl"), PIP + '"git+ssh://git@example.org:22/npdl@0123abc#subdirectory=plugins/npdl-rnn"'),
        (vcs("https://example.org/$(rm)"), CLONE),
        (vcs('https://example.org/";rm'), CLONE),
        (vcs(commit="a`b`"), CLONE),
        (vcs(name="git;"), CLONE),
        ({"url": 5, "dir_info": {}}, CLONE),
        ({"url": "file://[", "dir_info": {}}, CLONE),
        ({"url": "https://example.org/npdl.zip", "archive_info": {}}, CLONE),
        ({"dir_info": {}}, CLONE),
        ([], CLONE),
        (None, CLONE),
    ],
)  # fmt: skip
def test_the_install_line_follows_where_core_came_from(site, direct_url, line):
    site.distribution("npdl-core", files={"direct_url.json": json.dumps(direct_url)})
    assert install_line("npdl-rnn", [str(site.path)]) == line
    assert text_of(site.registry(), "lstm").endswith(line)


@pytest.mark.parametrize("document", ["", "{", "[" * 100_000, '{"url": "x", "vcs_info": 3}'])
def test_a_damaged_record_of_where_core_came_from_is_ignored(site, document):
    site.distribution("npdl-core", files={"direct_url.json": document})
    assert install_line("npdl-rnn", [str(site.path)]) == CLONE
