"""Mutants of initializers and schedules, each rejected by the name of the property that it breaks."""

import itertools

import numpy as np
import pytest
from right_layers import collector

from npdl_core.errors import ConformanceError, ShapeError
from npdl_core.initializers import Initializer, Uniform
from npdl_core.schedules import Schedule
from npdl_core.testing import check_initializer, check_schedule
from npdl_core.testing.common import COMMON
from npdl_core.testing.initializers import PROPERTIES as INITIALIZER_PROPERTIES
from npdl_core.testing.schedules import PROPERTIES as SCHEDULE_PROPERTIES

INITIALIZERS, breaks = collector()
SCHEDULES, breaks_schedule = collector()
NOISE = np.random.default_rng(0)


class Plain:
    """Numbers around 1, outside the base."""

    def __call__(self, shape, rng=None, dtype="float32"):
        return np.asarray(rng.normal(1, 0.1, shape), dtype)


class Square(Initializer):
    """Square matrices only."""

    def sample(self, shape, rng):
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ShapeError("not square")
        return rng.normal(0, 1, shape)


class Never(Initializer):
    """No shape at all."""

    def sample(self, shape, rng):
        raise ShapeError("no")


@pytest.mark.parametrize("spec", ["uniform", Uniform(0.1), Plain, Plain(), Square])
def test_right_initializers_are_accepted(spec):
    assert check_initializer(spec) == tuple(check.__name__ for check in INITIALIZER_PROPERTIES)


def test_constants_say_so():
    assert check_initializer("zero", random=False)
    with pytest.raises(ConformanceError, match="random=False"):
        check_initializer("zero")


def test_given_shapes_must_be_filled():
    assert check_initializer(Square, shapes=[(3, 3)])
    with pytest.raises(ConformanceError, match="not square"):
        check_initializer(Square, shapes=[(3, 4)])


