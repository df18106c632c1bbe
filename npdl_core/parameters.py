"""Parameters of layers, and the store that lays a model's parameters out in one flat buffer per dtype."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import BudgetError, OwnershipError, printable

if TYPE_CHECKING:
    from npdl_core.initializers.base import Initializer
    from npdl_core.parameterized import Parameterized

__all__ = ["Allocator", "Groups", "Parameter", "ParameterStore", "mismatches"]

_LINE = 64
"""Bytes of a cache line."""


class Allocator:
    """Makes the arrays of parameters within a budget.

    Parameters
    ----------
    budget : int or None
        How many numbers may be allocated in all; None is no limit.
    initialize : bool
        Draw initial values; False gives zeros, for weights that are about to be loaded.
    largest_output : int or None
        How many numbers a sample of a layer's output may have; ``budget`` by default.
    """

    def __init__(
        self, budget: int | None = None, *, initialize: bool = True, largest_output: int | None = None
    ) -> None:
        self.budget = budget
        self.remaining = budget
        self.initialize = initialize
        self.largest_output = budget if largest_output is None else largest_output
        self.rehearsing = False

    def rehearsal(self) -> Allocator | None:
        """Return an allocator of the same budget whose arrays take no memory, or None without a budget.

        With it a whole model is measured before the first array is made.
        """
        if self.budget is None:
            return None
        twin = copy.copy(self)
        twin.rehearsing = True
        return twin

    def allocate(
        self, shape: tuple[int, ...], init: Initializer, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Return a new array of ``shape``, initialised by ``init`` or zero.

        Raises
        ------
        BudgetError
            Before anything is allocated, if the budget does not reach.
        """
        size = math.prod(shape)
        if self.remaining is not None:
            if size > self.remaining:
                raise BudgetError(
                    f"a parameter of shape {shape} needs {size:,} numbers, and {self.remaining:,} of the "
                    f"allowed {self.budget:,} are left; pass max_parameters if that size is meant"
                )
            self.remaining -= size
        if self.rehearsing:
            return _weightless(shape, dtype)
        drawn = init(shape, rng, dtype) if self.initialize else np.zeros(shape, dtype)
        value = _aligned(drawn.size, dtype).reshape(drawn.shape)
        value[...] = drawn
        return value

    def gradient(self, value: NDArray[Any]) -> NDArray[Any]:
        """Return a gradient for a parameter: zeros of its shape."""
        return _weightless(value.shape, value.dtype) if self.rehearsing else np.zeros_like(value)

    def check_output(self, shape: Any) -> None:
        """Raise :class:`BudgetError` if one sample of an output, or of several, is too large."""
        for sizes in shape if isinstance(shape, list) else [shape]:
            size = math.prod(size for size in sizes[1:] if size is not None)
            if self.largest_output is not None and size > self.largest_output:
                raise BudgetError(
                    f"an output of shape {sizes} has {size:,} numbers a sample, more than the allowed "
                    f"{self.largest_output:,}; pass max_parameters if that size is meant"
                )


