"""What layers and objectives share: parameters, children, and the settings handed down to children."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.component import Component
from npdl_core.dtypes import check_dtype
from npdl_core.errors import ConfigError, MissingShapeError, NotConnectedError, ShapeError
from npdl_core.initializers.base import as_initializer
from npdl_core.parameters import Allocator, Parameter

__all__ = ["Parameterized"]


class Parameterized(Component):
    """A component that may have parameters, and children that may have some too.

    Attributes
    ----------
    children : dict of str to Component
        What :meth:`add_child` declared, in order.
    """

    children: dict[str, Any]
    _slots: dict[str, NDArray[Any]]
    _parameters: dict[str, Parameter]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Prepare the bookkeeping, whether or not ``__init__`` is overridden."""
        self = super().__new__(cls, *args, **kwargs)
        self.__dict__.update(
            _slots={},
            _parameters={},
            children={},
            _trainable=True,
            _dtype=np.dtype("float32"),
            _rng=None,
            _allocator=None,
        )
        return self

    if TYPE_CHECKING:  # parameters and children become attributes when they are declared

        def __getattr__(self, name: str) -> Any: ...

    # -- settings that wrappers hand down ----------------------------------------------------------------------

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of parameters; set it before connecting."""
        dtype: np.dtype[Any] = self.__dict__["_dtype"]
        return dtype

    @dtype.setter
    def dtype(self, value: Any) -> None:
        dtype = check_dtype(value)
        if self.__dict__["_parameters"] and dtype != self.dtype:
            raise ConfigError(
                f"{self}: dtype {dtype} cannot be set after its parameters were made in {self.dtype}"
            )
        self._hand_down("_dtype", "dtype", dtype)

    @property
    def rng(self) -> np.random.Generator:
        """The generator for initial values and noise; a fresh one unless set."""
        if self.__dict__["_rng"] is None:
            self.rng = np.random.default_rng()
        generator: np.random.Generator = self.__dict__["_rng"]
        return generator

    @rng.setter
    def rng(self, value: np.random.Generator) -> None:
        self._hand_down("_rng", "rng", value)

    @property
    def allocator(self) -> Allocator:
        """What makes the arrays of parameters; a loading model sets one with a budget."""
        return self.__dict__["_allocator"] or Allocator()

    @allocator.setter
    def allocator(self, value: Allocator | None) -> None:
        self._hand_down("_allocator", "allocator", value)

    @property
    def trainable(self) -> bool:
        """Whether optimizers may change the parameters; False freezes children too."""
        frozen: bool = self.__dict__["_trainable"]
        return frozen

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._hand_down("_trainable", "trainable", bool(value))

    def _hand_down(self, attribute: str, name: str, value: Any) -> None:
        self.__dict__[attribute] = value
        for child in self.children.values():
            setattr(child, name, value)

    # -- parameters --------------------------------------------------------------------------------------------

    def add_param(
        self,
        name: str,
        shape: Any,
        init: Any = "glorot_uniform",
        *,
        trainable: bool = True,
        decay: bool = True,
    ) -> NDArray[Any]:
        """Create a parameter, shown as ``self.<name>`` with its gradient as ``self.d<name>``.

        Connecting again keeps a parameter that exists with the same shape.

        Parameters
        ----------
        name : str
            Attribute name, such as ``"W"``.
        shape : tuple of int
            Shape of the array.
        init : str, Initializer, envelope or array
            How to fill it; an array is copied and must have this shape.
        trainable : bool
            False for running statistics: saved, without a gradient, never optimised.
        decay : bool
            Whether weight decay applies.

        Raises
        ------
        MissingShapeError
            If a size is not known yet.
        ShapeError
            If the parameter exists with another shape, or an array of another shape is given.
        """
        if any(size is None for size in shape):
            raise MissingShapeError(
                f"{self}: {name} needs shape {tuple(shape)}, and a size is unknown; give the input shape"
            )
        shape = tuple(int(size) for size in shape)
        existing = self._parameters.get(name)
        if existing is not None:
            if existing.value.shape != shape:
                raise ShapeError(
                    f"{self}: {name} was made with shape {existing.value.shape} and this input would need {shape}; "
                    "feed inputs of the shape it was connected for, or use layer.clone() for a new one"
                )
            return existing.value
        try:
            value = self.allocator.allocate(shape, as_initializer(init), self.rng, self.dtype)
        except ShapeError as error:
            raise ShapeError(f"{self}: {name}: {error}") from None
        self._parameters[name] = Parameter(self, name, value, trainable=trainable, decay=decay)
        return value

    def init_argument(self, name: str, value: Any) -> Any:
        """Return the initializer of a constructor argument.

        A given array becomes the parameter: it is saved with the weights, and the configuration says
        ``"zero"`` instead.
        """
        if isinstance(value, np.ndarray):
            self.config[name] = "zero"
        return as_initializer(value)

    def share_param(self, name: str, source: Parameterized, source_name: str) -> NDArray[Any]:
        """Show a parameter of another layer as ``self.<name>``: one array, one gradient, two layers.

        Both layers' ``backward`` overwrite the gradient; the model that holds both adds the two.
        """
        if source_name not in source._parameters:
            raise NotConnectedError(
                f"{self}: {source}.{source_name} does not exist yet; connect {source} first"
            )
        parameter = source._parameters[source_name]
        if self._parameters.get(name) is not parameter:
            self._parameters[name] = parameter
            parameter.bind(self, name)
        return parameter.value

    def set_slot(self, name: str, array: NDArray[Any]) -> None:
        """Make ``self.<name>`` this array; later assignments copy into it."""
        self._slots[name] = array
        self.__dict__[name] = array

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; assigning to a declared parameter or gradient copies into its array."""
        slot = self.__dict__["_slots"].get(name)
        if slot is None:
            object.__setattr__(self, name, value)
        elif value is not slot:
            value = np.asarray(value)
            if value.shape != slot.shape:
                raise ShapeError(f"{self}.{name} has shape {slot.shape}, got an array of shape {value.shape}")
            np.copyto(slot, value, casting="same_kind")

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield ``(dotted name, Parameter)``, own ones first, then the children's, in declaration order."""
        for name, parameter in self._parameters.items():
            yield f"{prefix}{name}", parameter
        for name, child in self.children.items():
            if isinstance(child, Parameterized):
                yield from child.named_parameters(f"{prefix}{name}.")

    def _distinct_parameters(self) -> list[Parameter]:
        return list({id(parameter): parameter for _, parameter in self.named_parameters()}.values())

    @property
    def params(self) -> list[NDArray[Any]]:
        """Trainable arrays in declaration order."""
        return [p.value for p in self._distinct_parameters() if not p.frozen]

    @property
    def grads(self) -> list[NDArray[Any]]:
        """Gradients in the order of :attr:`params`."""
        return [p.grad for p in self._distinct_parameters() if not p.frozen and p.grad is not None]

    @property
    def param_grads(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Pairs of parameter and gradient."""
        return list(zip(self.params, self.grads, strict=True))

    @property
    def buffers(self) -> list[NDArray[Any]]:
        """Arrays that are saved and not optimised: running statistics, frozen weights."""
        return [p.value for p in self._distinct_parameters() if p.frozen]

    # -- children ----------------------------------------------------------------------------------------------

    def add_child(self, kind: str, name: str, spec: Any) -> Any:
        """Declare a child of ``kind`` by name, class, envelope or instance, shown as ``self.<name>``.

        Parameters, JSON, dtype, rng, names and budgets recurse through children. Connecting it and running it
        is up to the parent; so is adding up gradients if it applies the child more than once.
        """
        child = registry.get(kind, spec)
        self.children[name] = child
        if isinstance(child, Parameterized):
            for attribute in ("dtype", "rng", "allocator"):
                mine = self.__dict__[f"_{attribute}"]
                if mine is not child.__dict__[f"_{attribute}"] and not child._parameters:
                    setattr(child, attribute, mine)
        object.__setattr__(self, name, child)
        return child

    def descendants(self) -> Iterator[Parameterized]:
        """Yield this component and everything below it."""
        yield self
        for child in self.children.values():
            if isinstance(child, Parameterized):
                yield from child.descendants()
