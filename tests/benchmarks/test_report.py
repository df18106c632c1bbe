"""The report: tables against targets, what was not measured, the plot; nothing is timed."""

import json
from subprocess import CalledProcessError

import pytest


@pytest.fixture
def report(bench):
    return bench("report")


@pytest.fixture
def nothing_elsewhere(bench, monkeypatch, tmp_path):
    """Hide the environments of other libraries; write results to a folder of the test."""
    for other in bench("workers").OTHERS.values():
        monkeypatch.setenv(other.variable, str(tmp_path / "absent"))
    monkeypatch.setattr(bench("saving"), "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_a_row_says_whether_it_meets_its_targets(bench, row):
    line = bench("tables").steps({"recurrent": [row]}).splitlines()[2]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        *("recurrent", "lstm", "2", "pytorch", "0.6"),
        "1.95 (1.50–2.00), ≤ 1.30 missed by 50 %",
        "0.60 (0.50–0.70), ≤ 0.85 met",
        "thinc 3.00 (3.00–3.00)",
        "1.2",
    ]


def test_a_contender_that_is_missing_is_a_dash(bench, row):
    del row["ratios"]["npdl+numba"]
    assert bench("tables").judged("recurrent", row, "npdl+numba") == "–"


def test_targets_are_counted(bench, row):
    alone = {**row, "case": "a case without a target"}
    assert bench("tables").counted({"recurrent": [row, alone]}) == "1 of 2 targets are met."


def test_resources(bench, row):
    del row["sgemm_fraction"]["npdl"]
    line = bench("tables").resources({"recurrent": [row]}).splitlines()[2]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == ["recurrent", "lstm", "2", "90", "–", "25 %", "25 %", *["10, 100"] * 3]


def test_report_has_all_tables_and_says_what_is_missing(report, row, nothing_elsewhere):
    imports = {**row, "case": "import", "threads": 1, "ratios": {}, "memory_mb": {}}
    del imports["memory_mb"]
    slopes = {
        "case": "lstm-T",
        "threads": 1,
        "load": [0, 0],
        "slopes": {"npdl": {"min": 0.9, "median": 1, "max": 1.1}},
    }
    results = {"recurrent": [row], "startup": [imports], "scaling": [slopes]}
    about = {"time": "now", "machine": "m", "python": "3", "versions": {"numpy": "2"}}
    text = report.written(about, report.Options(rounds=9), results)
    for part in ("9 rounds of 1 s", "missed by 50 %", "10, 100", "| import", "1.00 (0.90–1.10)"):
        assert part in text
    assert "THINC_PYTHON" in text
    assert "NUMPYDL_PYTHON" in text


def test_what_fails_is_noted_and_the_rest_measured(report, bench, row, monkeypatch, nothing_elsewhere):
    def benchmark(module, cases, options):
        if cases[0].name == "gru":
            raise CalledProcessError(1, ["check"])
        return [{**row, "case": cases[0].name}]

    monkeypatch.setattr(report, "benchmark", benchmark)
    problems = []
    rows = report.measured("recurrent", report.Options(), problems)
    assert len(problems) == 1
    assert problems[0].startswith("gru: ")
    assert [one["case"] for one in rows] == [c.name for c in bench("recurrent").CASES if c.name != "gru"]
    (path,) = nothing_elsewhere.glob("recurrent-*.json")
    assert len(json.loads(path.read_text(encoding="utf-8"))["rows"]) == len(rows)


@pytest.mark.oracle("matplotlib")
def test_report_is_written_with_its_plot(report, row, nothing_elsewhere):
    page, data, picture = report.publish(report.Options(), {"recurrent": [row, {**row, "threads": 1}]})
    assert "missed by 50 %" in page.read_text(encoding="utf-8")
    assert json.loads(data.read_text(encoding="utf-8"))["results"]["recurrent"][0] == row
    assert picture.read_bytes().startswith(b"\x89PNG")
