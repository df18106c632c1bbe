"""How contenders take turns, what is compared before, what a worker's process is given; nothing is timed."""

import sys
import time
from pathlib import Path

import pytest


@pytest.fixture
def harness(bench):
    return bench("harness")


@pytest.fixture
def case(harness):
    """Return a function that makes a case of contenders that are never prepared."""

    def make(*names, **more):
        return harness.Case("a", dict.fromkeys(names), None, **more)

    return make


@pytest.fixture
def asked(harness, monkeypatch):
    """Answer for workers from a table of seconds; return the order in which they were asked."""
    order = []

    def ask(seconds):
        answers = {
            name: [{"seconds": one, "rise": 1.0, "peak": 2.0} for one in values]
            for name, values in seconds.items()
        }
        answers["sgemm"] = [2.0] * 9

        class Worker:
            def __init__(self, module, contender, threads, arguments):
                self.name, self.answers = contender, iter(answers[contender])

            def ask(self):
                order.append(self.name)
                return next(self.answers)

            def close(self):
                pass

        monkeypatch.setattr(harness.workers, "Worker", Worker)
        return order

    return ask


def test_contenders_take_turns_and_every_other_round_goes_backwards(harness, case, asked):
    order = asked({"npdl": [1.0, 1.0, 1.0], "pytorch": [2.0, 2.0, 2.0]})
    harness.measure("m", case("npdl", "pytorch"), 1, harness.Options(rounds=3))
    assert order == ["npdl", "pytorch", "pytorch", "npdl", "npdl", "pytorch"]


def test_the_reference_is_the_better_of_pytorchs_forms(harness, case, asked):
    asked({"npdl": [3.0], "pytorch": [4.0], "channels_last": [2.0], "thinc": [1.0]})
    row = harness.measure(
        "m", case("npdl", "pytorch", "channels_last", "thinc"), 2, harness.Options(rounds=1)
    )
    assert row["reference"] == "channels_last"
    assert {name: ratio["median"] for name, ratio in row["ratios"].items()} == {
        "npdl": 1.5,
        "pytorch": 2.0,
        "thinc": 0.5,
    }
    assert row["milliseconds"]["npdl"]["median"] == 3000
    assert row["threads"] == 2
    assert row["memory_mb"]["npdl"] == {"rise": 1.0, "peak": 2.0}
    assert "sgemm_fraction" not in row


def test_part_of_the_peak_where_operations_are_counted(harness, case, asked):
    asked({"npdl": [2.0], "pytorch": [4.0]})
    row = harness.measure("m", case("npdl", "pytorch", flops=1e9), 1, harness.Options(rounds=1))
    assert row["sgemm_gflops"]["median"] == 2.0
    assert row["sgemm_fraction"]["npdl"]["median"] == 0.25


@pytest.mark.parametrize(("theirs", "agrees"), [(2.30005, True), (2.32, False)])
def test_libraries_of_other_environments_must_have_our_losses(harness, case, monkeypatch, theirs, agrees):
    found = {"npdl": [2.3, 2.2, 2.1], "thinc": [theirs, 2.2, 2.1]}
    monkeypatch.setattr(harness.workers, "ask", lambda module, name, *rest: found[name])
    monkeypatch.setattr(harness, "run", lambda *arguments: "")
    compared = case("npdl", "pytorch", "thinc")
    if agrees:
        harness.agree("m", compared)
    else:
        with pytest.raises(RuntimeError, match=r"2\.32"):
            harness.agree("m", compared)


def test_a_whole_name_chooses_one_case(harness, bench):
    cases = bench("recurrent").CASES
    assert [case.name for case in harness.chosen(cases, "lstm")] == ["lstm"]
    assert [case.name for case in harness.chosen(cases, "lstm-")] == ["lstm-s1", "lstm-s3"]
    assert harness.chosen(cases, None) == list(cases)


def test_losses_are_numbers_whoever_gives_them(harness):
    values = iter([{"loss": 2, "accuracy": 0.5}, 1.5])
    assert harness.losses(lambda: next(values), 2) == [2.0, 1.5]


def test_a_step_is_timed_three_times_at_least(harness):
    calls = []
    assert harness.time_step(lambda: calls.append(1), 0.0) >= 0
    assert len(calls) >= 3


@pytest.fixture
def worker(bench, monkeypatch, tmp_path):
    """Return a function that makes a worker which runs a program."""
    workers = bench("workers")
    monkeypatch.setattr(workers, "ROOT", tmp_path)
    made = []

    def make(program):
        (tmp_path / "program.py").write_text(f"import os\nimport sys\n{program}")
        made.append(workers.Worker("program", "npdl", 1, ()))
        return made[-1]

    yield make
    for one in made:
        one.close()


COUNTING = """
for index, _ in enumerate(sys.stdin):
    print("what a library says")
    print(f"answer: [{os.getpid()}, {index}]", flush=True)
"""


def test_a_worker_answers_a_few_times_and_is_replaced(bench, worker):
    asked = worker(COUNTING)
    answers = [asked.ask() for _ in range(bench("workers").LIFE + 1)]
    assert [index for _, index in answers] == [0, 1, 0]
    assert len({process for process, _ in answers}) == 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for a process's state")
def test_a_worker_stands_still_until_it_is_asked(worker):
    asked = worker(COUNTING)
    process, _ = asked.ask()
    for _ in range(100):
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "T":
            break
        time.sleep(0.01)
    assert state == "T"
    assert asked.ask() == [process, 1]


def test_a_worker_that_ends_without_an_answer_is_an_error(worker):
    with pytest.raises(RuntimeError, match="ended with 3 and no answer"):
        worker("sys.exit(3)").ask()
    dying = worker("next(sys.stdin); print('answer: 1', flush=True); sys.exit(3)")
    assert dying.ask() == 1
    with pytest.raises(RuntimeError, match="ended with 3 and no answer"):
        dying.ask()


def test_workers_have_equal_threads_and_no_overrides_of_blas(bench, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    env = bench("workers").environment(2)
    assert "OPENBLAS_CORETYPE" not in env
    assert {env[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "BLIS")} == {"2"}


def test_an_environment_that_was_not_made_is_no_contender(bench, harness, monkeypatch, tmp_path):
    monkeypatch.setenv("THINC_PYTHON", str(tmp_path / "python"))
    assert harness.others(thinc=None) == {}
    monkeypatch.setenv("THINC_PYTHON", sys.executable)
    assert list(harness.others(thinc=None)) == ["thinc"]
    assert bench("workers").python_of("npdl") == sys.executable


def test_peak_of_memory_only_rises(bench):
    peak = bench("workers").peak_memory
    before = peak()
    block = bytearray(64 << 20)
    block[::4096] = b"x" * len(block[::4096])
    assert 1 < before <= peak()
    assert peak() > 64
