"""Every installed override of a kernel against its reference."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import kernels, registry
from npdl_core.errors import printable
from npdl_core.kernels.table import Kernel, signature_problem
from npdl_core.testing.outcome import Subject, check_skipped, fail, require, require_close, run

__all__ = ["PROPERTIES", "check_kernel"]

Examples = Callable[[np.random.Generator, np.dtype[Any]], Iterable[Any]]

RTOL = {"float32": 2e-5, "float64": 1e-11}


class KernelSubject(Subject):
    """A kernel, its overrides, and example arguments."""

    kind = "kernels"

    def __init__(
        self, name: str, examples: Examples | None, overrides: Sequence[Callable[..., Any]] | None, rtol: Any
    ) -> None:
        super().__init__(f"kernel {printable(name)!r}")
        self.name = name
        self.kernel: Kernel = kernels.find(name)
        self.reference = self.kernel.reference
        self._examples = examples
        self._overrides = overrides
        self.rtol = {**RTOL, **(rtol or {})}

    def overrides(self) -> dict[str, Callable[..., Any]]:
        """Return every installed override by its id, whatever ``NPDL_KERNELS`` says."""
        if self._overrides is not None:
            return {f.__name__: f for f in self._overrides}
        return {one: registry.resolve("kernels", one) for one in registry.providers("kernels", self.name)}

    def examples(self, dtype: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Return positional and keyword arguments of example calls."""
        rng = np.random.default_rng(0)
        factory = self._examples or _declared_examples(self.name, self.reference)
        return [_arguments(example) for example in factory(rng, np.dtype(dtype))]


def _declared_examples(name: str, reference: Callable[..., Any]) -> Examples:
    """Return the function of the kernel's name in the module ``examples`` beside its reference."""
    package = reference.__module__.rpartition(".")[0]
    module = f"{package}.examples"
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        found = None
    if found is None:
        fail(
            "there are no example arguments",
            f"a function {name}(rng, dtype) in {module} that yields argument tuples, or examples=…",
            "neither",
        )
    examples: Examples = found
    return examples


def _arguments(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split what an example yields: a tuple of positional arguments, its last member a dict of options."""
    if example and isinstance(example[-1], dict):
        return tuple(example[:-1]), dict(example[-1])
    return tuple(example), {}


def examples_are_of_odd_sizes(subject: KernelSubject) -> None:
    """The reference runs on the examples, which include single rows or steps and sizes that are not even."""
    sizes: set[int] = set()
    for dtype in RTOL:
        subject.note(dtype=dtype)
        found = subject.examples(dtype)
        require(found, "there is no example", "at least one", 0)
        for args, options in found:
            subject.reference(*args, **options)
            sizes.update(size for array in _arrays(args) for size in array.shape)
    require(1 in sizes, "no example has a size of 1", 1, sorted(sizes))
    require(
        any(size % 2 and size > 1 for size in sizes), "no example has an odd size", "3, 5, 7 …", sorted(sizes)
    )


def signatures_are_the_references(subject: KernelSubject) -> None:
    """Every override has the reference's arguments, and no option that the reference lacks."""
    for name, override in subject.overrides().items():
        subject.note(override=name)
        problem = signature_problem(override, subject.reference)
        require(problem is None, problem or "")


def overrides_compute_the_same(subject: KernelSubject) -> None:
    """Results, and everything written to arguments, are the reference's up to rounding, for every example."""
    for name, override in subject.overrides().items():
        known = inspect.signature(override).parameters
        for dtype in RTOL:
            for index, (args, options) in enumerate(subject.examples(dtype)):
                if not options.keys() <= known.keys():
                    continue  # calls with these options pass it by
                subject.note(
                    override=name, dtype=dtype, example=index, shapes=[a.shape for a in _arrays(args)]
                )
                _compare(subject, override, args, options, subject.rtol[dtype])


def _compare(
    subject: KernelSubject,
    override: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
    rtol: float,
) -> None:
    due_args, came_args = copy.deepcopy(args), copy.deepcopy(args)
    came = override(*came_args, **options)
    if came is NotImplemented:
        for now, then in zip(_arrays(came_args), _arrays(args), strict=True):
            require(now.tobytes() == then.tobytes(), "it declines after it has written to an argument")
        return
    due = subject.reference(*due_args, **options)
    for index, (now, then) in enumerate(zip(_arrays(came), _arrays(due), strict=True)):
        _require_alike(now, then, f"result[{index}]", rtol)
    for index, (now, then) in enumerate(zip(_arrays(came_args), _arrays(due_args), strict=True)):
        _require_alike(now, then, f"what it leaves in argument array {index}", rtol)


def _require_alike(now: Any, then: Any, what: str, rtol: float) -> None:
    require(now.dtype == then.dtype, f"the dtype of {what}", then.dtype, now.dtype)
    require_close(now, then, f"{what} differs from the reference's", rtol)


def _arrays(value: Any) -> list[NDArray[Any]]:
    """Return all arrays and numbers in nested tuples, lists and dicts, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in _arrays(item)]
    return [] if value is None or isinstance(value, (str, bool)) else [np.asarray(value)]


PROPERTIES = (examples_are_of_odd_sizes, signatures_are_the_references, overrides_compute_the_same)


def check_kernel(
    name: str,
    *,
    examples: Examples | None = None,
    overrides: Sequence[Callable[..., Any]] | None = None,
    rtol: dict[str, float] | None = None,
    skip: Collection[str] = (),
) -> tuple[str, ...]:
    """Hold every override of a kernel against its NumPy reference.

    Parameters
    ----------
    name : str
        A declared kernel; the package that owns it must be imported.
    examples : callable(rng, dtype), optional
        Yields tuples of arguments, a dict of options last where there are some. By default the function of
        the kernel's name in the module ``examples`` of the package that holds the reference.
    overrides : sequence of callables, optional
        What to check instead of the installed overrides.
    rtol : dict of dtype name to float, optional
        Largest error relative to the largest entry; 2e-5 for float32, 1e-11 for float64.
    skip : collection of str
        Names of properties that do not apply.

    Returns
    -------
    tuple of str
        Names of the properties that hold.

    Raises
    ------
    ConformanceError
        Naming override, dtype and example.
    UnknownNameError
        If no such kernel is declared.

    Examples
    --------
    >>> check_kernel("affine_forward")[-1]
    'overrides_compute_the_same'
    """
    subject = KernelSubject(name, examples, overrides, rtol)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
