"""Text from a language model: what is drawn, what is carried, and the command."""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.errors import ConfigError, DataError
from npdl_rnn import generation

V = 5


def learned(one_hot=False, last=False):
    """Return a model that has learned to count 1 2 3 4 1 2 …"""
    model = Model(seed=0)
    if not one_hot:
        model.add("embedding", input_size=V, n_out=8)
    model.add("lstm", n_out=16, return_sequence=not last)
    model.add("softmax", n_out=V)
    model.compile("scce", {"name": "sgd", "config": {"lr": 1.0, "momentum": 0.9, "clip_norm": 1.0}})
    ids = np.arange(64 * 7).reshape(64, 7) % 4 + 1  # windows begin anywhere
    targets = ids % 4 + 1
    x = np.eye(V, dtype="float32")[ids] if one_hot else ids
    model.connect((None, None, V) if one_hot else (None, None))
    model.fit(x, targets[:, -1] if last else targets, epochs=15, batch_size=8)
    return model


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_a_model_goes_on_counting(one_hot, last):
    ids = list(generation.generate(learned(one_hot, last), [1, 2, 3], 9, temperature=0.2))
    assert ids == [4, 1, 2, 3, 4, 1, 2, 3, 4]


def test_state_is_carried_while_generating_and_then_as_before():
    model = learned()
    model.layers[1].remember_mode("train")
    rng = np.random.default_rng(0)
    stream = generation.generate(model, [1], 3, 1.0, rng)
    next(stream)
    assert model.layers[1].carried.mode == "eval"
    stream.close()
    assert model.layers[1].carried.mode == "train"
    assert model.layers[1].get_state() is None


def test_temperature():
    rng, p = np.random.default_rng(0), np.array([0.1, 0.6, 0.3])
    assert {generation.sample(p, 0.0, rng) for _ in range(20)} == {1}
    for temperature in (0.5, 1.0, 2.0):
        drawn = [generation.sample(p, temperature, rng) for _ in range(4000)]
        due = p ** (1 / temperature) / (p ** (1 / temperature)).sum()
        np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 4000, due, atol=0.03)
    assert 1 not in {generation.sample(p, 1.0, rng, forbidden=(1,)) for _ in range(200)}


def test_what_cannot_be_generated():
    with pytest.raises(DataError, match="prompt"):
        next(generation.generate(learned(), [], 3))
    model = Model(seed=0)
    model.add("embedding", input_size=V, n_out=V)
    model.connect((None, None))
    with pytest.raises(ConfigError, match="recurrent"):
        next(generation.generate(model, [1], 3))
    with pytest.raises(ConfigError, match="temperature"):
        next(generation.generate(model, [1], 3, temperature=-1))


# -- the command ---------------------------------------------------------------------------------------------

EXPERIMENT = """
[data]
name = "text"
path = "text.txt"
window = 10
[model]
seed = 0
[[model.layers]]
name = "embedding"
input_size = 5
n_out = 4
[[model.layers]]
name = "lstm"
n_out = 12
return_sequence = true
[[model.layers]]
name = "softmax"
n_out = 5
[compile]
loss = "scce"
optimizer = { name = "sgd", lr = 1.0, momentum = 0.9, clip_norm = 1.0 }
metrics = ["bits_per_character"]
[fit]
epochs = 20
batch_size = 8
[output]
folder = "."
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    for package in ("npdl_cli", "npdl_data"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("run")
    (folder / "text.txt").write_text("abcd" * 200)
    (folder / "experiment.toml").write_text(EXPERIMENT)
    assert run("train", folder / "experiment.toml", "-q") == 0
    return folder


def run(*arguments):
    """Run npdl as the command line does and return its exit code."""
    from npdl_cli.main import make_command

    with pytest.raises(SystemExit) as done:
        make_command().main([str(argument) for argument in arguments])
    return done.value.code


def test_generate_continues_the_prompt(trained, capsys):
    model = trained / "model.safetensors"
    assert run("generate", model, "-p", "bc", "-n", "8", "-t", "0.1", "--seed", "3") == 0
    assert capsys.readouterr().out == "bcdabcdabc\n"
    assert run("generate", model, "-p", "a", "-n", "3", "-t", "0", "--data", trained / "experiment.toml") == 0
    assert capsys.readouterr().out == "abcd\n"


def test_generate_says_what_is_missing(trained, tmp_path, capsys):
    lonely = tmp_path / "model.safetensors"
    lonely.write_bytes((trained / "model.safetensors").read_bytes())
    assert run("generate", lonely) == 1
    assert "run.json" in capsys.readouterr().err
    csv = tmp_path / "other.toml"
    csv.write_text('[data]\nname = "csv"\npath = "t.csv"\ntarget = "y"\n')
    (tmp_path / "t.csv").write_text("x,y\n" + "1,2\n" * 20)
    assert run("generate", lonely, "--data", csv) == 1
    assert "characters" in capsys.readouterr().err
