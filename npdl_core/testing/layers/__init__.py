"""The contract of a layer, property by property."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from npdl_core.testing.common import COMMON
from npdl_core.testing.layers.gradients import GRADIENTS
from npdl_core.testing.layers.inference import INFERENCE
from npdl_core.testing.layers.masks import MASKS
from npdl_core.testing.layers.purity import FIRST, PURITY
from npdl_core.testing.layers.shapes import SHAPES
from npdl_core.testing.layers.storage import STORAGE
from npdl_core.testing.layers.subject import LayerSubject
from npdl_core.testing.outcome import check_skipped, run

__all__ = ["PROPERTIES", "check_layer"]

# Later properties rest on earlier ones, so that a defect is named by what it is, not by what follows from it.
BEHAVIOUR = (*SHAPES, *FIRST, *GRADIENTS, *INFERENCE, *PURITY, *STORAGE, *MASKS)
PROPERTIES = (*COMMON, *BEHAVIOUR)


def check_layer(
    layer: Any,
    *,
    config: Mapping[str, Any] | None = None,
    input_shape: Any = None,
    input_range: tuple[float, float] | None = None,
    integer: bool | None = None,
    per_sample: bool | None = None,
    make_input: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
    skip: Collection[str] = (),
) -> tuple[str, ...]:
    """Check everything that a layer promises.

    Parameters
    ----------
    layer : str, type, mapping or Layer
        A name, a class, an envelope, or an instance as a pattern, which is never used itself.
    config : mapping, optional
        Constructor arguments.
    input_shape : tuple, or list of tuples for several inputs
        What to connect to: None in the batch axis, and wherever a size varies. By default the shape that the
        layer declares, or those of vectors, sequences, images and volumes that it connects to.
    input_range : (low, high), optional
        Bounds of the inputs, or of ids; by default inputs are normal.
    integer : bool, optional
        Whether inputs are ids; by default what the layer's ``integer_input`` says.
    per_sample : bool, optional
        Whether a sample's training output depends on that sample alone; by default the layer's attribute
        ``per_sample``, or True.
    make_input : callable(rng, shape), optional
        Draws an input, where numbers of a range will not do.
    options : mapping, optional
        Further keyword arguments of ``forward``.
    skip : collection of str
        Names of properties that do not apply.

    Returns
    -------
    tuple of str
        Names of the properties that hold.

    Raises
    ------
    ConformanceError
        Naming the property that does not hold, the layer, the input's shape, the seed, what was expected and
        what came.

    Examples
    --------
    >>> "gradients" in check_layer("dense", config={"n_out": 3}, input_shape=(None, 5))
    True
    """
    subject = LayerSubject(
        layer,
        config,
        input_shape=input_shape,
        input_range=input_range,
        integer=integer,
        per_sample=per_sample,
        make_input=make_input,
        options=options,
    )
    check_skipped(skip, PROPERTIES)
    held = dict.fromkeys(run(subject, COMMON, skip))
    run(subject, [subject_connects], ())
    for shape in subject.shapes():
        subject.shape = shape
        held.update(dict.fromkeys(run(subject, BEHAVIOUR, skip)))
    return tuple(held)


def subject_connects(subject: LayerSubject) -> None:
    """There is a shape that the layer connects to."""
    subject.shapes()
