"""Kernels: pure functions by name, each with a NumPy reference that installed overrides may replace."""

from __future__ import annotations

from npdl_core.kernels import losses, reference, steps
from npdl_core.kernels.table import Kernel, declare, find, names

__all__ = ["Kernel", "declare", "find", "names"]

for _module in (reference, losses, steps):
    for _name in _module.__all__:
        declare(_name, getattr(_module, _name))


def __getattr__(name: str) -> Kernel:
    """Return a declared kernel by attribute; from then on it is one."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        kernel = globals()[name] = find(name)
    except LookupError as error:
        raise AttributeError(str(error)) from None
    return kernel


def __dir__() -> list[str]:
    """Return the public names and all declared kernels."""
    return sorted({*globals(), *names()})
