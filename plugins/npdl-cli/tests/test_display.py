"""Names and texts of others: escaped, cut, and never taken for markup."""

import json
import sys

import pytest

from npdl_cli.console import make_console, shown_number
from npdl_cli.failures import Debug, report
from npdl_core import registry

EVIL = "\x1b[31mred\x07\u202e\r\n[bold]x[/bold]"


def harmless(text):
    """Return whether a text has no control character but line ends, and no bidi control."""
    return not any(sign in text.replace("\n", "") for sign in "\x1b\x07\r\u202e\x00")


def test_names_of_classes(npdl, config):
    done = npdl("train", config(('"blobs"', '"named"')))
    assert done.exit_code == 0, done.output
    assert "[red]x[/red]" in done.stdout
    assert r"\x1b[31mb" in done.stdout
    assert r"\u202ec" in done.stdout
    assert harmless(done.output)


def test_metadata_of_distributions(npdl, site):
    site.distribution("evil", {"npdl.v1.layers": {"evil": "evil:Evil"}}, version="1")
    (metadata,) = site.path.glob("evil-1.dist-info/METADATA")
    metadata.write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\x1b[31m[bold]\u202e\n")
    registry.refresh()
    for command in (["plugins"], ["components"], ["version"], ["describe", "evil"]):
        done = npdl(*command)
        assert "1\\x1b[31m[bold]" in done.output, command
        assert harmless(done.output)


def test_documentation_of_components(npdl, site):
    site.module(
        "told",
        'class Told:\n    "Line one.\\n\\n    \\x1b[31m[bold]\\u202e line two"\n'
        "    def forward(self, x='\\x1b'): pass\n    connect_to = backward = forward\n",
    )
    site.distribution("told", {"npdl.v1.layers": {"told": "told:Told"}})
    registry.refresh()
    done = npdl("describe", "told")
    assert done.exit_code == 0, done.output
    assert r"\x1b[31m[bold]\u202e line two" in done.stdout
    assert harmless(done.output)


def test_names_in_configurations(npdl, config):
    quoted = json.dumps(EVIL)
    for pair in (
        ('name = "dense"', f"name = {quoted}"),
        ("n_out = 8", f"{quoted} = 8"),
        ("n_out = 8", f"n_out = {quoted}"),
        ("[fit]", f"[{quoted}]"),
        ("epochs = 4", f"epochs = {quoted}"),
        ('"accuracy"', quoted),
    ):
        done = npdl("train", config(pair))
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1
        assert harmless(done.output)
        assert r"\x1b[31mred\x07\u202e\r\n[bold]x" in done.stderr


def test_long_texts_are_cut(npdl, config):
    done = npdl("train", config(('name = "dense"', f'name = "{"x" * 100_000}"')))
    assert done.exit_code == 2
    assert len(done.stderr) < 1000


def test_names_of_files(npdl, config, tmp_path):
    path = config(name="\x1b[31m[bold].toml")
    done = npdl("train", path)
    assert done.exit_code == 0, done.output
    assert harmless(done.output)
    path.write_text("[")
    done = npdl("train", path)
    assert r"\x1b[31m[bold].toml: not valid TOML" in done.stderr
    assert harmless(done.output)
    model = tmp_path / "\x1b[31m.safetensors"
    model.write_bytes(b"")
    assert harmless(npdl("summary", model).output)


def test_names_in_a_model_file(npdl, tmp_path):
    from npdl_core.saving import tensors

    layers = [{"name": EVIL, "config": {}}]
    tensors.write(tmp_path / "m.safetensors", {"model": {"format": 1, "layers": layers}}, {})
    done = npdl("summary", tmp_path / "m.safetensors")
    assert done.exit_code == 1
    assert harmless(done.output)
    assert done.stderr.count("\n") == 1


def test_a_sign_of_another_alphabet_does_not_end_a_run(process, config, environment):
    path = config(('"blobs"', '"named"'))
    child = process("train", path, env={**environment, "PYTHONIOENCODING": "ascii"})
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "held-out accuracy: " in out


def test_a_reader_that_goes_away_is_no_traceback(process, environment):
    child = process("components", env={**environment, "PYTHONUNBUFFERED": "1"})
    child.stdout.close()
    assert child.wait(timeout=60) == 1
    assert child.stderr.read() == ""


def test_what_is_left_to_print_goes_nowhere_when_the_reader_is_gone(tmp_path, monkeypatch):
    with (tmp_path / "out").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert report(BrokenPipeError(), Debug()) == 1
        stream.write("lost")
        stream.flush()
        assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5000"),
        (None, "–"),
        (0, "0.0000"),
        (float("nan"), "nan"),
        (12345.6, "1.235e+04"),
        ("\x1b", r"\x1b"),
        ([1], "[1]"),
    ],
)
def test_numbers(value, text):
    assert shown_number(value) == text


def test_text_is_no_markup(capsys):
    make_console().print("[red]x[/red] :smile:")
    assert capsys.readouterr().out == "[red]x[/red] :smile:\n"


def test_tables_are_not_folded_into_a_pipe():
    assert make_console().width > 1000
    assert make_console().file is sys.stdout
