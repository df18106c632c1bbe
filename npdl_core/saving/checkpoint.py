"""The whole state of a training run in one file, so that a resumed run equals an uninterrupted one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from npdl_core.checks import check_bool, check_int
from npdl_core.errors import ConfigError, FileFormatError, WeightsError, printable
from npdl_core.model.history import History
from npdl_core.model.snapshot import generators, stateful_layers
from npdl_core.rng import generator_state, restore_generator
from npdl_core.saving import tensors
from npdl_core.saving.document import network_document
from npdl_core.saving.envelope import jsonable
from npdl_core.saving.paths import check_path
from npdl_core.saving.weights import (
    TRAINING,
    SavedModel,
    check_same_structure,
    connect_as_saved,
    read_model,
)

__all__ = ["resume_from", "save_checkpoint"]


def save_checkpoint(path: Any, network: Any, callbacks: Sequence[Any], epoch: int) -> None:
    """Write model, optimizer, random numbers, History and the callbacks' state after a finished epoch.

    ``npdl_core.load`` reads the same file as a plain model.
    """
    arrays = dict(network.weights())
    state = {
        "epoch": epoch + 1,
        "stopped": bool(network.stop_training),
        "history": _tagged(network.history.to_json()),
        "rng": [generator_state(rng) for rng in generators(network)],
        "optimizer": _part(network.optimizer, "optimizer", arrays),
        "layers": {
            path: _part(layer, f"layers.{path}", arrays) for path, layer in stateful_layers(network).items()
        },
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
            scalars[key] = jsonable(_tagged(value), f"{component}.state[{key!r}]")
    return scalars


def _tagged(value: Any) -> Any:
    """Return a value with NaN and infinities as tagged strings, and arrays as lists, which JSON can carry."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (float, np.floating)) and not np.isfinite(value):
        return {"float": repr(float(value))}
    if isinstance(value, Mapping):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_tagged(item) for item in value]
    return value


def _untagged(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"float"} and value["float"] in ("nan", "inf", "-inf"):
            return float(value["float"])
        return {key: _untagged(item) for key, item in value.items()}
    return [_untagged(item) for item in value] if isinstance(value, list) else value


class _State(NamedTuple):
    """What a checkpoint says of a training, checked in form."""

    epoch: int
    stopped: bool
    seed: int
    history: History
    rng: list[Any]
    optimizer: dict[str, Any]
    layers: list[dict[str, Any]]
    callbacks: list[dict[str, Any]]


def resume_from(path: Any, network: Any, callbacks: Sequence[Any]) -> int | None:
    """Put network and callbacks into the state of a checkpoint and return the epoch to go on with.

    Parameters
    ----------
    path : path-like
        The file; where there is none, nothing changes and None is returned.
    network : Model or Graph
        Compiled, of the same structure, loss and optimizer.
    callbacks : sequence
        Of the same classes in the same order.

    Raises
    ------
    WeightsError
        If the checkpoint is of another model or training; everything is left as it was.
    """
    if not Path(check_path("path", path)).exists():
        return None
    saved = read_model(path)
    if saved.training is None:
        raise FileFormatError(
            f"{saved.where}: it holds a model without the state of its training; resume needs a checkpoint"
        )
    check_same_structure(saved, network, "compile", "frozen")
    layers = stateful_layers(network)
    state = _read(saved, saved.training, list(layers), callbacks)
    connect_as_saved(network, saved)
    tensors.check_fit(network.weights(), saved.weights, saved.where, finite=False)
    _check_optimizer_arrays(state.optimizer, network, saved.where)
    parts = [(network.optimizer, state.optimizer), *zip(layers.values(), state.layers, strict=True)]
    parts += zip(callbacks, state.callbacks, strict=True)
    _load_all(parts, network, state)
    network.set_weights(saved.weights)
    network.seed, network.history, network.stop_training = state.seed, state.history, state.stopped
    return state.epoch


def _read(saved: SavedModel, training: dict[str, Any], layers: list[str], callbacks: Sequence[Any]) -> _State:
    """Return the state of a training with state for just these layers, and callbacks of the same classes."""
    try:
        paths = list(training["layers"].keys())
        names = [entry["name"] for entry in training["callbacks"]]
        state = _State(
            epoch=check_int("epoch", training["epoch"], 0, 2**53),
            stopped=check_bool("stopped", training["stopped"]),
            seed=check_int("seed", saved.model.get("seed"), 0),
            history=History.from_json(_untagged(training["history"])),
            rng=list(training["rng"]),
            optimizer=_joined(training["optimizer"], "optimizer", saved),
            layers=[_joined(training["layers"][path], f"layers.{path}", saved) for path in paths],
            callbacks=[
                _joined(entry["state"], f"callbacks.{index}", saved)
                for index, entry in enumerate(training["callbacks"])
            ],
        )
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise FileFormatError(
            f"{saved.where}: its training state is malformed ({printable(error, 100)})"
        ) from None
    if paths != layers or len(state.rng) != 2 or len(state.history.epoch) > state.epoch:
        raise FileFormatError(f"{saved.where}: its training state is malformed")
    if names != [type(callback).__name__ for callback in callbacks]:
        raise WeightsError(
            f"{saved.where}: it was written with the callbacks {printable(names)}; resume with the same ones"
        )
    return state


def _joined(scalars: Any, prefix: str, saved: SavedModel) -> dict[str, Any]:
    """Return the state of a component: its JSON part and its arrays."""
    start = f"{prefix}."
    arrays = {name[len(start) :]: array for name, array in saved.arrays.items() if name.startswith(start)}
    return {**_untagged(scalars), **arrays}


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


def _load_all(parts: Sequence[tuple[Any, dict[str, Any]]], network: Any, state: _State) -> None:
    """Hand state to optimizer, callbacks and generators; if one refuses it, give all of them theirs back."""
    undo: list[Callable[[], None]] = []
    try:
        for component, own in parts:
            if hasattr(component, "load_state"):
                before = component.state()
                component.load_state(own)
                undo.append(partial(component.load_state, before))
            elif own:
                raise FileFormatError(
                    f"{printable(component, 60)} takes no state, got {printable(list(own), 100)}"
                )
        for rng, one in zip(generators(network), state.rng, strict=True):
            saved = generator_state(rng)
            restore_generator(rng, one)
            undo.append(partial(restore_generator, rng, saved))
    except BaseException:
        for step in reversed(undo):
            step()
        raise
