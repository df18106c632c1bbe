"""Every data set of the package through the conformance kit."""

import pytest

from npdl_core.testing import cases, check_table

CSV, NPZ = "table.csv", "arrays.npz"
TABLE = {
    "datasets": {
        "breast_cancer": {},
        "csv": {"config": {"path": CSV}},
        "diabetes": {},
        "digits": {},
        "fashion_mnist": {},
        "iris": {},
        "japanese_vowels": {},
        "lfw_faces": {},
        "mnist_5k": {},
        "npz": {"config": {"path": NPZ}},
        "sunspots": {},
        "text": {},
        "wine": {},
        "word_lm": {},
    }
}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case, csv_file, npz_file, monkeypatch):
    monkeypatch.chdir(csv_file.parent)  # where the files of CSV and NPZ are
    case.check()


def test_the_table_is_complete():
    check_table("npdl-data", TABLE)
