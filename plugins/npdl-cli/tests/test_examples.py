"""The repository's example, where npdl-data and scikit-learn are installed, and this package's README."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_example_reaches_its_accuracy_on_the_last_tenth(process, examples, tmp_path):
    pytest.importorskip("npdl_data")
    pytest.importorskip("sklearn")
    child = process("train", examples / "digits.toml", "--output", tmp_path / "run")
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert "1618 samples to train on, 179 held out" in out
    assert float(re.search(r"^held-out accuracy: (0\.\d+)$", out, re.MULTILINE)[1]) >= 0.945
    assert "loaded again: predictions on 179 samples equal those before saving" in out
    assert (tmp_path / "run" / "history.csv").exists()
