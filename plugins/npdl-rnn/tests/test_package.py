"""What importing the package brings."""

import subprocess
import sys

import pytest

import npdl_rnn


def test_members_are_imported_when_they_are_used():
    code = "import sys, npdl_rnn.hooks; print([name for name in sys.modules if name.startswith('npdl_rnn.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['npdl_rnn.hooks']"
    assert set(npdl_rnn.__all__) <= set(dir(npdl_rnn))
    assert all(getattr(npdl_rnn, name).__name__ == name for name in npdl_rnn.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = npdl_rnn.nothing
