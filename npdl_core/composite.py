"""Components made of components: children, and the settings handed down to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from npdl_core import registry
from npdl_core.component import Component
from npdl_core.dtypes import check_dtype
from npdl_core.errors import ConfigError, printable
from npdl_core.utils.defaults import default_seed, get_dtype

if TYPE_CHECKING:
    from npdl_core.parameters import Allocator, Parameter

__all__ = ["Composite"]


class Composite(Component):
    """A component that may have children, and hands dtype, random numbers and allocator down to them.

    Attributes
    ----------
    children : dict of str to Component
        What :meth:`add_child` declared, in order.
    """

    children: dict[str, Any]
    _parameters: dict[str, Parameter]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Prepare the bookkeeping, whether or not ``__init__`` is overridden."""
        self = super().__new__(cls, *args, **kwargs)
        self.__dict__.update(
            children={}, _parameters={}, _dtype=check_dtype(get_dtype()), _rng=None, _allocator=None
        )
        return self

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of parameters; set it before connecting."""
        dtype: np.dtype[Any] = self.__dict__["_dtype"]
        return dtype

    @dtype.setter
    def dtype(self, value: Any) -> None:
        dtype = check_dtype(value)
        if self._parameters and dtype != self.dtype:
            raise ConfigError(
                f"{self}: dtype {dtype} cannot be set after its parameters were made in {self.dtype}"
            )
        self._hand_down("dtype", dtype)

    @property
    def rng(self) -> np.random.Generator:
        """The generator for initial values and noise; a new one, seeded by the default one, unless set."""
        if self.__dict__["_rng"] is None:
            self.rng = np.random.default_rng(default_seed())
        generator: np.random.Generator = self.__dict__["_rng"]
        return generator

    @rng.setter
    def rng(self, value: np.random.Generator) -> None:
        self._hand_down("rng", value)

    @property
    def allocator(self) -> Allocator:
        """What makes the arrays of parameters; a loading model sets one with a budget."""
        from npdl_core.parameters import Allocator

        return self.__dict__["_allocator"] or Allocator()

    @allocator.setter
    def allocator(self, value: Allocator | None) -> None:
        self._hand_down("allocator", value)

    def _hand_down(self, name: str, value: Any) -> None:
        self.__dict__[f"_{name}"] = value
        for child in self.children.values():
            setattr(child, name, value)

    def add_child(self, kind: str, name: str, spec: Any) -> Any:
        """Declare a child of ``kind`` by name, class, envelope or instance, shown as ``self.<name>``.

        Parameters, JSON, dtype, rng, names and budgets recurse through children. Connecting it and running it
        is up to the parent; so is adding up gradients if it applies the child more than once.

        Raises
        ------
        ConfigError
            If the name is no identifier, or the child cannot be made.
        """
        if not name.isidentifier():
            raise ConfigError(f"{self}: a child's name is an identifier, got {printable(repr(name), 60)}")
        child = registry.get(kind, spec)
        self.children[name] = child
        if isinstance(child, Composite) and not any(part._parameters for part in child.descendants()):
            for attribute in ("_dtype", "_rng", "_allocator"):
                if self.__dict__[attribute] is not child.__dict__[attribute]:
                    setattr(child, attribute[1:], self.__dict__[attribute])
        object.__setattr__(self, name, child)
        return child

    def descendants(self) -> Iterator[Composite]:
        """Yield this component and everything below it that may have parameters or children."""
        yield self
        for child in self.children.values():
            if isinstance(child, Composite):
                yield from child.descendants()
