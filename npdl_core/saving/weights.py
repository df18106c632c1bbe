"""Models as one safetensors file: configuration in the metadata, weights as tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from npdl_core.errors import FileFormatError, WeightsError, printable
from npdl_core.parameters import Allocator
from npdl_core.saving import tensors
from npdl_core.saving.config import MAX_PARAMETERS, network_from_json
from npdl_core.saving.document import network_document

__all__ = ["TRAINING", "SavedModel", "check_same_structure", "load", "load_weights", "read_model", "save"]

TRAINING = "training"
"""Prefix of the tensors, and key of the document, that only a resumed training reads."""


class SavedModel(NamedTuple):
    """What a file holds, checked in form: a model's document and weights, and perhaps a training's state."""

    where: str
    model: dict[str, Any]
    weights: dict[str, NDArray[Any]]
    training: dict[str, Any] | None
    arrays: dict[str, NDArray[Any]]


def save(network: Any, path: Any) -> None:
    """Write a model's configuration and weights.

    Parameters
    ----------
    network : Model or Graph
        The model; saving the same one twice gives the same bytes.
    path : path-like
        Where; written atomically. The usual suffix is ``.safetensors``.

    Raises
    ------
    SerializationError
        If the configuration holds code or arrays.
    """
    tensors.write(path, {"model": network_document(network)}, network.weights())


def load(path: Any, *, expected: type[Any] | None = None, finite: bool = True) -> Any:
    """Return the model of a file that ``save`` or a checkpoint wrote.

    Parameters
    ----------
    path : path-like
        The file. Nothing in it can run code, name another file or reach beyond its own size in memory.
    expected : type, optional
        The class that it must be, Model or Graph.
    finite : bool
        Refuse weights that are NaN or infinite.

    Returns
    -------
    Model or Graph
        Connected, and compiled if it was.

    Raises
    ------
    FileFormatError
        If the file is something else, or damaged.
    WeightsError
        If its weights do not fit its own configuration.
    MissingPluginError
        If a plugin that it needs is not installed or not allowed.
    """
    saved = read_model(path)
    size = sum(array.size for array in saved.weights.values())
    allocator = Allocator(size, initialize=False, largest_output=MAX_PARAMETERS)
    network = network_from_json(saved.model, expected, allocator=allocator)
    _fill(network, saved, finite=finite)
    return network


def load_weights(network: Any, path: Any, *, finite: bool = True) -> None:
    """Copy the weights of a file into a model of the same structure.

    Parameters
    ----------
    network : Model or Graph
        If it is not connected yet, it is, to the input shape in the file.
    path : path-like
        What :func:`save` or a checkpoint wrote.
    finite : bool
        Refuse weights that are NaN or infinite.

    Raises
    ------
    WeightsError
        If the structure or any tensor differs; the model is left as it was.
    """
    saved = read_model(path)
    check_same_structure(saved, network)
    connect_as_saved(network, saved)
    _fill(network, saved, finite=finite)


def connect_as_saved(network: Any, saved: SavedModel) -> None:
    """Connect a network that is not connected to the input shape in a file, if there is one."""
    if not network.connected and saved.model.get("input_shape") is not None:
        network.connect(saved.model["input_shape"])


def check_same_structure(saved: SavedModel, network: Any, *keys: str) -> None:
    """Raise :class:`WeightsError` unless a file's layers, connections and dtype are those of a network.

    ``keys`` are further entries of the document to compare. Its model is built, without arrays, and written
    again, so that names and defaults have one form.
    """
    bare = {key: value for key, value in saved.model.items() if key != "input_shape"}
    theirs, own = network_document(network_from_json(bare)), network_document(network)
    for key in ("layers", "inputs", "nodes", "outputs", "dtype", *keys):
        came, expected = theirs.get(key), own.get(key)
        if came != expected:
            raise WeightsError(
                f"{saved.where}: it holds another model: {key} is {printable(came, 150)}, this model's is "
                f"{printable(expected, 150)}"
            )


def read_model(path: Any) -> SavedModel:
    """Return what a file holds.

    Raises
    ------
    FileFormatError
        If it is not what :func:`save` or a checkpoint writes.
    """
    document, arrays = tensors.read(path)
    where = printable(Path(path).name, 80)
    model, training = document.get("model"), document.get(TRAINING)
    if not isinstance(model, dict) or set(document) - {"model", TRAINING}:
        raise FileFormatError(f"{where}: its document is not that of an npdl model")
    if TRAINING in document and not isinstance(training, dict):
        raise FileFormatError(f"{where}: its training state is malformed")
    start = f"{TRAINING}."
    state = {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
    if state and training is None:
        raise FileFormatError(f"{where}: it has tensors of a training state without that state")
    weights = {name: array for name, array in arrays.items() if not name.startswith(start)}
    return SavedModel(where, model, weights, training, state)


def _fill(network: Any, saved: SavedModel, *, finite: bool) -> None:
    tensors.check_fit(network.weights(), saved.weights, saved.where, finite=finite)
    network.set_weights(saved.weights)
