"""Makes the modules with right and wrong components importable, and records which defects are rejected."""

import inspect
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from npdl_core.errors import ConformanceError

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def rejected(record_property):
    """Return a function that sees a planted defect rejected by one property, and returns the message.

    ``scripts/mutation_table.py`` tabulates what was seen.
    """

    def see(kind, name, defect, check):
        with pytest.raises(ConformanceError) as caught:
            check()
        assert caught.value.property_name == name, str(caught.value)
        record_property("mutant", (kind, name, defect.__name__, source_of(defect)))
        return str(caught.value)

    return see


def source_of(defect):
    """Return the text of a class or function without decorators; nothing for a class that code made."""
    try:
        text = dedent(inspect.getsource(defect))
    except OSError:
        return ""
    return "".join(line for line in text.splitlines(True) if not line.startswith("@"))
