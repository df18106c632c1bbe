"""Targets by module, case, contender and threads."""

import pytest


@pytest.mark.parametrize(
    ("module", "case", "numpy", "numba"),
    [
        ("mlp", "mlp-adam-n64", 0.95, 0.62),
        ("mlp", "mlp-wide-adam-n256", 1.10, 0.85),
        ("recurrent", "gru", 0.90, 0.50),
        ("recurrent", "gru_after-s3", 0.90, 0.50),
        ("recurrent", "simple_rnn-s1", 0.70, 0.50),
        ("recurrent", "lstm", 1.30, 0.85),
        ("convolution", "lenet", 1.35, 0.60),
        ("convolution", "net3x3", 1.25, 0.80),
        ("optimizers", "adam-10m", 5.0, 0.90),
        ("inference", "mlp-wide", 0.55, 0.40),
        ("inference", "simple_rnn-s2", 0.55, 0.40),
        ("inference", "gru_after-s1", 0.75, 0.45),
        ("inference", "lstm-s3", 1.0, 0.70),
        ("startup", "cold-start-lstm", 0.12, 0.35),
    ],
)
def test_targets_at_two_threads(bench, module, case, numpy, numba):
    target = bench("targets").target
    assert target(module, case, "npdl", 2) == numpy
    assert target(module, case, "npdl+numba", 2) == numba


def test_one_thread_may_differ_where_two_are_meant(bench):
    target = bench("targets").target
    assert target("recurrent", "lstm", "npdl", 1) == pytest.approx(1.30 * 1.15)
    assert target("inference", "lstm-s2", "npdl", 1) == 1.0
    assert target("startup", "cold-start-mlp", "npdl+numba", 1) == 0.35


@pytest.mark.parametrize(
    ("module", "case", "contender"),
    [("mlp", "mlp-sgd-n64", "thinc"), ("optimizers", "adamw-1m", "npdl"), ("masked", "gru", "npdl")],
)
def test_nothing_else_has_a_target(bench, module, case, contender):
    assert bench("targets").target(module, case, contender, 2) is None


@pytest.mark.parametrize("module", ["mlp", "recurrent", "convolution", "optimizers", "inference"])
def test_every_target_is_of_a_case(bench, module):
    names = [case.name for case in bench(module).CASES]
    assert len(set(names)) == len(names)
    for key in bench("targets").TARGETS[module]:
        assert any(name.startswith(key) for name in names)
