"""The base classes that a NumpyDL program derives from, each usable in a model of npdl's."""

from __future__ import annotations

import functools
import inspect
from abc import ABC
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation as CoreActivation
from npdl_core.initializers.base import Initializer as CoreInitializer
from npdl_core.optimizers.base import Arrays
from npdl_core.optimizers.base import Optimizer as CoreOptimizer

__all__ = ["Activation", "Initializer", "Layer", "Objective", "Optimizer"]

Array = NDArray[Any]


class Layer(ABC):  # noqa: B024 - NumpyDL's has no abstract method, it can be made
    """A layer with NumpyDL's interface; a model takes it as it is.

    Subclasses define ``connect_to``, which sets ``out_shape``, ``forward`` and ``backward``, and override
    :attr:`params` and :attr:`grads` if there are any. All of npdl's layers count as instances.

    Examples
    --------
    >>> from npdl_core.layers import Dense
    >>> isinstance(Dense(3), Layer), Layer().param_grads
    (True, [])
    """

    first_layer: bool = False

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make parameters for ``prev_layer.out_shape`` and set ``out_shape``."""
        raise NotImplementedError

    def forward(self, input: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the output."""
        raise NotImplementedError

    def backward(self, pre_grad: Any, *args: Any, **kwargs: Any) -> Any:
        """Write the gradients; return the input's (None if ``first_layer``)."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return the layer's envelope."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, config: dict[str, Any]) -> Self:
        """Return a layer of this configuration."""
        return cls(**config)

    @property
    def params(self) -> list[Array]:
        """Trainable arrays; none by default."""
        return []

    @property
    def grads(self) -> list[Array]:
        """Their gradients, in the same order."""
        return []

    @property
    def param_grads(self) -> list[tuple[Array, Array]]:
        """Pairs of parameter and gradient."""
        return list(zip(self.params, self.grads, strict=True))

    def __str__(self) -> str:
        """Return the class name."""
        return type(self).__name__


class Activation(CoreActivation):
    """An activation with NumpyDL's interface: subclasses define ``forward(x)`` and ``derivative(input)``.

    Examples
    --------
    >>> class Cube(Activation):
    ...     def forward(self, x):
    ...         return x ** 3
    ...     def derivative(self, input=None):
    ...         return 3 * input ** 2
    >>> Cube().vjp(np.ones(1), np.array([2.0]), None)
    array([12.])
    """

    def forward(self, x: Any) -> Any:
        """Return the activation of ``x``."""
        raise NotImplementedError

    def derivative(self, input: Any = None) -> Any:
        """Return the element-wise derivative at ``input``."""
        raise NotImplementedError

    def __call__(self, x: Any, out: Array | None = None) -> Any:
        """Return what :meth:`forward` does, in ``out`` if given."""
        y = self.forward(x)
        if out is None:
            return y
        out[...] = y
        return out

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: Array | None = None) -> Any:
        """Return ``pre_grad`` times :meth:`derivative` at ``x``."""
        return np.multiply(pre_grad, self.derivative(x), out=out)


class Initializer(CoreInitializer):
    """An initializer with NumpyDL's interface: subclasses define ``call(size)``.

    Examples
    --------
    >>> class Halves(Initializer):
    ...     def call(self, size):
    ...         return np.full(size, 0.5)
    >>> Halves().init((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def call(self, size: Any) -> Array:
        """Return an array of ``size``."""
        raise NotImplementedError

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return what :meth:`call` does."""
        return np.asarray(self.call(shape))


class Objective(ABC):  # noqa: B024 - NumpyDL's has no abstract method, it can be made
    """An objective with NumpyDL's interface: ``forward`` gives a number, ``backward`` a gradient.

    Optimizers get what ``backward`` returns as it is; NumpyDL's own add up over samples.
    """

    def forward(self, outputs: Any, targets: Any) -> Any:
        """Return the loss."""
        raise NotImplementedError

    def backward(self, outputs: Any, targets: Any) -> Any:
        """Return the gradient with respect to ``outputs``."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Return the class name."""
        return type(self).__name__


class Optimizer(CoreOptimizer):
    """An optimizer with NumpyDL's interface.

    Subclasses define ``update(params, grads)`` and begin with ``super().update(params, grads)``, which counts
    ``iterations`` and changes no parameter; ``current_lr()`` is then the rate after decay and bounds.

    Examples
    --------
    >>> optimizer = Optimizer(lr=0.3, decay=0.5)
    >>> optimizer.update([np.ones(1)], [np.ones(1)])
    >>> optimizer.iterations, round(optimizer.current_lr(), 3)
    (1, 0.2)
    """

    elementwise = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let a model, which also says where weight decay applies, call an ``update`` of two arguments."""
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("update")
        if own is None or "decay" in inspect.signature(own).parameters:
            return

        @functools.wraps(own)
        def update(self: Any, params: Arrays, grads: Arrays, decay: Any = None) -> None:
            own(self, params, grads)

        cls.update = update  # type: ignore[method-assign]

    def apply(self, p: Array, g: Array, lr: float, scratch: Arrays, **slots: Array) -> None:
        """Leave the parameters as they are."""
