"""Models as one safetensors file: configuration in the metadata, weights as tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npdl_core.errors import FileFormatError, WeightsError, printable
from npdl_core.saving import tensors
from npdl_core.saving.config import network_document, network_from_json

__all__ = ["TRAINING", "load", "load_weights", "save"]

TRAINING = "training"
"""Prefix of the tensors, and key of the document, that only a resumed training reads."""


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
    where = printable(Path(path).name, 80)
    contents = tensors.read(path)
    weights = _model_tensors(contents, where)
    size = sum(array.size for array in weights.values())
    network = network_from_json(contents.document["model"], expected, max_parameters=size, initialize=False)
    _fill(network, weights, where, finite=finite)
    return network


def load_weights(network: Any, path: Any, *, finite: bool = True) -> None:
    """Copy the weights of a file into a model of the same structure.

    Raises
    ------
    WeightsError
        If the structure or any tensor differs; the model is left as it was.
    """
    where = printable(Path(path).name, 80)
    contents = tensors.read(path)
    weights = _model_tensors(contents, where)
    check_same_structure(contents.document["model"], network_document(network), where)
    _fill(network, weights, where, finite=finite)


def check_same_structure(saved: Any, own: dict[str, Any], where: str, keys: tuple[str, ...] = ()) -> None:
    """Raise :class:`WeightsError` unless two documents describe the same layers, connections and dtype."""
    compared = ("layers", "inputs", "nodes", "outputs", "dtype", *keys)
    for key in compared:
        if (saved.get(key) if isinstance(saved, dict) else None) != own.get(key):
            raise WeightsError(
                f"{where}: it holds another model: {key} is {printable(saved.get(key), 150)}, this model's is "
                f"{printable(own.get(key), 150)}"
            )


def _model_tensors(contents: tensors.Contents, where: str) -> dict[str, Any]:
    """Return the tensors that belong to the model, after checking what the document may hold."""
    unknown = set(contents.document) - {"model", TRAINING}
    if "model" not in contents.document or unknown:
        raise FileFormatError(f"{where}: its document is not that of an npdl model")
    training = {name for name in contents.tensors if name.startswith(f"{TRAINING}.")}
    if training and TRAINING not in contents.document:
        raise FileFormatError(f"{where}: it has tensors of a training state without that state")
    return {name: array for name, array in contents.tensors.items() if name not in training}


def _fill(network: Any, weights: dict[str, Any], where: str, *, finite: bool) -> None:
    own = network.weights()
    tensors.check_fit(own, weights, where, finite=finite)
    for name, array in own.items():
        array[...] = weights[name]
