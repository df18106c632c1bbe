"""What the package does around its kernels: lazy imports, threads, compilation, other processors."""

import os
import platform
import subprocess
import sys

import pytest

from npdl_numba import threads

LAZY = """
import sys
import numpy as np
import npdl_core
from npdl_core import Model, kernels, registry
from npdl_core.layers import Dense
import npdl_numba.recurrent
registry.names("kernels")
Model([Dense(2, n_in=3)], seed=0).compile().predict(np.ones((4, 3), "float32"))
small = np.zeros((3, 2, 4), "float32")
assert npdl_numba.recurrent.simple_rnn_forward(small[1:], np.eye(4, dtype="float32"), small) is NotImplemented
print("numba" in sys.modules)
"""

SEQUENCE = """
import numpy as np
from npdl_numba.recurrent import simple_rnn_forward
from npdl_numba.compiled import tiles
rng = np.random.default_rng(0)
z, U = rng.standard_normal((20, 13, 70), "float32"), rng.standard_normal((70, 70), "float32") / 9
h = np.zeros((21, 13, 70), "float32")
expected = [h[0]]
for step in z.astype("float64"):
    expected.append(np.tanh(step + expected[-1] @ U))
assert simple_rnn_forward(z, U.astype("float32"), h) is None
print(tiles.WIDTH, float(np.abs(h - expected).max()) < 1e-5)
"""


def run(code, **variables):
    """Return what a new process prints, and its complaints."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")} | variables
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def test_numba_is_not_imported_for_what_no_compiled_kernel_computes():
    assert run(LAZY) == ("False", "")


def test_compiles_once_says_so_and_loads_from_disk_afterwards(tmp_path):
    out, complaints = run(SEQUENCE, NUMBA_CACHE_DIR=str(tmp_path))
    assert out.endswith("True")
    assert complaints.count("npdl-numba compiles its kernels") == 1
    assert run(SEQUENCE, NUMBA_CACHE_DIR=str(tmp_path)) == (out, "")


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names a processor of x86")
def test_code_on_disk_is_of_these_sources(tmp_path, monkeypatch):
    from numba.core import config

    from npdl_numba.compiled import jit

    def hits(sources):
        monkeypatch.setattr(jit, "sources", lambda: sources)
        doubled = jit.jit(twice)
        assert doubled(2.0) == 4.0
        return sum(doubled.stats.cache_hits.values())

    assert len(jit.sources()) == 64
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert [hits(sources) for sources in ("old", "old", "new", "new")] == [0, 1, 0, 1]


def twice(x):
    return 2 * x


def test_computes_the_same_on_a_processor_without_avx(tmp_path):
    out, _ = run(SEQUENCE, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME="generic")
    assert out == "16 True"


@pytest.fixture
def limit(monkeypatch):
    """Return a function that gives the limit under some variables."""

    def limit(**variables):
        for name in threads.VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        threads.limit.cache_clear()
        return threads.limit()

    yield limit
    threads.limit.cache_clear()


def test_as_many_threads_as_blas_is_told_to_use(limit):
    available = limit()
    assert available >= 1
    assert limit(OMP_NUM_THREADS="1") == 1
    assert limit(OMP_NUM_THREADS="4096") == available
    assert limit(OMP_NUM_THREADS="4096", OPENBLAS_NUM_THREADS="1") == 1
    assert limit(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="") == 1
    for nonsense in ("0", "-1", "four", "²"):
        assert limit(OMP_NUM_THREADS=nonsense) == available


@pytest.mark.parametrize("n", [1, 2, 7, 32])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_parts_cover_all_rows_once(n, most):
    ranges = threads.parts(n, most)
    assert [row for first, last in ranges for row in range(first, last)] == list(range(n))
    assert len(ranges) == min(n, most)


def test_an_error_in_any_part_is_raised_after_all_are_done(monkeypatch):
    monkeypatch.setattr(threads, "limit", lambda: 2)
    done = []

    def fails_in(part, first, last):
        done.append(first)
        if first == part:
            raise ValueError(f"part {part}")

    for part in (0, 2):
        done.clear()
        with pytest.raises(ValueError, match=f"part {part}"):
            threads.run(fails_in, 4, part)
        assert sorted(done) == [0, 2]
