"""Processes that are allowed to die."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import npdl_core


@pytest.fixture
def script():
    """Return a function that starts a script of this folder in a process of its own."""
    here = Path(__file__).parent
    started = []

    def start(name, *arguments, **options):
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(npdl_core.__file__).parents[1]),
            "NPDL_PLUGINS": "npdl-core",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        process = subprocess.Popen(
            [sys.executable, str(here / name), *map(str, arguments)],
            **{
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "env": environment,
                **options,
            },
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
