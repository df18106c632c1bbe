"""What an object is made of, down to the last bit of the last array, to see whether a call wrote to it."""

from __future__ import annotations

import threading
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["arrays_in", "changes", "global_random_state", "snapshot"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, slice, range)
_OPAQUE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_LOCKS = (type(threading.Lock()), type(threading.RLock()))


def snapshot(thing: Any) -> dict[str, tuple[object, object]]:
    """Return everything reachable from an object: attribute path → (the object itself, its content).

    Examples
    --------
    >>> import numpy as np
    >>> class Thing:
    ...     pass
    >>> thing = Thing()
    >>> thing.rows = [np.zeros(2)]
    >>> before = snapshot(thing)
    >>> thing.rows[0][1] = 1
    >>> changes(before, snapshot(thing))
    ['.rows[0]']
    """
    return {path: (found, _content(found)) for path, found in _walk(thing, "", set())}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the paths at which two snapshots of one object differ."""
    paths = dict.fromkeys([*before, *after])
    return [path or "the object" for path in paths if _differ(before.get(path), after.get(path))]


def arrays_in(thing: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return every array reachable from an object by its path."""
    return {path: found for path, found in _walk(thing, "", set()) if isinstance(found, np.ndarray)}


def global_random_state() -> object:
    """Return the state of the process-wide generators that components must leave alone."""
    import random

    legacy: Any = np.random.get_state()  # noqa: NPY002  it is read, to see that nobody else used it
    return random.getstate(), legacy[1].tobytes(), legacy[2:]


def _differ(one: tuple[object, object] | None, other: tuple[object, object] | None) -> bool:
    if one is None or other is None or one[1] != other[1]:
        return True
    return one[0] is not other[0] and not isinstance(one[0], (*_PLAIN, tuple))


def _walk(thing: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if not isinstance(thing, _PLAIN):
        if id(thing) in seen:
            return
        seen.add(id(thing))
    yield path, thing
    for step, part in _parts(thing):
        yield from _walk(part, path + step, seen)


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object consists of, each part with the step that leads to it."""
    if isinstance(thing, (*_PLAIN, *_OPAQUE, *_LOCKS, np.ndarray, np.random.Generator)):
        return
    if isinstance(thing, Mapping):
        yield from ((f"[{key!r}]", value) for key, value in list(thing.items()))
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield from ((f"[{index}]", item) for index, item in enumerate(thing))
    for name, value in list(getattr(thing, "__dict__", {}).items()):
        yield f".{name}", value
    for owner in type(thing).__mro__:
        names = owner.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if hasattr(thing, name):
                yield f".{name}", getattr(thing, name)


def _content(thing: Any) -> object:
    if isinstance(thing, np.ndarray):
        return thing.shape, thing.strides, str(thing.dtype), thing.tobytes()
    if isinstance(thing, np.random.Generator):
        return repr(thing.bit_generator.state)
    if isinstance(thing, (float, complex, np.inexact)):
        return type(thing), repr(thing)
    if isinstance(thing, _PLAIN):
        return type(thing), thing
    if isinstance(thing, (Mapping, list, tuple, set, frozenset)):
        return type(thing), len(thing)
    # Iterators, deques and the like show their content in their text; other objects are their attributes.
    builtin = type(thing).__module__ in ("builtins", "collections", "itertools")
    return repr(thing) if builtin and not isinstance(thing, _OPAQUE) else None
