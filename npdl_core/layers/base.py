"""The contract of a layer, and the base that makes writing one short."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import MissingShapeError, ShapeError, StateError
from npdl_core.parameterized import Parameterized

__all__ = ["Layer", "LayerProtocol", "Shape"]

Shape = tuple[int | None, ...]


@runtime_checkable
class LayerProtocol(Protocol):
    """What a model relies on; :class:`Layer` implements it, and a class that does not derive from it may."""

    out_shape: Shape

    def connect_to(self, prev_layer: Any = None) -> None:
        """Learn the input shape, make parameters, set ``out_shape``."""

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the output."""

    def backward(self, pre_grad: Any) -> Any:
        """Overwrite the parameter gradients and return the gradient with respect to the input."""

    @property
    def params(self) -> list[NDArray[Any]]:
        """Trainable arrays."""

    @property
    def grads(self) -> list[NDArray[Any]]:
        """Their gradients, in the same order."""


class Shaped:
    """Anything with ``out_shape``: what a first layer connects to when the data's shape is known.

    A list of shapes stands for several inputs.

    Examples
    --------
    >>> Shaped((None, 3)).out_shape
    (None, 3)
    """

    def __init__(self, out_shape: Any) -> None:
        several = isinstance(out_shape, list) and all(isinstance(shape, (tuple, list)) for shape in out_shape)
        self.out_shape = [tuple(shape) for shape in out_shape] if several else tuple(out_shape)


class _Residuals:
    """What one training forward left for its backward: kept values and reusable work arrays."""

    __slots__ = ("arrays", "kept")

    def __init__(self) -> None:
        self.kept: tuple[Any, ...] | None = None
        self.arrays: dict[str, NDArray[Any]] = {}


