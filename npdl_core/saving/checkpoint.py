"""The whole state of a training run in one file, so that a resumed run equals an uninterrupted one."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npdl_core.checks import check_bool, check_int
from npdl_core.errors import ConfigError, FileFormatError, WeightsError, printable
from npdl_core.model.history import History
from npdl_core.rng import generator_state, restore_generator
from npdl_core.saving import tensors
from npdl_core.saving.config import network_document
from npdl_core.saving.envelope import jsonable
from npdl_core.saving.weights import TRAINING, check_same_structure

__all__ = ["resume_from", "save_checkpoint"]


def save_checkpoint(path: Any, network: Any, callbacks: Sequence[Any], epoch: int) -> None:
    """Write model, optimizer, random numbers, History and the callbacks' state after a finished epoch.

    ``npdl_core.load`` reads the same file as a plain model.
    """
    arrays = dict(network.weights())
    state = {
        "epoch": epoch + 1,
        "stopped": bool(network.stop_training),
        "history": _scrubbed(network.history.to_json()),
        "layer_rng": generator_state(network.layer_rng),
        "shuffle_rng": generator_state(network.shuffle_rng),
        "optimizer": _part(network.optimizer, "optimizer", arrays),
        "callbacks": [
            {"name": type(callback).__name__, "state": _part(callback, f"callbacks.{index}", arrays)}
            for index, callback in enumerate(callbacks)
        ],
    }
    tensors.write(path, {"model": network_document(network), TRAINING: state}, arrays)


def _part(component: Any, prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON part of a component's state and put its arrays among the tensors."""
    scalars = {}
    for key, value in (component.state() if hasattr(component, "state") else {}).items():
        if isinstance(value, np.ndarray):
            arrays[f"{TRAINING}.{prefix}.{key}"] = value
        else:
            scalars[key] = jsonable(_scrubbed(value), f"{component}.state[{key!r}]")
    return scalars


def _scrubbed(value: Any) -> Any:
    """Return a value with NaN and infinities as tagged strings, which JSON can carry."""
    if isinstance(value, (float, np.floating)) and not np.isfinite(value):
        return {"float": repr(float(value))}
    if isinstance(value, Mapping):
        return {key: _scrubbed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(item) for item in value]
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"float"} and value["float"] in ("nan", "inf", "-inf"):
            return float(value["float"])
        return {key: _restored(item) for key, item in value.items()}
    return [_restored(item) for item in value] if isinstance(value, list) else value


def resume_from(path: Any, network: Any, callbacks: Sequence[Any], default: int = 0) -> int:
    """Put network and callbacks into the state of a checkpoint and return the epoch to go on with.

    Parameters
    ----------
    path : path-like
        The file; where there is none, nothing changes and ``default`` is returned.
    network : Model or Graph
        Compiled, of the same structure, loss and optimizer.
    callbacks : sequence
        Of the same classes in the same order.

    Raises
    ------
    WeightsError
        If the checkpoint is of another model or training; everything is left as it was.
    """
    if not Path(path).exists():
        return default
    where = printable(Path(path).name, 80)
    contents = tensors.read(path)
    saved = contents.document.get(TRAINING)
    if not isinstance(saved, dict):
        raise FileFormatError(
            f"{where}: it holds a model without the state of its training; resume needs a checkpoint"
        )
    if not network.connected:
        shape = contents.document["model"].get("input_shape")
        network.connect({k: tuple(v) for k, v in shape.items()} if isinstance(shape, dict) else tuple(shape))
    check_same_structure(contents.document["model"], network_document(network), where, ("compile",))
    return _apply(saved, contents.tensors, network, callbacks, where)


def _apply(
    saved: dict[str, Any], arrays: dict[str, Any], network: Any, callbacks: Sequence[Any], where: str
) -> int:
    """Check every part on copies first, then change the real ones."""
    weights = {name: array for name, array in arrays.items() if not name.startswith(f"{TRAINING}.")}
    tensors.check_fit(network.weights(), weights, where, finite=False)
    try:
        epoch = check_int("epoch", saved["epoch"], 0)
        stopped = check_bool("stopped", saved["stopped"])
        history = History.from_json(_restored(saved["history"]))
        optimizer_state = _joined(saved["optimizer"], "optimizer", arrays)
        names = [entry["name"] for entry in saved["callbacks"]]
        states = [
            _joined(entry["state"], f"callbacks.{i}", arrays) for i, entry in enumerate(saved["callbacks"])
        ]
        streams = [
            (rng, saved[key])
            for rng, key in ((network.layer_rng, "layer_rng"), (network.shuffle_rng, "shuffle_rng"))
        ]
    except (KeyError, TypeError, ConfigError) as error:
        raise FileFormatError(f"{where}: its training state is malformed ({printable(error, 100)})") from None
    if names != [type(callback).__name__ for callback in callbacks]:
        raise WeightsError(
            f"{where}: it was written with the callbacks {printable(names)}; resume with the same ones"
        )
    _check_optimizer_arrays(optimizer_state, network, where)
    rehearsal = [(copy.deepcopy(network.optimizer), optimizer_state)]
    rehearsal += [
        (_without_model(callback), state) for callback, state in zip(callbacks, states, strict=True)
    ]
    for part, state in rehearsal:
        part.load_state(state)
    for rng, state in streams:
        restore_generator(copy.deepcopy(rng), state)
    for name, array in network.weights().items():
        array[...] = weights[name]
    network.optimizer.load_state(optimizer_state)
    for callback, state in zip(callbacks, states, strict=True):
        callback.load_state(state)
    for rng, state in streams:
        restore_generator(rng, state)
    network.history, network.stop_training = history, stopped
    return epoch


def _joined(scalars: Any, prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    start = f"{TRAINING}.{prefix}."
    return {
        **_restored(scalars),
        **{name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)},
    }


def _check_optimizer_arrays(state: Mapping[str, Any], network: Any, where: str) -> None:
    """Refuse state arrays of other shapes than the parameters that they belong to."""
    values, _, _ = network.compiled.views()
    for key, array in state.items():
        index = key.partition(".")[0]
        if isinstance(array, np.ndarray) and index.isdecimal():
            fits = int(index) < len(values) and values[int(index)].shape == array.shape
            if not fits:
                raise WeightsError(
                    f"{where}: optimizer state {printable(key, 60)} of shape {array.shape} fits no parameter"
                )


def _without_model(callback: Any) -> Any:
    """Return a copy of a callback for a rehearsal, which needs no model."""
    twin = copy.copy(callback)
    twin.model = None
    return twin
