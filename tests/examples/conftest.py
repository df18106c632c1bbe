"""The chatbot of examples/chatbot, imported and taught a little."""

import importlib
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "examples" / "chatbot"

TALK = """Hi!
Hello, nice to see you.

Are you a robot?
No, only numbers.
Are you sure?
Yes.

How are you today?
I am fine, thanks. And you?

What is 1 < 2?
<b>true</b>
"""


@pytest.fixture(scope="session")
def program():
    """Return a function that imports a module of the example."""
    if not HERE.is_dir():
        pytest.skip("the examples are part of the repository")
    for package in ("npdl_data", "npdl_rnn", "npdl_optim"):
        pytest.importorskip(package, reason=f"the chatbot needs {package}")

    def load(name):
        if name == "serve":
            pytest.importorskip("flask", reason="the chatbot's server needs flask: pip install flask")
        return importlib.import_module(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        yield load


@pytest.fixture(scope="session")
def bot(program):
    """Return a chatbot that has learned TALK."""
    return program("train").trained(TALK, epochs=150, n_words=16, n_out=24, lr=0.01)[0]


@pytest.fixture(scope="session")
def pairs(program):
    """Return the exchanges of TALK."""
    return program("chatbot").exchanges(TALK)
