"""The repository's example, where npdl-data and scikit-learn are installed, and this package's README."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_example_reaches_its_accuracy_on_the_last_tenth(process, examples, tmp_path, environment):
    pytest.importorskip("npdl_data")
    pytest.importorskip("sklearn")
    del environment["NPDL_DISABLE_PLUGINS"]
    child = process("train", examples / "digits.toml", "--output", tmp_path / "run", env=environment)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert "1618 samples to train on, 179 held out" in out
    assert float(re.search(r"^held-out accuracy: (0\.\d+)$", out, re.MULTILINE)[1]) >= 0.945
    assert "loaded again: predictions on 179 samples equal those before saving" in out
    assert (tmp_path / "run" / "history.csv").exists()


def blocks(language):
    """Return the README's blocks of code in a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def test_the_graph_of_the_readme_shares_its_weights(npdl, config):
    (text,) = [block for block in blocks("toml") if block.startswith("[model]")]
    done = npdl("summary", config(text=text))
    assert done.exit_code == 0, done.output
    assert "(shared)" in done.stdout


def test_the_plugin_of_the_readme_adds_its_commands(npdl, site):
    (text,) = blocks("python")
    site.hook("zz-readme", text)
    assert npdl("hello").stdout == "hello\n"
    assert npdl("plot", "weights", "here").exit_code == 0


@pytest.mark.parametrize(
    ("table", "pair", "elsewhere"),
    [
        ("model", ("seed = 1", "unknown = 1"), {"layers", "inputs", "nodes", "outputs"}),
        ("compile", ("metrics", "unknown"), set()),
        ("fit", ("epochs", "unknown"), {"max_iter"}),
        ("output", ("[fit]", "[output]\nunknown = 1\n[fit]"), set()),
    ],
)
def test_the_readme_lists_every_entry_of_a_table(npdl, config, table, pair, elsewhere):
    message = npdl("train", config(pair)).stderr
    entries = set(re.search(rf"{table} takes ([\w, ]+)", message)[1].split(", ")) - elsewhere
    (row,) = re.findall(rf"^\| `\[{table}\]` \| (.*) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert entries <= set(re.findall(r"`(\w+)`", row))