class Layer(Parameterized):
    """A differentiable function of its input and its parameters.

    Write ``forward`` and ``backward``; write ``connect_to`` if there are parameters or the shape changes;
    write ``__init__`` if there is configuration. A layer has three kinds of attribute: configuration
    (constructor arguments
    under their own names), parameters (:meth:`add_param`), and residuals (:meth:`retain` in a training
    forward, :meth:`retained` in the backward that follows).

    Attributes
    ----------
    out_shape : tuple of (int or None)
        Shape of the output, batch axis first, ``None`` where a size may vary; set by :meth:`connect_to`.
    first_layer : bool
        Nothing needs the gradient with respect to the input: ``backward`` may return None.
    accepts_mask : bool
        ``forward`` takes ``mask``, bool (N, T), true at real time steps.
    masks_apart : bool
        Of several inputs a graph hands on a list of their masks, not what is real in all of them.
    integer_input : bool
        Inputs are ids and stay integers; otherwise the model casts them to its dtype.
    stateful : bool
        Inference may write carried state; concurrent use is then an error.
    ends_with : str or None
        ``"softmax"`` when the output is a softmax over the last axis and ``backward(g,
        skip_activation=True)`` takes the gradient with respect to its argument.

    Examples
    --------
    >>> import numpy as np
    >>> class Double(Layer):
    ...     def forward(self, input, train=True):
    ...         return 2 * input
    ...     def backward(self, pre_grad):
    ...         return 2 * pre_grad
    >>> layer = Double().connect((None, 3))
    >>> layer.forward(np.ones((1, 3))), layer.out_shape
    (array([[2., 2., 2.]]), (None, 3))
    """

    kind: ClassVar[str] = "layers"
    accepts_mask: bool = False
    masks_apart: bool = False
    integer_input: bool = False
    stateful: bool = False
    first_layer: bool = False
    ends_with: str | None = None
    out_shape: Shape
    in_shape: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Prepare the bookkeeping, whether or not ``__init__`` is overridden."""
        self = super().__new__(cls, *args, **kwargs)
        self.__dict__.update(_residuals=_Residuals(), in_shape=None, out_shape=None)
        return self

    def add_layer(self, name: str, spec: Any) -> Any:
        """Declare a child layer by name, class, envelope or instance; see :meth:`add_child`."""
        return self.add_child("layers", name, spec)

    # -- shapes ----------------------------------------------------------------------------------------------

    def declared_input_shape(self) -> Shape | None:
        """Return the input shape that the configuration gives (``input_shape`` or ``n_in``), or None."""
        declared = self.config.get("input_shape")
        if declared is not None:
            return tuple(declared)
        n_in = self.config.get("n_in")
        return None if n_in is None else (None, n_in)

    def incoming_shape(self, prev_layer: Any) -> Any:
        """Return ``prev_layer.out_shape``, or the declared input shape when this is the first layer.

        Raises
        ------
        MissingShapeError
            If neither is known.
        """
        shape = self.declared_input_shape() if prev_layer is None else prev_layer.out_shape
        if shape is None:
            accepted = [key for key in ("n_in", "input_shape") if key in self.config]
            hint = f"pass {accepted[0]}=…, " if accepted else ""
            raise MissingShapeError(
                f"{self}: the input shape is not known; {hint}put an input layer first, or "
                "connect the model to a shape"
            )
        n_in = self.config.get("n_in")
        if n_in is not None and not isinstance(shape, list) and shape[-1] not in (None, n_in):
            raise ShapeError(
                f"{self}: n_in={n_in}, but the input has shape {tuple(shape)}; leave n_in out or correct it"
            )
        self.in_shape = shape
        return shape

    def single_shape(self, prev_layer: Any) -> Shape:
        """Return :meth:`incoming_shape` of a layer that takes one input.

        Raises
        ------
        ShapeError
            If several inputs come, such as from ``parallel`` without a ``merge``.
        """
        shape = self.incoming_shape(prev_layer)
        if isinstance(shape, list):
            raise ShapeError(
                f"{self} takes one input, got {len(shape)} of shapes {shape}; "
                "join them first, with 'concat' or another layer of several inputs"
            )
        return tuple(shape)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Learn the input shape, make parameters and set ``out_shape``; by default the one input's."""
        self.out_shape = self.single_shape(prev_layer)

    def connect(self, shape: Any) -> Self:
        """Connect to an input of ``shape`` (batch axis first, None allowed) and return the layer.

        Examples
        --------
        >>> from npdl_core.layers import Dense
        >>> Dense(3).connect((None, 2)).W.shape
        (2, 3)
        """
        self.connect_to(Shaped(shape))
        return self

    # -- computation -----------------------------------------------------------------------------------------

    @abstractmethod
    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the output; keep residuals only when ``train``, write nothing otherwise."""

    @abstractmethod
    def backward(self, pre_grad: Any) -> Any:
        """Overwrite ``self.d<name>`` and return the input's gradient (None if ``first_layer``)."""

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask that goes with the output: the same where the (N, T) axes are kept, else None."""
        out, came = self.out_shape, self.in_shape
        if mask is None or out is None or came is None or len(out) < 3 or len(came) < 2:
            return None
        return mask if tuple(out[:2]) == tuple(came[:2]) else None

    def cost(self) -> float:
        """Return what this layer adds to the loss for the last training forward."""
        return sum((child.cost() for child in self.children.values() if isinstance(child, Layer)), 0.0)

    def reinforce(self, reward: NDArray[Any]) -> None:
        """Hand a reward (N,) or (N, T) to the stochastic layers below; call it before ``backward``."""
        for child in self.children.values():
            if isinstance(child, Layer):
                child.reinforce(reward)

    # -- residuals -------------------------------------------------------------------------------------------

    def retain(self, *values: Any) -> None:
        """Keep values of a training forward for its backward."""
        self._residuals.kept = values

    def retained(self) -> tuple[Any, ...]:
        """Return what the last training forward kept.

        Raises
        ------
        StateError
            If there was none.
        """
        kept: tuple[Any, ...] | None = self._residuals.kept
        if kept is None:
            raise StateError(
                f"{self}.backward needs a training forward first: call forward(input, train=True)"
            )
        return kept

    def work_array(self, name: str, shape: tuple[int, ...], dtype: Any = None) -> NDArray[Any]:
        """Return an uninitialised array that is allocated once and reused by later training calls.

        Only training may use it: inference returns fresh arrays.
        """
        arrays: dict[str, NDArray[Any]] = self._residuals.arrays
        array = arrays.get(name)
        wanted = self.dtype if dtype is None else dtype
        if array is None or array.shape != shape or array.dtype != wanted:
            arrays[name] = np.empty(shape, wanted)
        return arrays[name]

    @property
    def residuals(self) -> Any:
        """What the last training forward left, children included.

        Whoever applies a layer twice keeps one for each use. Setting it to None starts afresh, with arrays of
        its own.
        """
        children = tuple(child.residuals for child in self.children.values() if isinstance(child, Layer))
        return self._residuals, children

    @residuals.setter
    def residuals(self, saved: Any) -> None:
        own, children = (None, None) if saved is None else saved
        self.__dict__["_residuals"] = _Residuals() if own is None else own
        inner = [child for child in self.children.values() if isinstance(child, Layer)]
        for child, residuals in zip(inner, children or [None] * len(inner), strict=True):
            child.residuals = residuals

    # -- copies ----------------------------------------------------------------------------------------------

    def clone(self, copies: dict[int, Any] | None = None) -> Self:
        """Return an unconnected layer of the same configuration, with weights of its own to come.

        Parameters
        ----------
        copies : dict, optional
            Clones by the ``id`` of their originals: who clones several layers hands one dict to all, so that
            layers that hold each other, or one layer used twice, stay together.
        """
        copies = {} if copies is None else copies
        if id(self) not in copies:
            clone = type(self)(**_without_weights(self.config, copies))
            clone.dtype = self.dtype
            _restore_frozen(clone, _frozen_parts(self))
            copies[id(self)] = clone
        found: Self = copies[id(self)]
        return found

    def state_arrays(self) -> dict[str, NDArray[Any]]:
        """Return copies of all parameters, trainable or not, by dotted name."""
        return {name: parameter.value.copy() for name, parameter in self.named_parameters()}

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle through configuration and arrays: a copied view would lose its buffer."""
        shape = self.in_shape if self.out_shape is not None else None
        state = (shape, self.dtype.name, _frozen_parts(self), self.state_arrays(), self.__dict__["_rng"])
        return _rebuild, (type(self), self.config, state)


