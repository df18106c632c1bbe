import copy

import numpy as np
import pytest

from npdl_core.errors import ConfigError, FileFormatError
from npdl_core.rng import generator_state, restore_generator, streams


def test_streams_are_independent_and_repeatable():
    a, b = streams(5, 2)
    c, d = streams(5, 2)
    draws = [g.random(100) for g in (a, b, c, d)]
    assert (draws[0] == draws[2]).all()
    assert (draws[1] == draws[3]).all()
    assert abs(np.corrcoef(draws[0], draws[1])[0, 1]) < 0.3
    assert streams(None, 1)[0].random() != streams(None, 1)[0].random()
    assert streams(2**200, 1)[0].random() != streams(2**200 + 1, 1)[0].random()
    with pytest.raises(ConfigError):
        streams(-1, 1)


def test_state_goes_on_in_the_middle():
    generator = streams(1, 1)[0]
    generator.integers(0, 100, dtype=np.uint32)  # leaves half a draw behind
    saved = generator_state(generator)
    expected = [generator.integers(0, 100, dtype=np.uint32), generator.random()]
    other = streams(2, 1)[0]
    restore_generator(other, saved)
    assert [other.integers(0, 100, dtype=np.uint32), other.random()] == expected


SAVED = generator_state(streams(1, 1)[0])


@pytest.mark.parametrize(
    "saved",
    [
        None, [], "x", {}, {**SAVED, "extra": 1}, {**SAVED, "bit_generator": "MT19937"},
        {**SAVED, "state": "zz"}, {**SAVED, "state": 5}, {**SAVED, "state": hex(2**128)},
        {**SAVED, "state": "-0x1"}, {**SAVED, "inc": None}, {**SAVED, "inc": hex(2**128)},
        {**SAVED, "has_uint32": 2}, {**SAVED, "has_uint32": True}, {**SAVED, "uinteger": -1},
        {**SAVED, "uinteger": 2**32}, {**SAVED, "uinteger": "1"}, {**SAVED, "state": "0x" + "f" * 10**6},
    ],
)  # fmt: skip
def test_what_is_no_state_changes_nothing(saved):
    generator = streams(1, 1)[0]
    twin = copy.deepcopy(generator)
    with pytest.raises(FileFormatError, match="not the state of a PCG64 generator"):
        restore_generator(generator, saved)
    assert generator.random() == twin.random()
