"""Named kernels: a NumPy reference that is the specification, and installed overrides that may be faster."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from npdl_core import registry
from npdl_core.errors import DuplicateNameError, PluginError, UnknownNameError

__all__ = ["Kernel", "declare", "find", "names"]

Function = Callable[..., Any]


class Kernel:
    """A function by name: the first override that accepts a call answers it, else the reference.

    Parameters
    ----------
    name : str
        How overrides find it: entry points of this name in the group ``npdl.v1.kernels``.
    reference : callable
        The NumPy function. It may grow by keyword-only options, which callers pass only when they differ from
        the default.

    Notes
    -----
    Overrides are looked up at the first call, and tried in the order of their distributions' names. One
    declines by returning ``NotImplemented``. ``NPDL_KERNELS=numpy`` turns all of them off.
    """

    def __init__(self, name: str, reference: Function) -> None:
        self.name = name
        self.reference = reference
        self._overrides: tuple[tuple[Function, frozenset[str]], ...] | None = None
        update_wrapper(self, reference)

    @property
    def overrides(self) -> tuple[Function, ...]:
        """The functions that are tried before the reference.

        Raises
        ------
        PluginError
            If an override has another signature than the reference.
        """
        return tuple(override for override, _ in self._found())

    def _found(self) -> tuple[tuple[Function, frozenset[str]], ...]:
        """Return the overrides with the names of their arguments."""
        if self._overrides is None:
            found = _installed(self.name, self.reference)
            self._overrides = tuple((one, frozenset(inspect.signature(one).parameters)) for one in found)
        return self._overrides

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the first accepting function returns."""
        found = self._overrides
        for override, names in self._found() if found is None else found:
            if kwargs and not names.issuperset(kwargs):
                continue
            result = override(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return self.reference(*args, **kwargs)

    def refresh(self) -> None:
        """Look overrides up anew at the next call."""
        self._overrides = None


class _Table:
    """All declared kernels of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kernels: dict[str, Kernel] = {}


_TABLE = _Table()


def declare(name: str, reference: Function) -> Kernel:
    """Declare a kernel by its reference and return it; a package does that for the family it owns.

    Raises
    ------
    DuplicateNameError
        If another function is declared under this name.

    Examples
    --------
    >>> def doubled(x):
    ...     return 2 * x
    >>> declare("doctest_doubled", doubled)(3)
    6
    """
    with _TABLE.lock:
        known = _TABLE.kernels.get(name)
        if known is not None:
            if known.reference is not reference:
                raise DuplicateNameError(
                    f"kernel {name!r} is declared already, by {known.reference.__module__}"
                )
            return known
        return _TABLE.kernels.setdefault(name, Kernel(name, reference))


def find(name: str) -> Kernel:
    """Return a declared kernel.

    Raises
    ------
    UnknownNameError
        If the package that owns it was not imported, or there is none of this name.
    """
    try:
        return _TABLE.kernels[name]
    except KeyError:
        known = ", ".join(sorted(_TABLE.kernels)) or "none yet"
        raise UnknownNameError(f"no kernel {name!r} is declared; declared are: {known}") from None


def names() -> list[str]:
    """Return the names of all declared kernels, sorted."""
    return sorted(_TABLE.kernels)


def _installed(name: str, reference: Function) -> list[Function]:
    """Return the overrides of a kernel in the order of their distributions' names."""
    if os.environ.get("NPDL_KERNELS", "").strip().lower() == "numpy":
        return []
    ids = sorted(registry.providers("kernels", name))
    found = [registry.resolve("kernels", identity) for identity in ids]
    for identity, function in zip(ids, found, strict=True):
        problem = signature_problem(function, reference)
        if problem:
            raise PluginError(f"kernel {identity}: {problem}; NPDL_KERNELS=numpy turns overrides off")
    return found


def signature_problem(override: Function, reference: Function) -> str | None:
    """Return how an override's signature differs from its reference's, or None.

    Positional parameters must be the same; keyword-only options may be fewer, since calls with the others
    pass it by. Defaults must be equal, because callers leave out what has the reference's.
    """
    wanted, got = (inspect.signature(f).parameters for f in (reference, override))
    expected, came = (
        [p.name for p in found.values() if p.kind is not p.KEYWORD_ONLY] for found in (wanted, got)
    )
    if expected != came:
        return f"its arguments are ({', '.join(came)}), the reference's ({', '.join(expected)})"
    for name, parameter in got.items():
        if name not in wanted:
            return f"it has the option {name!r}, which the reference lacks"
        if parameter.default != wanted[name].default:
            return f"the default of {name!r} is {parameter.default}, the reference's {wanted[name].default}"
    return None
