"""The contract of an initializer, property by property."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import NpdlError
from npdl_core.initializers.base import Initializer
from npdl_core.testing.common import COMMON, ComponentSubject
from npdl_core.testing.outcome import check_skipped, fail, require, require_same, run
from npdl_core.testing.snapshot import changes, global_random_state, snapshot

__all__ = ["PROPERTIES", "check_initializer"]

SHAPES: tuple[tuple[int, ...], ...] = ((4, 4), (3, 5), (6,), (4, 2, 3, 3), (0, 3), ())


class InitializerSubject(ComponentSubject):
    """An initializer and the shapes that it fills."""

    def __init__(
        self, spec: Any, config: Any, shapes: Sequence[tuple[int, ...]] | None, random: bool
    ) -> None:
        super().__init__("initializers", spec, config)
        self.given = shapes
        self.random = random

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the caller's shapes, or those of a family that it does not refuse."""
        if self.given is not None:
            return [tuple(shape) for shape in self.given]
        found = [shape for shape in SHAPES if self._fills(shape)]
        if not any(found):
            fail(f"it fills none of the shapes {SHAPES}; give shapes=…")
        return found

    def _fills(self, shape: tuple[int, ...]) -> bool:
        try:
            self.draw(shape)
        except NpdlError:
            return False
        return True

    def draw(self, shape: Any, seed: int = 0, dtype: str = "float64") -> NDArray[Any]:
        """Return a new array."""
        self.note(shape=shape, seed=seed, dtype=dtype)
        drawn: NDArray[Any] = self.new()(shape, np.random.default_rng(seed), dtype)
        return drawn


def shape_and_dtype(subject: InitializerSubject) -> None:
    """The array has the shape and dtype asked for; entries are finite, also where there are none."""
    for shape in subject.shapes():
        for dtype in ("float32", "float64"):
            drawn = subject.draw(shape, dtype=dtype)
            require(isinstance(drawn, np.ndarray), "it returns no array", "ndarray", type(drawn))
            require(drawn.shape == shape, "the array has another shape", shape, drawn.shape)
            require(drawn.dtype == dtype, "the array has another dtype", dtype, drawn.dtype)
            require(np.isfinite(drawn).all(), "an entry is not finite", "finite numbers", drawn)


def array_is_new_and_contiguous(subject: InitializerSubject) -> None:
    """The array is C-contiguous, writable, and nobody else's: writing to it changes no later one."""
    f = subject.new()
    for shape in subject.shapes():
        subject.note(shape=shape)
        first = f(shape, np.random.default_rng(0), "float64")
        require(first.flags.c_contiguous, "the array is not C-contiguous")
        require(first.flags.writeable, "the array cannot be written")
        kept = first.copy()
        first += 1
        second = f(shape, np.random.default_rng(0), "float64")
        require_same(second, kept, "writing to one array changes the next")


def seed_determines_the_numbers(subject: InitializerSubject) -> None:
    """One seed gives one array, to the last bit, in either dtype; the global generators are not used."""
    before = global_random_state()
    for shape in subject.shapes():
        due = subject.draw(shape, seed=1)
        require_same(subject.draw(shape, seed=1), due, "the same seed gives other numbers")
        rounded = subject.draw(shape, seed=1, dtype="float32")
        require_same(rounded, due.astype("float32"), "float32 is not float64, rounded")
    require(global_random_state() == before, "the global random generators were used")


def seeds_differ(subject: InitializerSubject) -> None:
    """Two seeds give different numbers, unless there is nothing random about them."""
    for shape in subject.shapes():
        one, other = subject.draw(shape, seed=1), subject.draw(shape, seed=2)
        if subject.random and math.prod(shape) >= 4:
            different = not np.array_equal(one, other)
            require(different, "two seeds give the same numbers; if that is meant, pass random=False")
        if not subject.random:
            require_same(other, one, "it is not random, and two seeds give different numbers")


def calls_are_pure(subject: InitializerSubject) -> None:
    """A call writes nothing to the initializer."""
    f = subject.new()
    before = snapshot(f)
    for shape in subject.shapes():
        subject.note(shape=shape)
        f(shape, np.random.default_rng(0), "float32")
    written = changes(before, snapshot(f))
    require(not written, "a call writes to the initializer", "nothing", ", ".join(written[:5]))


def impossible_shapes_are_refused(subject: InitializerSubject) -> None:
    """Negative and fractional sizes raise one of npdl's errors."""
    f = subject.new()
    if not isinstance(f, Initializer):
        return
    for shape in ((-1, 3), (2.5, 3)):
        subject.note(shape=shape)
        try:
            f(shape, np.random.default_rng(0))
        except NpdlError:
            continue
        fail(f"shape {shape} is accepted", "ConfigError", "an array")


PROPERTIES = (
    *COMMON,
    shape_and_dtype,
    array_is_new_and_contiguous,
    seed_determines_the_numbers,
    seeds_differ,
    calls_are_pure,
    impossible_shapes_are_refused,
)


def check_initializer(
    initializer: Any,
    *,
    config: Mapping[str, Any] | None = None,
    shapes: Sequence[tuple[int, ...]] | None = None,
    random: bool = True,
    skip: Collection[str] = (),
) -> tuple[str, ...]:
    """Check everything that an initializer promises.

    Parameters
    ----------
    initializer : str, type, mapping or Initializer
        What to check.
    config : mapping, optional
        Constructor arguments.
    shapes : sequence of tuples, optional
        What to fill; by default matrices, vectors, convolution weights, an empty array and a single number,
        as far as it does not refuse them.
    random : bool
        Whether different seeds must give different numbers.
    skip : collection of str
        Names of properties that do not apply.

    Returns
    -------
    tuple of str
        Names of the properties that hold.

    Raises
    ------
    ConformanceError
        Naming the property that does not hold.

    Examples
    --------
    >>> "seeds_differ" in check_initializer("uniform", config={"scale": 0.1})
    True
    """
    subject = InitializerSubject(initializer, config, shapes, random)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
