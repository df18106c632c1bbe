"""Parameters of layers, and the store that lays a model's parameters out in one flat buffer per dtype."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import BudgetError, OwnershipError, ShapeError

if TYPE_CHECKING:
    from npdl_core.initializers.base import Initializer
    from npdl_core.optimizers.base import Optimizer
    from npdl_core.parameterized import Parameterized

__all__ = ["Allocator", "Parameter", "ParameterStore"]


class Allocator:
    """Makes the arrays of parameters within a budget.

    Parameters
    ----------
    budget : int or None
        How many numbers may be allocated in all; None is no limit.
    initialize : bool
        Draw initial values; False gives zeros, for weights that are about to be loaded.
    """

    def __init__(self, budget: int | None = None, *, initialize: bool = True) -> None:
        self.budget = budget
        self.remaining = budget
        self.initialize = initialize

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
                    f"a parameter of shape {shape} needs {size:,} numbers and {self.remaining:,} of the allowed "
                    f"{self.budget:,} are left; raise the limit if this model is meant to be that large"
                )
            self.remaining -= size
        return init(shape, rng, dtype) if self.initialize else np.zeros(shape, dtype)


class Parameter:
    """One array of a layer, its gradient, and who may change it.

    Attributes
    ----------
    value : ndarray
        The numbers; a view into a store's flat buffer once the layer belongs to a model.
    grad : ndarray or None
        The gradient, of the same shape; None when the parameter is not trainable.
    trainable : bool
        False for running statistics: saved, never optimised.
    decay : bool
        Whether weight decay applies; False for biases and normalisation gains.
    """

    __slots__ = ("_bindings", "decay", "grad", "layer", "name", "store", "trainable", "value")

    def __init__(
        self, layer: Parameterized, name: str, value: NDArray[Any], *, trainable: bool, decay: bool
    ) -> None:
        self.layer = layer
        self.name = name
        self.trainable = trainable
        self.decay = decay
        self.value = value
        self.grad = np.zeros_like(value) if trainable else None
        self.store: ParameterStore | None = None
        self._bindings: list[tuple[Parameterized, str]] = []
        self.bind(layer, name)

    def bind(self, layer: Parameterized, name: str) -> None:
        """Show this parameter as ``layer.<name>`` and its gradient as ``layer.d<name>``."""
        self._bindings.append((layer, name))
        self._show()

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
        return not self.trainable or not self.layer.trainable


class ParameterStore:
    """All parameters of a model: trainable ones as views into one flat buffer per dtype.

    Parameters
    ----------
    named : iterable of (str, Parameter)
        In declaration order; a parameter that comes twice is laid out once, under its first name.

    Attributes
    ----------
    values, grads : dict of dtype to ndarray (P,)
        The flat buffers; P counts the trainable numbers of that dtype.

    Examples
    --------
    >>> from npdl_core.layers import Dense
    >>> layer = Dense(2, n_in=3)
    >>> layer.connect_to()
    >>> store = ParameterStore(layer.named_parameters())
    >>> store.size, layer.W.base is store.values[layer.dtype]
    (8, True)
    """

    def __init__(self, named: Iterable[tuple[str, Parameter]]) -> None:
        self.named: dict[str, Parameter] = {}
        seen: set[int] = set()
        for name, parameter in named:
            if id(parameter) not in seen:
                seen.add(id(parameter))
                self.named[name] = parameter
        self._refuse_foreign()
        self.values: dict[np.dtype[Any], NDArray[Any]] = {}
        self.grads: dict[np.dtype[Any], NDArray[Any]] = {}
        self._slices: dict[int, slice] = {}
        for parameter in self.named.values():
            parameter.store = self
        self._lay_out()

    def release(self) -> None:
        """Give every parameter its own arrays back, so that its layers may join another model."""
        for parameter in self.named.values():
            parameter.detach()

    def _refuse_foreign(self) -> None:
        for name, parameter in self.named.items():
            if parameter.store is not None:
                raise OwnershipError(
                    f"{name}: this layer already belongs to another model; use layer.clone() for a second one, "
                    "or put both uses into one model to share the weights"
                )

    def _lay_out(self) -> None:
        by_dtype: dict[np.dtype[Any], list[Parameter]] = {}
        for parameter in self.trainable():
            by_dtype.setdefault(parameter.value.dtype, []).append(parameter)
        for dtype, parameters in by_dtype.items():
            size = sum(parameter.value.size for parameter in parameters)
            values, grads = np.empty(size, dtype), np.zeros(size, dtype)
            start = 0
            for parameter in parameters:
                shape, stop = parameter.value.shape, start + parameter.value.size
                parameter.move(values[start:stop].reshape(shape), grads[start:stop].reshape(shape))
                self._slices[id(parameter)] = slice(start, stop)
                start = stop
            self.values[dtype], self.grads[dtype] = values, grads

    def trainable(self) -> list[Parameter]:
        """Return the parameters with a gradient, in declaration order."""
        return [parameter for parameter in self.named.values() if parameter.trainable]

    @property
    def size(self) -> int:
        """Return how many trainable numbers there are."""
        return sum(flat.size for flat in self.values.values())

    def tensors(self) -> tuple[list[NDArray[Any]], list[NDArray[Any]], list[bool]]:
        """Return values, gradients and decay flags of what is to be optimised, one entry a parameter."""
        wanted = [p for p in self.trainable() if not p.frozen]
        return (
            [p.value for p in wanted],
            [p.grad for p in wanted if p.grad is not None],
            [p.decay for p in wanted],
        )

    def groups(self, *, by_decay: bool) -> tuple[list[NDArray[Any]], list[NDArray[Any]], list[bool]]:
        """Return the same as flat slices, neighbours merged; ``by_decay`` keeps unequal decay flags apart."""
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

    def views_for(self, optimizer: Optimizer) -> tuple[list[NDArray[Any]], list[NDArray[Any]], list[bool]]:
        """Return what ``optimizer.update`` takes: flat slices if it is element-wise, whole tensors otherwise."""
        if getattr(optimizer, "elementwise", False):
            return self.groups(by_decay=bool(getattr(optimizer, "weight_decay", 0.0)))
        return self.tensors()

    def copy_values(self) -> dict[str, NDArray[Any]]:
        """Return a copy of every parameter, trainable or not, by name."""
        return {name: parameter.value.copy() for name, parameter in self.named.items()}

    def load_values(self, values: dict[str, NDArray[Any]]) -> None:
        """Copy arrays into the parameters of the same names; all are checked before the first is written.

        Raises
        ------
        ShapeError
            Lists every missing, unexpected and mismatched name at once; nothing is changed.
        """
        problems = mismatches({name: p.value.shape for name, p in self.named.items()}, values)
        if problems:
            raise ShapeError("these weights do not fit this model: " + "; ".join(problems))
        for name, parameter in self.named.items():
            parameter.value[...] = values[name]


def mismatches(expected: dict[str, tuple[int, ...]], came: dict[str, NDArray[Any]]) -> Sequence[str]:
    """Return one phrase for each name that is missing, unexpected or of another shape."""
    missing = [f"{name} is missing" for name in expected if name not in came]
    unexpected = [f"{name} is unexpected" for name in came if name not in expected]
    differing = [
        f"{name} has shape {tuple(came[name].shape)} instead of {shape}"
        for name, shape in expected.items()
        if name in came and tuple(came[name].shape) != shape
    ]
    return [*missing, *unexpected, *differing]
