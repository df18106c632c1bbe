"""Running properties one after another, and the one error that says which of them does not hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, ConformanceError, MissingDependencyError, printable

__all__ = ["Broken", "Property", "Subject", "fail", "require", "require_close", "require_same", "run"]


class Broken(ConformanceError):
    """A property does not hold; :func:`run` adds which, of what, and where."""

    def __init__(self, what: str, expected: object = None, got: object = None) -> None:
        super().__init__(what)
        self.expected = expected
        self.got = got


class Subject:
    """What is checked.

    Attributes
    ----------
    kind : str
        Kind of the component.
    label : str
        How messages call it.
    facts : dict of str to object
        Where the check is at the moment: input shape, seed, dtype; shown in the message.
    """

    kind = ""

    def __init__(self, label: str) -> None:
        self.label = label
        self.facts: dict[str, object] = {}

    def note(self, **facts: object) -> None:
        """Say where the check is now; None takes a fact back."""
        for name, value in facts.items():
            self.facts[name.replace("_", " ")] = value


Property = Callable[[Any], None]


def run(subject: Subject, properties: Sequence[Property], skip: Collection[str] = ()) -> tuple[str, ...]:
    """Check properties in order and return the names of those that hold, which is all but the skipped ones.

    A property is a function that takes the subject; its name is the function's.

    Raises
    ------
    ConformanceError
        Naming the first property that does not hold.
    """
    held = []
    for check in properties:
        name = check.__name__
        if name in skip:
            continue
        subject.facts.clear()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                check(subject)
        except MissingDependencyError:
            raise
        except Exception as error:  # whatever a stranger's component raises is a property that does not hold
            raise _described(subject, check, error) from (None if isinstance(error, Broken) else error)
        held.append(name)
    return tuple(held)


def check_skipped(skip: Collection[str], properties: Sequence[Property]) -> None:
    """Refuse names of properties that do not exist: a misspelt one would skip nothing.

    Raises
    ------
    ConfigError
        Naming the first.
    """
    known = sorted({check.__name__ for check in properties})
    for name in skip:
        if name not in known:
            raise ConfigError(f"skip: no property {printable(repr(name), 60)}; there are {', '.join(known)}")


def _described(subject: Subject, check: Property, error: Exception) -> ConformanceError:
    """Return the error with component, property, what was fed to it, expected and actual value."""
    name, sentence = check.__name__, (check.__doc__ or "").partition("\n")[0]
    broken = error if isinstance(error, Broken) else None
    what = str(error) if broken else f"raised {type(error).__name__}: {printable(error, 500)}"
    lines = [f"{subject.label}: property {name!r} does not hold: {what}"]
    facts = [f"{key}: {printable(value)}" for key, value in subject.facts.items() if value is not None]
    lines += [f"  {', '.join(facts)}"] if facts else []
    expected, got = (broken.expected, broken.got) if broken else (None, None)
    if expected is None:
        expected, got = sentence or None, what if got is None else got
    if expected is not None:
        lines += [f"  expected: {printable(expected, 400)}", f"  got: {printable(got, 400)}"]
    described = ConformanceError("\n".join(lines))
    described.property_name = name
    return described


def fail(what: str, expected: object = None, got: object = None) -> NoReturn:
    """Say that the property being checked does not hold."""
    raise Broken(what, expected, got)


def require(condition: object, what: str, expected: object = None, got: object = None) -> None:
    """Fail unless ``condition``."""
    if not condition:
        raise Broken(what, expected, got)


def require_same(got: Any, expected: Any, what: str) -> None:
    """Fail unless two arrays agree in shape, dtype and every bit."""
    came, due = np.asarray(got), np.asarray(expected)
    _require_shape(came, due, what)
    require(came.dtype == due.dtype, f"{what}: another dtype", due.dtype, came.dtype)
    if came.tobytes() != due.tobytes():
        differs = (came != due) & ~((came != came) & (due != due))
        # Equal values of different bits (-0.0, another NaN) leave nothing to point at.
        index = _first(differs) if differs.any() else ()
        raise Broken(f"{what}, not to the last bit{_at(index)}", *_values(due, came, index))


def require_close(got: Any, expected: Any, what: str, rtol: float = 1e-10, atol: float | None = None) -> None:
    """Fail unless two arrays agree in shape, and in value within ``rtol`` of the largest expected entry."""
    came, due = np.asarray(got), np.asarray(expected)
    _require_shape(came, due, what)
    if not due.size:
        return
    finite = due[np.isfinite(due)]
    scale = float(np.abs(finite).max()) if finite.size else 1.0
    bound = rtol * scale + (rtol if atol is None else atol)
    with np.errstate(invalid="ignore"):
        wrong = ~((came == due) | (np.abs(came - due) <= bound) | (np.isnan(came) & np.isnan(due)))
    if wrong.any():
        index = _first(wrong)
        raise Broken(f"{what}{_at(index)}", *_values(due, came, index))


def _require_shape(came: NDArray[Any], due: NDArray[Any], what: str) -> None:
    require(came.shape == due.shape, f"{what}: another shape", due.shape, came.shape)


def _first(wrong: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(wrong)[0])


def _at(index: tuple[int, ...]) -> str:
    return f" at {list(index)}" if index else ""


def _values(due: NDArray[Any], came: NDArray[Any], index: tuple[int, ...]) -> tuple[object, object]:
    if not index and due.ndim:
        return due, came
    return due[index], came[index]