def _without_weights(value: Any, copies: dict[int, Any]) -> Any:
    """Return a copy of a configuration in which layers are clones."""
    if isinstance(value, Layer):
        return value.clone(copies)
    if isinstance(value, dict):
        return {key: _without_weights(item, copies) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_without_weights(item, copies) for item in value)
    return copy.deepcopy(value)


def _frozen_parts(layer: Layer) -> list[tuple[bool, list[str]]]:
    """Return for a layer and each one below whether it is trainable, and its frozen parameters."""
    return [(part.trainable, part.frozen_names) for part in _parts(layer)]


def _restore_frozen(layer: Layer, saved: list[tuple[bool, list[str]]]) -> None:
    for part, (trainable, _) in zip(_parts(layer), saved, strict=True):
        part.trainable = trainable
    for part, (_, names) in zip(_parts(layer), saved, strict=True):
        if names:
            part.freeze(*names)


def _parts(layer: Layer) -> list[Parameterized]:
    return [part for part in layer.descendants() if isinstance(part, Parameterized)]


def _rebuild(cls: type[Layer], config: dict[str, Any], state: tuple[Any, ...]) -> Layer:
    shape, dtype, frozen, arrays, rng = state
    layer = cls(**config)
    layer.dtype = dtype
    layer.rng = rng
    if shape is not None:
        layer.connect(shape)
        for name, parameter in layer.named_parameters():
            parameter.value[...] = arrays[name]
    _restore_frozen(layer, frozen)
    return layer
