"""What a chain of layers and a graph of layers have in common: Keras's verbs over ``run`` and ``backward``."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from npdl_core import hooks, registry
from npdl_core.checks import check_int
from npdl_core.dtypes import check_dtype
from npdl_core.errors import (
    DataError,
    MissingShapeError,
    NotConnectedError,
    NpdlError,
    ShapeError,
    StateError,
    UnknownNameError,
)
from npdl_core.layers.base import Layer
from npdl_core.model.compiled import Compiled
from npdl_core.model.data import ArrayData, Batch, as_data, first_shape
from npdl_core.model.foreign import ForeignLayer
from npdl_core.model.history import History
from npdl_core.model.sharing import Sharing
from npdl_core.model.summary import Summary, summarize
from npdl_core.parameters import Allocator, Parameter
from npdl_core.rng import streams
from npdl_core.utils.defaults import default_seed, get_dtype

__all__ = ["Network", "located"]

_FREE = contextlib.nullcontext()


class Network(ABC):
    """Layers, how they are connected, and everything done with the whole of them.

    Parameters
    ----------
    seed : int, optional
        Makes initial weights, shuffling and noise reproducible: two runs with one seed are bit-identical on
        one machine.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; float32 unless :func:`npdl_core.utils.set_dtype` says otherwise.

    Attributes
    ----------
    input_shape : tuple, or dict of tuples by input name
        What the network is connected to, batch axis None; None until it is connected.
    history : History
        Of the last ``fit``, also after an exception.
    stop_training : bool
        A callback sets it to end training after the current epoch.
    """

    def __init__(self, *, seed: int | None = None, dtype: Any = None) -> None:
        self.seed = default_seed() if seed is None else check_int("seed", seed, 0)
        self.dtype = check_dtype(get_dtype() if dtype is None else dtype)
        self.layer_rng, self.shuffle_rng = streams(self.seed, 2)
        self.input_shape: Any = None
        self.history = History()
        self.stop_training = False
        self._compiled: Compiled | None = None
        self._sharing: Sharing | None = None
        self._stateful = False
        self._carrying = threading.Lock()

    # -- what a kind of network defines ------------------------------------------------------------------------

    @property
    @abstractmethod
    def applications(self) -> list[tuple[str, Layer]]:
        """Name and layer of each application, in the order of computation."""

    @abstractmethod
    def _propagate(self, shape: Any) -> None:
        """Connect every layer, starting from the input's shape."""

    @abstractmethod
    def roots(self) -> set[int]:
        """Return the indices of the applications that read nothing but inputs."""

    @abstractmethod
    def run(self, x: Any, train: bool, mask: Any = None) -> tuple[Any, Any]:
        """Return outputs and the mask that goes with them."""

    @abstractmethod
    def backward(self, grad: Any, skip_activation: bool = False) -> Any:
        """Run all layers' backward for the gradient of the outputs; return the input's gradient where there is one."""

    @abstractmethod
    def declared_input_shape(self) -> Any:
        """Return the input shape that the layers or inputs declare, or None."""

    @abstractmethod
    def output_layers(self) -> Any:
        """Return the layer that computes the output; a dict of them by name for several outputs."""

    @abstractmethod
    def structure(self, to_envelope: Any) -> dict[str, Any]:
        """Return the JSON entries that describe layers and connections."""

    # -- connecting --------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether shapes and parameters exist."""
        return self.input_shape is not None

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
            Naming the layer that cannot take its input.
        """
        distinct = self._distinct_layers()
        for layer in distinct:
            if not layer.out_shape:
                layer.dtype, layer.rng = self.dtype, self.layer_rng
            layer.allocator = allocator
        try:
            self._propagate(shape)
        finally:
            for layer in distinct:
                layer.allocator = None
        self._note_sharing()
        self.input_shape = shape
        if self._compiled is not None:
            self._compiled.build(self)
        return self

    def _note_sharing(self) -> None:
        layers = [layer for _, layer in self.applications]
        sharing = Sharing(layers)
        self._sharing = sharing if sharing.needed else None
        self._stateful = any(
            part.stateful for layer in layers for part in layer.descendants() if isinstance(part, Layer)
        )
        roots = self.roots()
        for index, layer in enumerate(layers):
            layer.first_layer = index in roots and not sharing.is_shared(index)

    def _distinct_layers(self) -> list[Layer]:
        return list({id(layer): layer for _, layer in self.applications}.values())

    def _connect_to_data(self, x: Any) -> None:
        """Connect at first sight of data, or again when the rank of the data is another one."""
        shape = first_shape(x)
        if not self.connected or (not isinstance(shape, dict) and len(shape) != len(self.input_shape)):
            self.connect(shape)

    def _check_input(self, x: Any) -> None:
        if not self.connected:
            raise NotConnectedError(
                "this model has no parameters yet: fit it, give its first layer n_in, or call model.connect(shape)"
            )
        declared = self.input_shape if isinstance(self.input_shape, dict) else {"X": self.input_shape}
        came = x if isinstance(x, dict) else {"X": x}
        if declared.keys() != came.keys():
            raise DataError(f"this model's inputs are {sorted(declared)}, got {sorted(map(str, came))}")
        for name, shape in declared.items():
            got = np.shape(came[name])
            if len(got) != len(shape) or any(
                a is not None and a != b for a, b in zip(shape[1:], got[1:], strict=True)
            ):
                raise ShapeError(f"{name}: this model is connected to inputs of shape {shape}, got {got}")

    def cast(self, x: Any) -> Any:
        """Return inputs in the model's dtype; ids stay integers. Arrays that fit are returned as they are."""
        if isinstance(x, dict):
            return {name: self._cast_array(array, self._takes_ids(name)) for name, array in x.items()}
        return self._cast_array(x, self._takes_ids(None))

    def _cast_array(self, array: Any, ids: bool) -> NDArray[Any]:
        array = np.asarray(array)
        return array if ids or array.dtype == self.dtype else array.astype(self.dtype)

    @abstractmethod
    def _takes_ids(self, name: str | None) -> bool:
        """Whether the input of this name goes into a layer that reads ids."""

    # -- parameters --------------------------------------------------------------------------------------------

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield ``("0.dense.W", Parameter)``, shared ones once, then those of the loss as ``loss.*``."""
        seen: set[int] = set()
        for prefix, layer in self.applications:
            for name, parameter in layer.named_parameters(f"{prefix}."):
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield name, parameter
        if self._compiled is not None:
            yield from self._compiled.named_parameters()

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return every array that a file keeps, by name; not copies."""
        arrays = {name: parameter.value for name, parameter in self.named_parameters()}
        for prefix, layer in self.applications:
            if isinstance(layer, ForeignLayer):
                arrays.update({f"{prefix}.{k}": array for k, array in enumerate(layer.params)})
        return arrays

    @property
    def params(self) -> list[NDArray[Any]]:
        """Trainable arrays of all layers, each once."""
        return [array for layer in self._distinct_layers() for array in layer.params]

    @property
    def grads(self) -> list[NDArray[Any]]:
        """Gradients in the order of :attr:`params`."""
        return [array for layer in self._distinct_layers() for array in layer.grads]

    # -- compiling ---------------------------------------------------------------------------------------------

    def compile(
        self,
        loss: Any = "softmax_categorical_cross_entropy",
        optimizer: Any = "sgd",
        metrics: Any = (),
        loss_weights: Mapping[str, float] | None = None,
    ) -> Self:
        """Choose loss, optimizer and metrics; everything is a name, an envelope or an instance.

        Parameters
        ----------
        loss : str, envelope, Objective, or a dict of them by output name
            What is minimised.
        optimizer : str, envelope or Optimizer
            How.
        metrics : sequence of names, or a dict of sequences by output name
            What is measured beside it.
        loss_weights : dict of float by output name, optional
            Factors of several losses; 1 by default.

        Returns
        -------
        Network
            The model itself.
        """
        compiled = Compiled(loss, optimizer, metrics, loss_weights)
        if not self.connected:
            shape = self.declared_input_shape()
            if shape is not None:
                with contextlib.suppress(MissingShapeError):
                    self.connect(shape)
        if self.connected:
            compiled.build(self)
        if self._compiled is not None:
            compiled.inherit(self._compiled)
        self._compiled = compiled
        if hooks.active("npdl_model_compiled"):
            hooks.call("npdl_model_compiled", model=self)
        return self

    @property
    def compiled(self) -> Compiled:
        """Loss, optimizer, metrics and the parameter store.

        Raises
        ------
        StateError
            If the model was not compiled.
        """
        if self._compiled is None:
            raise StateError("compile the model first: model.compile(loss=…, optimizer=…)")
        return self._compiled

    @property
    def loss(self) -> Any:
        """The objective."""
        return self.compiled.loss

    @property
    def optimizer(self) -> Any:
        """The optimizer."""
        return self.compiled.optimizer

    # -- computing ---------------------------------------------------------------------------------------------

    def forward(self, x: Any, train: bool = True, mask: Any = None) -> Any:
        """Return the outputs for one batch."""
        x = self.cast(x)
        self._check_input(x)
        with self._alone():
            return self.run(x, train, mask)[0]

    def _alone(self) -> Any:
        """Return a context that refuses concurrent use of layers that carry state."""
        return _exclusive(self._carrying) if self._stateful else _FREE

    def predict(self, X: Any, batch_size: int | None = None, mask: Any = None) -> Any:
        """Return the outputs for all samples, computed without changing anything; threads may share the
        model.

        Parameters
        ----------
        X : array (N, ...), or dict of arrays by input name
            Inputs.
        batch_size : int, optional
            Compute in pieces of this many samples; all at once by default.
        mask : array (N, T), optional
            True at real time steps.

        Raises
        ------
        NotConnectedError
            If the model has no parameters yet.
        ShapeError
            If the inputs are not of the shape it is connected to.
        """
        data = ArrayData(X, None, mask)
        size = max(data.n_samples, 1) if batch_size is None else check_int("batch_size", batch_size, 1)
        batches = data.batches(size) if data.n_samples else iter([data.take(slice(None))])
        outputs = [self._owned(self.forward(batch.x, False, batch.mask), batch.x) for batch in batches]
        if len(outputs) == 1:
            return outputs[0]
        if isinstance(outputs[0], dict):
            return {name: np.concatenate([out[name] for out in outputs]) for name in outputs[0]}
        return np.concatenate(outputs)

    @staticmethod
    def _owned(outputs: Any, x: Any) -> Any:
        """Return outputs that do not alias the caller's inputs."""
        inputs = list(x.values()) if isinstance(x, dict) else [x]

        def own(array: Any) -> Any:
            return array.copy() if any(np.may_share_memory(array, item) for item in inputs) else array

        return (
            {name: own(array) for name, array in outputs.items()}
            if isinstance(outputs, dict)
            else own(outputs)
        )

    def evaluate(
        self,
        X: Any,
        Y: Any = None,
        batch_size: int = 64,
        sample_weight: Any = None,
        mask: Any = None,
    ) -> dict[str, float]:
        """Return the loss and all metrics over the whole data set, as ``{"loss": …, "accuracy": …}``."""
        data = as_data(X, Y, mask, sample_weight)
        meter = self.compiled.meter()
        for batch in data.batches(check_int("batch_size", batch_size, 1)):
            with self._alone():
                x = self.cast(batch.x)
                self._check_input(x)
                outputs, mask_out = self.run(x, False, batch.mask)
            meter.measure(outputs, batch.y, mask_out, batch.sample_weight)
        return meter.results()

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None, mask: Any = None) -> dict[str, float]:
        """Do one update and return the loss, with the metrics of the batch before the update."""
        batch = ArrayData(x, y, mask, sample_weight).take(slice(None))
        self._connect_to_data(batch.x)
        meter = self.compiled.meter()
        self.train_step(batch, meter)
        return meter.results()

    def train_step(self, batch: Batch, meter: Any) -> None:
        """Forward, loss, backward, update; measures go into ``meter``."""
        compiled = self.compiled
        x = self.cast(batch.x)
        self._check_input(x)
        with self._alone():
            outputs, mask = self.run(x, True, batch.mask)
            cost = sum(layer.cost() for layer in compiled.costly)
            meter.measure(outputs, batch.y, mask, batch.sample_weight, cost)
            grad = compiled.loss_gradient(outputs, batch.y, mask, batch.sample_weight)
            self.backward(grad, compiled.fused)
        if hooks.active("npdl_gradients_ready"):
            hooks.call("npdl_gradients_ready", model=self, grads=compiled.views()[1])
        compiled.update()

    def fit(
        self,
        X: Any,
        Y: Any = None,
        *,
        epochs: int | None = None,
        max_iter: int | None = None,
        batch_size: int = 64,
        shuffle: bool = True,
        validation_split: float = 0.0,
        validation_data: Any = None,
        callbacks: Sequence[Any] = (),
        sample_weight: Any = None,
        mask: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        resume: bool = False,
    ) -> History:
        """Train, and return what was measured.

        Parameters
        ----------
        X, Y : arrays (N, ...), memory maps, or dicts of them by name
            Inputs and targets, never modified. Or X alone: an iterable of batches ``(x, y[, sample_weight])``
            or dicts, which may be larger than memory.
        epochs : int
            The total number of epochs, 100 by default; ``max_iter`` is NumpyDL's name for it.
        batch_size : int
            Samples a batch; the last, smaller one counts too.
        shuffle : bool
            Draw a new order every epoch.
        validation_split : float
            This fraction, the last samples before any shuffling, is held out.
        validation_data : (X, Y) or (X, Y, sample_weight), or an iterable of batches
            Held-out data; wins over ``validation_split``.
        callbacks : sequence of names, envelopes or instances
            See :mod:`npdl_core.callbacks`.
        sample_weight : array (N,) or (N, T)
            Weights of the samples' losses.
        mask : array (N, T)
            True at real time steps.
        initial_epoch : int
            Where counting starts.
        steps_per_epoch : int
            End an epoch after this many batches.
        resume : bool
            Continue from the file of the ``model_checkpoint`` callback if there is one; the result is
            bit-identical to an uninterrupted run.

        Raises
        ------
        DataError
            Before anything is changed, if the data does not fit together.
        """
        from npdl_core.model.training import Training

        data = as_data(X, Y, mask, sample_weight)
        return Training(
            self, data, epochs=epochs, max_iter=max_iter, batch_size=batch_size, shuffle=shuffle,
            validation_split=validation_split, validation_data=validation_data, callbacks=callbacks,
            initial_epoch=initial_epoch, steps_per_epoch=steps_per_epoch, resume=resume,
        ).run()  # fmt: skip

    # -- looking, saving, copying ------------------------------------------------------------------------------

    def summary(self) -> Summary:
        """Return a table of the layers: name, type, output shape, parameters."""
        return summarize(self)

    def to_json(self) -> str:
        """Return the model without its weights as JSON text."""
        from npdl_core.saving.config import network_to_json

        return network_to_json(self)

    @classmethod
    def from_json(cls, document: Any, **limits: Any) -> Self:
        """Return a model from JSON text, or its parsed form; everything is checked before anything is allocated."""
        from npdl_core.saving.config import network_from_json

        return network_from_json(document, expected=cls, **limits)

    def save(self, path: Any) -> None:
        """Write configuration and weights into one safetensors file, atomically and byte for byte reproducibly."""
        from npdl_core.saving.weights import save

        save(self, path)

    @classmethod
    def load(cls, path: Any) -> Self:
        """Return the model that :meth:`save` wrote; a file can run no code."""
        from npdl_core.saving.weights import load

        return load(path, expected=cls)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle through layers' configurations and arrays."""
        compiled = None if self._compiled is None else self._compiled.recipe()
        rng = (self.layer_rng.bit_generator.state, self.shuffle_rng.bit_generator.state)
        return _rebuild, (
            type(self),
            self._parts(),
            self.seed,
            self.dtype.name,
            self.input_shape,
            compiled,
            rng,
        )

    @abstractmethod
    def _parts(self) -> dict[str, Any]:
        """Return the constructor arguments that make the same structure."""


def _rebuild(
    cls: type[Network], parts: dict[str, Any], seed: int, dtype: str, shape: Any, recipe: Any, rng: Any
) -> Network:
    network = cls(**parts, seed=seed, dtype=dtype)
    if shape is not None:
        network.connect(shape)
    if recipe is not None:
        network.compile(**recipe)
    network.layer_rng.bit_generator.state, network.shuffle_rng.bit_generator.state = rng
    return network


@contextlib.contextmanager
def _exclusive(lock: threading.Lock) -> Iterator[None]:
    if not lock.acquire(blocking=False):
        raise StateError(
            "this model carries state between calls, so two threads cannot use it at once; give each its copy"
        )
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def located(name: str, layer: Any) -> Iterator[None]:
    """Put the place in front of an error's message."""
    try:
        yield
    except NpdlError as error:
        kind = type(error)
        raise kind(f"layer {name} ({layer}): {error}") from error


def component_name(layer: Layer) -> str:
    """Return the bare component name of a layer, or its class name where it is not registered."""
    try:
        return registry.canonical_name("layers", type(getattr(layer, "inner", layer)))
    except UnknownNameError:
        return str(layer).lower()
