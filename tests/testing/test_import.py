"""Importing the kit imports nothing; its members are there when they are used."""

import subprocess
import sys

import pytest

import npdl_core.testing as kit


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_is_cheap():
    code = (
        "import sys; before = set(sys.modules); import npdl_core.testing; "
        "print(*(name for name in set(sys.modules) - before if 'npdl' in name or "
        "name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    assert set(run(code).split()) == {"npdl_core", "npdl_core.testing"}


def test_using_it_needs_neither_pytest_nor_hypothesis():
    code = (
        "import sys; from npdl_core.testing import *; check_layer('dense', config={'n_out': 2}); "
        "print('pytest' in sys.modules, 'hypothesis' in sys.modules, 'npdl_core.model' in sys.modules)"
    )
    assert run(code) == "False False False"


@pytest.mark.parametrize("name", kit.__all__)
def test_members(name):
    assert callable(getattr(kit, name))
    assert getattr(kit, name).__doc__
    assert name in dir(kit)


def test_gradcheck_is_the_function_whatever_was_imported_before():
    code = "import npdl_core.testing.layers, npdl_core.testing as kit; print(type(kit.gradcheck).__name__)"
    assert run(code) == "function"


def test_unknown_members():
    with pytest.raises(AttributeError, match="check_everything"):
        kit.check_everything  # noqa: B018
