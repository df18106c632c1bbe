"""The gradients of a layer against central differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.layers.base import Layer
from npdl_core.testing.arrays import as_list, like, unit_entries
from npdl_core.testing.drive import call, connected_to, in_float64, prepare, trainable_arrays
from npdl_core.testing.numeric import search_mismatch
from npdl_core.testing.outcome import Subject, require, run

__all__ = ["LayerFunction", "gradcheck"]


def gradcheck(
    layer: Any,
    input: Any,
    *,
    mask: Any = None,
    seeds: Sequence[int] = (0, 1, 2),
    per_entry_limit: int = 150,
    rtol: float = 1e-6,
    options: Mapping[str, Any] | None = None,
) -> None:
    r"""Compare a layer's gradients with central differences of :math:`\sum y \circ g + \mathrm{cost}`.

    The differences are taken in float64 whatever the layer's dtype, along random directions that move all
    inputs and parameters at once, and entry by entry if there are few. Where a kink is in the way (relu, max)
    another point nearby is tried. Noise of a stochastic layer is the same in every forward.

    Parameters
    ----------
    layer : Layer
        Connected, or about to be connected to the input's shape.
    input : ndarray, or list of ndarray for several inputs
        Where to differentiate; the derivative by integer inputs is not taken.
    mask : ndarray of bool (N, T), optional
        Handed to the layer; g is zero at masked steps of the output.
    seeds : sequence of int
        Each draws its own g and directions.
    per_entry_limit : int
        Up to how many numbers each is moved alone.
    rtol : float
        Largest relative error.
    options : dict, optional
        Further keyword arguments of ``forward``.

    Raises
    ------
    ConformanceError
        Naming the worst entry of the worst array.

    Examples
    --------
    >>> import numpy as np
    >>> from npdl_core.layers import Dense
    >>> gradcheck(Dense(2), np.ones((3, 4)))
    """
    subject = Subject(str(layer))

    def gradients(subject: Subject) -> None:
        subject.note(input_shape=[np.shape(x) for x in as_list(input)])
        connected = connected_to(layer, input)
        for seed in seeds:
            subject.note(seed=seed)
            function = LayerFunction(connected, input, mask=mask, seed=seed, options=options)
            check_function(function, per_entry_limit=per_entry_limit if seed == seeds[0] else 0, rtol=rtol)

    run(subject, [gradients])


class LayerFunction:
    """Σ(output · g) + cost of a layer as a function of its inputs and parameters.

    Parameters
    ----------
    layer : Layer
        Connected; if it is of another dtype, a copy in float64 takes its place.
    input : ndarray or list of ndarray
        Copied.
    mask : ndarray of bool, optional
        Handed to the layer.
    seed : int
        Draws g, and is the layer's random seed before every forward.
    options : dict, optional
        Further arguments of ``forward``.
    """

    def __init__(
        self,
        layer: Any,
        input: Any,
        *,
        mask: Any = None,
        seed: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.layer = in_float64(layer)
        self.inputs = [_float64(x) for x in as_list(input)]
        self.form = input
        self.mask = mask
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.options = dict(options or {})
        self.pre_grads = self._weights()

    def _weights(self) -> list[NDArray[Any]]:
        """Return g: random, and zero where the output is masked."""
        outputs = self.forward()
        grads = [unit_entries(self.rng, np.shape(y)) for y in outputs]
        out_mask = self._out_mask()
        if out_mask is not None:
            for grad in grads:
                grad[~out_mask] = 0
        return grads

    def _out_mask(self) -> Any:
        if not isinstance(self.layer, Layer):
            return None
        return self.layer.compute_mask(like(self.inputs, self.form), self.mask)

    def forward(self) -> list[Any]:
        """Return the outputs of a training forward."""
        prepare(self.layer, self.seed)
        output = call(self.layer, like(self.inputs, self.form), True, self.mask, self.options)
        self.output_form = output
        return as_list(output)

    def terms(self) -> NDArray[np.float64]:
        """Return the numbers whose sum is the function."""
        outputs = self.forward()
        weighted = [np.ravel(y * g) for y, g in zip(outputs, self.pre_grads, strict=True)]
        cost = self.layer.cost() if hasattr(self.layer, "cost") else 0.0
        return np.concatenate([*weighted, [cost]])

    def gradients(self) -> dict[str, NDArray[Any]]:
        """Return copies of what the layer's ``backward`` says, by the names of :meth:`arrays`."""
        self.forward()
        back = self.layer.backward(like(self.pre_grads, self.output_form))
        found = {name: np.array(grad) for name, (_, grad) in trainable_arrays(self.layer).items()}
        for name, index in self._float_inputs():
            found[name] = np.array(as_list(back)[index], np.float64)
            require(
                found[name].shape == self.inputs[index].shape,
                f"backward returns a gradient of another shape than {name}",
                self.inputs[index].shape,
                found[name].shape,
            )
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything that the function depends on, by name: trainable parameters, real inputs."""
        found = {name: value for name, (value, _) in trainable_arrays(self.layer).items()}
        return {**found, **{name: self.inputs[index] for name, index in self._float_inputs()}}

    @property
    def tolerances(self) -> dict[str, float]:
        """Step and errors: coarse for a layer outside the base whose parameters are float32."""
        coarse = any(value.dtype == np.float32 for value, _ in trainable_arrays(self.layer).values())
        return {"step": 1e-2, "rtol": 1e-3, "atol": 1e-4} if coarse else {}

    def _float_inputs(self) -> list[tuple[str, int]]:
        if getattr(self.layer, "first_layer", False):
            return []
        several = isinstance(self.form, (list, tuple))
        return [
            (f"input[{index}]" if several else "input", index)
            for index, x in enumerate(self.inputs)
            if x.dtype.kind == "f"
        ]

    def move(self) -> None:
        """Go to another point nearby."""
        for _, index in self._float_inputs():
            x = self.inputs[index]
            x += self.rng.normal(0, 0.01, x.shape)
        for value, _ in trainable_arrays(self.layer).values():
            np.add(value, self.rng.normal(0, 0.01, value.shape), out=value, casting="same_kind")


def check_function(function: LayerFunction, *, per_entry_limit: int, rtol: float = 1e-6) -> None:
    """Compare a function's gradients with differences, and go elsewhere while a kink is in the way."""
    search_mismatch(
        function.terms,
        function.arrays,
        function.gradients,
        function.move,
        function.rng,
        **{"per_entry_limit": per_entry_limit, "rtol": rtol, **function.tolerances},
    )


def _float64(x: Any) -> NDArray[Any]:
    array = np.array(x)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
