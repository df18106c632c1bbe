"""``forward(x, train=False)`` writes nothing: one layer serves many threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from npdl_core.testing.arrays import as_list, laid_out, like
from npdl_core.testing.drive import call, prepare
from npdl_core.testing.layers.subject import LayerSubject, require_same_step
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
        call(layer, x, False, None, subject.options)
        call(layer, another, False, None, subject.options)
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


def any_memory_layout(subject: LayerSubject) -> None:
    """Strided, Fortran-ordered and reversed inputs and gradients give what contiguous ones give."""
    layer = subject.connected()
    x = subject.draw(layer)
    pre_grad = subject.pre_grad(layer, x, subject.run(layer, x, True))
    due = subject.step(layer, x, pre_grad=pre_grad)
    # Products of other layouts may be summed in another order; a layer outside the base may stay in float32.
    rtol = 1e-5 if subject.infer(layer, x)[0].dtype == np.float32 else 1e-10
    layouts = zip(laid_out(as_list(x)), laid_out(as_list(pre_grad)), strict=True)
    for (name, inputs), (_, grads) in layouts:
        subject.note(layout=name)
        came = subject.step(layer, like(inputs, x), pre_grad=like(grads, pre_grad))
        require_same_step(came, due, f"arrays in layout '{name}'", rtol=rtol)
        require_close(
            subject.infer(layer, like(inputs, x))[0],
            subject.infer(layer, x)[0],
            f"arrays in layout '{name}': the output at inference differs",
            rtol=rtol,
        )


INFERENCE = (
    inference_writes_nothing,
    inference_returns_fresh_arrays,
    inference_is_deterministic,
    inference_in_threads,
    batch_equals_one_by_one,
    any_memory_layout,
)
