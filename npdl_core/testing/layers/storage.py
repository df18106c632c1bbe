"""Where parameters live: dtype, a model's flat buffer, shared values, copies, files."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import numpy as np

from npdl_core.layers.base import Layer
from npdl_core.parameters import ParameterStore
from npdl_core.testing.arrays import as_list
from npdl_core.testing.common import rebuild
from npdl_core.testing.drive import connect, copy_parameters, prepare, trainable_arrays
from npdl_core.testing.layers.subject import LayerSubject, require_same_step
from npdl_core.testing.outcome import require, require_same

__all__ = ["STORAGE"]


def ids_of_any_integer_type(subject: LayerSubject) -> None:
    """Ids give the same whatever integer type holds them."""
    layer = subject.connected()
    if not subject.new_is_integer():
        return
    x = subject.draw(layer)
    due = subject.infer(layer, x)
    for dtype in (np.int32, np.int16, np.uint8):
        inputs = [a.astype(dtype) for a in as_list(x)]
        for now, kept in zip(
            subject.infer(layer, inputs if subject.several else inputs[0]), due, strict=True
        ):
            require_same(now, kept, f"ids of {np.dtype(dtype)} give another output")


def reads_its_parameters_from_the_store(subject: LayerSubject) -> None:
    """After a model laid the parameters out in its buffer, the layer computes with what the buffer holds."""
    layer, twin = subject.connected(), subject.connected()
    if not isinstance(layer, Layer):
        return
    x = subject.draw(layer)
    subject.step(layer, x)
    store = ParameterStore(layer.named_parameters())
    for buffer in store.values.values():
        buffer += np.random.default_rng(0).normal(0, 0.1, buffer.shape)
    copy_parameters(layer, twin)
    due, came = subject.step(twin, x), subject.step(layer, x)
    require_same_step(came, due, "the parameters were changed in the model's buffer", rtol=1e-12)
    for name, parameter in store.named.items():
        if parameter.grad is not None:
            inside = any(np.shares_memory(parameter.grad, buffer) for buffer in store.grads.values())
            require(inside, f"the gradient of {name} left the model's buffer")
            require_same(parameter.grad, due.grads[name], f"the gradient of {name} in the buffer differs")


def replica_shares_parameters(subject: LayerSubject) -> None:
    """A second layer whose parameters are views of the first one's follows it, with gradients of its own."""
    layer, replica = subject.connected(seed=0), subject.connected(seed=1)
    if not isinstance(layer, Layer):
        return
    for (name, source), (_, target) in zip(layer.named_parameters(), replica.named_parameters(), strict=True):
        grad = np.zeros_like(target.value)
        target.move(source.value, grad) if target is not source else None
        subject.note(parameter=name)
    x = subject.draw(layer)
    for value, _ in trainable_arrays(layer).values():
        value += 0.05
    due = subject.step(layer, x)
    kept = {name: grad.copy() for name, (_, grad) in trainable_arrays(layer).items()}
    came = subject.step(replica, x)
    require_same_step(came, due, "the replica differs", rtol=1e-12)
    for name, (_, grad) in trainable_arrays(layer).items():
        require_same(grad, kept[name], f"the replica wrote to the gradient of {name}")


def copies_are_equal_and_apart(subject: LayerSubject) -> None:
    """``deepcopy`` and pickling keep configuration and numbers; ``clone`` keeps the configuration only."""
    layer = subject.connected()
    if not isinstance(layer, Layer):
        return
    x = subject.draw(layer)
    ParameterStore(layer.named_parameters())
    subject.step(layer, x)
    copies = {"deepcopy": copy.deepcopy(layer)}
    if _importable(type(layer)):
        copies["pickle"] = pickle.loads(pickle.dumps(layer))
    for how, duplicate in copies.items():
        _require_equal(subject, layer, duplicate, x, how)
    fresh = layer.clone()
    require(type(fresh) is type(layer), "clone makes another class", type(layer), type(fresh))
    require(not fresh.params and not fresh.buffers, "clone has parameters before it is connected")
    require(fresh.dtype == layer.dtype, "clone has another dtype", layer.dtype, fresh.dtype)
    connect(fresh, subject.shape)
    copy_parameters(layer, fresh)
    require_same_step(subject.step(fresh, x), subject.step(layer, x), "clone")


def _require_equal(subject: LayerSubject, layer: Any, duplicate: Any, x: Any, how: str) -> None:
    before, after = layer.state_arrays(), duplicate.state_arrays()
    require(list(after) == list(before), f"{how} has other parameters", list(before), list(after))
    for name, array in before.items():
        require_same(after[name], array, f"{how} changes {name}")
    for now, kept in zip(subject.infer(duplicate, x), subject.infer(layer, x), strict=True):
        require_same(now, kept, f"{how} computes another output")
    kept_numbers = layer.state_arrays()
    for _, parameter in duplicate.named_parameters():
        require(parameter.store is None, f"{how} belongs to the model of the original")
        parameter.value += 1
    for name, array in layer.state_arrays().items():
        require_same(array, kept_numbers[name], f"changing the {how} changes {name} of the original")


def _importable(cls: type) -> bool:
    """Return whether pickle finds the class: not if it is local to a function."""
    found: Any = sys.modules.get(cls.__module__)
    for step in cls.__qualname__.split("."):
        found = getattr(found, step, None)
    return found is cls


def json_makes_an_equal_layer(subject: LayerSubject) -> None:
    """The layer that a configuration's JSON describes computes the same to the last bit."""
    layer = subject.new()
    if not isinstance(layer, Layer):
        return
    results = []
    for one in (layer, rebuild(layer)):
        one.dtype = "float64"
        prepare(one, 5)
        connect(one, subject.shape)
        results.append((one, subject.step(one, subject.draw(one))))
    (first, due), (second, came) = results
    require(first.out_shape == second.out_shape, "out_shape differs", first.out_shape, second.out_shape)
    if not _holds_given_numbers(subject):
        require_same_step(came, due, "the layer from JSON")


def _holds_given_numbers(subject: LayerSubject) -> bool:
    """Return whether arrays were given as arguments: they are saved with the weights, not with the JSON."""
    return any(isinstance(value, np.ndarray) for value in subject.source.config.values())


STORAGE = (
    ids_of_any_integer_type,
    reads_its_parameters_from_the_store,
    replica_shares_parameters,
    copies_are_equal_and_apart,
    json_makes_an_equal_layer,
)
