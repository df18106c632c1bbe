"""A layer under test: how to make, connect and feed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import NpdlError, ShapeError
from npdl_core.layers.base import Layer
from npdl_core.testing.arrays import as_list, like, unit_entries
from npdl_core.testing.common import ComponentSubject
from npdl_core.testing.drive import call, connect, forget, prepare, trainable_arrays
from npdl_core.testing.outcome import fail, require_close, require_same

__all__ = ["LayerSubject", "Step", "out_mask", "require_same_step"]

FAMILY: tuple[tuple[Any, ...], ...] = (
    ((None, 5),),
    ((None, None, 5), (None, 3, 6)),
    ((None, 3, 6, 6),),
    ((None, 2, 5, 5, 5),),
)
"""Shapes of vectors, sequences, images, volumes that are tried where the caller gives none.

Of the alternatives the first is taken that connects. Of several axes None, the second is time.
"""

LISTS = (([(None, 5), (None, 5)],), ([(None, None, 5), (None, None, 5)],))
"""The same for layers that take none of these: lists of inputs."""

ID_FAMILY = (((None, 5),), ((None, None),))
"""The same for layers that are fed with ids (N, T)."""

N_SHAPES = 3
N, T = 3, 4


class Step(NamedTuple):
    """Copies of what one training step gave: outputs, input gradients or None, parameter gradients."""

    outputs: list[NDArray[Any]]
    back: list[NDArray[Any] | None]
    grads: dict[str, NDArray[Any]]


class LayerSubject(ComponentSubject):
    """A layer, the shape it is connected to at the moment, and how its inputs are drawn.

    Parameters
    ----------
    spec, config
        As of :class:`npdl_core.testing.source.Source`.
    input_shape : tuple, or list of tuples for several inputs, optional
        What to connect to; None in the batch axis, and wherever a size varies.
    input_range : (low, high), optional
        Bounds of the inputs; by default they are normal, ids lie in 0 … ``input_size`` - 1 of the layer.
    integer : bool, optional
        Whether inputs are ids; by default what the layer says.
    per_sample : bool, optional
        Whether a sample's training output depends on that sample alone; by default what the layer says.
    make_input : callable(rng, shape), optional
        Draws one input.
    options : mapping, optional
        Further keyword arguments of ``forward``.
    """

    shape: Any = None

    def __init__(
        self,
        spec: Any,
        config: Mapping[str, Any] | None = None,
        *,
        input_shape: Any = None,
        input_range: tuple[float, float] | None = None,
        integer: bool | None = None,
        per_sample: bool | None = None,
        make_input: Callable[..., Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__("layers", spec, config)
        self.input_shape = input_shape
        self.input_range = input_range
        self.integer = integer
        self._per_sample = per_sample
        self.make_input = make_input
        self.options = dict(options or {})
        self._stochastic: dict[str, bool] = {}

    # -- shapes ------------------------------------------------------------------------------------------

    def shapes(self) -> list[Any]:
        """Return the shapes to check: the caller's, the layer's own, or those of a family that it takes."""
        layer = self.new()
        given = self.input_shape
        if given is None and isinstance(layer, Layer):
            given = layer.declared_input_shape()
        if given is not None:
            return [[_any_batch(one) for one in given] if isinstance(given, list) else _any_batch(given)]
        families: tuple[Any, ...] = (ID_FAMILY,) if self.new_is_integer() else (FAMILY, LISTS)
        for family in families:
            taken = (next((shape for shape in group if self._takes(shape)), None) for group in family)
            found = [shape for shape in taken if shape is not None]
            if found:
                return found[:N_SHAPES]
        tried = ", ".join(str(shape) for family in families for group in family for shape in group)
        fail(f"it connects to none of the shapes {tried}; give input_shape=…")

    def _takes(self, shape: Any) -> bool:
        try:
            return connect(self.new(), shape).out_shape is not None
        except Exception:  # a layer may refuse a shape in any way; that it takes one is checked later
            return False

    @property
    def several(self) -> bool:
        """Whether the layer has a list of inputs."""
        return isinstance(self.shape, list)

    @property
    def varies_in_time(self) -> bool:
        """Whether a size besides the batch may vary."""
        return any(None in tuple(shape)[1:] for shape in as_list_of_shapes(self.shape))

    @property
    def takes_one_step(self) -> bool:
        """Whether the length varies and a single step is not refused by a ShapeError."""
        if not self.varies_in_time:
            return False
        layer = self.connected()
        try:
            self.run(layer, self.draw(layer, t=1), False)
        except ShapeError:
            return False
        return True

    @property
    def takes_sequences(self) -> bool:
        """Whether the (first) input has the axes (N, T)."""
        first = as_list_of_shapes(self.shape)[0]
        return len(first) >= 3 or (len(first) == 2 and self.new_is_integer())

    def new_is_integer(self) -> bool:
        """Whether the layer is fed with ids."""
        return bool(getattr(self.new(), "integer_input", False)) if self.integer is None else self.integer

    # -- making and feeding ------------------------------------------------------------------------------

    def connected(self, dtype: str = "float64", seed: int = 0) -> Any:
        """Return a layer with random parameters: none is left at an initial value that may hide an error."""
        self.note(input_shape=self.shape, seed=seed, dtype=dtype)
        layer = self.new()
        if isinstance(layer, Layer):
            layer.dtype = dtype
        prepare(layer, seed)
        connect(layer, self.shape)
        rng = np.random.default_rng(seed + 1)
        for value, _ in trainable_arrays(layer).values():
            np.add(value, rng.normal(0, 0.1, value.shape), out=value, casting="same_kind")
        return layer

    def draw(self, layer: Any, seed: int = 0, n: int = N, t: int = T) -> Any:
        """Return an input (or a list of them) for a batch of n samples, t steps where the length varies."""
        rng = np.random.default_rng([seed, 7])
        shapes = [concrete(shape, n, t) for shape in as_list_of_shapes(self.shape)]
        self.note(input_shape=shapes if self.several else shapes[0], seed=seed, dtype=dtype_of(layer))
        inputs = [self._draw_one(layer, rng, shape) for shape in shapes]
        return like(inputs, self.shape if self.several else None)

    def _draw_one(self, layer: Any, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        if self.make_input is not None:
            made = np.asarray(self.make_input(rng, shape))
            return made.astype(dtype_of(layer)) if made.dtype.kind == "f" else made
        integer = getattr(layer, "integer_input", False) if self.integer is None else self.integer
        if integer:
            low, high = self.input_range or (0, getattr(layer, "input_size", 2))
            return rng.integers(int(low), int(high), shape)
        drawn = rng.normal(0, 1, shape) if self.input_range is None else rng.uniform(*self.input_range, shape)
        return np.asarray(drawn, dtype_of(layer))

    def mask(self, input: Any) -> NDArray[np.bool_]:
        """Return a mask (N, T): whole samples, some that end early, some with a gap or a late start."""
        n, t = np.shape(as_list(input)[0])[:2]
        real = np.ones((n, t), bool)
        real[1::3, t - t // 2 :] = False
        real[2::3, : t // 3] = False
        real[2::3, t // 2] = False
        return real

    def run(self, layer: Any, input: Any, train: bool, mask: Any = None) -> Any:
        """Return what ``forward`` returns, from a fresh state."""
        forget(layer)
        return call(layer, input, train, mask, self.options)

    def infer(self, layer: Any, input: Any, mask: Any = None) -> list[NDArray[Any]]:
        """Return copies of an inference's outputs."""
        return [np.array(y) for y in as_list(self.run(layer, input, False, mask))]

    def step(self, layer: Any, input: Any, mask: Any = None, *, seed: int = 0, pre_grad: Any = None) -> Step:
        """Run a training forward and a backward with random numbers from ``seed``."""
        prepare(layer, seed)
        output = self.run(layer, input, True, mask)
        outputs = [np.array(y) for y in as_list(output)]
        if pre_grad is None:
            pre_grad = self.pre_grad(layer, input, output, mask)
        return self.backward(layer, pre_grad, outputs)

    def backward(self, layer: Any, pre_grad: Any, outputs: list[NDArray[Any]]) -> Step:
        """Run a backward and copy what it gives."""
        back = [None if part is None else np.array(part) for part in as_list(layer.backward(pre_grad))]
        grads = {name: np.array(grad) for name, (_, grad) in trainable_arrays(layer).items()}
        return Step(outputs, back, grads)

    def pre_grad(self, layer: Any, input: Any, output: Any, mask: Any = None, seed: int = 0) -> Any:
        """Return a random gradient for an output, zero where the output is masked."""
        rng = np.random.default_rng([seed, 11])
        masked = out_mask(layer, input, mask)
        grads = []
        for y in as_list(output):
            grad = unit_entries(rng, np.shape(y)).astype(np.asarray(y).dtype)
            if masked is not None:
                grad[~masked] = 0
            grads.append(grad)
        return like(grads, output)

    # -- what the layer is -------------------------------------------------------------------------------

    @property
    def per_sample(self) -> bool:
        """Whether training treats samples one by one."""
        return getattr(self.new(), "per_sample", True) if self._per_sample is None else self._per_sample

    @property
    def stochastic(self) -> bool:
        """Whether a training forward depends on the layer's random numbers."""
        key = str(self.shape)
        if key not in self._stochastic:
            layer = self.connected()
            x = self.draw(layer)
            one, other = self.step(layer, x, seed=1), self.step(layer, x, seed=2)
            self._stochastic[key] = any(
                a.tobytes() != b.tobytes() for a, b in zip(one.outputs, other.outputs, strict=True)
            )
        return self._stochastic[key]

    def masks_for(self, layer: Any, input: Any) -> NDArray[np.bool_] | None:
        """Return a mask if the layer takes one with inputs of this shape, else None."""
        if not getattr(layer, "accepts_mask", False) or not self.takes_sequences:
            return None
        mask = self.mask(input)
        try:
            self.run(layer, input, False, mask)
        except NpdlError:
            if np.ndim(as_list(input)[0]) > 3:  # images: their first two axes are no (N, T)
                return None
            raise
        return mask


