"""What layers and objectives share: parameters, shown as attributes, and who may change them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool
from npdl_core.composite import Composite
from npdl_core.errors import ConfigError, MissingShapeError, NotConnectedError, ShapeError, printable
from npdl_core.initializers.base import as_initializer
from npdl_core.parameters import Parameter

__all__ = ["Parameterized"]


class Parameterized(Composite):
    """A component that may have parameters, and children that may have some too."""

    _slots: dict[str, NDArray[Any]]
    _frozen: frozenset[str]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Prepare the bookkeeping, whether or not ``__init__`` is overridden."""
        self = super().__new__(cls, *args, **kwargs)
        self.__dict__.update(_slots={}, _trainable=True, _frozen=frozenset())
        return self

    if TYPE_CHECKING:  # parameters and children become attributes when they are declared

        def __getattr__(self, name: str) -> Any:
            """Whatever a subclass declares."""

    # -- making parameters -----------------------------------------------------------------------------------

    def add_param(
        self,
        name: str,
        shape: Any,
        init: Any = "glorot_uniform",
        *,
        trainable: bool = True,
        decay: bool = True,
        constant: bool = False,
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
        constant : bool
            With ``trainable=False``: not even a training forward writes it, as with given word vectors.

        Raises
        ------
        ConfigError
            If the name is no identifier.
        MissingShapeError
            If a size is not known yet.
        ShapeError
            If the parameter exists with another shape, or an array of another shape is given.
        """
        if not name.isidentifier():
            raise ConfigError(f"{self}: a parameter's name is an identifier, got {printable(repr(name), 60)}")
        if any(size is None for size in shape):
            raise MissingShapeError(
                f"{self}: {name} needs shape {tuple(shape)}, and a size is unknown; give the input shape"
            )
        shape = tuple(int(size) for size in shape)
        existing = self._parameters.get(name)
        if existing is not None:
            return self._kept(existing, shape)
        allocator = self.allocator
        try:
            value = allocator.allocate(shape, as_initializer(init), self.rng, self.dtype)
        except ShapeError as error:
            raise ShapeError(f"{self}: {name}: {error}") from None
        grad = allocator.gradient(value) if trainable else None
        self._parameters[name] = Parameter(self, name, value, grad, decay=decay, constant=constant)
        return value

    def _kept(self, parameter: Parameter, shape: tuple[int, ...]) -> NDArray[Any]:
        if parameter.value.shape != shape:
            raise ShapeError(
                f"{self}: {parameter.name} was made with shape {parameter.value.shape} and this input would "
                f"need {shape}; feed inputs of the shape it was connected for, or use layer.clone()"
            )
        return parameter.value

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

        Raises
        ------
        NotConnectedError
            If the other layer has no such parameter yet.
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

    def forget_param(self, name: str) -> None:
        """Undo :meth:`add_param` or :meth:`share_param`."""
        parameter = self._parameters.pop(name)
        parameter.unbind(self, name)
        for slot in (name, f"d{name}"):
            self._slots.pop(slot, None)
            self.__dict__.pop(slot, None)

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

    # -- looking at them -------------------------------------------------------------------------------------

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

    # -- freezing --------------------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether optimizers may change the parameters; setting it sets the children's too."""
        trainable: bool = self.__dict__["_trainable"]
        return trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._hand_down("trainable", check_bool("trainable", value))
        self._tell_store()

    def freeze(self, *names: str) -> Self:
        """Keep the named parameters as they are in training, or without names all, the children's too.

        After compile it takes effect at once, unless the optimizer has state for other arrays by then.

        Raises
        ------
        ConfigError
            If this layer has no parameter of that name; before it is connected, when it connects in a model.

        Examples
        --------
        >>> from npdl_core.layers import Dense
        >>> [array.shape for array in Dense(2).freeze("b").connect((None, 3)).params]
        [(3, 2)]
        """
        if not names:
            self.trainable = False
        return self._set_frozen(self._frozen | set(names))

    def unfreeze(self, *names: str) -> Self:
        """Undo :meth:`freeze`: for the named parameters, or without names for all, the children's too."""
        if names:
            return self._set_frozen(self._frozen - set(names))
        self.trainable = True
        for part in self.descendants():
            if isinstance(part, Parameterized):
                part._set_frozen(frozenset())
        return self

    def _set_frozen(self, names: frozenset[str]) -> Self:
        if self._parameters:
            self.check_frozen(names)
        self.__dict__["_frozen"] = names
        self._tell_store()
        return self

    def check_frozen(self, names: frozenset[str] | None = None) -> None:
        """Raise :class:`ConfigError` unless the names, by default the frozen ones, are own parameters."""
        for name in sorted(self._frozen if names is None else names):
            parameter = self._parameters.get(name)
            if parameter is None:
                known = ", ".join(self._parameters) or "none"
                raise ConfigError(
                    f"{self}: cannot freeze {printable(repr(name), 60)}; its parameters are: {known}"
                )
            if parameter.layer is not self:
                raise ConfigError(f"{self}: {name} is shared; freeze it where it belongs: {parameter.layer}")

    def is_frozen(self, name: str) -> bool:
        """Return whether optimizers must leave a parameter alone."""
        return name in self._frozen or not self.trainable

    @property
    def frozen_names(self) -> list[str]:
        """What :meth:`freeze` was given, in order of the alphabet."""
        return sorted(self._frozen)

    def _tell_store(self) -> None:
        for _, parameter in self.named_parameters():
            if parameter.store is not None:
                parameter.store.stale = True