def _aligned(size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialised vector that begins at a cache line, so that no line is read twice.

    A product of weights with one sample is bound by reading them: it takes up to a quarter longer elsewhere.
    """
    raw = np.empty(size * dtype.itemsize + _LINE, np.uint8)
    return np.frombuffer(raw.data, dtype, size, -raw.ctypes.data % _LINE)


def _weightless(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array of one number that has any shape."""
    return np.lib.stride_tricks.as_strided(np.zeros((), dtype), shape, (0,) * len(shape))


class Parameter:
    """One array of a layer, its gradient, and who may change it.

    Attributes
    ----------
    value : ndarray
        The numbers; a view into a store's flat buffer once the layer belongs to a model.
    grad : ndarray or None
        The gradient, of the same shape; None when the parameter is not trainable.
    trainable : bool
        False for running statistics and given vectors: saved, never optimised.
    decay : bool
        Whether weight decay applies; False for biases and normalisation gains.
    constant : bool
        Not even a training forward writes it.
    """

    __slots__ = ("_bindings", "constant", "decay", "grad", "layer", "name", "store", "trainable", "value")

    def __init__(
        self,
        layer: Parameterized,
        name: str,
        value: NDArray[Any],
        grad: NDArray[Any] | None,
        *,
        decay: bool,
        constant: bool,
    ) -> None:
        self.layer = layer
        self.name = name
        self.trainable = grad is not None
        self.decay = decay
        self.constant = constant
        self.value = value
        self.grad = grad
        self.store: ParameterStore | None = None
        self._bindings: list[tuple[Parameterized, str]] = []
        self.bind(layer, name)

    def __getstate__(self) -> Any:
        """Copy and pickle without the store: a copy belongs to no model yet."""
        return None, {name: getattr(self, name) for name in self.__slots__} | {"store": None}

    def bind(self, layer: Parameterized, name: str) -> None:
        """Show this parameter as ``layer.<name>`` and its gradient as ``layer.d<name>``."""
        self._bindings.append((layer, name))
        self._show()

    def unbind(self, layer: Parameterized, name: str) -> None:
        """Undo :meth:`bind`."""
        self._bindings = [bound for bound in self._bindings if bound != (layer, name)]

    def move(self, value: NDArray[Any], grad: NDArray[Any]) -> None:
        """Copy into the given views of a flat buffer and rebind every layer that shows this parameter."""
        value[...] = self.value
        grad[...] = 0 if self.grad is None else self.grad
        self.value, self.grad = value, grad
        self._show()

    def detach(self) -> None:
        """Take own copies of the arrays, as before a store laid them out."""
        self.value = self.value.copy()
        self.grad = None if self.grad is None else self.grad.copy()
        self.store = None
        self._show()

    def _show(self) -> None:
        for layer, name in self._bindings:
            layer.set_slot(name, self.value)
            if self.grad is not None:
                layer.set_slot(f"d{name}", self.grad)

    @property
    def frozen(self) -> bool:
        """Whether an optimizer must leave it alone."""
        return not self.trainable or self.layer.is_frozen(self.name)


Groups = tuple[list[NDArray[Any]], list[NDArray[Any]], list[bool]]
"""What an optimizer updates: values, gradients, and whether weight decay applies."""


class ParameterStore:
    """All parameters of a model: trainable ones as views into one flat buffer per dtype.

    Parameters
    ----------
    named : iterable of (str, Parameter)
        In declaration order; a parameter that comes twice is laid out once, under its first name.
    replacing : ParameterStore, optional
        The store that the same model had before.

    Attributes
    ----------
    values, grads : dict of dtype to ndarray (P,)
        The flat buffers; P counts the trainable numbers of that dtype.
    stale : bool
        Set when a layer was frozen or thawed since :meth:`groups` or :meth:`tensors` was asked.

    Raises
    ------
    OwnershipError
        If a parameter is in a store already; nothing is changed.

    Examples
    --------
    >>> from npdl_core.layers import Dense
    >>> layer = Dense(2, n_in=3)
    >>> layer.connect_to()
    >>> store = ParameterStore(layer.named_parameters())
    >>> store.size, layer.W.base is store.values[layer.dtype]
    (8, True)
    """

    def __init__(
        self, named: Iterable[tuple[str, Parameter]], replacing: ParameterStore | None = None
    ) -> None:
        self.named: dict[str, Parameter] = {}
        seen: set[int] = set()
        for name, parameter in named:
            if id(parameter) not in seen:
                seen.add(id(parameter))
                self.named[name] = parameter
        self.refuse_owned(self.named, replacing)
        self.values: dict[np.dtype[Any], NDArray[Any]] = {}
        self.grads: dict[np.dtype[Any], NDArray[Any]] = {}
        self._slices: dict[int, slice] = {}
        self.stale = False
        self._lay_out()
        for parameter in self.named.values():
            parameter.store = self
        for parameter in () if replacing is None else replacing.named.values():
            if parameter.store is replacing:
                parameter.detach()

    @staticmethod
    def refuse_owned(named: Mapping[str, Parameter], own: ParameterStore | None) -> None:
        """Raise :class:`OwnershipError` if a parameter is in another store than ``own``."""
        for name, parameter in named.items():
            if parameter.store is not None and parameter.store is not own:
                raise OwnershipError(
                    f"{name}: this layer already belongs to another model; use copy.deepcopy(layer) for a "
                    "second one with the same weights, layer.clone() for a fresh one, or put both uses into "
                    "one model"
                )

    def _lay_out(self) -> None:
        by_dtype: dict[np.dtype[Any], list[Parameter]] = {}
        for parameter in self.trainable():
            by_dtype.setdefault(parameter.value.dtype, []).append(parameter)
        for dtype, parameters in by_dtype.items():
            size = sum(parameter.value.size for parameter in parameters)
            self.values[dtype], self.grads[dtype] = _aligned(size, dtype), np.zeros(size, dtype)
        for dtype, parameters in by_dtype.items():
            start = 0
            for parameter in parameters:
                shape, stop = parameter.value.shape, start + parameter.value.size
                value, grad = (flat[dtype][start:stop].reshape(shape) for flat in (self.values, self.grads))
                parameter.move(value, grad)
                self._slices[id(parameter)] = slice(start, stop)
                start = stop

    def trainable(self) -> list[Parameter]:
        """Return the parameters with a gradient, in declaration order."""
        return [parameter for parameter in self.named.values() if parameter.trainable]

    @property
    def size(self) -> int:
        """Return how many trainable numbers there are."""
        return sum(flat.size for flat in self.values.values())

    def tensors(self) -> Groups:
        """Return what is to be optimised, one entry a parameter; frozen ones are left out."""
        self.stale = False
        wanted = [p for p in self.trainable() if not p.frozen]
        grads = [p.grad for p in wanted if p.grad is not None]
        return [p.value for p in wanted], grads, [p.decay for p in wanted]

    def groups(self, *, by_decay: bool) -> Groups:
        """Return the same as flat slices, neighbours merged; ``by_decay`` keeps unequal decay flags apart."""
        self.stale = False
        runs: list[tuple[np.dtype[Any], int, int, bool]] = []
        for parameter in self.trainable():
            if parameter.frozen:
                continue
            place, dtype = self._slices[id(parameter)], parameter.value.dtype
            decay = parameter.decay if by_decay else True
            if runs and runs[-1][0] == dtype and runs[-1][2] == place.start and runs[-1][3] == decay:
                runs[-1] = (dtype, runs[-1][1], place.stop, decay)
            else:
                runs.append((dtype, place.start, place.stop, decay))
        values = [self.values[dtype][start:stop] for dtype, start, stop, _ in runs]
        grads = [self.grads[dtype][start:stop] for dtype, start, stop, _ in runs]
        return values, grads, [decay for *_, decay in runs]

    def views_for(self, optimizer: Any) -> Groups:
        """Return what ``optimizer.update`` takes: flat slices if it is element-wise, else whole tensors."""
        if getattr(optimizer, "elementwise", False):
            return self.groups(by_decay=getattr(optimizer, "weight_decay", None) != 0)
        return self.tensors()


def mismatches(
    expected: Mapping[str, NDArray[Any]], came: Mapping[str, NDArray[Any]], *, dtypes: bool = False
) -> list[str]:
    """Return one phrase for each name that is missing, unexpected or of another shape (or dtype)."""
    problems = [f"{name} is missing" for name in expected if name not in came]
    problems += [f"{printable(name, 80)} is unexpected" for name in came if name not in expected]
    for name, wanted in expected.items():
        got = came.get(name)
        if got is None or (got.shape == wanted.shape and (got.dtype == wanted.dtype or not dtypes)):
            continue
        problems.append(
            f"{name} is {got.dtype} {got.shape} instead of {wanted.dtype} {wanted.shape}"
            if dtypes
            else f"{name} has shape {got.shape} instead of {wanted.shape}"
        )
    return problems
