"""The team of threads: many callers at once, and a process that was forked from one that has a team."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from npdl_numba import threads

FORKED = """
import os, warnings
import numpy as np
from npdl_numba import threads

threads.limit = lambda: 2

def total():
    found = np.zeros(100)
    def fill(first, last):
        found[first:last] = os.getpid()
    threads.run(fill, 100)
    return (found == os.getpid()).all()

assert total()
warnings.simplefilter("ignore")  # Python 3.12 warns of forks of processes with threads
child = os.fork()
if child == 0:
    os._exit(0 if total() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), total())
"""


def test_callers_at_once_get_their_own_parts(monkeypatch):
    monkeypatch.setattr(threads, "limit", lambda: 3)

    def squares(number):
        found = np.zeros(1000)

        def fill(first, last):
            found[first:last] = np.arange(first, last) * number

        for _ in range(20):
            threads.run(fill, 1000)
        return found

    with ThreadPoolExecutor(4) as callers:
        for number, found in enumerate(callers.map(squares, range(8))):
            np.testing.assert_array_equal(found, np.arange(1000) * number)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_threads_of_its_own():
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["0", "True"], done.stderr
