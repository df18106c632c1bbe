"""Masks: what stands at a masked step does not matter, and nothing flows back to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.layers.base import Layer
from npdl_core.testing.arrays import as_list, like
from npdl_core.testing.gradients import LayerFunction, check_function
from npdl_core.testing.layers.subject import LayerSubject, Step, out_mask, require_same_step
from npdl_core.testing.outcome import require, require_close, require_same

__all__ = ["MASKS"]

GARBAGE = (1e30, np.nan)


def a_full_mask_changes_nothing(subject: LayerSubject) -> None:
    """A mask that is true everywhere gives what no mask gives."""
    layer = subject.connected()
    x = subject.draw(layer)
    mask = subject.masks_for(layer, x)
    if mask is None:
        return
    due = subject.step(layer, x)
    came = subject.step(layer, x, np.ones_like(mask))
    require_same_step(came, due, "a mask without a masked step", rtol=1e-9)


def masked_gradients(subject: LayerSubject) -> None:
    """With a mask, ``backward`` is the derivative too."""
    layer = subject.connected()
    x = subject.draw(layer)
    mask = subject.masks_for(layer, x)
    if mask is not None:
        function = LayerFunction(layer, x, mask=mask, seed=5, options=subject.options)
        check_function(function, per_entry_limit=150)


def masked_steps_have_no_influence(subject: LayerSubject) -> None:
    """Huge numbers and NaN at masked steps change no real output and no gradient."""
    layer = subject.connected()
    x = subject.draw(layer)
    mask = subject.masks_for(layer, x)
    if mask is None:
        return
    kept = out_mask(layer, x, mask)
    due_infer, due = subject.infer(layer, x, mask), subject.step(layer, x, mask)
    for garbage in GARBAGE if not subject.new_is_integer() else (0,):
        subject.note(at_masked_steps=garbage)
        spoiled = like([_spoil(part, mask, garbage) for part in as_list(x)], x)
        other = subject.connected()
        for now, then in zip(subject.infer(other, spoiled, mask), due_infer, strict=True):
            require_close(_real(now, kept), _real(then, kept), "masked steps change the output at inference")
        _require_same_where_real(subject.step(other, spoiled, mask), due, kept)
        for now, then in zip(_buffers(other), _buffers(layer), strict=True):
            require_close(now, then, "masked steps change a running statistic")


def masked_steps_get_no_gradient(subject: LayerSubject) -> None:
    """The input's gradient is exactly zero at masked steps."""
    layer = subject.connected()
    x = subject.draw(layer)
    mask = subject.masks_for(layer, x)
    if mask is None:
        return
    for grad in subject.step(layer, x, mask).back:
        if grad is not None:
            require(not np.any(grad[~mask]), "masked steps have a gradient", "zeros", grad[~mask])


def trailing_padding_is_as_if_not_there(subject: LayerSubject) -> None:
    """Where the output keeps the time axis, a padded batch gives what the batch without padding gives."""
    layer = subject.connected()
    x = subject.draw(layer)
    mask = subject.masks_for(layer, x)
    if mask is None or not subject.varies_in_time:
        return
    mask[:] = True
    mask[:, -1] = False
    if out_mask(layer, x, mask) is None:
        return
    shorter = like([part[:, :-1] for part in as_list(x)], x)
    long = subject.infer(layer, x, mask)
    for now, due in zip(long, subject.infer(layer, shorter, mask[:, :-1]), strict=True):
        require_close(now[:, :-1], due, "padding at the end changes the output of the steps before it")


def a_wholly_masked_sample_is_harmless(subject: LayerSubject) -> None:
    """A sample without any real step gives finite numbers and changes no other sample."""
    layer = subject.connected()
    x = subject.draw(layer)
    mask = subject.masks_for(layer, x)
    if mask is None:
        return
    due = subject.infer(layer, x, mask)
    empty = mask.copy()
    empty[0] = False
    for now, then in zip(subject.infer(layer, x, empty), due, strict=True):
        require_close(now[1:], then[1:], "a sample without a real step changes other samples")
    step = subject.step(layer, x, empty)
    for array in (*step.outputs, *step.grads.values(), *(g for g in step.back if g is not None)):
        require(np.isfinite(array).all(), "a sample without a real step gives numbers that are not finite")


def compute_mask_is_pure(subject: LayerSubject) -> None:
    """``compute_mask`` changes nothing, and returns None or booleans for the output's first two axes."""
    layer = subject.connected()
    x = subject.draw(layer)
    if not isinstance(layer, Layer) or not subject.takes_sequences:
        return
    mask = subject.mask(x)
    before, inputs = mask.copy(), [a.copy() for a in as_list(x)]
    found = layer.compute_mask(x, mask)
    again = layer.compute_mask(x, mask)
    require_same(mask, before, "compute_mask modified the mask")
    for now, then in zip(as_list(x), inputs, strict=True):
        require_same(now, then, "compute_mask modified the input")
    require((found is None) == (again is None), "compute_mask differs from call to call")
    if found is None:
        return
    require_same(again, found, "compute_mask differs from call to call")
    shape = as_list(subject.run(layer, x, False))[0].shape[:2]
    require(found.dtype == bool, "the dtype of the output's mask", "bool", found.dtype)
    require(found.shape == shape, "the shape of the output's mask", shape, found.shape)


def _spoil(part: NDArray[Any], mask: NDArray[np.bool_], garbage: float) -> NDArray[Any]:
    spoiled = part.copy()
    spoiled[~mask] = garbage
    return spoiled


def _buffers(layer: Any) -> list[NDArray[Any]]:
    return layer.buffers if isinstance(layer, Layer) else []


def _real(array: NDArray[Any], kept: Any) -> NDArray[Any]:
    return array if kept is None else array[kept]


def _require_same_where_real(came: Step, due: Step, kept: Any) -> None:
    require_same_step(
        Step([_real(y, kept) for y in came.outputs], came.back, came.grads),
        Step([_real(y, kept) for y in due.outputs], due.back, due.grads),
        "other numbers at masked steps",
        rtol=1e-10,
    )


MASKS = (
    compute_mask_is_pure,
    a_full_mask_changes_nothing,
    masked_gradients,
    masked_steps_have_no_influence,
    masked_steps_get_no_gradient,
    trailing_padding_is_as_if_not_there,
    a_wholly_masked_sample_is_harmless,
)
