"""The constant schedule, and the contract of all."""

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import ConfigError
from npdl_core.optimizers import SGD
from npdl_core.schedules import Schedule


def test_it_stays():
    made = registry.get("schedules", "constant", lr=0.25)
    assert (made(0), made(10**9), made.per) == (0.25, 0.25, "step")
    assert registry.get("schedules", made.to_json()).config == {"lr": 0.25, "per": "step"}


@pytest.mark.parametrize("config", [{"lr": -1}, {"lr": "a"}, {"per": "batch"}, {"per": None}])
def test_arguments_are_checked(config):
    with pytest.raises(ConfigError):
        registry.get("schedules", "constant", **config)


def test_a_schedule_of_ones_own():
    class Halving(Schedule):
        def __call__(self, time):
            return 0.5**time

    p, optimizer = np.zeros(1), SGD(lr=Halving())
    for _ in range(3):
        optimizer.update([p], [np.ones(1)])
    assert p[0] == -1.75