@breaks("shape_and_dtype")
class FlatShape(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        return super().__call__(shape, rng, dtype).ravel()


@breaks("shape_and_dtype")
class ReturnsLists(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        return super().__call__(shape, rng, dtype).tolist()


@breaks("shape_and_dtype")
class AlwaysDouble(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        return super().__call__(shape, rng, "float64")


@breaks("shape_and_dtype")
class DividesByFan(Uniform):
    def sample(self, shape, rng):
        with np.errstate(all="ignore"):
            return super().sample(shape, rng) / np.float64(max(shape, default=1) - 6)


breaks("shape_and_dtype")(Never)


@breaks("array_is_new_and_contiguous")
class Transposed(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        drawn = super().__call__(shape, rng, dtype)
        return np.asfortranarray(drawn) if drawn.ndim > 1 else drawn


@breaks("array_is_new_and_contiguous")
class ReadOnly(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        drawn = super().__call__(shape, rng, dtype)
        drawn.flags.writeable = False
        return drawn


@breaks("array_is_new_and_contiguous")
class Remembers(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        known = self.__dict__.setdefault("known", {})
        return known.setdefault((shape, dtype), super().__call__(shape, rng, dtype))


@breaks("seed_determines_the_numbers")
class OwnNoise(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        known = self.__dict__.setdefault("own", np.random.default_rng(NOISE.integers(1000)))
        state = known.bit_generator.state
        drawn = super().__call__(shape, known, dtype)
        known.bit_generator.state = state
        return drawn


@breaks("seed_determines_the_numbers")
class GlobalNoise(Uniform):
    def sample(self, shape, rng):
        np.random.random()  # noqa: NPY002  the defect
        return super().sample(shape, rng)


@breaks("seed_determines_the_numbers")
class DrawsInSingle(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        return np.asarray(rng.random(shape, dtype=np.dtype(dtype)))


@breaks("seeds_differ")
class IgnoresSeed(Uniform):
    def sample(self, shape, rng):
        return super().sample(shape, np.random.default_rng(0))


@breaks("seeds_differ", random=False)
class NotConstant(Uniform):
    pass


@breaks("calls_are_pure")
class CountsCalls(Uniform):
    def sample(self, shape, rng):
        self.calls = getattr(self, "calls", 0) + 1
        return super().sample(shape, rng)


@breaks("impossible_shapes_are_refused")
class TakesFractions(Uniform):
    def __call__(self, shape, rng=None, dtype="float32"):
        return super().__call__(tuple(abs(int(size)) for size in shape), rng, dtype)


@pytest.mark.parametrize(("name", "cls", "arguments"), INITIALIZERS)
def test_wrong_initializers_are_rejected(rejected, name, cls, arguments):
    rejected("initializers", name, cls, lambda: check_initializer(cls, **arguments))


class Halving(Schedule):
    """2^-t."""

    def __call__(self, time):
        return 0.5 ** min(time, 100)


class PlainSchedule:
    """A constant outside the base."""

    def __call__(self, time):
        return 0.25


@pytest.mark.parametrize("spec", ["constant", Halving, Halving(), PlainSchedule])
def test_right_schedules_are_accepted(spec):
    assert check_schedule(spec) == tuple(check.__name__ for check in SCHEDULE_PROPERTIES)


def test_schedules_by_epoch():
    assert check_schedule(Halving, config={"per": "epoch"})


@breaks_schedule("rates_are_numbers")
class NumpyRate(Halving):
    def __call__(self, time):
        return np.float32(super().__call__(time))


@breaks_schedule("rates_are_numbers")
class Negative(Halving):
    def __call__(self, time):
        return 1.0 - 0.001 * time


@breaks_schedule("rates_are_numbers")
class Overflows(Halving):
    def __call__(self, time):
        return 1.1**time


@breaks_schedule("rates_are_numbers")
class Infinite(Halving):
    def __call__(self, time):
        return float("inf") if time > 1000 else 1.0


@breaks_schedule("rate_is_a_pure_function_of_time")
class CountsItself(Halving):
    def __init__(self, per="step"):
        super().__init__(per)
        self.calls = 0

    def __call__(self, time):
        self.calls += 1
        return 1.0 / self.calls


@breaks_schedule("rate_is_a_pure_function_of_time")
class RemembersTime(Halving):
    def __call__(self, time):
        self.last = time
        return super().__call__(time)


@breaks_schedule("rate_is_a_pure_function_of_time")
class EachOther(Halving):
    numbers = itertools.count()

    def __init__(self, per="step"):
        super().__init__(per)
        self.number = next(self.numbers)

    def __call__(self, time):
        return 1.0 / (1 + self.number)


@breaks_schedule("rate_is_a_pure_function_of_time")
class DrawsGlobally(Halving):
    def __call__(self, time):
        np.random.random()  # noqa: NPY002  the defect
        return super().__call__(time)


@breaks_schedule("optimizers_take_it")
class PerDay(Halving):
    def __init__(self):
        self.per = "day"


@breaks_schedule("optimizers_take_it")
class ChangesItsClock(Halving):
    asked = 0

    @property
    def per(self):
        type(self).asked += 1
        return "step" if type(self).asked == 1 else "epoch"

    @per.setter
    def per(self, value):
        type(self).asked = 0


@pytest.mark.parametrize(("name", "cls", "arguments"), SCHEDULES)
def test_wrong_schedules_are_rejected(rejected, name, cls, arguments):
    rejected("schedules", name, cls, lambda: check_schedule(cls, **arguments))


@pytest.mark.parametrize(
    ("properties", "mutants"), [(INITIALIZER_PROPERTIES, INITIALIZERS), (SCHEDULE_PROPERTIES, SCHEDULES)]
)
def test_every_property_has_a_mutant(properties, mutants):
    own = {check.__name__ for check in properties} - {check.__name__ for check in COMMON}
    assert {param.values[0] for param in mutants} == own
