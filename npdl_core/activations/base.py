"""The contract of an activation."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from functools import cache
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from npdl_core.component import Component
from npdl_core.errors import StateError

__all__ = ["Activation", "ActivationProtocol", "activate", "activation_vjp", "floating", "prepare"]


@runtime_checkable
class ActivationProtocol(Protocol):
    """What layers rely on."""

    def __call__(self, x: Any, out: Any = None) -> Any:
        """Return the activation of ``x``, any shape."""

    def vjp(self, pre_grad: Any, x: Any, y: Any) -> Any:
        """Return the gradient with respect to ``x``."""


class Activation(Component):
    r"""A function of pre-activations, without parameters and without state.

    Subclasses define :meth:`__call__` and :meth:`vjp`; ``out`` may be the input array itself in both, so a
    layer can work in place. NumpyDL's ``forward(x)`` and ``derivative(input=None)`` come on top.

    Attributes
    ----------
    needs_input : bool
        Whether :meth:`vjp` reads ``x``; if not, callers may pass None and overwrite the pre-activations.
    ends_with : str or None
        ``"softmax"`` or ``"sigmoid"`` for the functions that a cross-entropy can be fused with.

    Examples
    --------
    >>> import numpy as np
    >>> from npdl_core.activations import Tanh
    >>> tanh = Tanh()
    >>> y = tanh(np.array([0.0, 1.0]))
    >>> tanh.vjp(np.ones(2), None, y).round(4)
    array([1.  , 0.42])
    """

    kind: ClassVar[str] = "activations"
    needs_input: ClassVar[bool] = True
    ends_with: ClassVar[str | None] = None
    _last: Any = None

    @abstractmethod
    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return the activation of ``x``, of the same shape; write it into ``out`` if given."""

    @abstractmethod
    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        r"""Return :math:`J^\top g`, the gradient with respect to ``x``.

        Parameters
        ----------
        pre_grad : ndarray
            g, the gradient with respect to the output.
        x, y : ndarray
            Input and output of the call; ``x`` may be None unless :attr:`needs_input`.
        out : ndarray, optional
            Where to write; may be ``pre_grad`` itself.
        """

    def forward(self, x: Any) -> Any:
        """Return the activation of ``x`` and remember ``x`` for :meth:`derivative` (NumpyDL's interface)."""
        x = np.asarray(x)
        self._last = x
        return self(x)

    def derivative(self, input: Any = None) -> Any:
        """Return the element-wise derivative at ``input``, or at the last :meth:`forward`.

        With ``input`` nothing is remembered.
        For a function of whole rows (softmax) this is the diagonal of the Jacobian; :meth:`vjp` has all of
        it.

        Raises
        ------
        StateError
            If there is neither an input nor a forward before.
        """
        x = self._last if input is None else np.asarray(input)
        if x is None:
            raise StateError(f"{self}.derivative() needs an input, or a forward before it")
        return self.elementwise_derivative(x)

    def elementwise_derivative(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return dy/dx entry by entry."""
        x = floating(x)
        result: NDArray[Any] = self.vjp(np.ones_like(x), x, self(x))
        return result


def floating(x: Any) -> NDArray[Any]:
    """Return ``x`` as an array of floating-point numbers: floats as they are, integers in float32 or float64.

    Examples
    --------
    >>> floating([1, 2]).dtype, floating(np.float16(1)).dtype
    (dtype('float64'), dtype('float16'))
    """
    array = np.asarray(x)
    return array if array.dtype.kind == "f" else array.astype(np.result_type(array, np.float32))


def prepare(x: Any, out: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ``x`` as floating-point numbers, and the array to write its activation into.

    Examples
    --------
    >>> x, y = prepare([1, 2], None)
    >>> np.sqrt(x, out=y).round(4)
    array([1.    , 1.4142])
    """
    x = floating(x)
    return x, np.empty_like(x) if out is None else out


@cache
def _takes_out(method: Any) -> bool:
    return "out" in inspect.signature(method).parameters


def activate(activation: Any, x: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    """Return ``activation(x)``, written into ``out`` where the activation can do that."""
    if _takes_out(type(activation).__call__):
        result: NDArray[Any] = activation(x, out=out)
        return result
    out[...] = activation(x)
    return out


def activation_vjp(
    activation: Any, pre_grad: NDArray[Any], x: NDArray[Any] | None, y: NDArray[Any], out: NDArray[Any]
) -> NDArray[Any]:
    """Return ``activation.vjp(pre_grad, x, y)``, written into ``out`` where the activation can do that."""
    if _takes_out(type(activation).vjp):
        result: NDArray[Any] = activation.vjp(pre_grad, x, y, out=out)
        return result
    out[...] = activation.vjp(pre_grad, x, y)
    return out
