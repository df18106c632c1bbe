"""Packages that two distributions install."""

import pytest

from npdl_core.registry.overlaps import overlap, overlaps


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that fabricates an installed distribution."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, version="1.0", **files):
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        for file, text in files.items():
            (info / file.replace("_txt", ".txt")).write_text(text)

    return make


LISTS = {
    "files": {"RECORD": "toys_package/__init__.py,,\ntoys_package/a.py,,\n"},
    "names": {"top_level_txt": "toys_package\n"},
}


@pytest.mark.parametrize("how", LISTS)
def test_another_distribution_is_named(install, how):
    install("Other_One", **LISTS[how])
    install("toys", **LISTS["files"])
    text = overlap("toys_package", "toys")
    assert text.startswith("toys: the package 'toys_package' is also installed by Other_One 1.0,")
    assert "pip uninstall Other_One toys" in text


def test_the_owner_and_what_has_no_such_package_are_not(install):
    install("Toys_Of.Mine", **LISTS["files"])
    install("a", RECORD="share/toys_package/x,,\ntoys_package_b/x,,\n", top_level_txt="toys_package_b\n")
    install("b")
    assert overlap("toys_package", "toys-of-mine") == ""


def test_owners_name_their_packages(install):
    install("toys", entry_points_txt="[npdl-packages]\ntoys_package = toys_package\n", **LISTS["files"])
    assert [text for text in overlaps() if text.startswith("toys:")] == []
    install("other", **LISTS["files"])
    install("third", "2.0", **LISTS["names"])
    (text,) = [text for text in overlaps() if text.startswith("toys:")]
    assert "other 1.0, third 2.0" in text
