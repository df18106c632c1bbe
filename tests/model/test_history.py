import pytest

from npdl_core import History
from npdl_core.errors import FileFormatError


def test_keys_that_come_and_go():
    history = History()
    history.append(0, {"loss": 1.0})
    history.append(1, {"loss": 0.5, "lr": 0.1})
    history.append(2, {"lr": 0.2})
    assert history.epoch == [0, 1, 2]
    assert history.history == {"loss": [1.0, 0.5, None], "lr": [None, 0.1, 0.2]}
    assert repr(history) == "History(3 epochs: loss=None, lr=0.2)"
    assert repr(History()) == "History(0 epochs)"


def test_json():
    history = History()
    history.append(0, {"loss": 1.0})
    again = History.from_json(history.to_json())
    assert (again.epoch, again.history) == (history.epoch, history.history)
    again.append(1, {"loss": 0.5})
    assert history.history == {"loss": [1.0]}


@pytest.mark.parametrize(
    "saved",
    [
        None, [], "x", {}, {"epoch": [0]}, {"epoch": [0], "history": {"loss": []}},
        {"epoch": ["a"], "history": {}}, {"epoch": [0.5], "history": {}}, {"epoch": [True], "history": {}},
        {"epoch": [-1], "history": {}}, {"epoch": 3, "history": {}}, {"epoch": [0], "history": {"loss": 3}},
        {"epoch": [0], "history": []}, {"epoch": [0], "history": {"loss": "x"}},
    ],
)  # fmt: skip
def test_what_is_no_history(saved):
    with pytest.raises(FileFormatError, match="not what a History writes"):
        History.from_json(saved)
