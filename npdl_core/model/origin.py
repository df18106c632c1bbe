"""Where NaN and infinity came from in an update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from npdl_core.errors import printable
from npdl_core.model.snapshot import Snapshot

__all__ = ["Origin", "find_origin"]


class Origin(NamedTuple):
    """The first thing that was not finite.

    Attributes
    ----------
    text : str
        What it was, for people.
    layer, parameter : str or None
        Their names, where it was one of them.
    """

    text: str
    layer: str | None = None
    parameter: str | None = None


def find_origin(network: Any, before: Snapshot, data: Any, loss: float) -> Origin | None:
    """Return what was not finite first in an update, in the order of its computation; None if nothing was.

    Data, weights before it, outputs of the layers, loss, gradients from the last layer to the first, weights
    after it. The forward pass is done again with the state before; afterwards the network is as it was.

    Parameters
    ----------
    network : Model or Graph
        After the update.
    before : Snapshot
        Made before it.
    data : Batch
        Inputs, targets and weights of the update.
    loss : float
        The loss of the batch.
    """
    grads = {name: p.grad for name, p in network.compiled.store.named.items() if p.trainable and not p.frozen}
    after = network.weights()
    healthy = np.isfinite(loss) and _broken(grads) is None and _broken(after) is None
    return None if healthy else _explained(network, before, data, loss, grads)


def _explained(network: Any, before: Snapshot, data: Any, loss: float, grads: dict[str, Any]) -> Origin:
    found = _in_data(data)
    if found is not None:
        return found
    name = _broken(before.weights)
    if name is not None:
        return _of_parameter(f"{name} was {_value(before.weights[name])} before it", name)
    layer = _replayed(network, before, data)
    if layer is not None:
        return Origin(f"layer {layer} gives numbers that are not finite", layer)
    if not np.isfinite(loss):
        return Origin("the outputs are finite, their loss is not")
    name = _broken(dict(reversed(grads.items())))
    if name is not None:
        return _of_parameter(f"the gradient of {name} is {_value(grads[name])}", name)
    after = network.weights()
    name = str(_broken(after))
    return _of_parameter(
        f"the update makes {name} {_value(after[name])}; a smaller learning rate or clipping may help", name
    )


def _of_parameter(text: str, name: str) -> Origin:
    return Origin(text, name.rpartition(".")[0], name)


def _broken(arrays: Mapping[str, Any]) -> str | None:
    """Return the name of the first array that is not finite, or None."""
    return next((name for name, array in arrays.items() if not np.isfinite(array).all()), None)


def _value(array: Any) -> float:
    """Return the first number that is not finite."""
    return float(array[~np.isfinite(array)][0])


def _in_data(data: Any) -> Origin | None:
    arrays: dict[str, Any] = {}
    for shown, part in (("X", data.x), ("Y", data.y)):
        if isinstance(part, dict):
            arrays |= {f"{shown}[{printable(name, 40)!r}]": array for name, array in part.items()}
        else:
            arrays[shown] = part
    name = _broken(arrays)
    if name is None:
        return None
    sample = int(np.argwhere(~np.isfinite(arrays[name]))[0][0])
    return Origin(f"{name} holds {_value(arrays[name])} in sample {sample} of the batch")


def _replayed(network: Any, before: Snapshot, data: Any) -> str | None:
    """Return the first layer whose output is not finite when the forward pass is done again."""
    now, found = Snapshot(network), []

    def note(name: str, output: Any) -> None:
        parts = output if isinstance(output, (list, tuple)) else [output]
        if not all(np.isfinite(part).all() for part in parts):
            found.append(name)

    before.restore()
    try:
        with np.errstate(all="ignore"), _watched(network, note):
            network.forward(data.x, True, data.mask)
    finally:
        now.restore()
    return found[0] if found else None


@contextmanager
def _watched(network: Any, note: Callable[[str, Any], None]) -> Iterator[None]:
    """Return a context in which every layer's output is noted with the layer's name."""
    layers = {id(layer): (name, layer) for name, layer in reversed(network.applications)}

    def watched(name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            output = forward(*arguments, **named)
            note(name, output)
            return output

        return run

    for name, layer in layers.values():
        vars(layer)["forward"] = watched(name, layer.forward)
    try:
        yield
    finally:
        for _, layer in layers.values():
            del vars(layer)["forward"]
