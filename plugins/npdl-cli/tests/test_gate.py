"""The gate before the TOML parser, and settings from the command line."""

import time
import tomllib
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_cli.config import ConfigFileError, gate, overrides
from npdl_cli.config.item import Item

N = 100_000
HOSTILE = {
    "dotted key": ".".join(["a"] * (N // 2)) + " = 1",
    "dotted table": "[" + ".".join(["a"] * (N // 2)) + "]",
    "dotted array of tables": "[[" + ".".join(["a"] * (N // 2)) + "]]",
    "dotted with spaces": " . ".join(["a"] * (N // 4)) + " = 1",
    "dotted with quotes": ".".join(['"a"', "'b'", '""'] * (N // 12)) + " = 1",
    "dotted inside": "x = { " + ".".join(["a"] * (N // 2)) + " = 1 }",
    "dotted after a text of many quotes": 'x = """a""""\ny = "b"\n' + ".".join(["a"] * (N // 2)) + "=1",
    "dotted after an escaped quote": 'x = "a\\""\n' + ".".join(["a"] * (N // 2)) + "=1",
    "dotted after a literal": "x = '''a\\''''\n" + ".".join(["a"] * (N // 2)) + "=1",
    "arrays": "x = " + "[" * (N // 2) + "]" * (N // 2),
    "tables": "x = " + "{a=" * (N // 4) + "1" + "}" * (N // 4),
    "text without an end": 'x = """' + '\\"""' * (N // 4),
    "literal without an end": "x = '''" + "''a" * (N // 3),
    "line without an end": 'x = "' + "a" * N,
    "an integer": "x = " + "9" * N,
    "too much": "#" * (gate.MAX_BYTES + 1),
}
LARGE_BUT_FINE = {
    "keys": "".join(f"a{i} = 1\n" for i in range(N // 40)),
    "numbers": "x = [" + "0.5, " * (N // 20) + "]",
    "text with dots": 'x = "' + "a." * (N // 2) + '"',
    "lines of text": 'x = """' + 'a.b "c"\n' * (N // 8) + '"""',
    "comments": '# a.b.c [[[{{{ "\n' * (N // 18),
    "tables": "".join(f"[a{i}.b]\n" for i in range(N // 40)),
}


def limited(text):
    """Return what the gate says, with less than three seconds of work and 64 MB."""
    begun = time.process_time()
    try:
        return gate.loads(text, "x.toml")
    finally:
        assert time.process_time() - begun < 3
        tracemalloc.start()
        with suppress(ConfigFileError):
            gate.loads(text, "x.toml")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 64e6


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_refused_in_bounded_time_and_memory(kind, tmp_path):
    if kind == "too much":
        path = tmp_path / "x.toml"
        path.write_text(HOSTILE[kind])
        with pytest.raises(ConfigFileError, match="more than the allowed 262,144 bytes"):
            gate.read(path, "x.toml")
        return
    with pytest.raises(ConfigFileError, match=r"^x\.toml: "):
        limited(HOSTILE[kind])


def test_the_command_survives_a_hostile_file_within_a_gigabyte(process, tmp_path):
    import resource

    path = tmp_path / "x.toml"
    path.write_text(HOSTILE["dotted key"])
    limit = (2**30, 2**30)
    child = process("train", path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
    _, err = child.communicate(timeout=20)
    assert child.returncode == 2
    assert err == f"Error: {path}: line 1: a dotted key of more than 16 parts\n"


@pytest.mark.parametrize("kind", LARGE_BUT_FINE)
def test_large_text_is_read_in_bounded_time(kind):
    assert limited(LARGE_BUT_FINE[kind]).value == tomllib.loads(LARGE_BUT_FINE[kind])


def test_an_endless_file_is_read_up_to_the_limit(npdl):
    from pathlib import Path

    with pytest.raises(ConfigFileError, match="more than the allowed"):
        gate.read(Path("/dev/zero"), "zero")


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c.d = 1.5\n[x.y]\nz = [1.5, [2.5, { q.r = 'a.b' }]]",
        'a = """x"""""\nb = \'\'\'y\'\'\'\'\'\nc = "\\"" # "\nd = ""\ne = \'\'',
        "a = [\n  1.0, # [[[[\n  2.0,\n]\n",
        'x = """\n\\\n   a "" b\n"""\n"quoted key" = { "a.b" = 1 }',
        "a." + ".".join("bcdefghijklmnop") + " = 1",
        "x = " + "[" * gate.MAX_DEPTH + "]" * gate.MAX_DEPTH,
    ],
)
def test_what_toml_allows_passes(text):
    assert gate.loads(text, "x").value == tomllib.loads(text)


def test_the_limits_are_exact():
    with pytest.raises(ConfigFileError, match="line 2: a dotted key of more than 16 parts"):
        gate.loads("\na." + ".".join("bcdefghijklmnopq") + " = 1", "x")
    with pytest.raises(ConfigFileError, match="line 3: nested more than 32 deep"):
        gate.loads("\n\nx = " + "[" * 33 + "]" * 33, "x")
    assert gate.loads(f"x = {2**63 - 1}\ny = {-(2**63)}", "x").value["x"] == 2**63 - 1
    with pytest.raises(ConfigFileError, match="64 bits"):
        gate.loads(f"x = {2**63}", "x")


values = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
    ),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_numbers_and_arrays_come_through_as_they_are(value):
    text = repr(value).replace("True", "true").replace("False", "false")
    found = gate.loads(f"x = {text}", "x").value["x"]
    assert repr(found) == repr(value)


@given(st.text(alphabet="ab.\"'[]{}=#\\\n ,1", max_size=60))
def test_the_gate_refuses_nothing_that_the_parser_takes_and_passes_nothing_else(text):
    try:
        expected = tomllib.loads(text)
    except ValueError:
        with pytest.raises(ConfigFileError):
            gate.loads(text, "x")
    else:
        assert gate.loads(text, "x").value == expected


# -- settings from the command line --------------------------------------------------------------------------


def setting(assignment, tables=None):
    base = {"fit": {"epochs": 1}, "layers": [{"name": "dense"}, "flatten"], "optimizer": "sgd"}
    return overrides.apply(Item(base if tables is None else tables, "x"), [assignment]).value


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("a=3", 3),
        ("a = 3", 3),
        ("a=-0.5", -0.5),
        ("a=1e-3", 1e-3),
        ("a=true", True),
        ("a=word", "word"),
        ("a=../some/file.csv", "../some/file.csv"),
        ("a=two words", "two words"),
        ("a=~/x", "~/x"),
        ("a='quoted = 1'", "quoted = 1"),
        ('a="tab\\t"', "tab\t"),
        ("a=[1, 'b', {c = 2}]", [1, "b", {"c": 2}]),
        ("a={name='sgd', lr=0.1}", {"name": "sgd", "lr": 0.1}),
    ],
)
def test_values(assignment, value):
    found = setting(assignment)["a"]
    assert found == value
    assert type(found) is type(value)


def test_places():
    assert setting("fit.epochs=3")["fit"] == {"epochs": 3}
    assert setting("layers.0.n_out=3")["layers"][0] == {"name": "dense", "n_out": 3}
    assert setting("layers[0].n_out=3")["layers"][0] == {"name": "dense", "n_out": 3}
    assert setting("layers.1=relu")["layers"][1] == "relu"
    assert setting("optimizer.lr=0.1")["optimizer"] == {"name": "sgd", "lr": 0.1}
    assert setting("output.folder=x")["output"] == {"folder": "x"}


def test_the_document_is_not_changed():
    tables = {"fit": {"epochs": 1}}
    setting("fit.epochs=2", tables)
    assert tables == {"fit": {"epochs": 1}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "expected key=value"),
        ("=3", "expected key=value"),
        ("a..b=3", "expected key=value"),
        ("a b=3", "expected key=value"),
        (".".join("a" * 200) + "=1", "expected key=value"),
        ("a=", "neither a TOML value nor a bare word"),
        ("a=[word]", "neither a TOML value nor a bare word"),
        ("a=1\nb=2", "expected one value"),
        ("a=1\n[b]", "expected one value"),
        ("a=nan", "a: expected a finite number, got nan"),
        ("a=inf", "a: expected a finite number, got inf"),
        ("a=1979-05-27", "no setting is a date"),
        ("a=" + "[" * 40 + "]" * 40, "nested more than 32 deep"),
        ("fit.epochs.x=3", "fit.epochs is 1 (a number), which has no entry 'x'"),
        ("layers.7.n_out=3", "layers is an array of 2, which has no member 7"),
        ("layers.x=3", "layers is an array of 2, which has no member x"),
        ("a=\x1b[31m", r"--set a=\x1b[31m: '\x1b[31m' is neither"),
    ],
)
def test_assignments_that_are_refused(assignment, message):
    with pytest.raises(ConfigFileError) as caught:
        setting(assignment)
    assert str(caught.value).startswith("--set ")
    assert message in str(caught.value)


def test_a_type_error_of_a_setting_names_its_key(npdl, config):
    done = npdl("train", config(), "--set", "fit.epochs=many")
    assert done.exit_code == 2
    assert "fit.epochs: epochs must be an integer at least 0, got 'many' (str)" in done.stderr


def test_a_wrong_setting_is_exit_code_2(npdl, config):
    done = npdl("train", config(), "--set", "fit.epochs")
    assert done.exit_code == 2
    assert done.stderr == "Error: --set fit.epochs: expected key=value, such as fit.epochs=3\n"
