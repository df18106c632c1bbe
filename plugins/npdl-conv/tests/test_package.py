"""What importing the package brings."""

import subprocess
import sys

import pytest

import npdl_conv


def test_members_are_imported_when_they_are_used():
    code = (
        "import sys, npdl_conv.hooks; print([name for name in sys.modules if name.startswith('npdl_conv.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['npdl_conv.hooks']"
    assert set(npdl_conv.__all__) <= set(dir(npdl_conv))
    assert all(getattr(npdl_conv, name).__name__ == name for name in npdl_conv.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = npdl_conv.nothing