def as_list_of_shapes(shape: Any) -> list[tuple[int | None, ...]]:
    """Return the shapes of all inputs."""
    return [tuple(one) for one in shape] if isinstance(shape, list) else [tuple(shape)]


def _any_batch(shape: Any) -> tuple[int | None, ...]:
    return (None, *tuple(shape)[1:])


def concrete(shape: tuple[int | None, ...], n: int, t: int) -> tuple[int, ...]:
    """Return a shape with n samples and t wherever else a size varies."""
    return (n, *(t if size is None else size for size in shape[1:]))


def dtype_of(layer: Any) -> Any:
    """Return the dtype that the layer computes in; float64 where it does not say."""
    return getattr(layer, "dtype", np.dtype("float64"))


def out_mask(layer: Any, input: Any, mask: Any) -> Any:
    """Return the mask that goes with the output, or None."""
    return layer.compute_mask(input, mask) if isinstance(layer, Layer) else None


def require_same_step(got: Step, expected: Step, what: str, rtol: float | None = None) -> None:
    """Fail unless two steps agree: to the last bit, or within ``rtol``."""

    def compare(came: Any, due: Any, name: str) -> None:
        if due is None or came is None:
            return
        if rtol is None:
            require_same(came, due, f"{what}: {name} differs")
        else:
            require_close(came, due, f"{what}: {name} differs", rtol)

    for index, (came, due) in enumerate(zip(got.outputs, expected.outputs, strict=True)):
        compare(came, due, f"output[{index}]" if len(got.outputs) > 1 else "the output")
    for index, (came_back, due_back) in enumerate(zip(got.back, expected.back, strict=True)):
        compare(
            came_back,
            due_back,
            f"the gradient of input[{index}]" if len(got.back) > 1 else "the input's gradient",
        )
    for name, grad in expected.grads.items():
        compare(got.grads[name], grad, f"the gradient of {name}")
