"""State of an optimizer: what it is, and that what is not a state is refused whole."""

import copy
import pickle

import numpy as np
import pytest

from npdl_core.errors import FileFormatError
from npdl_core.optimizers import SGD, Optimizer


class Counting(SGD):
    """A rule with a number in its state."""

    scalars = {"total": 1.5}  # noqa: RUF012 - read only

    def prepare_step(self):
        self.total *= 2


def trained(cls=SGD, steps=3, **config):
    optimizer = cls(lr=0.1, momentum=0.9, **config)
    params = [np.ones((2, 3)), np.ones(4, np.float32)]
    for _ in range(steps):
        optimizer.update(params, [0.5 * p for p in params])
    return optimizer, params


def test_a_state_has_counters_the_rate_and_arrays_by_flat_names():
    optimizer, _ = trained()
    optimizer.epoch = 2
    state = optimizer.state()
    assert list(state) == ["iterations", "epoch", "lr", "n_params", "0.velocity", "1.velocity"]
    assert [state[key] for key in ("iterations", "epoch", "lr", "n_params")] == [3, 2, 0.1, 2]
    assert (state["0.velocity"].shape, state["1.velocity"].dtype) == ((2, 3), np.float32)


def test_a_state_is_a_copy_in_both_directions():
    optimizer, params = trained()
    state = optimizer.state()
    kept = copy.deepcopy(state)
    optimizer.update(params, [0.5 * p for p in params])
    np.testing.assert_array_equal(state["0.velocity"], kept["0.velocity"])
    optimizer.load_state(state)
    optimizer.update(params, [0.5 * p for p in params])
    np.testing.assert_array_equal(state["0.velocity"], kept["0.velocity"])


def test_a_number_of_the_rule_is_part_of_the_state():
    optimizer, _ = trained(Counting)
    state = optimizer.state()
    assert state["total"] == 12.0
    other = Counting(momentum=0.9)
    assert other.total == 1.5
    other.load_state(state)
    assert other.total == 12.0
    other.reset()
    assert other.total == 1.5


def test_a_rate_that_was_set_is_restored_and_a_schedule_stays():
    optimizer, _ = trained()
    optimizer.lr = 0.025
    other = SGD(lr=0.1, momentum=0.9)
    other.load_state(optimizer.state())
    assert other.lr == 0.025
    scheduled = {"name": "constant", "config": {"lr": 0.5}}
    first, second = SGD(lr=scheduled), SGD(lr=scheduled)
    assert first.state()["lr"] is None
    second.load_state(first.state())
    assert second.current_lr() == 0.5


def test_a_rule_without_arrays_has_none():
    optimizer = SGD(lr=0.1)
    optimizer.update([np.ones(2)], [np.ones(2)])
    state = optimizer.state()
    assert state == {"iterations": 1, "epoch": 0, "lr": 0.1, "n_params": 0}
    other = SGD()
    other.load_state(state)
    assert other.state() == state


@pytest.mark.parametrize(
    "change",
    [
        {"iterations": -1},
        {"iterations": 1.5},
        {"iterations": True},
        {"epoch": "1"},
        {"lr": -0.1},
        {"lr": "fast"},
        {"total": float("nan")},
        {"n_params": 1},
        {"n_params": 3},
        {"n_params": 10**15},
        {"n_params": None},
        {"0.velocity": [1.0]},
        {"0.velocity": np.zeros((2, 3), int)},
        {"2.velocity": np.zeros(1)},
        {"0.other": np.zeros((2, 3))},
        {"other": 1},
        {3: 1},
    ],
    ids=str,
)
def test_what_is_not_a_state_is_refused_whole(change):
    optimizer, _ = trained(Counting)
    before = repr(optimizer.state())
    with pytest.raises(FileFormatError):
        optimizer.load_state({**optimizer.state(), **change})
    assert repr(optimizer.state()) == before


@pytest.mark.parametrize("state", [None, [], {}, "state"])
def test_other_objects_are_refused(state):
    with pytest.raises(FileFormatError):
        SGD().load_state(state)


def test_every_missing_entry_is_noticed():
    optimizer, _ = trained(Counting)
    for key in optimizer.state():
        state = optimizer.state()
        del state[key]
        with pytest.raises(FileFormatError):
            optimizer.load_state(state)


def test_a_stateless_rule_refuses_a_count_of_parameters():
    with pytest.raises(FileFormatError, match="n_params"):
        SGD().load_state({"iterations": 1, "epoch": 0, "lr": 0.1, "n_params": 2})


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_copies_continue_by_themselves(twin):
    optimizer, params = trained(Counting, clip=0.3)
    other, others = twin(optimizer), [p.copy() for p in params]
    optimizer.update(params, [0.5 * p for p in params])
    other.update(others, [0.5 * p for p in others])
    for mine, theirs in zip(params, others, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert len(pickle.dumps(optimizer)) < 4000


def test_shared_arguments_become_part_of_the_signature():
    class Own(Optimizer):
        def __init__(self, speed=1.0, lr=0.1, *, clip_norm=2.0, **shared):
            super().__init__(lr, clip_norm=clip_norm, **shared)

        def apply(self, p, g, lr, scratch, **slots):
            p -= lr * g

    class Closed(Own):
        def __init__(self, lr=0.1):
            super().__init__(lr=lr)

    others = ["clip", "decay", "lr_min", "lr_max", "clip_param_norm", "weight_decay", "decoupled"]
    assert list(Own().config) == ["speed", "lr", "clip_norm", *others]
    assert (Own().clip_norm, Own(weight_decay=0.5).weight_decay) == (2.0, 0.5)
    assert list(Closed().config) == ["lr"]
