"""Gradients: that they are right, and that backward overwrites and can be repeated."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core import registry
from npdl_core.layers.base import Layer
from npdl_core.testing.arrays import as_list, like
from npdl_core.testing.drive import trainable_arrays
from npdl_core.testing.gradients import LayerFunction, check_function
from npdl_core.testing.layers.subject import LayerSubject, Step, require_same_step
from npdl_core.testing.outcome import require, require_close, require_same

__all__ = ["GRADIENTS"]


def gradients(subject: LayerSubject) -> None:
    """``backward`` is the derivative of Σ(output · g) + cost by all inputs and parameters."""
    for seed, n, t, limit in ((0, 2, 3, 150), (1, 3, 4, 0), (2, 3, 4, 0)):
        _check(subject, seed, n, t, limit)


def gradients_of_one(subject: LayerSubject) -> None:
    """The same for one sample, and one time step where the length varies and the layer takes that."""
    _check(subject, 3, 1, 4, 0)
    if subject.takes_one_step:
        _check(subject, 4, 2, 1, 0)


def _check(subject: LayerSubject, seed: int, n: int, t: int, per_entry_limit: int) -> None:
    layer = subject.connected(seed=seed)
    x = subject.draw(layer, seed, n, t)
    function = LayerFunction(layer, x, seed=seed, options=subject.options)
    check_function(function, per_entry_limit=per_entry_limit)


def backward_overwrites(subject: LayerSubject) -> None:
    """Whatever stands in the gradients before a ``backward`` is gone after it."""
    layer = subject.connected()
    x = subject.draw(layer)
    due = subject.step(layer, x)
    for _, grad in trainable_arrays(layer).values():
        grad.fill(np.nan)
    came = subject.step(layer, x)
    require_same_step(came, due, "gradients were filled with NaN before")


def backward_can_be_repeated(subject: LayerSubject) -> None:
    """Residuals survive: a second ``backward`` gives the same gradients as the first."""
    layer = subject.connected()
    x = subject.draw(layer)
    output = subject.run(layer, x, True)
    pre_grad = subject.pre_grad(layer, x, output)
    first = subject.backward(layer, pre_grad, [])
    second = subject.backward(layer, pre_grad, [])
    require_same_step(second, first, "second backward")


def first_layer_gives_the_same_gradients(subject: LayerSubject) -> None:
    """With ``first_layer`` the input's gradient may be missing; the parameters' gradients may not change."""
    layer, first = subject.connected(), subject.connected()
    x = subject.draw(layer)
    due = subject.step(layer, x)
    first.first_layer = True
    came = subject.step(first, x)
    require_same_step(
        Step(came.outputs, [None], came.grads), Step(due.outputs, [None], due.grads), "first layer"
    )


def frozen_layer_passes_the_gradient_on(subject: LayerSubject) -> None:
    """A frozen layer has no trainable parameters and still gives the input's gradient."""
    layer, frozen = subject.connected(), subject.connected()
    if not isinstance(frozen, Layer):
        return
    x = subject.draw(layer)
    due = subject.step(layer, x)
    frozen.trainable = False
    require(
        not frozen.params and not frozen.grads, "a frozen layer has trainable parameters", 0, frozen.params
    )
    came = subject.step(frozen, x)
    require_same_step(
        Step(came.outputs, came.back, {}), Step(due.outputs, due.back, {}), "frozen layer", 1e-12
    )


def float32_agrees(subject: LayerSubject) -> None:
    """In float32 the layer computes the same as in float64, up to rounding."""
    exact, rounded = subject.connected("float64"), subject.connected("float32")
    if subject.stochastic or not isinstance(exact, Layer):
        return
    x = subject.draw(exact)
    small = like([a.astype(np.float32) if a.dtype.kind == "f" else a for a in as_list(x)], x)
    due, came = subject.step(exact, x), subject.step(rounded, small)
    require_same_step(came, due, "float32 against float64", rtol=2e-4)


def skipping_the_activation_is_its_chain_rule(subject: LayerSubject) -> None:
    """With ``ends_with``, ``backward(g, skip_activation=True)`` takes g behind the activation so called."""
    layer = subject.connected()
    ends_with = getattr(layer, "ends_with", None)
    if ends_with is None:
        return
    activation = registry.get("activations", ends_with)
    x = subject.draw(layer)
    due = subject.step(layer, x)
    output = np.array(subject.run(layer, x, True))
    if ends_with == "softmax":
        require_close(
            output.sum(axis=-1), np.ones(output.shape[:-1]), "the rows of a softmax do not sum to 1"
        )
    pre_grad = activation.vjp(subject.pre_grad(layer, x, output), None, output)
    back: Any = layer.backward(pre_grad, skip_activation=True)
    for name, (_, grad) in trainable_arrays(layer).items():
        require_close(grad, due.grads[name], f"skip_activation: the gradient of {name} differs")
    require_close(back, due.back[0], "skip_activation: the input's gradient differs")


def gradients_stay_in_their_slots(subject: LayerSubject) -> None:
    """Parameters and gradients remain the arrays that a model holds, however backward assigns them."""
    layer = subject.connected()
    before = trainable_arrays(layer)
    x = subject.draw(layer)
    due = subject.step(layer, x)
    for name, (value, grad) in trainable_arrays(layer).items():
        require(value is before[name][0], f"parameter {name} was rebound to another array")
        require(grad is before[name][1], f"the gradient of {name} was rebound to another array")
        require(
            grad.shape == value.shape, f"the gradient of {name} has another shape", value.shape, grad.shape
        )
        if isinstance(layer, Layer):
            _require_shown(layer, name, value, grad)
        require_same(grad, due.grads[name], f"the gradient of {name} changed after backward")


def _require_shown(layer: Any, dotted: str, value: Any, grad: Any) -> None:
    """Require that ``layer.W`` and ``layer.dW`` are these arrays."""
    *path, name = dotted.split(".")
    for step in path:
        layer = layer.children[step]
    require(getattr(layer, name) is value, f"self.{name} is not the parameter's array")
    require(getattr(layer, f"d{name}") is grad, f"self.d{name} is not the gradient's array")


GRADIENTS = (
    gradients_stay_in_their_slots,
    gradients,
    gradients_of_one,
    backward_overwrites,
    backward_can_be_repeated,
    first_layer_gives_the_same_gradients,
    frozen_layer_passes_the_gradient_on,
    float32_agrees,
    skipping_the_activation_is_its_chain_rule,
)
