"""What a training step may touch: gradients, residuals, running statistics, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.layers.base import Layer
from npdl_core.testing.arrays import as_list, like, read_only
from npdl_core.testing.drive import prepare, trainable_arrays
from npdl_core.testing.layers.subject import LayerSubject, require_same_step
from npdl_core.testing.outcome import fail, require, require_same
from npdl_core.testing.snapshot import global_random_state

__all__ = ["FIRST", "PURITY"]


def input_and_pre_grad_are_not_modified(subject: LayerSubject) -> None:
    """``forward`` and ``backward`` write to neither argument, and take arrays that cannot be written."""
    layer = subject.connected()
    x = subject.draw(layer)
    inputs = [a.copy() for a in as_list(x)]
    output = subject.run(layer, x, True)
    pre_grad = subject.pre_grad(layer, x, output)
    grads = [g.copy() for g in as_list(pre_grad)]
    layer.backward(pre_grad)
    subject.run(layer, x, False)
    for kept, now in zip(inputs, as_list(x), strict=True):
        require_same(now, kept, "the input was modified")
    for kept, now in zip(grads, as_list(pre_grad), strict=True):
        require_same(now, kept, "pre_grad was modified")
    locked = like([read_only(a) for a in inputs], x)
    try:
        subject.run(layer, locked, True)
        layer.backward(like([read_only(g) for g in grads], pre_grad))
        subject.run(layer, locked, False)
    except ValueError as error:
        fail("arrays that cannot be written are refused", "read-only inputs and gradients", error)


def parameters_are_not_modified(subject: LayerSubject) -> None:
    """Neither ``forward`` nor ``backward`` changes a trainable parameter; that is the optimizer's work."""
    layer = subject.connected()
    before = {name: value.copy() for name, (value, _) in trainable_arrays(layer).items()}
    x = subject.draw(layer)
    subject.step(layer, x)
    subject.infer(layer, x)
    for name, (value, _) in trainable_arrays(layer).items():
        require_same(value, before[name], f"parameter {name} was modified")


def outputs_stay_valid(subject: LayerSubject) -> None:
    """What training returns stays until the layer's next training call, whatever else happens in between."""
    layer, other = subject.connected(seed=0), subject.connected(seed=1)
    x, another = subject.draw(layer, 0), subject.draw(other, 1)
    prepare(layer, 0)
    output = subject.run(layer, x, True)
    pre_grad = subject.pre_grad(layer, x, output)
    kept = [np.array(y) for y in as_list(output)]
    subject.step(other, another)
    subject.infer(layer, another)
    back = as_list(layer.backward(pre_grad))
    kept_back = [None if g is None else np.array(g) for g in back]
    subject.infer(layer, another)
    subject.step(other, another)
    for now, due in zip(as_list(output), kept, strict=True):
        require_same(now, due, "the output of a training forward was overwritten")
    for now_back, due_back in zip(back, kept_back, strict=True):
        if due_back is not None:
            require_same(now_back, due_back, "the gradient that backward returned was overwritten")


def training_survives_inference(subject: LayerSubject) -> None:
    """An inference between forward and backward changes no gradient."""
    layer = subject.connected()
    x, another = subject.draw(layer, 0), subject.draw(layer, 1, n=2)
    prepare(layer, 0)
    output = subject.run(layer, x, True)
    pre_grad = subject.pre_grad(layer, x, output)
    due = subject.backward(layer, pre_grad, [])
    prepare(layer, 0)
    subject.run(layer, x, True)
    if not getattr(layer, "stateful", False):
        subject.run(layer, another, False)
    came = subject.backward(layer, pre_grad, [])
    require_same_step(came, due, "inference between forward and backward")


def layers_do_not_share_state(subject: LayerSubject) -> None:
    """Two layers of one class that are trained in turns compute what each computes alone."""
    first, second = subject.connected(seed=0), subject.connected(seed=1)
    x, another = subject.draw(first, 0), subject.draw(second, 1, n=2)
    due = subject.step(first, x)
    prepare(first, 0)
    output = subject.run(first, x, True)
    subject.step(second, another)
    came = subject.backward(first, subject.pre_grad(first, x, output), [np.array(y) for y in as_list(output)])
    require_same_step(came, due, "another layer was trained in between")


def randomness_comes_from_the_layer(subject: LayerSubject) -> None:
    """One seed gives one result, parameters included, and the process-wide generators stay untouched."""
    before = global_random_state()
    results = []
    for _ in range(2):
        layer = subject.connected(seed=5)
        x = subject.draw(layer)
        results.append((_parameters(layer), subject.step(layer, x, seed=3)))
        subject.infer(layer, x)
    require(global_random_state() == before, "the global random generators were used; take self.rng")
    (parameters, due), (again, came) = results
    for name, value in parameters.items():
        require_same(again[name], value, f"the same seed gives another initial {name}")
    require_same_step(came, due, "the same seed in a second layer")


def dtype_is_kept(subject: LayerSubject) -> None:
    """float32 and float64 stay what they are: parameters, outputs, all gradients."""
    for dtype in ("float32", "float64"):
        layer = subject.connected(dtype)
        if not isinstance(layer, Layer):
            return
        x = subject.draw(layer)
        step = subject.step(layer, x)
        arrays = {
            **{f"output[{i}]": y for i, y in enumerate(step.outputs)},
            **{f"the output of an inference[{i}]": y for i, y in enumerate(subject.infer(layer, x))},
            **{f"the gradient of input[{i}]": g for i, g in enumerate(step.back) if g is not None},
            **{f"the gradient of {name}": grad for name, grad in step.grads.items()},
            **layer.state_arrays(),
        }
        for name, array in arrays.items():
            real = array.dtype.kind == "f"
            require(not real or array.dtype == dtype, f"the dtype of {name}", dtype, array.dtype)
            require(real or not name.startswith("the gradient"), f"the dtype of {name}", dtype, array.dtype)


def residuals_can_be_kept(subject: LayerSubject) -> None:
    """A layer applied twice keeps ``residuals`` apart; restored, they give their application's gradients."""
    layer = subject.connected()
    if not isinstance(layer, Layer):
        return
    inputs = [subject.draw(layer, 0), subject.draw(layer, 1, n=2)]
    due = [subject.step(layer, x) for x in inputs]
    kept, grads = [], []
    for x in inputs:
        layer.residuals = None
        prepare(layer, 0)
        output = subject.run(layer, x, True)
        grads.append(subject.pre_grad(layer, x, output))
        kept.append((layer.residuals, output))
    for index in (0, 1, 0):
        layer.residuals = kept[index][0]
        came = subject.backward(layer, grads[index], [])
        for name, grad in came.grads.items():
            require_same(grad, due[index].grads[name], f"application {index}: the gradient of {name} differs")
        for now, then in zip(came.back, due[index].back, strict=True):
            if then is not None:
                require_same(now, then, f"application {index}: the input's gradient differs")
    for index, (_, output) in enumerate(kept):
        for now, then in zip(as_list(output), due[index].outputs, strict=True):
            require_same(now, then, f"the output of application {index} was overwritten by another")


def _parameters(layer: Any) -> dict[str, Any]:
    if isinstance(layer, Layer):
        return layer.state_arrays()
    return {}


FIRST = (
    input_and_pre_grad_are_not_modified,
    parameters_are_not_modified,
    randomness_comes_from_the_layer,
    dtype_is_kept,
)

PURITY = (
    outputs_stay_valid,
    training_survives_inference,
    layers_do_not_share_state,
    residuals_can_be_kept,
)
