"""``forward(x, train=False)`` writes nothing: one layer serves many threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from npdl_core.layers.base import Layer
from npdl_core.testing.arrays import as_list
from npdl_core.testing.drive import prepare
from npdl_core.testing.layers.subject import LayerSubject
from npdl_core.testing.outcome import require, require_close, require_same
from npdl_core.testing.snapshot import arrays_in, changes, snapshot

__all__ = ["INFERENCE"]

N_THREADS = 8


def inference_writes_nothing(subject: LayerSubject) -> None:
    """No attribute, array, residual or random generator of the layer or its children changes."""
    layer = subject.connected()
    if getattr(layer, "stateful", False):
        return
    x, another = subject.draw(layer, 0), subject.draw(layer, 1, n=2)
    for when in ("before any training", "after a training step"):
        before = snapshot(layer)
        subject.run(layer, x, False)
        subject.run(layer, another, False)
        written = changes(before, snapshot(layer))
        require(not written, f"inference {when} writes", "nothing", ", ".join(written[:5]))
        subject.step(layer, x)


def inference_returns_fresh_arrays(subject: LayerSubject) -> None:
    """A later call does not overwrite an output, and writing to an output does not reach the layer.

    Handing on the caller's own input, or a view of it, is fine.
    """
    layer = subject.connected()
    x, another = subject.draw(layer, 0), subject.draw(layer, 1)
    outputs = as_list(subject.run(layer, x, False))
    kept = [np.array(y) for y in outputs]
    subject.run(layer, another, False)
    subject.step(layer, another)
    for now, due in zip(outputs, kept, strict=True):
        require_same(now, due, "the output of an inference was overwritten by a later call")
    owned = arrays_in(layer)
    for path, array in owned.items():
        shared = [y for y in outputs if np.shares_memory(y, array)]
        passed = any(np.shares_memory(array, a) for a in as_list(x))
        require(not shared or passed, f"the output of an inference is a view of the layer's {path}", "a copy")


def inference_is_deterministic(subject: LayerSubject) -> None:
    """The same input gives the same output to the last bit, whatever the random generator's state."""
    layer = subject.connected()
    x = subject.draw(layer)
    due = subject.infer(layer, x)
    for seed in (1, 2):
        prepare(layer, seed)
        for now, kept in zip(subject.infer(layer, x), due, strict=True):
            require_same(now, kept, "inference differs from call to call")


def inference_in_threads(subject: LayerSubject) -> None:
    """Eight threads with inputs of their own get what one thread gets, to the last bit."""
    layer = subject.connected()
    if getattr(layer, "stateful", False):
        return
    inputs = [subject.draw(layer, seed) for seed in range(N_THREADS)]
    due = [subject.infer(layer, x) for x in inputs]
    came: list[Any] = [None] * N_THREADS
    start = threading.Barrier(N_THREADS)

    def work(index: int) -> None:
        start.wait()
        try:
            for _ in range(5):
                came[index] = subject.infer(layer, inputs[index])
        except Exception as error:
            came[index] = error

    threads = [threading.Thread(target=work, args=(index,)) for index in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, outputs in enumerate(came):
        if isinstance(outputs, Exception):
            raise outputs
        for now, kept in zip(outputs, due[index], strict=True):
            require_same(now, kept, f"thread {index} of {N_THREADS} computes something else")


def batch_equals_one_by_one(subject: LayerSubject) -> None:
    """A batch gives what its samples give one by one; in training too, unless ``per_sample`` is False."""
    layer = subject.connected()
    x = subject.draw(layer)
    n = len(as_list(x)[0])
    together = subject.infer(layer, x)
    for index in range(n):
        alone = subject.infer(layer, _sample(x, index))
        for whole, part in zip(together, alone, strict=True):
            require_close(part[0], whole[index], f"sample {index} alone differs at inference")
    if not subject.per_sample or subject.stochastic:
        return
    together = subject.step(layer, x).outputs
    for index in range(n):
        alone = subject.step(layer, _sample(x, index)).outputs
        for whole, part in zip(together, alone, strict=True):
            require_close(
                part[0],
                whole[index],
                f"sample {index} alone differs in training; if that is meant, set per_sample = False",
            )


def _sample(x: Any, index: int) -> Any:
    if isinstance(x, list):
        return [part[index : index + 1] for part in x]
    return x[index : index + 1]


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


INFERENCE = (
    inference_writes_nothing,
    inference_returns_fresh_arrays,
    inference_is_deterministic,
    inference_in_threads,
    batch_equals_one_by_one,
    residuals_can_be_kept,
)
