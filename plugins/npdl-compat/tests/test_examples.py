"""NumpyDL's example programs, for one epoch each."""

import importlib.util
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[3] / "examples" / "numpydl"

pytestmark = pytest.mark.skipif(not HERE.is_dir(), reason="the examples are part of the repository")

PROGRAMS = {
    "mlp_digits": ["main"],
    "mlp_mnist": ["main", *(f"main{number}" for number in range(2, 9))],
    "cnn_mnist": ["main"],
    "cnn_sentence_classification": ["main"],
    "lstm_sentence_classification": ["main", "main2"],
    "rnn_character_lm": ["main1", "main2"],
    "lstm_character_lm": ["main1", "main2"],
    "mlp_bp": ["main"],
}
LINE = re.compile(
    r"iter 1, train-\[loss \d+\.\d{4}, acc \d\.\d{4}\];( valid-\[loss \d+\.\d{4}, acc \d\.\d{4}\];)?"
)


@pytest.fixture(scope="module")
def record():
    pytest.importorskip("sklearn")
    spec = importlib.util.spec_from_file_location("numpydl_record", HERE / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_program_is_here(record):
    assert sorted(PROGRAMS) == record.PROGRAMS


@pytest.mark.parametrize(
    ("name", "main"), [(name, main) for name, mains in PROGRAMS.items() for main in mains]
)
def test_a_program_trains_for_an_epoch(name, main, record, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    mains = record.mains(name)
    assert list(mains) == PROGRAMS[name]
    line = record.last_line(mains[main], max_iter=1)
    assert line.startswith("step 1: error 0.2910277737") if name == "mlp_bp" else LINE.fullmatch(line)


def test_digits_learn(record, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    line = record.last_line(record.mains("mlp_digits")["main"], max_iter=10)
    train, valid = (float(number) for number in re.findall(r"acc (\d\.\d{4})", line))
    assert train > 0.97
    assert valid > 0.9


def test_the_worked_example_reaches_its_published_end(record, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    line = record.last_line(record.mains("mlp_bp")["main"], max_iter=10000)
    assert line.startswith("step 10000: error 0.0000351019,")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_what_it_reached(name):
    text = (HERE / f"{name}.py").read_text(encoding="utf-8")
    header = text[: text.index('"""', 3)]
    assert re.search(rf"^Result, by record\.py {name}(=\d+)?:$", header, re.MULTILINE)
    for main in PROGRAMS[name]:
        assert re.search(rf"^    {main}: (iter|step) \d+", header, re.MULTILINE)
