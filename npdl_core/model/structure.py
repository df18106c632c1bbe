"""Layers and how they are connected: shapes, parameters, names."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Self

from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.dtypes import check_dtype
from npdl_core.errors import NpdlError, OwnershipError, ShapeError
from npdl_core.layers.base import Layer, Shaped
from npdl_core.model.foreign import ForeignLayer
from npdl_core.model.inputs import InputSpec, merged_shape, opened_shape, shape_of, standard_shape
from npdl_core.model.sharing import Sharing
from npdl_core.model.summary import Summary, summarize
from npdl_core.model.undo import Undo
from npdl_core.parameterized import Parameterized
from npdl_core.parameters import Allocator, Parameter, ParameterStore
from npdl_core.rng import streams
from npdl_core.utils.defaults import default_seed, get_dtype

__all__ = ["Structure"]


class Structure(ABC):
    """Layers in some order, the shapes between them, and all their parameters.

    Parameters
    ----------
    seed : int, optional
        Makes initial weights, shuffling and noise reproducible.
    dtype : str, optional
        ``"float32"`` or ``"float64"``.
    """

    def __init__(self, *, seed: int | None = None, dtype: Any = None) -> None:
        self.seed = default_seed() if seed is None else check_int("seed", seed, 0)
        self.dtype = check_dtype(get_dtype() if dtype is None else dtype)
        self.layer_rng, self.shuffle_rng = streams(self.seed, 2)
        self.max_parameters: int | None = None
        self._inputs: InputSpec | None = None
        self._sharing: Sharing | None = None
        self._carriers: list[Layer] = []
        self._masking: list[bool] = []

    # -- what a kind of network defines ----------------------------------------------------------------------

    @property
    @abstractmethod
    def applications(self) -> list[tuple[str, Layer]]:
        """Name and layer of each application, in the order of computation."""

    @abstractmethod
    def _propagate(self, shape: Any) -> None:
        """Call :meth:`_connect_layer` for every application, starting from the input's shape."""

    @abstractmethod
    def _roots(self) -> set[int]:
        """Return the indices of the applications that read nothing but inputs."""

    @abstractmethod
    def _ids(self, shape: Any) -> frozenset[str | None]:
        """Return which inputs, of all that ``shape`` names, are ids; None names a single input."""

    @abstractmethod
    def declared_input_shape(self) -> Any:
        """Return the input shape that the layers or inputs declare, or None."""

    @abstractmethod
    def output_names(self) -> set[str | None]:
        """Return the names of the outputs; that of a single output is None."""

    @abstractmethod
    def output_layers(self) -> dict[str | None, Layer]:
        """Return the layer that computes each output, by :meth:`output_names`."""

    def fusable_layers(self) -> dict[str | None, Layer]:
        """Return the output layers whose output nothing but the loss reads."""
        return self.output_layers()

    @abstractmethod
    def structure(self, to_envelope: Callable[[Any, str], Any]) -> dict[str, Any]:
        """Return the JSON entries that describe layers and connections."""

    @abstractmethod
    def parts(self, copy: Callable[[Layer], Any]) -> dict[str, Any]:
        """Return the constructor arguments that make the same structure of copied layers."""

    # -- layers ----------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Any]:
        """The layer of each application, in the order of computation."""
        found = [layer for _, layer in self.applications]
        return [layer.inner if isinstance(layer, ForeignLayer) else layer for layer in found]

    def summary(self) -> Summary:
        """Return a table of the layers: name, type, output shape, parameters."""
        return summarize(self)

    def distinct_layers(self) -> list[Layer]:
        """Return every layer once."""
        return list({id(layer): layer for _, layer in self.applications}.values())

    # -- connecting ------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether shapes and parameters exist."""
        return self._inputs is not None

    @property
    def input_shape(self) -> Any:
        """What the network is connected to, batch axis None: a tuple, or a dict of them by input name."""
        return None if self._inputs is None else self._inputs.shape

    def connect(self, shape: Any, allocator: Allocator | None = None) -> Self:
        """Make all shapes and parameters for inputs of ``shape``; connecting again keeps parameters that fit.

        Parameters
        ----------
        shape : tuple, or dict of tuples by input name
            Batch axis first, None where a size may vary.
        allocator : Allocator, optional
            What makes the arrays; one with a budget when a file says how large the model is.

        Raises
        ------
        ShapeError
            Naming the layer that cannot take its input; the network is left as it was.
        OwnershipError
            If a layer belongs to another model and is not connected to just this shape there.
        """
        shape = self._standard_shape(shape)
        allocator = allocator or Allocator(self.max_parameters)
        rehearsal = allocator.rehearsal()
        if rehearsal is not None:
            self._attempt(shape, rehearsal, keep=False)
        self._attempt(shape, allocator, keep=True)
        return self

    def _attempt(self, shape: Any, allocator: Allocator, *, keep: bool) -> None:
        """Connect all layers; undo it if something raises, or if it is not to be kept."""
        layers = self.distinct_layers()
        undo = Undo(layers, self.layer_rng)
        previous = self._inputs
        try:
            for layer in layers:
                if not self._owned_elsewhere(layer):
                    self._settle(layer, allocator)
            self._propagate(shape)
            if keep:
                self._inputs = InputSpec(shape, self._ids(shape), self.dtype)
                self._note()
                self._finish_connecting()
            else:
                undo()
        except BaseException:
            undo()
            self._inputs = previous
            if previous is not None:
                self._propagate(previous.shape)
                self._note()
            raise
        finally:
            for layer in layers:
                layer.allocator = None

    def _standard_shape(self, shape: Any) -> Any:
        return standard_shape(shape)

    def _settle(self, layer: Layer, allocator: Allocator) -> None:
        if not any(True for _ in layer.named_parameters()):
            layer.dtype = self.dtype
        layer.rng, layer.allocator = self.layer_rng, allocator

    @abstractmethod
    def _store(self) -> ParameterStore | None:
        """Return the store that the parameters of this network are in, once it is compiled."""

    def _owned_elsewhere(self, layer: Layer) -> bool:
        own = self._store()
        return any(p.store is not None and p.store is not own for _, p in layer.named_parameters())

    def _connect_layer(self, name: str, layer: Layer, came: Any) -> None:
        """Connect one application to the shape that comes in."""
        with located(name, layer):
            if self._owned_elsewhere(layer):
                if layer.in_shape != came:
                    raise OwnershipError(
                        f"it belongs to another model, where its input has shape {layer.in_shape}, "
                        f"not {came}; use copy.deepcopy(layer) for one that is free"
                    )
                return
            layer.connect_to(Shaped(came))
            layer.in_shape = came
            layer.allocator.check_output(layer.out_shape)

    def _note(self) -> None:
        """Look once at what every step needs to know of the layers."""
        layers = [layer for _, layer in self.applications]
        for name, layer in self.applications:
            with located(name, layer):
                for part in _parts([layer]):
                    part.check_frozen()
        sharing = Sharing(layers)
        self._sharing = sharing if sharing.needed else None
        self._carriers = [part for part in _parts(layers) if isinstance(part, Layer) and _may_carry(part)]
        self._masking = [type(layer).compute_mask is not Layer.compute_mask for layer in layers]

    @abstractmethod
    def _finish_connecting(self) -> None:
        """Do what follows from new shapes and parameters; if it raises, connecting is undone."""

    def mark_first_layers(self) -> None:
        """Tell the layers whose input gradient nobody reads."""
        layers = [layer for _, layer in self.applications]
        roots, sharing = self._roots(), Sharing(layers)
        for index, layer in enumerate(layers):
            layer.first_layer = index in roots and not sharing.is_shared(index)

    def connect_to_data(self, x: Any) -> None:
        """Connect at first sight of a batch, or again where its shape is another one.

        Axes between the batch and the features stay open (None) if all layers can do without their size, so
        that sequences of any length fit.
        """
        known = self._inputs
        if known is not None and known.fits(x):
            return
        came = self._standard_shape(shape_of(x))
        wanted = came if known is None else merged_shape(known.shape, came)
        for shape in (opened_shape(wanted, self._ids(wanted)), wanted):
            try:
                self.connect(shape)
                return
            except (ShapeError, TypeError) as error:  # a layer that needs the size, or counts with it
                failure = error
        if known is None:
            raise failure
        raise ShapeError(
            f"this model is connected to inputs of shape {known.shape} and cannot take {came}: {failure}"
        ) from failure

    # -- parameters ------------------------------------------------------------------------------------------

    @abstractmethod
    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield name and parameter: those of layers, then others that are saved and trained with them."""

    def layer_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield ``("0.dense.W", Parameter)`` for each parameter of the layers, shared ones once."""
        seen: set[int] = set()
        for prefix, layer in self.applications:
            for name, parameter in layer.named_parameters(f"{prefix}."):
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield name, parameter

    @property
    def params(self) -> list[NDArray[Any]]:
        """Arrays that an optimizer may change, each once."""
        own = [p.value for _, p in self.named_parameters() if not p.frozen]
        return own + [array for layer in self.foreign_layers() for array in layer.params]

    @property
    def grads(self) -> list[NDArray[Any]]:
        """Gradients in the order of :attr:`params`."""
        own = [p.grad for _, p in self.named_parameters() if not p.frozen and p.grad is not None]
        return own + [array for layer in self.foreign_layers() for array in layer.grads]

    def foreign_layers(self) -> list[ForeignLayer]:
        """Return the layers that do not derive from the base and are not frozen."""
        return [
            layer for layer in self.distinct_layers() if isinstance(layer, ForeignLayer) and layer.trainable
        ]


def _parts(layers: list[Layer]) -> list[Parameterized]:
    return [part for layer in layers for part in layer.descendants() if isinstance(part, Parameterized)]


def _may_carry(layer: Layer) -> bool:
    """Return whether a layer writes state in inference, or may come to do so."""
    return layer.stateful or type(layer).stateful is not Layer.stateful


@contextlib.contextmanager
def located(name: str, layer: Any) -> Iterator[None]:
    """Put the place in front of an error's message."""
    try:
        yield
    except NpdlError as error:
        raise error.at(f"layer {name} ({layer})") from error
