"""The examples of this family, at a reduced size."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are part of the repository")


@pytest.fixture(autouse=True)
def off_screen(monkeypatch):
    pytest.importorskip("npdl_optim")
    monkeypatch.setenv("MPLBACKEND", "Agg")


def example(name):
    pytest.importorskip("matplotlib")
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="example")


def trained(name, folder, capsys, *settings):
    for package in ("npdl_cli", "npdl_data"):
        pytest.importorskip(package)
    from npdl_cli.main import make_command

    arguments = ["train", str(EXAMPLES / f"{name}.toml"), "--output", str(folder), "-q"]
    for setting in settings:
        arguments += ["--set", setting]
    with pytest.raises(SystemExit) as done:
        make_command().main(arguments)
    out = capsys.readouterr()
    assert not done.value.code, out.err
    return out.out


def held_out(out, measure):
    return float(re.search(rf"^held-out {measure}: ([\d.]+)$", out, re.MULTILINE)[1])


def test_adding_problem():
    """At a length of 20 an LSTM solves in a few hundred updates what a plain network does not."""
    found = example("plot_adding_problem")
    _, error = found["learn"]("lstm", steps=20, updates=400, lr=0.02)
    assert error < 0.02


def test_tagging_needs_both_directions():
    from npdl_rnn import GRU, Bidirectional

    found = example("plot_tagging")
    both = found["learn"](Bidirectional(GRU(32, return_sequence=True)), updates=450)
    forwards = found["learn"](GRU(16, return_sequence=True), updates=150)
    assert both > 0.85
    assert forwards < 0.75


def test_sunspots():
    pytest.importorskip("statsmodels")
    pytest.importorskip("npdl_data")
    error = example("plot_sunspots")["error"]
    assert error["LSTM"] < 0.6 * error["same"]


def test_japanese_vowels(tmp_path, capsys):
    pytest.importorskip("aeon")
    out = trained("japanese_vowels", tmp_path, capsys, "fit.epochs=12")
    assert held_out(out, "accuracy") > 0.9


def test_character_model(tmp_path, capsys):
    small = ("data.max_chars=12000", "data.test_split=0.1", "model.layers.1.n_out=32")
    out = trained("char_lm", tmp_path, capsys, *small, "fit.epochs=6", "compile.optimizer.lr=0.02")
    # All characters equally likely would take 6.6 bits.
    assert held_out(out, "bits_per_character") < 5.2
