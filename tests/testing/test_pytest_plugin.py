"""What pytest gets from an installed npdl-core, in test runs of their own."""

import subprocess
import sys
from textwrap import dedent

import pytest

WRONG = """
    from npdl_core.layers import Layer
    from npdl_core.testing import check_layer


    class Wrong(Layer):
        '''Twice the input, three times the gradient.'''

        def forward(self, input, train=True):
            return 2 * input

        def backward(self, pre_grad):
            return 3 * pre_grad


    class Raising(Wrong):
        '''Raises in backward.'''

        def backward(self, pre_grad):
            raise ZeroDivisionError("no way back")


    def test_wrong():
        check_layer(Wrong, input_shape=(None, 3))


    def test_raising():
        check_layer(Raising, input_shape=(None, 3))


    def test_other():
        assert 1 == 2
"""


@pytest.fixture
def run(tmp_path):
    """Run pytest on the text of a test file and return the process."""

    def start(text, *options):
        (tmp_path / "test_it.py").write_text(dedent(text))
        command = [
            sys.executable,
            "-P",
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "-W",
            "error",
        ]
        return subprocess.run(
            [*command, *options, "test_it.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )

    return start


def test_a_property_that_does_not_hold_is_its_message(run):
    done = run(WRONG)
    assert done.returncode == 1
    text = done.stdout
    message = text[text.index("layer Wrong: property 'gradients' does not hold: ") :].splitlines()
    assert message[1].strip().startswith("input shape: ")
    assert ", seed: 0, dtype: float64" in message[1]
    assert message[2].startswith("  expected: ")
    assert message[3].startswith("  got: ")
    assert message[4:6] == ["", "test_it.py:24: test_wrong"]
    assert "outcome.py" not in text
    assert "assert 1 == 2" in text
    assert "FAILED test_it.py::test_wrong - layer Wrong: property 'gradients'" in text


def test_where_a_component_raised_is_shown(run):
    text = run(WRONG).stdout
    assert "raised ZeroDivisionError: no way back" in text
    assert (
        'test_it.py:20: in backward\n    raise ZeroDivisionError("no way back")\ntest_it.py:28: test_raising'
        in text
    )


def test_the_full_trace_is_there_when_asked_for(run):
    text = run(WRONG, "--full-trace").stdout
    assert "outcome.py" in text
    assert "property 'gradients' does not hold" in text


def test_without_the_plugin_the_message_is_still_there(run):
    text = run(WRONG, "-p", "no:npdl").stdout
    assert "outcome.py" in text
    assert "property 'gradients' does not hold" in text


def test_an_expected_failure_stays_one(run):
    done = run(
        """
        import pytest
        from npdl_core.errors import ConformanceError

        @pytest.mark.xfail(raises=ConformanceError, strict=True)
        def test_it():
            raise ConformanceError("as known")
        """
    )
    assert done.returncode == 0
    assert "1 xfailed" in done.stdout


def test_what_a_test_registers_is_taken_back(run):
    done = run(
        """
        import pytest
        from npdl_core import registry
        from npdl_core.layers import Identity

        class Mine(Identity):
            pass

        def test_registers(npdl_register):
            assert npdl_register("layers", "mine", Mine) == "local:mine"
            npdl_register("layers", "mine", Mine)
            npdl_register("layers", "gone", Mine)
            registry.unregister("layers", "gone")
            assert registry.get("layers", "mine")

        def test_afterwards():
            with pytest.raises(LookupError):
                registry.get("layers", "mine")
        """
    )
    assert done.returncode == 0, done.stdout


def test_it_imports_nothing_but_pytest(run):
    done = run(
        """
        import sys

        def test_it():
            assert "npdl_core.testing.pytest_plugin" in sys.modules
            loaded = {name for name in sys.modules if name.startswith("npdl_core")}
            assert loaded == {"npdl_core", "npdl_core.testing", "npdl_core.testing.pytest_plugin"}
            assert "numpy" not in sys.modules
        """,
        "-p",
        "no:hypothesispytest",
    )
    assert done.returncode == 0, done.stdout
