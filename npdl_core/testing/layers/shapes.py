"""Connecting, and output shapes for batches and sequences of any length."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from npdl_core.errors import NpdlError
from npdl_core.layers.base import Layer
from npdl_core.testing.arrays import as_list
from npdl_core.testing.drive import call, connect, forget, reseed, trainable_arrays
from npdl_core.testing.layers.subject import LayerSubject, as_list_of_shapes
from npdl_core.testing.outcome import fail, require, require_same
from npdl_core.testing.snapshot import arrays_in

__all__ = ["SHAPES"]


def connects(subject: LayerSubject) -> None:
    """``connect_to`` sets ``out_shape``, keeps the input's shape and makes finite parameters."""
    subject.note(input_shape=subject.shape)
    layer = connect(subject.new(), subject.shape)
    require(layer.out_shape is not None, "connect_to sets no out_shape")
    if isinstance(layer, Layer):
        require(
            layer.in_shape is not None,
            "connect_to does not keep the input's shape, which copies and masks need; read it with "
            "self.incoming_shape(prev_layer)",
            "layer.in_shape is set",
            None,
        )
    for name, (value, _) in trainable_arrays(layer).items():
        require(np.isfinite(value).all(), f"parameter {name} is not finite after connecting")


def connecting_again_keeps_parameters(subject: LayerSubject) -> None:
    """A second ``connect_to`` with the same shape neither draws new parameters nor rebinds them."""
    layer = connect(subject.connected(), subject.shape)  # which may restore what random numbers broke
    subject.note(input_shape=subject.shape)
    before = {name: (value, value.copy()) for name, (value, _) in trainable_arrays(layer).items()}
    connect(layer, subject.shape)
    after = trainable_arrays(layer)
    require(list(after) == list(before), "connecting again changes the parameters", list(before), list(after))
    for name, (array, numbers) in before.items():
        require_same(after[name][0], numbers, f"connecting again changes {name}")
        if isinstance(layer, Layer):
            require(after[name][0] is array, f"connecting again makes a new array for {name}")


def unknown_sizes_are_clear_errors(subject: LayerSubject) -> None:
    """Without a shape, or with sizes unknown, connecting works or raises one of npdl's errors."""
    nowhere = [tuple(None for _ in shape) for shape in as_list_of_shapes(subject.shape)]
    _connects_or_explains(subject, "no previous layer and no declared input shape", None)
    _connects_or_explains(subject, "sizes that are not known", nowhere if subject.several else nowhere[0])


def _connects_or_explains(subject: LayerSubject, what: str, shape: Any) -> None:
    layer = subject.new()
    try:
        if shape is None:
            layer.connect_to(None)
        else:
            connect(layer, shape)
    except NpdlError:
        return
    except Exception as error:
        raise_from = f"{type(error).__name__}: {error}"
        fail(f"connecting with {what} fails unclearly", "MissingShapeError", raise_from)
    require(layer.out_shape is not None, f"connecting with {what} leaves no out_shape", "an error or a shape")


def carried_state_can_be_forgotten_and_restored(subject: LayerSubject) -> None:
    """After ``forget`` a layer starts afresh; ``set_state`` restores the moment of ``get_state``."""
    layer = subject.connected()
    if not callable(getattr(layer, "forget", None)):
        return
    x = subject.draw(layer)
    for train in (False, True):
        subject.note(train=train)
        forget(layer)
        first = _outputs(subject, layer, x, train)
        state = layer.get_state() if callable(getattr(layer, "get_state", None)) else None
        kept = arrays_in(copy.deepcopy(state))
        second = _outputs(subject, layer, x, train)
        for path, array in arrays_in(state).items():
            require_same(array, kept[path], "a later call changes what get_state returned")
        forget(layer)
        _require_all_same(_outputs(subject, layer, x, train), first, "after forget() the output differs")
        if state is not None:
            layer.set_state(state)
            again = _outputs(subject, layer, x, train)
            _require_all_same(again, second, "after set_state(get_state()) the output differs")


def _outputs(subject: LayerSubject, layer: Any, x: Any, train: bool) -> list[Any]:
    reseed(layer, 0)
    return [np.array(y) for y in as_list(call(layer, x, train, None, subject.options))]


def _require_all_same(came: list[Any], due: list[Any], what: str) -> None:
    for now, then in zip(came, due, strict=True):
        require_same(now, then, what)


def declared_shape_is_actual(subject: LayerSubject) -> None:
    """Outputs have the declared shape and the input gradients the input's, in training and at inference."""
    layer = subject.connected()
    for n in (3, 2):
        _check_sizes(subject, layer, n=n, t=4)


def sizes_of_one(subject: LayerSubject) -> None:
    """One sample, and one time step where the length varies, work as any number does.

    A layer that needs more steps (a window over time) must say so: ShapeError.
    """
    layer = subject.connected()
    _check_sizes(subject, layer, n=1, t=4)
    if subject.takes_one_step:
        _check_sizes(subject, layer, n=3, t=1)
        _check_sizes(subject, layer, n=1, t=1)


def empty_batch(subject: LayerSubject) -> None:
    """A batch without samples gives an empty output, and finite gradients that it does not add to."""
    layer = subject.connected()
    _check_sizes(subject, layer, n=0, t=4)
    cost = layer.cost() if isinstance(layer, Layer) else 0.0
    for name, (_, grad) in trainable_arrays(layer).items():
        require(np.isfinite(grad).all(), f"the gradient of {name} is not finite", "finite numbers", grad)
        if not cost:
            require(not np.any(grad), f"an empty batch has a gradient of {name}", "zeros", grad)


def _check_sizes(subject: LayerSubject, layer: Any, n: int, t: int) -> None:
    x = subject.draw(layer, n=n, t=t)
    _require_declared(layer, as_list(subject.run(layer, x, False)), n, "inference")
    output = subject.run(layer, x, True)
    _require_declared(layer, as_list(output), n, "training")
    back = as_list(layer.backward(subject.pre_grad(layer, x, output)))
    inputs = as_list(x)
    require(len(back) == len(inputs), "backward returns gradients of", f"{len(inputs)} inputs", len(back))
    for index, (given, grad) in enumerate(zip(inputs, back, strict=True)):
        if grad is not None or given.dtype.kind == "f":
            require(
                np.shape(grad) == given.shape,
                f"the gradient of input[{index}] has another shape",
                given.shape,
                np.shape(grad),
            )


def _require_declared(layer: Any, outputs: list[Any], n: int, when: str) -> None:
    declared = layer.out_shape if isinstance(layer.out_shape, list) else [layer.out_shape]
    require(len(declared) == len(outputs), f"outputs at {when}", len(declared), len(outputs))
    for shape, output in zip(declared, outputs, strict=True):
        require(isinstance(output, np.ndarray), f"the output at {when} is no array", "ndarray", type(output))
        fits = len(shape) == output.ndim and all(
            due is None or due == size for due, size in zip(shape, output.shape, strict=True)
        )
        require(fits, f"the declared out_shape is not that of the output at {when}", shape, output.shape)
        require(output.shape[0] == n, f"the batch axis of the output at {when}", n, output.shape[0])


SHAPES = (
    connects,
    connecting_again_keeps_parameters,
    unknown_sizes_are_clear_errors,
    carried_state_can_be_forgotten_and_restored,
    declared_shape_is_actual,
    sizes_of_one,
    empty_batch,
)
