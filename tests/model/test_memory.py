"""Training on a file far larger than memory."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import npdl_core

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(100_000, 25_000), (10_000_000, 250)], ids=["wide", "long"])
def test_a_ten_gigabyte_file(tmp_path, shape):
    """Two hundred steps over a sparse file of 10 GB take at most 100 MB more memory.

    What counts is anonymous memory: pages of the mapped file are the system's cache, given back when needed.
    RLIMIT_DATA makes the kernel itself refuse more than 100 MB beyond what the process has before training,
    so no peak between two samples goes unseen; RssAnon is what was really used.
    """
    code = f"""
        import mmap
        import resource
        import numpy as np
        from npdl_core import Model
        from npdl_core.callbacks import LambdaCallback
        from npdl_core.layers import Dense, Softmax

        MB = 2**20

        def memory(key):
            with open("/proc/self/status") as status:
                return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))

        n, width = {shape}
        X = np.memmap(r"{tmp_path / "x"}", dtype="float32", mode="w+", shape=(n, width))
        Y = np.memmap(r"{tmp_path / "y"}", dtype="uint8", mode="w+", shape=(n,))
        assert X.nbytes == 10**10
        X._mmap.madvise(mmap.MADV_RANDOM)  # or the system reads megabytes around every row
        model = Model([Dense(16, n_in=width), Softmax(3)], seed=0)
        model.compile("scce", "sgd", metrics=["accuracy"])
        model.train_on_batch(X[:32], Y[:32])  # BLAS makes its buffers
        before, limit = memory("RssAnon"), memory("VmData") + 100 * MB
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        peak = []
        note = LambdaCallback(on_train_batch_end=lambda batch, logs: peak.append(memory("RssAnon")))
        model.fit(X, Y, epochs=1, batch_size=32, steps_per_epoch=200, callbacks=[note])
        assert len(peak) == 200
        assert max(peak) - before <= 100 * MB, (max(peak) - before) / MB
        assert model.predict(X[: 32 * 100]).shape == (3200, 3)
        print(round((max(peak) - before) / MB))
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(npdl_core.__file__).parents[1]),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 100
    assert os.stat(tmp_path / "x").st_blocks * 512 < 2 * 10**9
